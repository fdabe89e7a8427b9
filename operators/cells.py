"""Operators that make one thing of each cell of sound."""

from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Sequence
from fractions import Fraction
from typing import Any

from operators.media import PACKET_RATE, Samples
from operators.protocols import Ask, Item, Need, Output, SamplesNeed, State
from operators.records import Gap
from operators.timeline import exact


class CellOperator(ABC):
    """Puts packets together to the cells of a grid of `rate` a second. Told is a cell that is over, none that is not heard at all."""

    origin = "listen.features"
    need: Need = SamplesNeed()
    models: tuple[str, ...] = ()
    rate: int

    def __init__(self) -> None:
        self._size = PACKET_RATE // self.rate
        self._packets: deque[Samples] = deque()
        self._needs_from: Fraction | None = None

    @abstractmethod
    def tell(self, number: int, packets: Sequence[Samples]) -> list[Output | Ask]:
        """What is said of a cell: its number and its packets, of which some may be missing."""

    def push(self, item: Item) -> list[Output | Ask]:
        if isinstance(item, Gap):
            goes_on = self._packets and item.end < Fraction(self._cell() + 1, self.rate)
            return [] if goes_on else self._over()
        if not isinstance(item, Samples):
            return []
        told = self._over() if self._packets and item.index // self._size != self._cell() else []
        self.refill(item)
        self._needs_from = self._packets[0].start
        return [*told, *(self._over() if item.index % self._size == self._size - 1 else [])]

    def answer(self, ask: Ask, result: Any) -> list[Output | Ask]:
        raise AssertionError(f"{self.origin} asks nothing in this form")

    def finish(self, at: Fraction) -> list[Output | Ask]:
        return self._over()

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
        return self._packets[-1].index // self._size

    def _over(self) -> list[Output | Ask]:
        """Of the cell that is being heard, which is over."""
        if not self._packets:
            return []
        told = self.tell(self._cell(), list(self._packets))
        self._packets.clear()
        self._needs_from = None
        return told
