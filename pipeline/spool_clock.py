"""Which clock a live stream is dated by: decided once, for all recorders that follow each other, then watched."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from fractions import Fraction

from operators.sources.manifest import ClockLine
from operators.sources.scan import SAME_JUMP
from operators.sources.source_clock import ClockReading, believed
from pipeline.spool_writer import SpoolWriter

MOVED_S = 0.5
"""By so much more than is told already a clock has moved."""
WINDOW_S = 60.0
LISTED = Fraction(15)
"""Seconds between the newest of what a playlist lists and the pace at which it came, at most, unless its clock was set."""
Read = Callable[[], ClockReading | None]


def utc(instant: datetime) -> str:
    return instant.astimezone(UTC).isoformat(timespec="milliseconds")


@dataclass(frozen=True, slots=True)
class _Anchor:
    """A session begins: the same instant of the timeline and of the source."""

    at: Fraction
    raw: Fraction
    arrival_zero: datetime
    read: Read
    until_s: float
    """So long the source's own clock is waited for."""


@dataclass(slots=True)
class ClockKeeper:
    """For one thread. `now_s` is the monotonic clock."""

    writer: SpoolWriter
    _anchor: _Anchor | None = None
    _lost: bool = False
    """The session is over."""
    _least_s: float | None = None
    """How long after their instants packets came, at least, in the window that runs."""
    _since_s: float = 0.0
    _usual_s: float | None = None

    def begin(self, instants: tuple[Fraction, Fraction], arrival_zero: datetime, read: Read, until_s: float) -> None:
        """A session: of the timeline and of the source's clock, the same instant; what our clock showed at 0; how the source's is read."""
        self._anchor, self._lost = _Anchor(*instants, arrival_zero, read, until_s), False

    def lose(self) -> None:
        """The session is over: what it has not decided the next one may."""
        self._lost = True

    def instant(self, raw: Fraction, read: Read, by_pace: Fraction, end: Fraction) -> Fraction | None:
        """Where the timeline, which has come to `end`, is at the source's instant `raw` by the source's own clock; None where that does
        not say, or not what can be. by_pace: where it is now by the pace of what came before."""
        told, reading = self.writer.clock, read()
        if told is None or told.kind != "source" or reading is None or not believed(reading.wall, datetime.now(UTC)):
            return None
        zero = datetime.fromisoformat(told.zero) + timedelta(seconds=told.moved_s)
        at = _since(zero, reading.at(raw))
        if reading.newest is not None:
            return at if abs(_since(zero, reading.newest) - by_pace) < LISTED else None
        return at if end <= at <= by_pace + SAME_JUMP else None

    def tick(self, now_s: float) -> None:
        """To be called several times a second, and whenever something came."""
        anchor, told = self._anchor, self.writer.clock
        if anchor is None or self._lost or (told is not None and told.kind == "arrival"):
            return
        reading = anchor.read()
        if told is None:
            if reading is not None or now_s >= anchor.until_s:
                self.writer.say(_decided(anchor, reading))
        elif reading is not None and believed(reading.wall, datetime.now(UTC)):
            self._tell(told, (_zero(anchor, reading) - datetime.fromisoformat(told.zero)).total_seconds())

    def came(self, at: Fraction, now_s: float) -> None:
        """A packet: where the source has no clock, that of its media is compared with ours."""
        late_s, told = now_s - float(at), self.writer.clock
        self._least_s = late_s if self._least_s is None else min(self._least_s, late_s)
        if told is None or told.kind == "source" or now_s - self._since_s < WINDOW_S:
            return
        if self._usual_s is None:
            self._usual_s = self._least_s - told.moved_s
        self._tell(told, self._least_s - self._usual_s)
        self._least_s, self._since_s = None, now_s

    def end(self) -> None:
        """There is no other session: what was not decided is now."""
        if self._anchor is not None and self.writer.clock is None:
            self.writer.say(_decided(self._anchor, self._anchor.read()))

    def _tell(self, told: ClockLine, moved_s: float) -> None:
        if abs(moved_s - told.moved_s) > MOVED_S:
            self.writer.say(replace(told, moved_s=round(moved_s, 3)))


def _decided(anchor: _Anchor, reading: ClockReading | None) -> ClockLine:
    arrival = ClockLine("arrival", utc(anchor.arrival_zero))
    if reading is None:
        return arrival
    if not believed(reading.wall, datetime.now(UTC)):
        return replace(arrival, why=f"its own clock says that it is {utc(reading.wall)}, which is not believed")
    return ClockLine("source", utc(_zero(anchor, reading)))


def _since(zero: datetime, instant: datetime) -> Fraction:
    return Fraction(round((instant - zero).total_seconds() * 1000), 1000)


def _zero(anchor: _Anchor, reading: ClockReading) -> datetime:
    """What the source's clock showed, or would have, at 0 of the timeline."""
    return reading.at(anchor.raw) - timedelta(microseconds=round(anchor.at * 1_000_000))
