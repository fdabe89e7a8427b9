"""How the recorder of a live source watches it: on the monotonic clock, by the progress of packets, never by exit codes."""

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from fractions import Fraction
from statistics import median

from operators.timeline import ZERO


@dataclass(frozen=True, slots=True)
class SpoolOptions:
    stall_s: float = 10.0
    """A source that gives no packet for so long is connected to anew."""
    answer_s: float = 5.0
    """One that gives nothing at all from the beginning, sooner."""
    silent_s: float = 10.0
    """A track of which nothing comes for so long, while the other goes on, is stated to be missing."""
    longest_stall_s: float = 900.0
    """What `stall_s` may grow to for a source that stalls again and again: it has pictures that seldom."""
    backoff_s: float = 0.5
    longest_backoff_s: float = 10.0
    give_up_s: float | None = None
    """The recorder ends when its source has been down for so long; None: never."""
    segment_s: float = 2.0
    max_bytes: int = 4 << 30
    """Of the spool; beyond it, and `max_age_s`, the oldest segments are deleted."""
    max_age_s: float = 6 * 3600.0


USUAL = SpoolOptions()


@dataclass(slots=True)
class StallWatch:
    """When a silent source counts as stalled. `patience`: how many times `stall_s` a source of this kind may take; `probing_s`: how long
    its receiver listens before it passes on anything."""

    options: SpoolOptions
    patience: int = 1
    probing_s: float = 0.0
    _limit_s: float = 0.0
    _started_s: float = 0.0
    _seen_s: float | None = None
    _answered_s: float | None = None
    _longest_s: float = 0.0

    def start(self, now_s: float) -> None:
        """A receiver was started."""
        if self._seen_s is not None:
            self._adapt(now_s)
        self._started_s, self._seen_s, self._answered_s = now_s, None, None
        self._limit_s = max(self._limit_s, self.options.stall_s * self.patience)

    def bytes_came(self, now_s: float) -> None:
        if self._answered_s is None:
            self._answered_s = now_s

    def packet_came(self, now_s: float) -> None:
        if self._seen_s is not None:
            self._longest_s = max(self._longest_s, now_s - self._seen_s)
        self._seen_s = now_s

    def stalled(self, now_s: float) -> bool:
        if self._seen_s is not None:
            return now_s - self._seen_s > self._limit_s
        if self._answered_s is not None:
            return now_s - self._answered_s > self._limit_s
        return now_s - self._started_s > self.options.answer_s * self.patience + self.probing_s

    def _adapt(self, now_s: float) -> None:
        """Longer for a source that stalled soon after it was connected to; as at first for one that gave media all along."""
        assert self._seen_s is not None
        usual_s = max(self.options.stall_s * self.patience, min(3 * self._longest_s, self.options.longest_stall_s))
        lived_s = self._seen_s - self._started_s
        soon = lived_s < usual_s and now_s - self._seen_s > self._limit_s
        self._limit_s = min(2 * self._limit_s, self.options.longest_stall_s) if soon else usual_s


@dataclass(slots=True)
class Backoff:
    """Pauses between connections: longer each time, and never the same for two recorders."""

    options: SpoolOptions
    chance: Callable[[], float] = random.random
    _tries: int = 0

    def next_s(self) -> float:
        longest = min(self.options.longest_backoff_s, self.options.backoff_s * 2.0**self._tries)
        self._tries = min(self._tries + 1, 16)
        return longest * (0.5 + self.chance() / 2)

    def reset(self) -> None:
        self._tries = 0


@dataclass(slots=True)
class MissingParts:
    """Tells a stretch in which nothing comes in parts, each twice as long as the one before: those who read along follow the clock."""

    told: Fraction
    """Up to here everything is told."""
    next: Fraction
    longest: Fraction = Fraction(600)

    def due(self, at: Fraction) -> tuple[Fraction, Fraction] | None:
        """The next part, once the timeline has come to `at`; asked until None."""
        if at - self.told < self.next:
            return None
        part = self.told, self.told + self.next
        self.told, self.next = part[1], min(2 * self.next, self.longest)
        return part

    def rest(self, at: Fraction) -> tuple[Fraction, Fraction] | None:
        """The last part, where media goes on at `at`."""
        part = self.told, max(at, self.told)
        self.told = part[1]
        return part if part[0] < part[1] else None


@dataclass(slots=True)
class Pace:
    """Where the timeline is by the monotonic clock: as far behind it as the first packets of bursts usually came in the last two minutes.

    Bursts (the segments of a playlist) are in every CHUNK_S, so the longest lag of each tells of them; a moment in which this machine had
    no time for its recorder is in few, so the median does not.
    """

    CHUNK_S = 10.0
    CHUNKS = 12
    _longest: list[float] = field(default_factory=list)
    """Lag of the latest packet of each chunk, the newest chunk last."""
    _since_s: float = 0.0
    _begun_s: float | None = None

    def begins(self, at: Fraction, now_s: float) -> None:
        """A session begins. It says where the timeline is until packets have told it better."""
        self._begun_s = now_s - float(at)

    def came(self, at: Fraction, now_s: float) -> None:
        lag = now_s - float(at)
        if not self._longest or now_s - self._since_s > self.CHUNK_S:
            self._longest, self._since_s = [*self._longest[1 - self.CHUNKS :], lag], now_s
        self._longest[-1] = max(self._longest[-1], lag)

    def at(self, now_s: float) -> Fraction:
        """Milliseconds; ZERO before anything began."""
        # The last packet of a sender that went comes with the first of the next: the chunk it is in is not over.
        over = self._longest[:-1] or self._longest
        lag = median(over) if over else self._begun_s
        return ZERO if lag is None else Fraction(round(1000 * (now_s - lag)), 1000)
