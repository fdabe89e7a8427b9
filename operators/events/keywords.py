"""Keywords spoken."""

from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from operators.events.lifecycle import Detail, Kind, Lifecycle
from operators.events.parts import breaks_off
from operators.events.phrases import Phrase, phrases, tokens
from operators.facts import Word
from operators.protocols import Ask, Entry, FactsNeed, Item, Need, Output, State
from operators.records import Event, Evidence
from operators.timeline import Span, exact

PAUSE = Fraction(3)
"""The words of a phrase are said with no longer pause between them."""


@dataclass(frozen=True, slots=True)
class KeywordOptions:
    keywords: tuple[str, ...] = ()
    """Words or phrases; none: nothing is looked for."""


@dataclass(frozen=True, slots=True)
class _Token:
    text: str
    start: Fraction
    end: Fraction
    confidence: float


class KeywordSpotter:
    """Says `keyword`, a point event with the keyword as its text, each time one is spoken: as whole words, whatever case, accents and
    punctuation, across the borders of segments. The score is the least confidence of its words."""

    Options = KeywordOptions
    origin = "narrate.keywords"
    need: Need = FactsNeed(frozenset({"listen.words"}))
    models: tuple[str, ...] = ()

    def __init__(self, options: KeywordOptions = KeywordOptions()) -> None:
        self._phrases = phrases(options.keywords)
        self._longest = max((len(p.tokens) for p in self._phrases), default=0)
        self._life = Lifecycle(Kind(self.origin, "keyword", "audio", urgency="Immediate", certainty="Likely"))
        self._tokens: list[_Token] = []
        """The last words, as many as the longest phrase has before its last."""

    def push(self, item: Item) -> list[Output | Ask]:
        if breaks_off(item, "listen"):
            self._tokens.clear()
        if not isinstance(item, Entry) or not isinstance(item.value, Word) or not self._phrases:
            return []
        return [*self._hear(item.value)]

    def answer(self, ask: Ask, result: Any) -> list[Output | Ask]:
        return []

    def finish(self, at: Fraction) -> list[Output | Ask]:
        return []

    def hold(self) -> Fraction | None:
        return None

    def snapshot(self) -> tuple[Fraction | None, State]:
        kept = [[t.text, exact(t.start), exact(t.end), t.confidence] for t in self._tokens]
        return None, {"life": self._life.snapshot(), "tokens": kept}

    def restore(self, state: State) -> None:
        self._life.restore(state["life"])
        self._tokens = [_Token(text, Fraction(start), Fraction(end), sure) for text, start, end, sure in state["tokens"]]

    def refill(self, item: Item) -> None:
        pass

    def _hear(self, word: Word) -> list[Event]:
        events: list[Event] = []
        if self._tokens and word.start - self._tokens[-1].end > PAUSE:
            self._tokens.clear()
        for text in tokens(word.text):
            self._tokens.append(_Token(text, word.start, word.end, word.confidence))
            for phrase in self._phrases:
                events += self._match(phrase)
            del self._tokens[: max(0, len(self._tokens) - self._longest + 1)]
        return events

    def _match(self, phrase: Phrase) -> list[Event]:
        said = self._tokens[-len(phrase.tokens) :]
        if tuple(t.text for t in said) != phrase.tokens:
            return []
        span = Span(said[0].start, max(said[0].start, said[-1].end))
        evidence = (Evidence("transcript", span.start),)
        return self._life.point(span, min(t.confidence for t in said), Detail(phrase.text, evidence=evidence))
