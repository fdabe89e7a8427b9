"""How a running stream stands, and what is measured of it."""

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from fractions import Fraction

from operators.records import Caption, Clock, Gap, Partial, Record, Transcript
from operators.timeline import ZERO
from pipeline.lane import Lane
from pipeline.plan import LaneName, StreamProgress
from pipeline.telemetry import Histogram, StreamStats


@dataclass(slots=True)
class StreamStatus:
    """What can be seen of a running stream from outside."""

    stream_id: str
    state: str = "waiting"
    duration: Fraction | None = None
    latest: str | None = None
    lanes: dict[str, Lane] = field(default_factory=dict)
    seen: StreamProgress | None = None
    """What a process elsewhere that runs the stream said last."""

    clock: Clock | None = None
    """By which a live stream is late."""
    stats: StreamStats = field(default_factory=StreamStats)
    newest: dict[str, Fraction] = field(default_factory=dict)
    """End of the last word that a partial showed ("partial"), and called stable ("stable")."""
    restarts: int = 0
    error: str | None = None

    def progress(self) -> StreamProgress:
        if self.seen is not None:
            return replace(self.seen, state=self.state, restarts=self.restarts, error=self.error)
        readers = [lane for name, lane in self.lanes.items() if name != "narrate"]
        reading = [lane.position for lane in readers if not lane.done]
        position = min(reading) if reading else max((lane.position for lane in readers), default=ZERO)
        lag = self._since(position) if reading else None
        self.stats.waiting = {name: lane.waiting for name, lane in self.lanes.items()}
        return StreamProgress(self.stream_id, self.state, position, self.duration, self.latest, lag, self.stats, self.restarts, self.error)

    def note(self, lane: LaneName, said: list[Record]) -> None:
        """The records of a commit."""
        for record in said:
            if isinstance(record, Caption | Transcript):
                self.latest = record.text
            if isinstance(record, Gap):
                key = (record.lane, record.reason)
                self.stats.gap_s[key] = self.stats.gap_s.get(key, 0.0) + float(record.end - record.start)
            if isinstance(record, Transcript):
                self.stats.words += len(record.words)
            self.stats.records[f"{lane}.{record.type}"] += 1
            self._observe(record.type, record.end)

    def show(self, partial: Partial) -> None:
        self.latest = partial.text or self.latest
        self.stats.erased += partial.erased
        for name, count in (("partial", len(partial.words)), ("stable", partial.stable)):
            if count and (end := partial.words[count - 1].end) > self.newest.get(name, ZERO):
                self.newest[name] = end
                self._observe(name, end)

    def _observe(self, name: str, end: Fraction) -> None:
        behind = self._since(end)
        if behind is not None:
            self.stats.latency.setdefault(name, Histogram()).observe(behind)

    def _since(self, instant: Fraction) -> float | None:
        """Seconds by the clock since an instant of the live stream."""
        return None if self.clock is None else (datetime.now(UTC) - self.clock.zero_time).total_seconds() - float(instant)
