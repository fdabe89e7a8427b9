"""Sound to features by the fusion model's own ears: 200 ms a row."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from operators.cells import CellOperator
from operators.errors import ModelError
from operators.facts import Features
from operators.fusion.clip import SOUND_RATE
from operators.fusion.mel import CELL_SAMPLES, patches
from operators.media import PACKET_RATE, PACKET_SAMPLES, Samples
from operators.protocols import Ask, Output


@dataclass(frozen=True, slots=True)
class FusionSoundOptions:
    """Nothing to choose: the model was trained so."""


class FusionSound(CellOperator):
    """Packets to `Features` of the model "fusion". A cell that is heard in part is filled up with silence."""

    Options = FusionSoundOptions
    models = ("fusion",)
    rate = SOUND_RATE

    def __init__(self, options: FusionSoundOptions = FusionSoundOptions()) -> None:
        super().__init__()

    def tell(self, number: int, packets: Sequence[Samples]) -> list[Output | Ask]:
        return [Ask("fusion", row(number, packets), tag=number)]

    def answer(self, ask: Ask, result: Any) -> list[Output | Ask]:
        return [] if isinstance(result, ModelError) else [Features(ask.tag, SOUND_RATE, result)]


def row(number: int, packets: Sequence[Samples]) -> np.ndarray:
    """uint8 [SOUND_STEPS, SOUND_BANDS] of the packets of one cell of sound; what is missing is silence."""
    pcm = np.zeros(CELL_SAMPLES, np.float32)
    for packet in packets:
        first = (packet.index - number * (PACKET_RATE // SOUND_RATE)) * PACKET_SAMPLES
        pcm[first : first + len(packet.pcm)] = packet.pcm
    return np.asarray(patches(pcm)[0])
