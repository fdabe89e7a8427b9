"""Aligned tokens of Whisper to words, with their punctuation, in sentences: alike for all engines."""

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import accumulate
from typing import Any

import numpy as np
import numpy.typing as npt

from operators.speech.recognition import HeardWord
from operators.speech.whisper_text import TOKEN_RATE, Sentence, spoken

PREPEND, APPEND = "\"'“¿([{-", "\"'.。,，!！?？:：”)]}、"
"""Signs that are written to the next word, and to the one before."""
LONGEST_AFTER_PAUSE = 2
"""A first word that seems this many times as long as the others has the pause before it in it."""


@dataclass(frozen=True, slots=True)
class Alignment:
    """When the tokens of a text were said."""

    begins: npt.NDArray[np.int64]
    """[tokens + 1], in 1/TOKEN_RATE s of the window: where each token begins, and where the last one ends."""
    probabilities: npt.NDArray[np.float32]
    """[tokens], 0-1."""


def sentences_of_words(said: Sequence[Sentence], aligned: Alignment, text: Any, start: int) -> tuple[tuple[HeardWord, ...], ...]:
    """The words of each sentence. `text`: faster-whisper's tokenizer; `start`: of the window, in 1/TOKEN_RATE s of its item."""
    words = _join(text, [token for sentence in said for token in sentence.tokens], aligned)
    heard = []
    for sentence in said:
        count = len(sentence.tokens)
        mine = []
        while words and count > 0:
            mine.append(words.pop(0))
            count -= len(mine[-1]["tokens"])
        heard.append(spoken(_word(w, start) for w in _without_pause(mine)))
    return tuple(words for words in heard if words)


def _join(text: Any, tokens: list[int], aligned: Alignment) -> list[dict[str, Any]]:
    """Tokens to words with their punctuation, times in 1/TOKEN_RATE s of the window."""
    from faster_whisper.transcribe import merge_punctuations

    words, parts = text.split_to_word_tokens([*tokens, text.eot])
    borders = [0, *accumulate(len(part) for part in parts[:-1])]
    timed = [
        {
            "word": word,
            "tokens": part,
            "start": int(aligned.begins[a]),
            "end": int(aligned.begins[b]),
            "probability": float(aligned.probabilities[a:b].mean()),
        }
        for word, part, a, b in zip(words, parts, borders, borders[1:], strict=False)
    ]
    merge_punctuations(timed, PREPEND, APPEND)
    return [w for w in timed if w["word"]]


def _without_pause(words: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The alignment gives the pause before a sentence to its first word."""
    lengths = [w["end"] - w["start"] for w in words if w["end"] > w["start"]]
    if lengths:
        first, longest = words[0], int(LONGEST_AFTER_PAUSE * float(np.median(lengths)))
        first["start"] = max(first["start"], first["end"] - longest)
    return words


def _word(word: dict[str, Any], start: int) -> HeardWord:
    begin, end = (Fraction(start + word[key], TOKEN_RATE) for key in ("start", "end"))
    return HeardWord(begin, end, word["word"], min(1.0, word["probability"]))
