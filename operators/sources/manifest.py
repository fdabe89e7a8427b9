"""The manifest of a spool: what the recorder of a live stream states, line by line, and how readers see it while it grows.

All instants are of the stream's own timeline: the recorder alone decides where it begins, how it goes on where the source's clock
jumps, and what is missing in it. Each track is recorded into files of its own, so that neither waits for the other.
"""

import os
from dataclasses import dataclass, field
from datetime import UTC, datetime
from fractions import Fraction
from pathlib import Path
from time import monotonic
from typing import Any, Literal, TypeAlias

import msgspec

from operators.media import PictureTrack, SoundTrack
from operators.timeline import exact

SPOOL = "spool"
"""In the folder of a generation: what was received of a live stream."""
MANIFEST = "manifest.jsonl"
LIFT = 10
"""Seconds by which timestamps in the segments are later than on the timeline: NUT holds none below 0, and decoding may begin before."""
TrackKind: TypeAlias = Literal["picture", "sound"]
TRACKS: tuple[TrackKind, ...] = ("picture", "sound")


@dataclass(frozen=True, slots=True)
class Arrival:
    """When something came."""

    wall: str
    """RFC 3339, UTC."""
    monotonic_s: float
    boot: str
    """The boot of the machine within which `monotonic_s` counts."""

    @property
    def wall_time(self) -> datetime:
        return datetime.fromisoformat(self.wall)


@dataclass(frozen=True, slots=True)
class Session:
    """From here on the source was read without a break; decoders begin anew."""

    number: int
    at: Fraction
    why: str
    arrival: Arrival
    zero: str
    """What our clock showed at 0 of the timeline, RFC 3339, by the arrival of this session."""
    container: str
    picture: PictureTrack | None
    sound: SoundTrack | None
    bases: dict[TrackKind, Fraction]
    """Time base of the timestamps in a track's files."""
    begins: dict[TrackKind, Fraction] = field(default_factory=dict)
    """Of a track that is new and begins earlier: it was behind the other one."""

    def has(self, track: TrackKind) -> bool:
        return getattr(self, track) is not None


@dataclass(frozen=True, slots=True)
class ClockLine:
    """By which clock the stream is dated: the first of these lines decides it for good, later ones say how far that clock has moved."""

    kind: Literal["source", "arrival"]
    zero: str
    """What it showed at 0 of the timeline when it was decided, RFC 3339, UTC."""
    moved_s: float = 0.0
    """What it shows now, less what it would show had it kept the pace of the timeline."""
    why: str | None = None
    """It was not the source's own: one clause."""


@dataclass(frozen=True, slots=True)
class SegmentBegin:
    number: int
    session: int
    first: Fraction
    """Instant of its first packet."""
    key: bool
    """Decoding can begin here."""
    arrival: Arrival


@dataclass(frozen=True, slots=True)
class SegmentEnd:
    number: int
    first: dict[TrackKind, Fraction]
    last: dict[TrackKind, Fraction]
    """Ends of the last packets."""
    packets: dict[TrackKind, int]
    sizes: dict[TrackKind, int]
    sha256: dict[TrackKind, str]


@dataclass(frozen=True, slots=True)
class Missing:
    """A stretch of which nothing was received: of one track, or of all."""

    start: Fraction
    end: Fraction
    why: str
    track: TrackKind | None
    detail: str | None = None


@dataclass(frozen=True, slots=True)
class Resumed:
    """A track that was missing goes on in the same session."""

    track: TrackKind
    at: Fraction


@dataclass(frozen=True, slots=True)
class Down:
    """The source can not be read now: one clause. `final`: it is not tried again."""

    why: str
    final: bool


@dataclass(frozen=True, slots=True)
class Evicted:
    """The segments below this number were deleted."""

    below: int


@dataclass(frozen=True, slots=True)
class Ended:
    at: Fraction
    why: str


Line: TypeAlias = Session | ClockLine | SegmentBegin | SegmentEnd | Missing | Resumed | Down | Evicted | Ended
KINDS: dict[str, type[Line]] = {
    "session": Session, "clock": ClockLine, "begin": SegmentBegin, "segment": SegmentEnd, "gap": Missing,
    "resumed": Resumed, "down": Down, "evicted": Evicted, "end": Ended,
}  # fmt: skip
_NAMES = {cls: name for name, cls in KINDS.items()}


def to_line(line: Line) -> bytes:
    """One line of JSON, its newline included."""
    return msgspec.json.encode({_NAMES[type(line)]: line}, enc_hook=encode_exact) + b"\n"


def from_line(line: bytes) -> Line:
    [(name, content)] = msgspec.json.decode(line).items()
    found: Line = msgspec.convert(content, KINDS[name], dec_hook=decode_exact)
    return found


def encode_exact(value: Any) -> Any:
    """For msgspec, which asks for NotImplementedError of what a hook does not know: instants as text."""
    if isinstance(value, Fraction):
        return exact(value)
    raise NotImplementedError(f"{type(value)} is not written")


def decode_exact(kind: type[Any], value: Any) -> Any:
    """The other way."""
    if kind is Fraction:
        return Fraction(value)
    raise NotImplementedError(f"{kind} is not read")


def segment_path(folder: Path, number: int, track: TrackKind) -> Path:
    return folder / f"{number:09}.{track}.nut"


def now() -> Arrival:
    """The wall clock may jump, the monotonic one does not."""
    return Arrival(datetime.now(UTC).isoformat(timespec="milliseconds"), monotonic(), boot_id())


def boot_id() -> str:
    """Tells one boot of a machine from another; empty where the system does not say."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return ""


@dataclass(slots=True)
class ManifestFollower:
    """Reads a manifest while it grows. For one thread at a time."""

    path: Path
    _inode: int = -1
    _at: int = 0
    anew: bool = False
    """The last call found the manifest written anew, without what is evicted, and gave all of it."""

    def poll(self) -> list[Line]:
        """The whole lines that came since the last call."""
        try:
            with open(self.path, "rb") as file:
                inode = os.fstat(file.fileno()).st_ino
                self.anew = inode != self._inode
                if self.anew:
                    self._inode, self._at = inode, 0
                file.seek(self._at)
                data = file.read()
        except FileNotFoundError:
            return []
        whole = data[: data.rfind(b"\n") + 1]
        self._at += len(whole)
        return [from_line(line) for line in whole.splitlines()]
