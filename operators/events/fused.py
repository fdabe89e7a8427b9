"""Events that the fusion model finds: in what is seen, heard and said together."""

from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from operators.errors import ConfigError, ModelError
from operators.events.lifecycle import Detail, Kind, Lifecycle, seconds
from operators.events.parts import LONGEST_PART
from operators.facts import SeenText, Word
from operators.facts_json import fact_from_json, fact_to_json
from operators.moments import ORIGINS
from operators.protocols import Ask, Entry, FactsNeed, Item, Need, Output, State
from operators.records import Event
from operators.timeline import ZERO, Span, exact
from operators.windows import Fused, Kept, RowKind, Window

HOP = Fraction(5)
MARGIN = Fraction(12, 5)
"""A window tells of HOP seconds, and sees so many more before and after them: whole cells of scores."""
LABELS = ("strike", "alarm_unseen", "pointed_out", "read_aloud")
AFTER_TEXT = frozenset({"read_aloud"})
"""Labels that text on the screen decides. A line of text is a fact when it leaves the screen, or a part of it has stood LONGEST_PART."""


@dataclass(frozen=True, slots=True)
class FusedOptions:
    labels: tuple[str, ...] = LABELS
    """Of the model's labels, those that are said, here those that no single modality shows; all where none is named."""
    pause_s: float = 0.6
    """An event goes on over pauses up to this long."""
    frames_rate: int = 4
    frames_width: int = 128
    sound_rate: int = 5
    sound_width: int = 128
    """Of the rows that the lanes keep: how many a second, and how many numbers each."""

    def __post_init__(self) -> None:
        if self.pause_s < 0:
            raise ConfigError(f"pause_s is at least 0, not {self.pause_s}")


@dataclass(slots=True)
class _Reading:
    """One way through the stream: the prompt one tells of a stretch as soon as its margin is known; the late one once the text that stood
    there is known too."""

    late: bool
    told: Fraction = ZERO
    """Up to here."""

    def tells(self, label: str) -> bool:
        return (label in AFTER_TEXT) is self.late

    def next(self, known: Fraction, end: Fraction | None) -> Span | None:
        """What is to be told of next, if enough is known or the stream has ended."""
        if end is not None:
            return Span(self.told, min(self.told + HOP, end)) if self.told < end else None
        wait = MARGIN + (LONGEST_PART if self.late else ZERO)
        return Span(self.told, self.told + HOP) if self.told + HOP + wait <= known else None


class FusedDetector:
    """Says the events of the model "fusion", cell by cell of its scores, each label by the threshold that was found in training."""

    Options = FusedOptions
    origin = "narrate.fused"
    need: Need = FactsNeed(ORIGINS)
    models: tuple[str, ...] = ("fusion",)

    def __init__(self, options: FusedOptions, kept: Kept) -> None:
        self._labels, self._kept = options.labels, kept
        self._frames = RowKind("look.features", options.frames_rate, options.frames_width)
        self._sound = RowKind("listen.features", options.sound_rate, options.sound_width)
        self._life = Lifecycle(Kind(self.origin, "", "fused", urgency="Immediate", certainty="Likely", release=seconds(options.pause_s)))
        self._facts: list[Word | SeenText] = []
        both = (_Reading(late=False), _Reading(late=True))
        self._readings = [r for r in both if not options.labels or any(map(r.tells, options.labels))]
        self._known = ZERO
        """Everything that ends before is known."""
        self._end: Fraction | None = None

    def push(self, item: Item) -> list[Output | Ask]:
        if isinstance(item, Entry) and isinstance(item.value, Word | SeenText):
            self._facts.append(item.value)
        self._known = max(self._known, item.end)
        return self._go_on()

    def answer(self, ask: Ask, result: Any) -> list[Output | Ask]:
        reading, core = ask.tag
        said = self._off(reading, core) if isinstance(result, ModelError) else self._tell(ask.item, result, reading, core)
        reading.told = core.end
        return [*said, *self._go_on()]

    def finish(self, at: Fraction) -> list[Output | Ask]:
        self._known = self._end = max(self._known, at)
        return self._go_on()

    def hold(self) -> Fraction | None:
        pauses = self._life.hold()
        return self._told if pauses is None else min(self._told, pauses)

    def snapshot(self) -> tuple[Fraction | None, State]:
        state = {
            "life": self._life.snapshot(),
            "facts": [fact_to_json(f) for f in self._facts],
            "known": exact(self._known),
            "readings": [exact(r.told) for r in self._readings],
        }
        return None, state

    def restore(self, state: State) -> None:
        self._life.restore(state["life"])
        self._facts = [f for f in map(fact_from_json, state["facts"]) if isinstance(f, Word | SeenText)]
        self._known = Fraction(state["known"])
        for reading, told in zip(self._readings, state["readings"], strict=True):
            reading.told = Fraction(told)

    def refill(self, item: Item) -> None:
        raise AssertionError("facts are kept in the state: nothing is given again")

    @property
    def _told(self) -> Fraction:
        """Everything up to here."""
        return min(r.told for r in self._readings)

    def _go_on(self) -> list[Output | Ask]:
        """Ask about the next stretch of which enough is known; where there is nothing to tell of there is nothing to ask."""
        said: list[Output | Ask] = []
        for reading in self._readings:
            while (core := reading.next(self._known, self._end)) is not None:
                if window := self._window(reading, core):
                    return [*said, Ask("fusion", window, tag=(reading, core), blocking=True)]
                said += self._off(reading, core)
                reading.told = core.end
        return said if self._end is None else [*said, *self._life.finish(self._end)]

    def _window(self, reading: _Reading, core: Span) -> Window | None:
        """None where there is nothing that the model could tell of."""
        span = Span(max(ZERO, core.start - MARGIN), min(core.end + MARGIN, self._known))
        self._facts = [f for f in self._facts if f.end > self._told - MARGIN]
        inside = [f for f in self._facts if f.start < span.end and f.end > span.start]
        words, seen = tuple(f for f in inside if isinstance(f, Word)), tuple(f for f in inside if isinstance(f, SeenText))
        if reading.late and not (words and seen):
            return None
        frames, sound = (tuple(self._kept.rows(kind, span)) for kind in (self._frames, self._sound))
        return Window(span, core, frames, sound, words, seen, captions=False) if frames or sound or words or seen else None

    def _off(self, reading: _Reading, core: Span) -> list[Event]:
        return [e for label in self._life.keys if reading.tells(label) for e in self._life.off(core, label)]

    def _tell(self, window: Window, fused: Fused, reading: _Reading, core: Span) -> list[Event]:
        wanted = [n for n, label in enumerate(fused.labels) if reading.tells(label) and (label in self._labels or not self._labels)]
        said: list[Event] = []
        for cell, scores in enumerate(fused.scores):
            span = Span(window.span.start + Fraction(cell, fused.rate), window.span.start + Fraction(cell + 1, fused.rate))
            if (span.start + span.end) / 2 not in core:
                continue
            for n in wanted:
                label, score = fused.labels[n], float(scores[n])
                on = score > fused.thresholds[n]
                detail = Detail(label=label, source=fused.sources[n])
                said += self._life.on(span, score, detail, label) if on else self._life.off(span, label)
        return said
