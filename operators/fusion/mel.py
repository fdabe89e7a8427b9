"""Sound as the fusion model hears it: patches of log-mel, 200 ms each."""

import numpy as np
import numpy.typing as npt

from operators.acoustics import log_mel_windows
from operators.fusion.clip import SOUND_BANDS, SOUND_RATE, SOUND_STEPS
from operators.media import SOUND_RATE_HZ, Pcm

CELL_SAMPLES = SOUND_RATE_HZ // SOUND_RATE
LOWEST, RANGE = -1.0, 2.2
"""Of log10 of a band's power over 5, plus 1: from digital silence to just above full scale."""


def patches(pcm: Pcm) -> npt.NDArray[np.uint8]:
    """uint8 [cells, SOUND_STEPS, SOUND_BANDS] of sound that begins with a cell; a last cell that is not whole is filled up with silence."""
    cells = -(-len(pcm) // CELL_SAMPLES)
    whole = np.zeros(cells * CELL_SAMPLES, np.float32)
    whole[: len(pcm)] = pcm
    heard = [log_mel_windows(cell)[:SOUND_STEPS] for cell in whole.reshape(cells, CELL_SAMPLES)]
    return quantised(np.array(heard, np.float32).reshape(cells, SOUND_STEPS, SOUND_BANDS))


def quantised(mel: npt.NDArray[np.float32]) -> npt.NDArray[np.uint8]:
    """In steps of 0.43 dB; the network's inverse is `/ 255`."""
    return np.asarray(np.clip((mel - LOWEST) / RANGE * 255, 0, 255).round(), np.uint8)
