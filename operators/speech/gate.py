"""Voice probabilities to stretches of speech: a state machine with two thresholds, counted in samples."""

from collections.abc import Iterable
from dataclasses import astuple, dataclass
from typing import Any

from operators.speech.vad import WINDOW_SAMPLES


@dataclass(frozen=True, slots=True)
class Stretch:
    """Somebody speaks in the samples [start, end) of the stream. score: mean voice probability, 0-1."""

    start: int
    end: int
    score: float


@dataclass(slots=True)
class _Open:
    start: int
    total: float = 0.0
    """Sum of the probabilities since the start, and of how many windows; the same up to where the voice was last heard."""
    windows: int = 0
    quiet_from: int | None = None
    voiced_total: float = 0.0
    voiced_windows: int = 0
    part: bool = False
    """It goes on from a stretch that was split."""


class Gate:
    """Opens at `threshold`, closes once the probability was under `end_threshold` and not back at `threshold` for `min_silence`; the
    stretch ends where that began. One of less than `min_speech`, or with a mean under `end_threshold`, is passed over. After
    Silero VAD's `get_speech_timestamps`."""

    def __init__(self, threshold: float, end_threshold: float, min_silence: int, min_speech: int) -> None:
        self._threshold, self._end_threshold = threshold, end_threshold
        self._min_silence, self._min_speech = min_silence, min_speech
        self._open: _Open | None = None

    @property
    def since(self) -> int | None:
        """Where the stretch that goes on began."""
        return self._open.start if self._open else None

    def hear(self, at: int, probabilities: Iterable[float]) -> list[Stretch]:
        """The stretches that end in the windows of WINDOW_SAMPLES from sample `at`."""
        stretches = []
        for n, probability in enumerate(probabilities):
            stretches += self._window(at + n * WINDOW_SAMPLES, float(probability))
        return stretches

    def close(self, at: int) -> list[Stretch]:
        """The sound ends at sample `at`."""
        going, self._open = self._open, None
        if going is None:
            return []
        if going.quiet_from is None:
            going.voiced_total, going.voiced_windows = going.total, going.windows
        end = at if going.quiet_from is None else min(at, going.quiet_from)
        score = going.voiced_total / going.voiced_windows
        heard = end > going.start if going.part else end - going.start >= self._min_speech and score >= self._end_threshold
        return [Stretch(going.start, end, score)] if heard else []

    def split(self, at: int) -> Stretch:
        """Say the first part of the stretch that goes on, up to sample `at` inside it; the rest goes on from there."""
        assert self._open is not None
        going = self._open
        score = going.total / going.windows
        quiet_from = None if going.quiet_from is None else max(at, going.quiet_from)
        self._open = _Open(at, score, 1, quiet_from, score, 1, part=True)
        return Stretch(going.start, at, score)

    def snapshot(self) -> list[Any] | None:
        return list(astuple(self._open)) if self._open else None

    def restore(self, state: list[Any] | None) -> None:
        self._open = None if state is None else _Open(*state)

    def _window(self, start: int, probability: float) -> list[Stretch]:
        if self._open is None and probability >= self._threshold:
            self._open = _Open(start)
        going = self._open
        if going is None:
            return []
        if probability >= self._threshold:
            going.quiet_from = None
        elif probability < self._end_threshold and going.quiet_from is None:
            going.quiet_from = start
            going.voiced_total, going.voiced_windows = going.total, going.windows
        going.total += probability
        going.windows += 1
        end = start + WINDOW_SAMPLES
        return self.close(end) if going.quiet_from is not None and end - going.quiet_from >= self._min_silence else []
