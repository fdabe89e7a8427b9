"""A decoder of a live stream: fed by a thread of its own with the segments of a spool while they grow."""

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field, replace
from fractions import Fraction
from io import FileIO
from pathlib import Path
from threading import Event, Thread
from time import monotonic
from types import TracebackType

from operators.media import StreamInfo
from operators.sources.admission import Input
from operators.sources.child import Child
from operators.sources.decoding import packets_of
from operators.sources.manifest import LIFT, Session, TrackKind
from operators.sources.probe import Probe
from operators.sources.spool_view import Run, SpoolView
from operators.timeline import ZERO

POLL_S = 0.02
"""How often a file is looked at that has not grown: what it adds to the age of a picture at the live edge is half of this."""
CHUNK_BYTES = 1 << 18
FILE_ID_BYTES = 25
"""With which a NUT file begins, and which does not stand within one."""
HANG_S = 30.0


@dataclass(frozen=True, slots=True)
class SegmentPipe(Input):
    """The segments of one track, joined, on a decoder's stdin."""

    @property
    def url(self) -> str:
        return "pipe:0"

    @property
    def options(self) -> dict[str, str]:
        return {"protocol_whitelist": "pipe", "format_whitelist": "nut", "probesize": "32", "analyzeduration": "0"}


def spool_probe(session: Session, track: TrackKind, uri: str) -> Probe:
    """What the commands of decoders must know of one track of a session."""
    info = StreamInfo(
        uri=uri,
        container=session.container,
        zero=Fraction(LIFT),
        duration=None,
        picture=session.picture and replace(session.picture, index=0) if track == "picture" else None,
        sound=session.sound and replace(session.sound, index=0) if track == "sound" else None,
    )
    selector = "v:0" if track == "picture" else "a:0"
    return Probe(SegmentPipe(uri, Path("-"), False), info, "nut", {0: selector}, {0: session.bases[track]}, {}, {}, False)


def at_once(command: list[str]) -> list[str]:
    """The same, each frame written as soon as it is decoded: else small ones wait in ffmpeg until its buffer is full."""
    output = command.index("pipe:1")
    return [*command[:output], "-flush_packets", "1", *command[output:]]


@dataclass(slots=True)
class Decoder:
    """Decodes a run from one of its segments on. A context manager; for one thread, `closing` may be set by another."""

    view: SpoolView
    run: Run
    command: list[str]
    closing: Event
    _stop: Event = field(default_factory=Event)
    _child: Child = field(init=False)
    _feeder: Thread = field(init=False)
    _given_s: float = field(default_factory=monotonic)
    _given_to: Fraction = ZERO
    fed: bool = False
    """Everything of the run was fed."""
    deleted: bool = False
    """It was deleted faster than it could be fed."""

    def begin(self, number: int) -> None:
        self._child = Child(at_once(self.command), float("inf"), self._go_on)
        self._feeder = Thread(target=self._feed, args=(number,), name="feeder", daemon=True)
        self._feeder.start()

    def blocks(self) -> Iterator[tuple[Fraction, bytearray, bool]]:
        """Instants and bytes, and whether the decoder complained since the last ones; up to its end, not always that of the run."""
        complaints = 0
        for instant, data in packets_of(self._child):
            self._given_s, self._given_to = monotonic(), instant - LIFT
            yield self._given_to, data, self._child.complaints > complaints
            complaints = self._child.complaints

    @property
    def complaint(self) -> str:
        return self._child.complaint

    def __enter__(self) -> "Decoder":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._stop.set()
        self._child.kill()
        self._feeder.join()
        self._child.close()

    def _go_on(self) -> bool:
        hangs = monotonic() - self._given_s > HANG_S and self.view.received_to() > max(self._given_to, self.run.start) + Fraction(HANG_S)
        return not self.closing.is_set() and not (hangs and not self.fed)

    def _feed(self, number: int | None) -> None:
        skip = 0
        while number is not None and not self._stop.is_set():
            number, skip = self._feed_segment(number, skip), FILE_ID_BYTES
        self.fed = not self._stop.is_set() and not self.deleted
        with suppress(OSError):
            self._child.end_input()

    def _feed_segment(self, number: int, skip: int) -> int | None:
        """Follows a segment to its end; the number of the next, None where there is none."""
        file: FileIO | None = None
        try:
            while not self._stop.is_set():
                whole, over = self.view.is_whole(number), self.view.end_of(self.run) is not None
                file = file or self._open(number, skip)
                if file is not None and (data := file.read(CHUNK_BYTES)):
                    self._child.write(data)
                    continue
                if whole or over:
                    following = self.view.segment_after(self.run.session.number, number)
                    self.deleted = self.view.is_deleted(number)
                    if self.deleted or over or following is not None:
                        return None if self.deleted else following
                self._stop.wait(POLL_S)
                self.view.poll()
        finally:
            if file is not None:
                file.close()
        return None

    def _open(self, number: int, skip: int) -> FileIO | None:
        """The track's file; None where the segment has nothing of the track yet."""
        try:
            file = open(self.view.path(number), "rb", buffering=0)  # noqa: SIM115
        except FileNotFoundError:
            return None
        file.seek(skip)
        return file
