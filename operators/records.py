"""What the pipeline says, and its wire form: flat JSON by the schemas in `operators/schemas/`, integer milliseconds.

An operator makes records without identity; the log of its lane stamps them (stream, generation, origin, sequence). Records
hold exact instants; `to_wire` rounds them, once.
"""

from dataclasses import dataclass, fields
from datetime import datetime, timedelta
from fractions import Fraction
from typing import Any, ClassVar, Literal, TypeAlias

from operators.facts import Word
from operators.timeline import to_ms

Wire: TypeAlias = dict[str, Any]

GAP_REASONS = (
    "source_down", "recorder_restart", "spool_evicted", "node_lost",
    "decode_error", "model_error", "dropped_overload", "discontinuity", "record_rejected",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Evidence:
    """What a caption or an event rests on: media by reference and hash, never bytes."""

    type: Literal["still", "transcript", "text", "sound"]
    at: Fraction
    uri: str | None = None
    sha256: str | None = None

    def to_wire(self) -> Wire:
        return {"type": self.type, "uri": self.uri, "sha256": self.sha256, "at_ms": to_ms(self.at)}


@dataclass(frozen=True, slots=True)
class Transcript:
    """One segment of recognised speech. `words` may be empty only when a recogniser gives none."""

    type: ClassVar[str] = "transcript"
    start: Fraction
    end: Fraction
    segment_id: str
    text: str
    language: str
    """BCP 47."""
    words: tuple[Word, ...] = ()
    speaker: str | None = None
    channel: int | None = None
    degraded: str | None = None


@dataclass(frozen=True, slots=True)
class Partial:
    """Words of a live stream that may still change: what is heard of a segment while it is spoken. No record: it is told at once and never
    again. The transcript with the same `segment_id` takes its place, as does each Partial of it with a higher `revision`."""

    type: ClassVar[str] = "partial"
    start: Fraction
    end: Fraction
    segment_id: str
    revision: int
    """Grows within a segment, by more than one at times."""
    text: str
    """Empty: nothing is left of what was shown."""
    language: str
    """BCP 47."""
    words: tuple[Word, ...]
    stable: int
    """So many words at the beginning do not change any more."""
    erased: int
    """Words that the partial before showed and that are not in this one, as they were written."""
    speaker: str | None = None
    channel: int | None = None


@dataclass(frozen=True, slots=True)
class Caption:
    type: ClassVar[str] = "caption"
    start: Fraction
    end: Fraction
    kind: Literal["subtitle", "sdh", "description", "summary"]
    text: str
    lines: tuple[str, ...]
    language: str
    confidence: float
    cue_id: str
    speaker: str | None = None
    revision: int = 0
    violations: tuple[str, ...] = ()
    """Style rules that this cue breaks because nothing else was possible."""
    reasons: tuple[str, ...] = ()
    """Of each of them: why, for people to read."""
    evidence: tuple[Evidence, ...] = ()
    degraded: str | None = None
    speakers: tuple[str, ...] = ()
    """Who says each line, where more than one speaks; `speaker` is None then."""
    colours: tuple[str, ...] = ()
    """In which each line is to be shown, where the style tells speakers by colours: white | yellow | cyan | lime."""


@dataclass(frozen=True, slots=True)
class Event:
    """One word of an event's life. `start` is its onset in all of them; `end` is the instant up to which it is known:
    when it was noticed (lifecycle start), the latest look at it (update), its offset (end)."""

    type: ClassVar[str] = "event"
    start: Fraction
    end: Fraction
    event_id: str
    """The same in all records of one event, unique in its stream and generation."""
    lifecycle: Literal["start", "update", "end"]
    label: str
    source: Literal["audio", "picture", "text", "fused", "sensor"]
    score: float
    """0-1, of the latest stretch; `top_score` is the highest so far."""
    top_score: float
    box: tuple[float, float, float, float] | None = None
    zone: str | None = None
    text: str | None = None
    severity: Literal["Extreme", "Severe", "Moderate", "Minor", "Unknown"] = "Unknown"
    urgency: Literal["Immediate", "Expected", "Future", "Past", "Unknown"] = "Unknown"
    certainty: Literal["Observed", "Likely", "Possible", "Unlikely", "Unknown"] = "Observed"
    evidence: tuple[Evidence, ...] = ()
    degraded: str | None = None


@dataclass(frozen=True, slots=True)
class Gap:
    """A stretch that a lane did not analyse, and why. Also an item: operators are told of it in its place."""

    type: ClassVar[str] = "gap"
    start: Fraction
    end: Fraction
    lane: str
    reason: str
    detail: str | None = None

    def __post_init__(self) -> None:
        if self.reason not in GAP_REASONS:
            raise ValueError(f"unknown gap reason {self.reason!r}; one of {', '.join(GAP_REASONS)}")


@dataclass(frozen=True, slots=True)
class End:
    """Closes a lane: nothing follows in this generation. `start` and `end` are both the lane's last position."""

    type: ClassVar[str] = "end"
    start: Fraction
    end: Fraction
    lane: str
    source: str | None
    """Which reader read the media, and why not the other; None for `narrate` and for a track that is not there."""
    duration_ms: int
    counts: dict[str, int]
    """Records said, by origin."""


Record: TypeAlias = Transcript | Caption | Event | Gap | End
RECORDS: dict[str, type[Record]] = {r.type: r for r in (Transcript, Caption, Event, Gap, End)}


@dataclass(frozen=True, slots=True)
class Model:
    """A model that had a part in a record."""

    role: str
    name: str
    revision: str | None = None


@dataclass(frozen=True, slots=True)
class Clock:
    """The wall clock of a live stream."""

    kind: Literal["source", "arrival"]
    """Whether the stream itself says what time it is, or only its arrival is known."""
    zero: str
    """What it shows at 0 on the stream's timeline: RFC 3339, UTC."""

    @property
    def zero_time(self) -> datetime:
        return datetime.fromisoformat(self.zero)

    def at(self, milliseconds: int) -> str:
        """RFC 3339, UTC."""
        instant = self.zero_time + timedelta(milliseconds=milliseconds)
        return instant.isoformat(timespec="milliseconds").replace("+00:00", "Z")


@dataclass(frozen=True, slots=True)
class Identity:
    """The deterministic name of a final record; an origin counts 0, 1, 2, … without hole."""

    stream_id: str
    generation: int
    origin: str
    sequence: int


def to_wire(
    record: Record | Partial, identity: Identity, produced_at: str, models: tuple[Model, ...] = (), clock: Clock | None = None
) -> Wire:
    """The record as JSON-ready flat dict: what logs hold, views show and Kafka ships. `produced_at` is RFC 3339, UTC."""
    start_ms, end_ms = to_ms(record.start), to_ms(record.end)
    wire: Wire = {
        "schema": f"capstream.{record.type}.v1",
        "type": record.type,
        "stream_id": identity.stream_id,
        "generation": identity.generation,
        "origin": identity.origin,
        "sequence": identity.sequence,
        "start_ms": start_ms,
        "end_ms": end_ms,
        "start_time": clock and clock.at(start_ms),
        "end_time": clock and clock.at(end_ms),
        "clock": clock and clock.kind,
        "produced_at": produced_at,
        "models": [{"role": m.role, "name": m.name, "revision": m.revision} for m in models],
    }
    for f in fields(record):
        if f.name not in ("start", "end"):
            wire[f.name] = _plain(getattr(record, f.name))
    return wire


def partial_to_wire(partial: Partial, identity: Identity, produced_at: str, models: tuple[Model, ...], clock: Clock | None) -> Wire:
    """As `to_wire`; a partial has no sequence, and says of each word whether it is `stable`."""
    wire = to_wire(partial, identity, produced_at, models, clock)
    del wire["sequence"]
    wire["words"] = [{**word, "stable": n < partial.stable} for n, word in enumerate(wire["words"])]
    wire["stable"] = partial.stable
    return wire


def _plain(value: Any) -> Any:
    if isinstance(value, Word):
        return {
            "text": value.text,
            "start_ms": to_ms(value.start),
            "end_ms": to_ms(value.end),
            "confidence": round(value.confidence, 4),
        }
    if isinstance(value, Evidence):
        return value.to_wire()
    if isinstance(value, tuple):
        return [_plain(v) for v in value]
    if isinstance(value, float):
        return round(value, 4)
    return value
