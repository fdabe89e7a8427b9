"""Which tracks of a container are read: the user's choice, else the best picture that is not cover art and the best sound."""

from dataclasses import dataclass
from typing import NoReturn

from av import AudioStream, VideoStream
from av.container import InputContainer
from av.stream import Disposition, Stream

from operators.errors import ConfigError
from operators.media import SOUND_RATE_HZ

_NOT_SHOWN = Disposition.attached_pic | Disposition.timed_thumbnails
_FOR_SOME = Disposition.hearing_impaired | Disposition.visual_impaired | Disposition.comment


@dataclass(frozen=True, slots=True)
class SourceOptions:
    video: int | None = None
    """Picture track by its number in the container, as ffmpeg counts; absent: the default one with most pixels."""
    audio: int | None = None
    """Sound track by its number; absent: the default one."""
    language: str = ""
    """Take the sound track that the container marks with this language, in its own words ("eng"); empty: any."""
    speakers: tuple[str, ...] = ()
    """Who speaks in each channel of the sound, where each has a microphone of their own: these channels are kept apart, as many as are
    named, from the first; one whose name is empty is not listened to. Empty: all channels are mixed."""

    def __post_init__(self) -> None:
        named = [name for name in self.speakers if name]
        if self.speakers and (len(named) < 2 or len(set(named)) < len(named)):
            raise ConfigError(f"speakers names at least two channels, each otherwise, not {list(self.speakers)}; leave it out to mix them")


DEFAULTS = SourceOptions()


def picture_candidates(container: InputContainer, options: SourceOptions) -> list[VideoStream]:
    """Best first. Raises ConfigError where the track asked for is not there."""
    tracks = [t for t in container.streams.video if t.codec_context is not None]
    if options.video is not None:
        tracks = [t for t in tracks if t.index == options.video]
        return tracks or _refuse(container, f"there is no picture track {options.video}")
    shown = [t for t in tracks if not t.disposition & _NOT_SHOWN]
    return sorted(shown, key=lambda t: (not t.disposition & Disposition.default, -t.width * t.height, t.index))


def sound_candidates(container: InputContainer, options: SourceOptions) -> list[AudioStream]:
    """Best first; a higher rate counts only up to what is used of it. Raises ConfigError where the track asked for is not there."""
    tracks = [t for t in container.streams.audio if t.codec_context is not None and t.rate]
    if options.audio is not None:
        tracks = [t for t in tracks if t.index == options.audio]
        return tracks or _refuse(container, f"there is no sound track {options.audio}")
    if options.language:
        tracks = [t for t in tracks if language_of(t) == options.language.lower()]
        if not tracks:
            _refuse(container, f"there is no sound track in {options.language!r}")

    def rank(track: AudioStream) -> tuple[bool, bool, int, int]:
        disposition = track.disposition
        return bool(disposition & _FOR_SOME), not disposition & Disposition.default, -min(track.rate, SOUND_RATE_HZ), track.index

    return sorted(tracks, key=rank)


def check_speakers(options: SourceOptions, track: AudioStream | None) -> None:
    """Raises ConfigError where more channels are named than there are."""
    named, there = len(options.speakers), track.channels if track is not None else 0
    if track is not None and named > there:
        channels = "one channel" if there == 1 else f"{there} channels"
        raise ConfigError(f"source.speakers names {named} channels and its sound has {channels}; name those, or leave it out to mix them")


def language_of(track: Stream) -> str | None:
    """The container's own tag, such as "eng"; None where it says nothing."""
    language = (track.language or "").lower()
    return language if language not in ("", "und") else None


def codec_of(track: VideoStream | AudioStream) -> str:
    """The codec's name, whatever decoder is used."""
    return track.codec_context.codec.canonical_name


def _refuse(container: InputContainer, what: str) -> NoReturn:
    raise ConfigError(f"{what}; the tracks are: {', '.join(_describe(t) for t in container.streams)}")


def _describe(track: Stream) -> str:
    codec = track.codec_context.name if track.codec_context is not None else "unknown"
    if isinstance(track, VideoStream):
        kind = "cover art" if track.disposition & _NOT_SHOWN else "video"
        return f"{track.index} {kind} {codec} {track.width}x{track.height}"
    return " ".join(filter(None, (str(track.index), track.type, codec, language_of(track))))
