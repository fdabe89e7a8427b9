"""Sound cut for a model that hears 10 s at once: a window every 5 s, placed by media time."""

from collections import deque
from dataclasses import dataclass, field
from fractions import Fraction

import numpy as np

from operators.media import PACKET_RATE, Pcm, Samples
from operators.protocols import Item, State
from operators.records import Gap
from operators.timeline import Span, exact

HOP = 50
"""Packets from one window to the next: each tells of the 5 s in its middle."""
MARGIN = 25
"""Packets that a window has before and after these."""


@dataclass(frozen=True, slots=True)
class Window:
    span: Span
    """What the window tells of: a cell of the grid of 5 s, or as much of it as was heard."""
    core: Pcm = field(repr=False)
    """The sound of `span`."""
    pcm: Pcm = field(repr=False)
    """The sound of `span` and up to 2.5 s before and after it, without a hole: at most 10 s."""


class WindowCutter:
    """Packets to windows. Holds what a window still needs; says where that begins, for a restart."""

    def __init__(self) -> None:
        self._packets: deque[Samples] = deque()
        self._needs_from: Fraction | None = None
        self._cell = 0
        """The cell of 5 s that is to be told of next."""

    def push(self, item: Item) -> list[Window]:
        if isinstance(item, Gap):
            return self.break_off()
        if not isinstance(item, Samples):
            return []
        windows = [] if self._packets and item.index == self._packets[-1].index + 1 else self.break_off()
        if not self._packets:
            self._cell = item.index // HOP
        self._packets.append(item)
        while item.index + 1 >= (self._cell + 1) * HOP + MARGIN:
            windows += self._cut()
        self._needs_from = self._packets[0].start
        return windows

    def break_off(self) -> list[Window]:
        """The sound ends or has a hole here: the windows of what was heard up to it."""
        windows: list[Window] = []
        while self._packets and self._cell * HOP <= self._packets[-1].index:
            windows += self._cut()
        self._packets.clear()
        self._needs_from = None
        return windows

    def hold(self) -> Fraction | None:
        """No window still to come tells of anything before this instant."""
        return None if self._needs_from is None else Fraction(self._cell * HOP, PACKET_RATE)

    def snapshot(self) -> tuple[Fraction | None, State]:
        return self._needs_from, {"cell": self._cell, "from": None if self._needs_from is None else exact(self._needs_from)}

    def restore(self, state: State) -> None:
        self._cell = state["cell"]
        self._needs_from = None if state["from"] is None else Fraction(state["from"])

    def refill(self, item: Item) -> None:
        if isinstance(item, Samples):
            self._packets.append(item)

    def _cut(self) -> list[Window]:
        first = self._cell * HOP
        core = [p for p in self._packets if first <= p.index < first + HOP]
        around = [p.pcm for p in self._packets if first - MARGIN <= p.index < first + HOP + MARGIN]
        self._cell += 1
        while self._packets and self._packets[0].index < self._cell * HOP - MARGIN and len(self._packets) > 1:
            self._packets.popleft()
        span = Span(core[0].start, core[-1].end)
        return [Window(span, np.concatenate([p.pcm for p in core]), np.concatenate(around))]
