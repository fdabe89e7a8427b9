"""Sound to features by the fusion model's own ears: 200 ms a row."""

from collections import deque
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np

from operators.errors import ModelError
from operators.facts import Features
from operators.fusion.clip import SOUND_RATE
from operators.fusion.mel import CELL_SAMPLES, patches
from operators.media import PACKET_RATE, PACKET_SAMPLES, Samples
from operators.protocols import Ask, Item, Need, Output, SamplesNeed, State
from operators.timeline import exact

PACKETS = PACKET_RATE // SOUND_RATE


@dataclass(frozen=True, slots=True)
class FusionSoundOptions:
    """Nothing to choose: the model was trained so."""


class FusionSound:
    """Packets to `Features` of the model "fusion". A cell that is heard in part is filled up with silence."""

    Options = FusionSoundOptions
    origin = "listen.features"
    need: Need = SamplesNeed()
    models: tuple[str, ...] = ("fusion",)

    def __init__(self, options: FusionSoundOptions = FusionSoundOptions()) -> None:
        self._packets: deque[Samples] = deque()
        self._needs_from: Fraction | None = None

    def push(self, item: Item) -> list[Output | Ask]:
        if not isinstance(item, Samples):
            return []
        asks = self._ask() if self._packets and item.index // PACKETS != self._cell() else []
        self.refill(item)
        self._needs_from = self._packets[0].start
        return [*asks, *(self._ask() if item.index % PACKETS == PACKETS - 1 else [])]

    def answer(self, ask: Ask, result: Any) -> list[Output | Ask]:
        return [] if isinstance(result, ModelError) else [Features(ask.tag, SOUND_RATE, result)]

    def finish(self, at: Fraction) -> list[Output | Ask]:
        return [*self._ask()]

    def hold(self) -> Fraction | None:
        return None

    def snapshot(self) -> tuple[Fraction | None, State]:
        return self._needs_from, {"from": None if self._needs_from is None else exact(self._needs_from)}

    def restore(self, state: State) -> None:
        self._needs_from = None if state["from"] is None else Fraction(state["from"])

    def refill(self, item: Item) -> None:
        if isinstance(item, Samples):
            self._packets.append(item)

    def _cell(self) -> int:
        return self._packets[-1].index // PACKETS

    def _ask(self) -> list[Ask]:
        """For the row of the cell that is being heard, which is over."""
        if not self._packets:
            return []
        number = self._cell()
        patch = row(number, list(self._packets))
        self._packets.clear()
        self._needs_from = None
        return [Ask("fusion", patch, tag=number)]


def row(number: int, packets: list[Samples]) -> np.ndarray:
    """uint8 [SOUND_STEPS, SOUND_BANDS] of the packets of one cell of sound; what is missing is silence."""
    pcm = np.zeros(CELL_SAMPLES, np.float32)
    for packet in packets:
        first = (packet.index - number * PACKETS) * PACKET_SAMPLES
        pcm[first : first + len(packet.pcm)] = packet.pcm
    return np.asarray(patches(pcm)[0])
