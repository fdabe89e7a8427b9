"""Live words as one stream has them, on a clock that sound and computation share.

A packet comes when its sound has been spoken, and is worked on when all before it is done: the clock stands at the later of the two, and
goes on by what each call of a model takes here. So delays hold the computation of a stream that has a thread to itself, and nothing
has to wait for real time.
"""

import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

import numpy as np

from operators.facts import Word
from operators.protocols import Item
from operators.records import Partial, Transcript
from operators.speech.options import SpeechOptions
from operators.speech.vad import SileroVad
from operators.speech.words import SpeechTranscriber
from operators.timeline import ZERO
from pipeline.lane import HURRY
from pipeline.operator_run import Asked, OperatorRun

KINDS = ("partial", "stable", "transcript")


@dataclass(slots=True)
class LiveText:
    """What came of a stream."""

    text: list[str] = field(default_factory=list)
    """Of its transcripts."""
    delays_s: dict[str, list[float]] = field(default_factory=lambda: {kind: [] for kind in KINDS})
    """From the end of each word until it is shown, called stable, and told in a transcript."""
    words: int = 0
    """Of its transcripts."""
    erased: int = 0
    """Words that partials showed and took back."""

    @property
    def erasure(self) -> float:
        """Normalised: by the words of the transcripts."""
        return self.erased / max(1, self.words)

    def quantiles(self, kind: str) -> tuple[float, float]:
        """Median and 95th percentile, seconds."""
        median, p95 = np.quantile(self.delays_s[kind], (0.5, 0.95))
        return float(median), float(p95)


class LivePath:
    """Our live path on one recogniser, by a profile's options with `step_s`."""

    def __init__(self, recogniser: Any, options: SpeechOptions) -> None:
        self._options = options
        self._models = {"vad": SileroVad(), "speech": recogniser}
        self._models["vad"].open("cpu", 1)

    def __call__(self, items: Iterable[Item]) -> LiveText:
        self._now, self._found = 0.0, LiveText()
        self._newest = dict.fromkeys(KINDS, ZERO)
        run, end = OperatorRun(SpeechTranscriber(self._options), "listen"), ZERO
        for item in items:
            end = item.end
            self._now = max(self._now, float(end))
            self._settle(run, run.feed(item), end)
        self._settle(run, run.finish(end), end)
        return self._found

    def _settle(self, run: OperatorRun, asks: list[Asked], end: Fraction) -> None:
        while asks:
            asked = asks.pop(0)
            if asked.ask.optional and self._now - float(end) >= HURRY:
                asks += run.answer(asked, None)
                continue
            begun = time.perf_counter()
            [result] = self._models[asked.ask.model]([asked.ask.item])
            self._now += time.perf_counter() - begun
            asks += run.answer(asked, result)
            self._hear(run)
        self._hear(run)

    def _hear(self, run: OperatorRun) -> None:
        for output in run.take():
            if isinstance(output, Partial):
                self._found.erased += output.erased
                self._tell("partial", output.words)
                self._tell("stable", output.words[: output.stable])
            elif isinstance(output, Transcript):
                self._found.text.append(output.text)
                self._found.words += len(output.words)
                self._tell("transcript", output.words)

    def _tell(self, kind: str, words: Iterable[Word]) -> None:
        for word in words:
            if word.end > self._newest[kind]:
                self._newest[kind] = word.end
                self._found.delays_s[kind].append(self._now - float(word.end))
