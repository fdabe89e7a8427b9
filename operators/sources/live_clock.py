"""The timeline of a live source, decided once for both its tracks: where it begins, how it goes on where the source's clock jumps.

Instants are Fraction seconds; `now_s` is the monotonic clock of the recorder.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Generic, TypeVar

from operators.media import LONGEST_HOLE
from operators.sources.manifest import TrackKind
from operators.sources.scan import JUMP_BACK, SAME_JUMP
from operators.timeline import ZERO

ROUNDED = Fraction(1, 1000)
"""Ends differ by less where a file rounds them."""
PacketT = TypeVar("PacketT")
MPEG_TURN = Fraction(2**33, 90_000)
"""MPEG's clock of 33 bits starts again after 26.5 hours."""


@dataclass(frozen=True, slots=True)
class Timed(Generic[PacketT]):
    """A packet with the source's own instants: of decoding, of showing, and how long it lasts."""

    packet: PacketT
    decoding: Fraction
    showing: Fraction
    duration: Fraction


@dataclass(frozen=True, slots=True)
class Placed(Generic[PacketT]):
    """A packet with its instants on the timeline."""

    packet: PacketT
    decoding: Fraction
    showing: Fraction


@dataclass(frozen=True, slots=True)
class Jump:
    """The source's clock stepped by so much, and stays there."""

    step: Fraction


@dataclass(slots=True)
class _Track(Generic[PacketT]):
    raw: Fraction
    """The source's instant of the last packet's decoding."""
    at: Fraction
    """The same on the timeline."""
    seen_s: float
    first: bool = True
    doubtful: Timed[PacketT] | None = None
    """A packet that stepped out of its clock, until the next one says whether the clock did or only the packet."""


@dataclass(slots=True)
class LiveClock(Generic[PacketT]):
    """Places the packets of one session after the other. `turn`: seconds after which the source's clock starts again."""

    turn: Fraction | None = None
    end: Fraction = ZERO
    """The timeline goes on from here: the latest end of any packet."""
    _begin: Fraction = ZERO
    _zero: Fraction = ZERO
    _begun_s: float = 0.0
    _tracks: dict[TrackKind, _Track[PacketT]] = field(default_factory=dict)
    _ends: dict[TrackKind, Fraction] = field(default_factory=dict)
    _floor: Fraction = ZERO
    _floors: dict[TrackKind, Fraction] = field(default_factory=dict)
    """What is shown earlier was there already, or is told to be missing."""
    _before: dict[TrackKind, Fraction] = field(default_factory=dict)
    """Where the tracks were before the clock jumped: one that was behind may go on there for a moment."""

    def begin(self, at: Fraction, zero: Fraction, now_s: float, jumped: bool = False) -> None:
        """A session: the source's instant `zero` is `at` on the timeline. `jumped`: it is the one before with another clock."""
        self._begin, self._zero, self._begun_s = at, zero, now_s
        self._before = {kind: t.raw for kind, t in self._tracks.items()} if jumped else {}
        self._tracks = {}
        apart = at > self.end + ROUNDED
        # Of what a recorder before this one recorded only the end is known.
        self._floor = at if apart or not self._ends else ZERO
        self._floors = {} if apart else dict(self._ends)
        self.end = max(self.end, at)

    def place(self, kind: TrackKind, timed: Timed[PacketT], now_s: float) -> list[Placed[PacketT]] | Jump:
        """The packets that have their place by now: this one, none while it is in doubt, or the one before it too. What lies before
        the session's beginning has none.

        A Jump where the clock has stepped away: the session is over, and the next begins with the packets of `doubtful` and this one.
        """
        track = self._tracks.get(kind)
        if track is None:
            track = self._tracks[kind] = _Track(self._zero, self._begin, self._begun_s)
        step = self._step(track.raw, timed.decoding)
        elapsed_s = now_s - track.seen_s
        # A track may begin behind the other.
        if self._believable(step, elapsed_s) or (track.first and -SAME_JUMP <= step < 0):
            return self._put(kind, track, timed, step, now_s)
        if track.first and kind in self._before and self._believable(self._step(self._before[kind], timed.decoding), elapsed_s):
            self._before[kind] = timed.decoding
            return []
        before = track.doubtful
        if before is not None and self._believable(self._step(before.decoding, timed.decoding), elapsed_s):
            return Jump(step)
        track.doubtful = timed
        return []

    def doubtful(self) -> list[tuple[TrackKind, Timed[PacketT]]]:
        """Packets that no place was found for."""
        return [(kind, t.doubtful) for kind, t in self._tracks.items() if t.doubtful is not None]

    def goes_on(self, raw: Fraction) -> Fraction | None:
        """Where the source's instant `raw` would be if its clock had gone on."""
        ends = [t.at + self._step(t.raw, raw) for t in self._tracks.values()]
        return max(ends, default=None)

    def overlap(self, starts: Mapping[TrackKind, Fraction]) -> Fraction:
        """By how much tracks that begin at these instants of the source, its clock gone on, would begin before they have ended."""
        begun = {kind: t.at + self._step(t.raw, starts[kind]) for kind, t in self._tracks.items() if kind in starts}
        return max([ZERO, *(self._ends[kind] - at for kind, at in begun.items() if kind in self._ends)])

    def _put(self, kind: TrackKind, track: _Track[PacketT], timed: Timed[PacketT], step: Fraction, now_s: float) -> list[Placed[PacketT]]:
        track.raw, track.at, track.seen_s = timed.decoding, track.at + step, now_s
        track.first, track.doubtful = False, None
        showing = track.at + (timed.showing - timed.decoding)
        if showing < self._floors.get(kind, self._floor):
            return []
        end = self._ends[kind] = max(self._ends.get(kind, ZERO), showing + timed.duration)
        self.end = max(self.end, end)
        return [Placed(timed.packet, track.at, showing)]

    def _step(self, before: Fraction, after: Fraction) -> Fraction:
        step = after - before
        if self.turn is not None:
            step = (step + self.turn / 2) % self.turn - self.turn / 2
        return step

    def _believable(self, step: Fraction, elapsed_s: float) -> bool:
        """A clock may be as far ahead as time went by, and as a burst is long; it steps back only as far as pictures are reordered."""
        return -JUMP_BACK <= step <= Fraction(elapsed_s) + LONGEST_HOLE


def next_beginning(end: Fraction, by_clock: Fraction, goes_on: Fraction | None, overlap: Fraction) -> tuple[Fraction, Fraction]:
    """Where a session begins on the timeline that ended, or was stated missing up to, `end`; and what is to be added to the source's
    instant of its beginning, where its clock is still the same.

    by_clock: where the timeline is by the monotonic clock. goes_on: where the source's own clock would go on to, if it is the same.
    overlap: seconds by which one track may begin before the other ended.
    """
    if goes_on is not None and end - overlap <= goes_on <= max(by_clock, end) + SAME_JUMP:
        at = max(end, goes_on)
        return at, at - goes_on
    return max(end, by_clock), ZERO
