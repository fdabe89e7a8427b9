"""A spool as one track of it is read: stretches that were recorded and stretches that are missing, while both still come."""

from bisect import bisect_right
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from fractions import Fraction
from pathlib import Path
from threading import Lock
from time import monotonic

from operators.sources.manifest import (
    MANIFEST,
    ClockLine,
    Down,
    Ended,
    Evicted,
    ManifestFollower,
    Missing,
    Resumed,
    SegmentBegin,
    SegmentEnd,
    Session,
    TrackKind,
    segment_path,
)
from operators.timeline import ZERO

SILENT_S = 1.0
LONGEST_AHEAD_S = 3.0
"""The live edge is taken to move on for so long after the last segment began."""


@dataclass(frozen=True, slots=True)
class Run:
    """The track came without a break from `start` on, up to `end` where it is over."""

    session: Session
    start: Fraction
    end: Fraction | None


@dataclass(slots=True)
class SpoolView:
    """Kept up to date by `poll`, from any thread."""

    folder: Path
    track: TrackKind
    keep: Callable[[], None] = lambda: None
    """Called now and then while the recorder is silent: it may have died."""
    sessions: list[Session] = field(default_factory=list)
    segments: list[SegmentBegin] = field(default_factory=list)
    closed: dict[int, SegmentEnd] = field(default_factory=dict)
    down: Down | None = None
    """Why there is nothing, since the last session ended."""
    ended: Ended | None = None
    clock: ClockLine | None = None
    """The latest: of all of them `kind` and `zero` are the same."""
    _below: int = 0
    """Segments below this number were deleted."""
    _pieces: list[tuple[Fraction, Session | Missing]] = field(default_factory=list)
    """By their beginnings."""
    _follower: ManifestFollower = field(init=False)
    _lock: Lock = field(default_factory=Lock)
    _heard_s: float = field(default_factory=monotonic)

    def __post_init__(self) -> None:
        self._follower = ManifestFollower(self.folder / MANIFEST)
        self.poll()

    def poll(self) -> None:
        with self._lock:
            lines = self._follower.poll()
            if lines and self._follower.anew:
                self.sessions, self.segments, self.closed, self._pieces = [], [], {}, []
            for line in lines:
                self._take(line)
            silent = not lines and self.ended is None and monotonic() - self._heard_s > SILENT_S
            if lines or silent:
                self._heard_s = monotonic()
        if silent:
            self.keep()

    def piece(self, at: Fraction) -> Run | Missing | None:
        """What is at an instant; None where that is not known yet. What was deleted is missing, in front of what is there."""
        with self._lock:
            if not self._pieces:
                return None
            index = bisect_right(self._pieces, at, key=lambda piece: piece[0]) - 1
            if index < 0:
                return Missing(at, self._pieces[0][0], "spool_evicted" if self._below else "source_down", None)
            start, piece = self._pieces[index]
            end = self._end_at() if index + 1 == len(self._pieces) else self._pieces[index + 1][0]
            if isinstance(piece, Missing):
                if at < piece.end:
                    return piece
                # It was told in parts, and nobody told the last one.
                return replace(piece, start=at, end=end) if end is not None and at < end else None
            kept = next((s for s in self.segments if s.session == piece.number), None)
            if kept is not None and kept.number == self._below > 0 and at < kept.first:
                return Missing(at, kept.first if end is None else min(kept.first, end), "spool_evicted", None)
            if kept is None and self.segments and end is not None:
                return Missing(at, end, "spool_evicted", None)
            return Run(piece, start, end)

    def end_of(self, run: Run) -> Fraction | None:
        """Where the run is over; None while it goes on."""
        with self._lock:
            after = bisect_right(self._pieces, run.start, key=lambda piece: piece[0])
            return self._pieces[after][0] if after < len(self._pieces) else self._end_at()

    def is_deleted(self, number: int) -> bool:
        with self._lock:
            return number < self._below

    def segment_before(self, session: int, at: Fraction) -> int | None:
        """Number of the newest segment of the session in which decoding can begin and that begins at or before `at`, else of its first."""
        with self._lock:
            of_session = [s for s in self.segments if s.session == session]
            before = [s.number for s in of_session if s.first <= at and (s.key or self.track == "sound")]
            return before[-1] if before else of_session[0].number if of_session else None

    def segment_after(self, session: int, number: int) -> int | None:
        """The next segment of the session, where it has begun."""
        with self._lock:
            return next((s.number for s in self.segments if s.session == session and s.number > number), None)

    def is_whole(self, number: int) -> bool:
        """Nothing is added to the segment any more."""
        with self._lock:
            return number in self.closed or any(s.number > number for s in self.segments[-1:])

    def key_after(self, at: Fraction) -> Fraction | None:
        """The beginning of the newest segment after `at` in which decoding can begin."""
        with self._lock:
            return next((s.first for s in reversed(self.segments) if s.first > at and (s.key or self.track == "sound")), None)

    def edge(self) -> Fraction:
        """About how far the source has come."""
        with self._lock:
            if not self.segments:
                return ZERO
            newest = self.segments[-1]
            ahead = min(max(0.0, monotonic() - newest.arrival.monotonic_s), LONGEST_AHEAD_S)
            return newest.first + Fraction(round(ahead * 1000), 1000)

    def received_to(self) -> Fraction:
        """The end of the track in the segments that are whole."""
        with self._lock:
            ends = [end.last[self.track] for end in list(self.closed.values())[-30:] if self.track in end.last]
            return max(ends, default=ZERO)

    def path(self, number: int) -> Path:
        return segment_path(self.folder, number, self.track)

    def _end_at(self) -> Fraction | None:
        return self.ended.at if self.ended else None

    def _take(self, line: object) -> None:
        match line:
            case Session():
                self.sessions.append(line)
                self.down = self.ended = None
                if line.has(self.track):
                    self._pieces.append((line.begins.get(self.track, line.at), line))
            case ClockLine():
                self.clock = line
            case SegmentBegin():
                self.segments.append(line)
            case SegmentEnd():
                self.closed[line.number] = line
            case Missing() if line.track in (None, self.track):
                self._pieces.append((line.start, line))
            case Resumed() if line.track == self.track:
                self._pieces.append((line.at, self.sessions[-1]))
            case Down():
                self.down = line
            case Ended():
                self.ended = line
            case Evicted():
                self._below = line.below
                self.segments = [s for s in self.segments if s.number >= line.below]
                self.closed = {number: end for number, end in self.closed.items() if number >= line.below}
