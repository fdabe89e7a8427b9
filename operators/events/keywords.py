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
    """Says `keyword`, a point event with the keyword as its text, each time one is spoken: as whole words of one speaker, whatever case,
    accents and punctuation, across the borders of segments. The score is the least confidence of its words."""

    Options = KeywordOptions
    origin = "narrate.keywords"
    need: Need = FactsNeed(frozenset({"listen.words"}))
    models: tuple[str, ...] = ()

    def __init__(self, options: KeywordOptions = KeywordOptions()) -> None:
        self._phrases = phrases(options.keywords)
        self._longest = max((len(p.tokens) for p in self._phrases), default=0)
        self._life = Lifecycle(Kind(self.origin, "keyword", "audio", urgency="Immediate", certainty="Likely"))
        self._tokens: dict[str | None, list[_Token]] = {}
        """The last words of each speaker, as many as the longest phrase has before its last."""

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
        kept = [[who, [[t.text, exact(t.start), exact(t.end), t.confidence] for t in said]] for who, said in self._tokens.items()]
        return None, {"life": self._life.snapshot(), "tokens": kept}

    def restore(self, state: State) -> None:
        self._life.restore(state["life"])
        for who, said in state["tokens"]:
            self._tokens[who] = [_Token(text, Fraction(start), Fraction(end), sure) for text, start, end, sure in said]

    def refill(self, item: Item) -> None:
        pass

    def _hear(self, word: Word) -> list[Event]:
        events: list[Event] = []
        self._tokens = {who: said for who, said in self._tokens.items() if said and word.start - said[-1].end <= PAUSE}
        spoken = self._tokens.setdefault(word.speaker, [])
        for text in tokens(word.text):
            spoken.append(_Token(text, word.start, word.end, word.confidence))
            for phrase in self._phrases:
                events += self._match(phrase, spoken)
            del spoken[: max(0, len(spoken) - self._longest + 1)]
        return events

    def _match(self, phrase: Phrase, spoken: list[_Token]) -> list[Event]:
        said = spoken[-len(phrase.tokens) :]
        if tuple(t.text for t in said) != phrase.tokens:
            return []
        span = Span(said[0].start, max(said[0].start, said[-1].end))
        evidence = (Evidence("transcript", span.start),)
        return self._life.point(span, min(t.confidence for t in said), Detail(phrase.text, evidence=evidence))
