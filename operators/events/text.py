"""Text on the screen, and keywords in it."""

from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from operators.events.lifecycle import Detail, Kind, Lifecycle, seconds
from operators.events.parts import LONGEST_PART, PACE, breaks_off
from operators.events.phrases import contains, phrases, tokens
from operators.facts import SeenText
from operators.protocols import Ask, Entry, FactsNeed, Item, Need, Output, State
from operators.records import Event, Evidence
from operators.timeline import Span


@dataclass(frozen=True, slots=True)
class TextOptions:
    keywords: tuple[str, ...] = ()
    """Words or phrases that are looked for in the text, as `narrate.keywords` does in speech."""
    least_confidence: float = 0.6
    pause_s: float = 1.0
    """The same line, gone for no longer, is the same text: it is read once a shot."""


class TextWatcher:
    """Says `text_on_screen`, or `keyword_on_screen` where it holds a keyword, for each line of text while it can be read, with the line and
    its box. Lines that last come in parts of at most 30 s, so an end is said once no part can go on where the line was last seen.
    """

    Options = TextOptions
    origin = "narrate.text"
    need: Need = FactsNeed(PACE | {"look.text"})
    models: tuple[str, ...] = ()

    def __init__(self, options: TextOptions = TextOptions()) -> None:
        self._least, self._pause = options.least_confidence, seconds(options.pause_s)
        self._phrases = phrases(options.keywords)
        kind = Kind(self.origin, "text_on_screen", "text", urgency="Immediate", release=LONGEST_PART + self._pause)
        self._lines = Lifecycle(kind)

    def push(self, item: Item) -> list[Output | Ask]:
        if breaks_off(item, "look"):
            return [*self._lines.end_all()]
        if not isinstance(item, Entry):
            return []
        passed = self._lines.off_all(Span(item.end, item.end))
        return [*passed, *(self._see(item.value) if isinstance(item.value, SeenText) else [])]

    def answer(self, ask: Ask, result: Any) -> list[Output | Ask]:
        return []

    def finish(self, at: Fraction) -> list[Output | Ask]:
        return [*self._lines.finish(at)]

    def hold(self) -> Fraction | None:
        return self._lines.hold()

    def snapshot(self) -> tuple[Fraction | None, State]:
        return None, self._lines.snapshot()

    def restore(self, state: State) -> None:
        self._lines.restore(state)

    def refill(self, item: Item) -> None:
        pass

    def _see(self, seen: SeenText) -> list[Event]:
        words = tokens(seen.text)
        if seen.confidence < self._least or not words:
            return []
        key = " ".join(words)
        paused = self._lines.paused(key)
        ended = self._lines.end(key) if paused is not None and seen.start - paused > self._pause else []
        label = "keyword_on_screen" if any(contains(words, p) for p in self._phrases) else None
        detail = Detail(seen.text, seen.box, label, (Evidence("text", seen.start),))
        said = self._lines.on(Span(seen.start, seen.end), seen.confidence, detail, key)
        # Whether it stays is not known until its next part: as far as is known it is gone here.
        return [*ended, *said, *self._lines.off(Span(seen.end, seen.end), key)]
