"""English by PocketSphinx (https://github.com/cmusphinx/pocketsphinx): its model is inside its package. Poor words, nothing fetched."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np

from operators.errors import ModelError, ModelUnavailable
from operators.media import SOUND_RATE_HZ
from operators.sentences import primary
from operators.speech.recognition import HeardWord, Recognition, SpeechItem

FRAME_RATE = 100
PAUSE_FRAMES = 50
"""A sentence ends at a pause of this length: the recogniser knows no punctuation."""
PRONUNCIATION = re.compile(r"\(\d+\)$")


@dataclass(frozen=True, slots=True)
class PocketsphinxOptions:
    """Nothing to choose: the package carries one model."""


class PocketsphinxRecogniser:
    """A BatchOperator: SpeechItem -> Recognition. Words in lower case without punctuation; confidences are posterior probabilities."""

    Options = PocketsphinxOptions
    languages = frozenset({"en"})

    def __init__(self, options: PocketsphinxOptions = PocketsphinxOptions()) -> None:
        self.options = options
        self._decoder: Any = None

    def open(self, device: str, threads: int) -> None:
        """Always on one thread of the CPU. Raises ModelUnavailable."""
        import pocketsphinx

        try:
            self._decoder = pocketsphinx.Decoder(samprate=float(SOUND_RATE_HZ), loglevel="FATAL")
        except RuntimeError as e:
            raise ModelUnavailable(f"pocketsphinx can not open the model in its package: {e}; install pocketsphinx again") from e

    def __call__(self, items: Sequence[SpeechItem]) -> list[Recognition | Exception]:
        return [self._recognise(item) for item in items]

    def close(self) -> None:
        self._decoder = None

    def _recognise(self, item: SpeechItem) -> Recognition | Exception:
        if item.language and primary(item.language) != "en":
            return ModelError(f"pocketsphinx knows English only, not {item.language!r}")
        try:
            self._decoder.reinit_feat()  # forgets the noise and loudness of the item before
            self._decoder.start_utt()
            self._decoder.process_raw((np.clip(item.pcm, -1, 1) * 32767).astype("<i2").tobytes(), no_search=False, full_utt=True)
            self._decoder.end_utt()
            return Recognition("en", _sentences(self._decoder.seg() or (), Fraction(len(item.pcm), SOUND_RATE_HZ)))
        except RuntimeError as e:
            return ModelError(f"pocketsphinx failed on this item: {e}")


def _sentences(heard: Iterable[Any], end: Fraction) -> tuple[tuple[HeardWord, ...], ...]:
    """Decoder segments (words, and silence and noise in <> or []) to sentences of words."""
    sentences: list[list[HeardWord]] = [[]]
    for s in heard:
        first, last = (min(Fraction(frame, FRAME_RATE), end) for frame in (s.start_frame, s.end_frame + 1))
        if s.word[0] not in "<[":
            sentences[-1].append(HeardWord(first, last, " " + PRONUNCIATION.sub("", s.word), min(1.0, max(0.0, float(s.prob)))))
        elif s.end_frame + 1 - s.start_frame >= PAUSE_FRAMES:
            sentences.append([])
    return tuple(tuple(words) for words in sentences if words)
