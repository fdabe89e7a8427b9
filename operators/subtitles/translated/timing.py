"""The words of a translation at the times of its sentence: clause by clause where both have them, by their letters in between."""

from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction
from itertools import accumulate, pairwise

from operators.facts import Word
from operators.sentences import Translation
from operators.subtitles.breaks import COMMA, cost
from operators.subtitles.cues import HESITATION
from operators.subtitles.formats.cue import Cue
from operators.subtitles.retiming.text import tokens_of
from operators.subtitles.spreading import over
from operators.subtitles.translated.collecting import Said

NEAR = Fraction(3, 10)
"""Clauses end at the same place where that is at most so far apart, as shares of the letters of both."""


def timed(said: Said, translation: Translation, language: str) -> list[Word]:
    """The translation's words, in order, within the time of the sentence; none ends before its first word does."""
    texts = [token.text for token in tokens_of([Cue(0, 0, (translation.text,))], language)]
    words: list[Word] = []
    for (i, a), (j, b) in pairwise([(0, 0), *_anchors(said.words, texts, said.language, language), (len(said.words), len(texts))]):
        spans = over([len(text) for text in texts[a:b]], said.words[i:j])
        words += [
            Word(span.start, span.end, text, translation.confidence, language, str(said.number))
            for text, span in zip(texts[a:b], spans, strict=True)
        ]
    # What was said to be known so far is known: a cue of these words may not end before.
    first = min(w.end for w in said.words)
    return [replace(w, end=max(w.end, first)) for w in words]


def _anchors(heard: Sequence[Word], texts: Sequence[str], language: str, into: str) -> list[tuple[int, int]]:
    """Pairs of places (words before, translated words before) at which a clause of the translation ends and, near enough, one of the
    sentence, or somebody pauses."""
    sources = _places([w.text for w in heard], language, [b.start - a.end for a, b in pairwise(heard)])
    anchors: list[tuple[int, int]] = []
    for target, share in _places(texts, into, [Fraction(0)] * (len(texts) - 1)).items():
        free = {n: abs(s - share) for n, s in sources.items() if not anchors or n > anchors[-1][0]}
        nearest = min(free, key=lambda n: free[n], default=None)
        if nearest is not None and free[nearest] <= NEAR:
            anchors.append((nearest, target))
    return anchors


def _places(texts: Sequence[str], language: str, pauses: Sequence[Fraction]) -> dict[int, Fraction]:
    """Words before each end of a clause or pause, and the share of the letters that they have."""
    letters = list(accumulate(len(text) for text in texts))
    return {
        n: Fraction(letters[n - 1], letters[-1])
        for n, ((a, b), pause) in enumerate(zip(pairwise(texts), pauses, strict=True), 1)
        if pause >= HESITATION or cost(a, b, language, False) <= COMMA
    }
