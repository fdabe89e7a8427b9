"""The error tree, by what the caller can do about it.

CapstreamError
    ConfigError         fix the command line, the profile or the file it names (exit 2)
    SourceUnavailable   the source can not be opened or was lost: may be tried again where `retriable`
        LiveUnavailable a live source gives nothing now (retriable)
        DecoderLost     the decoder's process died: read on from the same place (retriable)
    DecodeError         the media is damaged here: skip, count, state a Gap
    ModelUnavailable    the model is not there, or is not what it should be
    ModelError          a model failed on one item: state a Gap (model_error), go on
        ModelOverloaded a live lane could not wait for the answer: state a Gap (dropped_overload), go on
    OutOfMemory         halve the batch
    BrokerUnavailable   try again later
    RecordRejected      the broker will never take this record: dead letter
    StorageError        the output can not be written or read
"""

from typing import ClassVar


class CapstreamError(Exception):
    """`message` says what is wrong, with which value, and what to do. Picklable; `stream_id` is added on the way out."""

    retriable: ClassVar[bool] = False

    def __init__(self, message: str, stream_id: str | None = None) -> None:
        super().__init__(message, stream_id)
        self.message = message
        self.stream_id = stream_id

    def __str__(self) -> str:
        return f"{self.stream_id}: {self.message}" if self.stream_id else self.message


class ConfigError(CapstreamError):
    pass


class SourceUnavailable(CapstreamError):
    """A file that is missing or is no media is not retriable; a live source that went away is."""


class LiveUnavailable(SourceUnavailable):
    """Nothing comes from a live source, for a stated reason; its recorder goes on trying."""

    retriable = True


class DecoderLost(SourceUnavailable):
    """The decoding child was killed or crashed by a signal; what it gave so far is good."""

    retriable = True


class DecodeError(CapstreamError):
    pass


class ModelUnavailable(CapstreamError):
    pass


class ModelError(CapstreamError):
    pass


class ModelOverloaded(ModelError):
    pass


class OutOfMemory(CapstreamError):
    retriable = True


class BrokerUnavailable(CapstreamError):
    retriable = True


class RecordRejected(CapstreamError):
    pass


class StorageError(CapstreamError):
    pass
