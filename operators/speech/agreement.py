"""Which of the words that are heard again and again are certain: local agreement, a state machine without weights."""

import unicodedata
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import takewhile
from typing import Any

from operators.speech.recognition import HeardWord
from operators.timeline import exact


class Agreement:
    """LocalAgreement-2 (Liu, Spanakis, Niehues 2020; for Whisper: Macháček, Dabre, Bojar 2023): a word is confirmed once two hypotheses
    in a row have it in the same place. What was confirmed stays, whatever a later hypothesis makes of it: each is laid against the
    confirmed words by their letters, and by their times where the letters leave a choice.

    Times are those of the stream.
    """

    def __init__(self) -> None:
        self.kept: list[HeardWord] = []
        """Confirmed words whose sound may be heard again."""
        self.tail: list[HeardWord] = []
        """What the latest hypothesis has beyond them."""

    def hear(self, words: Sequence[HeardWord]) -> "Heard":
        """A hypothesis of the sound from the first kept word on. What agrees is confirmed as the newer one writes it."""
        new = list(words[_already(self.kept, words) :])
        agreed = _alike(self.tail, new, bare)
        erased = len(self.tail) - _alike(self.tail, new, lambda text: text)
        self.kept += new[:agreed]
        self.tail = new[agreed:]
        return Heard(tuple(new[:agreed]), erased)

    def close(self, words: Sequence[HeardWord] | None = None) -> "Heard":
        """The last hypothesis, or None where that was heard already: nothing follows that could change it."""
        new = self.tail if words is None else list(words[_already(self.kept, words) :])
        erased = len(self.tail) - _alike(self.tail, new, lambda text: text)
        self.kept, self.tail = [], []
        return Heard(tuple(new), erased)

    def forget(self, before: Fraction) -> None:
        """The sound before this instant is not heard again."""
        self.kept = self.kept[bisect_left(self.kept, True, key=lambda w: w.end > before) :]

    def snapshot(self) -> dict[str, Any]:
        return {"kept": [word_to_json(w) for w in self.kept], "tail": [word_to_json(w) for w in self.tail]}

    def restore(self, state: dict[str, Any]) -> None:
        self.kept, self.tail = ([word_from_json(w) for w in state[name]] for name in ("kept", "tail"))


@dataclass(frozen=True, slots=True)
class Heard:
    confirmed: tuple[HeardWord, ...]
    erased: int
    """Words of the hypothesis before that are not, as they were written, in this one."""


def bare(text: str) -> str:
    """What of a word's writing two hypotheses must agree on: its letters, their marks and digits, where it has any."""
    return "".join(c for c in text.casefold() if unicodedata.category(c)[0] in "LMN") or text.strip()


def word_to_json(word: HeardWord) -> list[Any]:
    return [exact(word.start), exact(word.end), word.text, word.confidence]


def word_from_json(data: list[Any]) -> HeardWord:
    return HeardWord(Fraction(data[0]), Fraction(data[1]), data[2], data[3])


def _alike(a: Sequence[HeardWord], b: Sequence[HeardWord], written: Any) -> int:
    """How many words at the beginning are the same in both."""
    return sum(1 for _ in takewhile(lambda pair: written(pair[0].text) == written(pair[1].text), zip(a, b, strict=False)))


def _already(kept: Sequence[HeardWord], words: Sequence[HeardWord]) -> int:
    """How many words at the beginning of a hypothesis are what was confirmed: the beginning with the least edit distance to it, and of
    several the one that ends when that ends."""
    if not kept:
        return 0
    texts = [bare(w.text) for w in words]
    distances = list(range(len(texts) + 1))
    for n, word in enumerate((bare(w.text) for w in kept), 1):
        before, distances[0] = distances[0], n
        for m, text in enumerate(texts, 1):
            before, distances[m] = distances[m], min(before + (text != word), distances[m] + 1, distances[m - 1] + 1)
    ends = [words[0].start if words else kept[-1].end, *(w.end for w in words)]
    return min(range(len(ends)), key=lambda n: (distances[n], abs(ends[n] - kept[-1].end)))
