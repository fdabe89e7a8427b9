"""The one life of an event, shared by all detectors: onset, start, updates, end.

A detector says `on` for each look in which it sees its sign and `off` for each in which it does not; what becomes a record, and
when, is decided here. A sign that lasts `confirm` becomes an event, said with its true onset; it goes on over pauses shorter than
`release`, and ends where the last pause began. While it lasts, an update is said every `UPDATE_EVERY` of media time, or
at once where the score rises clearly: no event is silent for longer than a lane's part of 30 s.
"""

from dataclasses import dataclass, field
from fractions import Fraction
from typing import Literal

import msgspec

from operators.protocols import State
from operators.records import Event, Evidence, Gap
from operators.timeline import ZERO, Span, exact

UPDATE_EVERY = Fraction(5)
CLEAR_RISE = 0.2
BRIDGE = Fraction(2)
"""A Gap up to this long is bridged; a longer one ends what goes on, at its start: nobody knows what happened in it."""

Source = Literal["audio", "picture", "text", "fused", "sensor"]
Box = tuple[float, float, float, float]


@dataclass(frozen=True, slots=True)
class Kind:
    """What all records of a detector's events have in common, and how long their sign must last."""

    origin: str
    label: str
    source: Source
    severity: Literal["Extreme", "Severe", "Moderate", "Minor", "Unknown"] = "Unknown"
    urgency: Literal["Immediate", "Expected", "Future", "Past", "Unknown"] = "Unknown"
    certainty: Literal["Observed", "Likely", "Possible", "Unlikely", "Unknown"] = "Observed"
    confirm: Fraction = ZERO
    release: Fraction = ZERO


@dataclass(frozen=True, slots=True)
class Detail:
    """What a record says beside the score, as of its latest look. label, source: where one detector has several; else its kind's."""

    text: str | None = None
    box: Box | None = None
    label: str | None = None
    evidence: tuple[Evidence, ...] = ()
    source: Source | None = None


PLAIN = Detail()


@dataclass(slots=True)
class _Life:
    onset: Fraction
    until: Fraction
    """End of the latest look that saw the sign."""
    score: float
    top: float
    detail: Detail
    event_id: str | None = None
    """None until the sign is confirmed."""
    off_at: Fraction | None = None
    """Where the pause began that goes on now."""
    said_at: Fraction = field(default=ZERO)
    said_score: float = 0.0


class Lifecycle:
    """The events of one detector, one at a time for each `key` (a detector of one thing leaves it ""). Looks come in media order."""

    def __init__(self, kind: Kind) -> None:
        self._kind = kind
        self._count = 0
        self._lives: dict[str, _Life] = {}

    def on(self, span: Span, score: float, detail: Detail = PLAIN, key: str = "") -> list[Event]:
        """The sign was seen over `span`; its first call sets the onset."""
        life = self._lives.get(key)
        if life is None:
            life = self._lives[key] = _Life(span.start, span.end, score, score, detail)
        life.until, life.score, life.top, life.off_at = max(life.until, span.end), score, max(life.top, score), None
        life.detail = detail
        if life.event_id is None:
            return self._begin(life, life.until) if life.until - life.onset >= self._kind.confirm else []
        if life.until - life.said_at >= UPDATE_EVERY or life.top - life.said_score >= CLEAR_RISE:
            return [self._say("update", life, life.until)]
        return []

    def off(self, span: Span, key: str = "") -> list[Event]:
        """The sign is absent from span.start on, and up to span.end as far as is known."""
        life = self._lives.get(key)
        if life is None:
            return []
        if life.event_id is None:
            return self._close(key, life, span.start)
        if life.off_at is None:
            life.off_at = span.start
        return self.end(key) if span.end - life.off_at >= self._kind.release else []

    def end(self, key: str = "") -> list[Event]:
        """What goes on under `key` ends where its pause began, or with its latest look."""
        life = self._lives.get(key)
        return self._close(key, life, life.until) if life else []

    def off_all(self, span: Span) -> list[Event]:
        """Nothing was seen of anything over `span`."""
        return [e for key in self.keys for e in self.off(span, key)]

    def end_all(self) -> list[Event]:
        return [e for key in self.keys for e in self.end(key)]

    def gap(self, gap: Gap) -> list[Event]:
        if gap.end - gap.start <= BRIDGE:
            return []
        return [e for key, life in list(self._lives.items()) for e in self._close(key, life, max(gap.start, life.until))]

    def finish(self, at: Fraction) -> list[Event]:
        return [e for key, life in list(self._lives.items()) for e in self._close(key, life, max(at, life.until))]

    def point(self, span: Span, score: float, detail: Detail = PLAIN) -> list[Event]:
        """An event that is over when it is noticed: its start and its end."""
        life = _Life(span.start, span.end, score, score, detail)
        return [*self._begin(life, span.end), self._say("end", life, span.end)]

    @property
    def keys(self) -> list[str]:
        """Under which something goes on, confirmed or not."""
        return list(self._lives)

    def lasts(self, key: str = "") -> bool:
        """Whether an event, confirmed, goes on under `key`."""
        life = self._lives.get(key)
        return life is not None and life.event_id is not None

    def paused(self, key: str = "") -> Fraction | None:
        """Where the pause began that what goes on under `key` is in."""
        life = self._lives.get(key)
        return life.off_at if life else None

    def hold(self) -> Fraction | None:
        """The least end of any record still to come: where the earliest pause began. None where no event pauses."""
        return min((life.off_at for life in self._lives.values() if life.off_at is not None), default=None)

    def snapshot(self) -> State:
        return {"count": self._count, "lives": [[key, msgspec.to_builtins(life, enc_hook=exact)] for key, life in self._lives.items()]}

    def restore(self, state: State) -> None:
        self._count = state["count"]
        self._lives = {key: msgspec.convert(life, _Life, dec_hook=_fraction) for key, life in state["lives"]}

    def _begin(self, life: _Life, noticed: Fraction) -> list[Event]:
        life.event_id = f"{self._kind.origin}-{self._count}"
        self._count += 1
        return [self._say("start", life, noticed)]

    def _close(self, key: str, life: _Life, at: Fraction) -> list[Event]:
        """A sign that was not confirmed by a look is confirmed by standing until `at`, or forgotten."""
        del self._lives[key]
        offset = at if life.off_at is None else life.off_at
        begun: list[Event] = []
        if life.event_id is None:
            if offset - life.onset < self._kind.confirm:
                return []
            begun = self._begin(life, offset)
        return [*begun, self._say("end", life, offset)]

    def _say(self, step: Literal["start", "update", "end"], life: _Life, end: Fraction) -> Event:
        assert life.event_id is not None
        life.said_at, life.said_score = end, life.top
        kind, detail = self._kind, life.detail
        return Event(
            life.onset, end, life.event_id, step, detail.label or kind.label, detail.source or kind.source, life.score, life.top,
            box=detail.box, text=detail.text, evidence=detail.evidence,
            severity=kind.severity, urgency=kind.urgency, certainty=kind.certainty,
        )  # fmt: skip


def _fraction(kind: type, value: str) -> Fraction:
    return Fraction(value)


def seconds(value: float) -> Fraction:
    """An option in seconds as an exact instant, to the millisecond."""
    return Fraction(round(value * 1000), 1000)
