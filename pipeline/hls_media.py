"""How media is cut into segments for HLS, whatever it comes from: a spool, a file, or the playlist of another packager."""

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from typing import Protocol

from operators.subtitles.formats.hls_playlist import Variant
from operators.timeline import Span
from pipeline.hls_transport import Copied, Counters

NEVER_S = float("inf")
ROUNDED_AWAY = Fraction(9, 20)
"""Seconds by which a segment may be longer than it is to be: target durations are whole seconds. Key frames are rarely on the point."""
LONGEST_GROUP = Fraction(20)
"""Segments are not made longer for key frames that are further apart: some then begin without one."""


@dataclass(frozen=True, slots=True)
class Piece:
    """A segment of the media that can be published."""

    span: Span
    """On the stream's timeline."""
    session: int
    """Within one, media goes on without a break."""
    broken: bool
    """It does not go on where the one before ended."""
    follows: Fraction | None
    """Where media goes on: at its end or, after a break, later; None where nothing is known to follow."""
    zero: Fraction
    """Seconds on the media's own clock at 0 of the timeline."""
    earliest_s: float = 0.0
    latest_s: float = NEVER_S
    """On the monotonic clock: not before the one; from then on once all its cues are known, at the latest at the other."""
    number: int | None = None
    """In the playlist of another packager."""

    @property
    def last(self) -> bool:
        """Nothing goes on where it ends."""
        return self.follows != self.span.end

    @property
    def duration(self) -> Fraction:
        return self.span.duration


class Media(Protocol):
    """One stream's media, in the order of its timeline. For one thread."""

    target: Fraction
    """No segment is longer, in seconds."""

    def group(self) -> Fraction | None:
        """The longest time from one key frame to the next, by what is there so far; None while too little is."""
        ...

    def next(self, over: bool) -> Piece | None:
        """What follows, the same until it was passed; None while that is not known. `over`: nothing more comes that is not there now.

        Raises ConfigError where it can not be carried, SourceUnavailable where it can not be read.
        """
        ...

    def read(self, piece: Piece, counters: Counters) -> bytes | None:
        """Its segment of a transport stream; None where another packager has it."""
        ...

    def passed(self, piece: Piece) -> None:
        """It was published."""
        ...

    @property
    def ended(self) -> bool:
        """What `next` does not give now never comes."""
        ...

    @property
    def variant(self) -> Variant:
        """What was read so far, but for the peak of its bits. Known after `read`."""
        ...

    @property
    def first_listed(self) -> int | None:
        """The first segment that another packager still lists."""
        ...


def longest_group(keys: Sequence[Fraction], known: Fraction) -> Fraction | None:
    """By the first of `keys`, in order, all up to `known`; None where that is too soon to say."""
    steps = [after - before for before, after in pairwise(keys)]
    if not steps and (not keys or known - keys[0] < LONGEST_GROUP):
        return None
    return min(max(steps, default=LONGEST_GROUP), LONGEST_GROUP)


def next_border(start: Fraction, keys: Sequence[Fraction], known: Fraction, longest: Fraction, end: Fraction | None) -> Fraction | None:
    """Where the segment that begins at `start` ends: at the last key frame within `longest`; where there is none, after that. None while
    it is not known.

    keys: instants at which decoding can begin, in order, all up to `known`. end: of what goes on without a break, once that is known.
    """
    limit = start + longest + ROUNDED_AWAY
    if end is not None and end <= limit:
        return end if end > start else None
    if end is None and known <= limit:
        return None
    return max((k for k in keys if start < k <= limit), default=start + longest)


def part(packets: Sequence[Copied], start: Fraction | None, end: Fraction | None) -> list[Copied]:
    """The packets of one track from `start` to `end` (None: all), in order of decoding: those that follow a packet which is shown at or
    after a border belong behind it, whatever their own instant, since they need that one."""
    first = 0 if start is None else next((n for n, c in enumerate(packets) if c.showing >= start), len(packets))
    stop = len(packets) if end is None else next((n for n, c in enumerate(packets) if c.showing >= end), len(packets))
    return list(packets[first:stop])
