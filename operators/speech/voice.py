"""The latest sound of a stream, and where somebody speaks in it loud enough to be written down."""

from collections.abc import Iterable
from fractions import Fraction
from typing import Any

from operators.facts import Speech
from operators.media import SOUND_RATE_HZ
from operators.speech.gate import Gate, Stretch
from operators.speech.packs import Sound


class Voice:
    """floor_dbfs: speech under this RMS level is passed over."""

    def __init__(self, gate: Gate, floor_dbfs: float) -> None:
        self._gate = gate
        self._floor_dbfs = floor_dbfs
        self.sound = Sound()

    @property
    def since(self) -> int | None:
        """Where the stretch that goes on began."""
        return self._gate.since

    def hear(self, at: int, probabilities: Iterable[float]) -> list[Stretch]:
        """The stretches that end in the windows from sample `at`."""
        return self._loud(self._gate.hear(at, probabilities))

    def split(self, at: int) -> list[Stretch]:
        """The part of the stretch that goes on up to sample `at`."""
        return self._loud([self._gate.split(at)])

    def close(self, at: int) -> list[Stretch]:
        """The sound ends at sample `at`."""
        return self._loud(self._gate.close(at))

    def loud(self, start: int, end: int) -> bool:
        return self.sound.level_dbfs((start, end)) >= self._floor_dbfs

    def clear(self) -> None:
        """What comes next does not adjoin."""
        self.sound = Sound()

    def snapshot(self) -> list[Any] | None:
        return self._gate.snapshot()

    def restore(self, state: list[Any] | None) -> None:
        self._gate.restore(state)

    def _loud(self, stretches: list[Stretch]) -> list[Stretch]:
        return [s for s in stretches if self.loud(s.start, s.end)]


def speech(stretch: Stretch) -> Speech:
    return Speech(Fraction(stretch.start, SOUND_RATE_HZ), Fraction(stretch.end, SOUND_RATE_HZ), stretch.score)
