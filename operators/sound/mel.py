"""Log-mel features: the sound's spectrum, half a second a row."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from operators.acoustics import log_mel_windows
from operators.cells import CellOperator
from operators.facts import Features
from operators.media import Pcm, Samples
from operators.protocols import Ask, Output

RATE = 2


@dataclass(frozen=True, slots=True)
class LogMelOptions:
    """Nothing to choose: rows of one profile can be compared with those of any other."""


class LogMelFeatures(CellOperator):
    """Packets to `Features` of 64 numbers, two rows a second.

    Each is the mean, over the windows of 25 ms every 10 ms that lie wholly in the half second, of log10 of the power in a mel band
    (0 to 8 kHz, HTK's scale, triangles of height 1), over 5, plus 1: 1 at full scale, 0 at -50 dBFS, never below -1. A cell
    that is heard in part gives a row of that part; one that is not heard at all gives none.
    """

    Options = LogMelOptions
    rate = RATE

    def __init__(self, options: LogMelOptions = LogMelOptions()) -> None:
        super().__init__()

    def tell(self, number: int, packets: Sequence[Samples]) -> list[Output | Ask]:
        return [Features(number, RATE, log_mel(np.concatenate([p.pcm for p in packets])))]


def log_mel(pcm: Pcm) -> npt.NDArray[np.float32]:
    """float32 [64] of a stretch of sound, as `LogMelFeatures` says; one below 25 ms is filled up with silence."""
    return np.asarray(log_mel_windows(pcm).mean(axis=0), dtype=np.float32)
