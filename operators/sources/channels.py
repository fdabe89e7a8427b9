"""Whether channels that are to be kept apart are apart."""

from fractions import Fraction

import numpy as np

from operators.errors import CapstreamError
from operators.media import Samples, StreamInfo
from operators.protocols import Source
from operators.timeline import ZERO, Span

HEARD = Fraction(60)
"""So much of the sound is listened to."""
ALIKE = 1e-4
"""Channels whose difference has less than this share of their energy (-40 dB) are the same sound: a lossy codec makes some."""


def are_alike(source: Source, info: StreamInfo) -> bool:
    """Whether all channels that are kept apart hold the same sound (dual mono), over the first minute of what is not silent.

    False where that can not be told.
    """
    energy, difference = 0.0, 0.0
    try:
        for item in source.samples(info, Span(ZERO, HEARD)):
            if isinstance(item, Samples) and item.channels is not None:
                energy += float(np.square(item.channels, dtype=np.float64).mean())
                difference += float(np.square(item.channels - item.channels[:1], dtype=np.float64).mean())
    except CapstreamError:
        return False
    return energy > 0 and difference < ALIKE * energy
