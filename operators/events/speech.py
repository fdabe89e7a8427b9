"""Speech presence: somebody speaks, from the stretches that the voice-activity gate heard."""

from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from operators.events.lifecycle import Kind, Lifecycle, seconds
from operators.events.parts import LONGEST_PART, PACE, breaks_off
from operators.facts import Speech
from operators.protocols import Ask, Entry, FactsNeed, Item, Need, Output, State
from operators.records import Event
from operators.timeline import Span


@dataclass(frozen=True, slots=True)
class SpeechOptions:
    pause_s: float = 1.0
    """Speech goes on over pauses up to this long."""
    least_score: float = 0.5


class SpeechPresence:
    """Says `speech` from the first word after a pause to the last one before the next; the score is the gate's mean voice probability.

    Facts tell of speech once it has been heard, in parts of at most 30 s: the end is said with the next stretch after a pause, or
    once 30 s more of facts have come and none can go on where it ended.
    """

    Options = SpeechOptions
    origin = "narrate.speech"
    need: Need = FactsNeed(PACE | {"listen.words"})
    models: tuple[str, ...] = ()

    def __init__(self, options: SpeechOptions = SpeechOptions()) -> None:
        self._pause, self._least = seconds(options.pause_s), options.least_score
        kind = Kind(self.origin, "speech", "audio", urgency="Immediate", certainty="Likely", release=LONGEST_PART + self._pause)
        self._life = Lifecycle(kind)

    def push(self, item: Item) -> list[Output | Ask]:
        if breaks_off(item, "listen"):
            return [*self._life.end()]
        if not isinstance(item, Entry):
            return []
        passed = self._life.off_all(Span(item.end, item.end))
        heard = item.value
        return [*passed, *(self._hear(heard) if isinstance(heard, Speech) and heard.score >= self._least else [])]

    def answer(self, ask: Ask, result: Any) -> list[Output | Ask]:
        return []

    def finish(self, at: Fraction) -> list[Output | Ask]:
        return [*self._life.finish(at)]

    def hold(self) -> Fraction | None:
        return self._life.hold()

    def snapshot(self) -> tuple[Fraction | None, State]:
        return None, self._life.snapshot()

    def restore(self, state: State) -> None:
        self._life.restore(state)

    def refill(self, item: Item) -> None:
        pass

    def _hear(self, speech: Speech) -> list[Event]:
        paused = self._life.paused()
        ended = self._life.end() if paused is not None and speech.start - paused > self._pause else []
        said = self._life.on(Span(speech.start, speech.end), speech.score)
        # Whether it goes on is not known until the next fact: as far as is known it pauses here.
        return [*ended, *said, *self._life.off(Span(speech.end, speech.end))]
