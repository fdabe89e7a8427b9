"""Playlists of HTTP Live Streaming (RFC 8216): media playlists that only grow at their end and roll at their front, and the master."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Literal

from operators.errors import ConfigError

LEAST_TARGETS = 3
"""Target durations that a playlist which goes on must hold (6.2.2)."""
ATTRIBUTE = re.compile(r'([A-Z0-9-]+)=("[^"]*"|[^",]*)')


@dataclass(frozen=True, slots=True)
class Listed:
    """A segment of a media playlist."""

    name: str
    duration: Fraction
    """Seconds."""
    discontinuity: bool = False
    """It does not go on where the one before ended."""
    date_time: str | None = None
    """RFC 3339: what the clock shows at its beginning."""


@dataclass(frozen=True, slots=True)
class Playlist:
    """A media playlist. What follows from another one by its methods may replace that one at any moment."""

    target_s: int
    """No segment is longer, in whole seconds."""
    kind: Literal["VOD", "EVENT"] | None = None
    segments: tuple[Listed, ...] = ()
    first: int = 0
    """Number of the first segment."""
    discontinuities: int = 0
    """Of the segments that are not listed any more."""
    ended: bool = False

    @property
    def next(self) -> int:
        """The number that the next segment gets."""
        return self.first + len(self.segments)

    @property
    def duration(self) -> Fraction:
        return sum((s.duration for s in self.segments), Fraction(0))

    def add(self, segment: Listed) -> "Playlist":
        """Raises ValueError where it has ended, or the segment is longer than it says."""
        if self.ended or rounded(segment.duration) > self.target_s:
            raise ValueError(f"no segment of {float(segment.duration)} s goes into a playlist of {self.target_s} s, ended: {self.ended}")
        return replace(self, segments=(*self.segments, segment))

    def since(self, number: int) -> "Playlist":
        """Without the segments before a number."""
        gone = self.segments[: max(0, number - self.first)]
        counted = self.discontinuities + sum(s.discontinuity for s in gone)
        return replace(self, segments=self.segments[len(gone) :], first=self.first + len(gone), discontinuities=counted)

    def within(self, window: Fraction) -> "Playlist":
        """Without the oldest segments, as long as the rest lasts `window` seconds, and what a playlist must hold."""
        least, left, gone = max(window, Fraction(LEAST_TARGETS * self.target_s)), self.duration, 0
        while gone < len(self.segments) and left - self.segments[gone].duration >= least:
            left -= self.segments[gone].duration
            gone += 1
        return self.since(self.first + gone)

    def end(self) -> "Playlist":
        """Nothing is added any more."""
        return replace(self, ended=True)

    def text(self, suffix: str = "") -> str:
        """As a file; `suffix` stands behind the name of each segment."""
        lines = ["#EXTM3U", "#EXT-X-VERSION:3", f"#EXT-X-TARGETDURATION:{self.target_s}", f"#EXT-X-MEDIA-SEQUENCE:{self.first}"]
        lines += [f"#EXT-X-DISCONTINUITY-SEQUENCE:{self.discontinuities}"] if self.discontinuities else []
        lines += [f"#EXT-X-PLAYLIST-TYPE:{self.kind}"] if self.kind else []
        for segment in self.segments:
            lines += ["#EXT-X-DISCONTINUITY"] if segment.discontinuity else []
            lines += [f"#EXT-X-PROGRAM-DATE-TIME:{segment.date_time}"] if segment.date_time else []
            lines += [f"#EXTINF:{float(segment.duration):.6f},", f"{segment.name}{suffix}"]
        return "\n".join([*lines, *(["#EXT-X-ENDLIST"] if self.ended else [])]) + "\n"


@dataclass(frozen=True, slots=True)
class Rendition:
    """What a master playlist says of subtitles."""

    name: str = "Subtitles"
    language: str | None = None
    """BCP 47."""
    default: bool = True
    autoselect: bool = True
    forced: bool = False
    sdh: bool = False
    """Sounds are described too, for who does not hear them."""

    def __post_init__(self) -> None:
        for value in (self.name, self.language or "-"):
            if not value.strip() or not value.isprintable() or '"' in value:
                raise ConfigError(f"{value!r} can not stand in a playlist: write it on one line, without quotation marks")
        if self.default and not self.autoselect:
            raise ConfigError("what is shown by default is chosen by itself too: it can not be default and not autoselect")
        if self.forced and self.sdh:
            raise ConfigError("forced subtitles are those that all see; they do not describe sounds: forced or sdh")

    def tag(self, uri: str) -> str:
        """EXT-X-MEDIA, in the group `subs`."""
        marks = {"DEFAULT": self.default, "AUTOSELECT": self.autoselect, "FORCED": self.forced}
        described = "public.accessibility.transcribes-spoken-dialog,public.accessibility.describes-music-and-sound"
        parts = ["TYPE=SUBTITLES", 'GROUP-ID="subs"', f'NAME="{self.name}"', *([f'LANGUAGE="{self.language}"'] if self.language else [])]
        parts += [f"{mark}={'YES' if said else 'NO'}" for mark, said in marks.items()]
        parts += [f'CHARACTERISTICS="{described}"'] if self.sdh else []
        return "#EXT-X-MEDIA:" + ",".join([*parts, f'URI="{uri}"'])


@dataclass(frozen=True, slots=True)
class Variant:
    """What a master playlist says of media."""

    peak_bits: int
    """A second, of the segment that has most."""
    codecs: tuple[str, ...] = ()
    """RFC 6381; empty where one is not known."""
    size_px: tuple[int, int] | None = None
    rate: Fraction | None = None

    def tag(self) -> str:
        """EXT-X-STREAM-INF, with the subtitles of the group `subs`."""
        parts = [f"BANDWIDTH={self.peak_bits}"]
        parts += [f'CODECS="{",".join(self.codecs)}"'] if self.codecs else []
        parts += [f"RESOLUTION={self.size_px[0]}x{self.size_px[1]}"] if self.size_px else []
        parts += [f"FRAME-RATE={float(self.rate):.3f}"] if self.rate else []
        return "#EXT-X-STREAM-INF:" + ",".join([*parts, 'SUBTITLES="subs"'])


def master(variant: Variant, media: str, rendition: Rendition, subtitles: str) -> str:
    """The master playlist of one variant and one rendition of subtitles, by the names of their playlists."""
    return f"#EXTM3U\n#EXT-X-VERSION:3\n{rendition.tag(subtitles)}\n{variant.tag()}\n{media}\n"


@dataclass(frozen=True, slots=True)
class Theirs:
    """A playlist that somebody else wrote."""

    playlist: Playlist
    headers: tuple[str | None, ...]
    """By segment: the name of the file that goes before it (EXT-X-MAP)."""


def read_playlist(text: str, name: str) -> Theirs:
    """Raises ConfigError where it is no media playlist, or one that subtitles can not stand beside. `name`: for messages."""
    lines = [line.strip() for line in text.removeprefix("\ufeff").splitlines()]
    if lines[:1] != ["#EXTM3U"]:
        raise ConfigError(f"{name} is no playlist: it does not begin with #EXTM3U")
    if any(line.startswith("#EXT-X-STREAM-INF") for line in lines):
        raise ConfigError(f"{name} is a master playlist: name one of the media playlists that it lists")
    if any(line.startswith("#EXT-X-BYTERANGE") for line in lines):
        raise ConfigError(f"{name} lists parts of files: have each segment written to a file of its own")
    try:
        tags = dict(line.partition(":")[::2] for line in lines if line.startswith("#EXT-X-"))
        listed = list(_listed(lines))
        kind = tags.get("#EXT-X-PLAYLIST-TYPE")
        playlist = Playlist(
            # Some say less than they list.
            target_s=max([int(tags["#EXT-X-TARGETDURATION"]), *(rounded(segment.duration) for segment, _ in listed)]),
            kind="VOD" if kind == "VOD" else "EVENT" if kind == "EVENT" else None,
            segments=tuple(segment for segment, _ in listed),
            first=int(tags.get("#EXT-X-MEDIA-SEQUENCE", 0)),
            discontinuities=int(tags.get("#EXT-X-DISCONTINUITY-SEQUENCE", 0)),
            ended="#EXT-X-ENDLIST" in lines,
        )
    except (ValueError, KeyError) as e:
        raise ConfigError(f"{name} can not be read as a playlist: {e}") from e
    return Theirs(playlist, tuple(header for _, header in listed))


def _listed(lines: list[str]) -> Iterator[tuple[Listed, str | None]]:
    duration, broken, date_time, header = Fraction(0), False, None, None
    for line in lines:
        tag, _, value = line.partition(":")
        if tag == "#EXTINF":
            duration = Fraction(value.partition(",")[0].strip())
        elif tag == "#EXT-X-DISCONTINUITY":
            broken = True
        elif tag == "#EXT-X-PROGRAM-DATE-TIME":
            date_time = value.strip()
        elif tag == "#EXT-X-MAP":
            header = attributes(value)["URI"]
        elif line and not line.startswith("#"):
            yield Listed(line, duration, broken, date_time), header
            broken, date_time = False, None


def attributes(value: str) -> dict[str, str]:
    """An attribute list, quotation marks taken away."""
    return {name: text.strip('"') for name, text in ATTRIBUTE.findall(value)}


def rounded(duration: Fraction) -> int:
    """To whole seconds, as target durations are compared."""
    return (duration + Fraction(1, 2)).__floor__()
