"""What recognisers of one language have in common: words written in pieces, sentences of words."""

from collections.abc import Sequence
from fractions import Fraction

from operators.sentences import ends_sentence, primary
from operators.speech.recognition import HeardWord

WORD_BEGINS = "▁"
"""SentencePiece's sign before the first piece of a word."""
SENTENCE_PAUSE = Fraction(1, 2)


def same_language(asked: str | None, known: str) -> bool:
    """Whether a recogniser of `known` (BCP 47) can be asked for this language; None: for whatever is spoken."""
    return asked is None or primary(asked) == primary(known)


def sentences(words: Sequence[HeardWord]) -> tuple[tuple[HeardWord, ...], ...]:
    """A sentence ends at its punctuation, or at a pause."""
    said: list[list[HeardWord]] = []
    for n, word in enumerate(words):
        if n == 0 or ends_sentence(words[n - 1].text) or word.start - words[n - 1].end >= SENTENCE_PAUSE:
            said.append([])
        said[-1].append(word)
    return tuple(map(tuple, said))
