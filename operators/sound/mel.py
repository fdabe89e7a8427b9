"""Log-mel features: the sound's spectrum, half a second a row."""

from collections import deque
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np
import numpy.typing as npt

from operators.acoustics import log_mel_windows
from operators.facts import Features
from operators.media import PACKET_RATE, Pcm, Samples
from operators.protocols import Ask, Item, Need, Output, SamplesNeed, State
from operators.records import Gap
from operators.timeline import exact

RATE = 2
PACKETS = PACKET_RATE // RATE


@dataclass(frozen=True, slots=True)
class LogMelOptions:
    """Nothing to choose: rows of one profile can be compared with those of any other."""


class LogMelFeatures:
    """Packets to `Features` of 64 numbers, two rows a second.

    Each is the mean, over the windows of 25 ms every 10 ms that lie wholly in the half second, of log10 of the power in a mel band
    (0 to 8 kHz, HTK's scale, triangles of height 1), over 5, plus 1: 1 at full scale, 0 at -50 dBFS, never below -1. A cell
    that is heard in part gives a row of that part; one that is not heard at all gives none.
    """

    Options = LogMelOptions
    origin = "listen.features"
    need: Need = SamplesNeed()
    models: tuple[str, ...] = ()

    def __init__(self, options: LogMelOptions = LogMelOptions()) -> None:
        self._packets: deque[Samples] = deque()
        self._needs_from: Fraction | None = None

    def push(self, item: Item) -> list[Output | Ask]:
        if isinstance(item, Gap):
            goes_on = self._packets and item.end < Fraction(self._cell() + 1, RATE)
            return [] if goes_on else [*self._row()]
        if not isinstance(item, Samples):
            return []
        rows = self._row() if self._packets and item.index // PACKETS != self._cell() else []
        self.refill(item)
        self._needs_from = self._packets[0].start
        return [*rows, *(self._row() if item.index % PACKETS == PACKETS - 1 else [])]

    def answer(self, ask: Ask, result: Any) -> list[Output | Ask]:
        raise AssertionError("listen.features asks nothing in this form")

    def finish(self, at: Fraction) -> list[Output | Ask]:
        return [*self._row()]

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

    def _row(self) -> list[Features]:
        """The row of the cell that is being heard, which is over."""
        if not self._packets:
            return []
        cell, pcm = self._cell(), np.concatenate([p.pcm for p in self._packets])
        self._packets.clear()
        self._needs_from = None
        return [Features(cell, RATE, log_mel(pcm))]


def log_mel(pcm: Pcm) -> npt.NDArray[np.float32]:
    """float32 [64] of a stretch of sound, as `LogMelFeatures` says; one below 25 ms is filled up with silence."""
    return np.asarray(log_mel_windows(pcm).mean(axis=0), dtype=np.float32)
