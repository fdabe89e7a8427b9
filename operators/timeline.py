"""Exact media time: instants are `Fraction` seconds since the stream's start, and are rounded once, on the wire."""

from dataclasses import dataclass
from fractions import Fraction

ZERO = Fraction(0)


@dataclass(frozen=True, slots=True, order=True)
class Span:
    """A half-open stretch [start, end) of media time, in seconds. Empty spans (start == end) are instants."""

    start: Fraction
    end: Fraction

    def __post_init__(self) -> None:
        if not isinstance(self.start, Fraction) or not isinstance(self.end, Fraction):
            raise TypeError(f"a Span holds Fractions, not {self.start!r}, {self.end!r}")
        if self.end < self.start:
            raise ValueError(f"a Span may not end before it starts: {self.start} > {self.end}")

    @property
    def duration(self) -> Fraction:
        return self.end - self.start

    def __contains__(self, instant: Fraction) -> bool:
        return self.start <= instant < self.end

    def overlap(self, other: "Span") -> Fraction:
        """Seconds that both spans cover; 0 where they are apart."""
        return max(ZERO, min(self.end, other.end) - max(self.start, other.start))

    def common(self, other: "Span") -> "Span | None":
        """What both spans cover, if anything."""
        start, end = max(self.start, other.start), min(self.end, other.end)
        return Span(start, end) if start < end else None


def to_ms(instant: Fraction) -> int:
    """Integer milliseconds, rounded half up: the one rounding between the media clock and the wire."""
    return int((instant * 1000 + Fraction(1, 2)).__floor__())


def from_ms(milliseconds: int) -> Fraction:
    return Fraction(milliseconds, 1000)


def cell(instant: Fraction, rate: Fraction | int) -> int:
    """Index of the cell of the fixed grid of `rate` cells a second in which `instant` lies; cell i is [i/rate, (i+1)/rate)."""
    return int((instant * rate).__floor__())


def exact(instant: Fraction) -> str:
    """The exact form kept in logs and snapshots: "n/d", or "n" where d is 1. `Fraction(text)` reads it back."""
    return str(instant)


def clock(instant: Fraction) -> str:
    """For people: "0:01:02.345", hours unbounded."""
    ms = to_ms(instant)
    return f"{ms // 3_600_000}:{ms // 60_000 % 60:02}:{ms // 1000 % 60:02}.{ms % 1000:03}"
