"""Frames to features by the fusion model's own eyes: each picture beside the one before it."""

from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from operators.errors import ModelError
from operators.facts import Features
from operators.fusion.pictures import small
from operators.media import Frame, Pixels
from operators.protocols import Ask, FramesNeed, Item, Need, Output, State
from operators.timeline import exact

RATE = 4


@dataclass(frozen=True, slots=True)
class FusionFramesOptions:
    """Nothing to choose: the model was trained so."""


@dataclass(frozen=True, slots=True)
class Glance:
    """A picture and the one before it. uint8 [FRAME_HEIGHT, FRAME_WIDTH, 3]; None where there is none before."""

    picture: Pixels
    before: Pixels | None
    seconds: float
    """From one to the other, between the middles of their cells."""


class FusionFrames:
    """Frames to `Features` of the model "fusion"."""

    Options = FusionFramesOptions
    origin = "look.features"
    need: Need = FramesNeed(RATE, 160)
    models: tuple[str, ...] = ("fusion",)

    def __init__(self, options: FusionFramesOptions = FusionFramesOptions()) -> None:
        self._before: Pixels | None = None
        self._cell: Fraction | None = None
        """Start of the latest picture's cell."""

    def push(self, item: Item) -> list[Output | Ask]:
        if not isinstance(item, Frame):
            self._before = self._cell = None
            return []
        before, cell = self._before, self._cell
        self.refill(item)
        seconds = 0.0 if cell is None else float(item.start - cell)
        assert self._before is not None
        return [Ask("fusion", Glance(self._before, before, seconds), tag=(item.index, item.rate))]

    def answer(self, ask: Ask, result: Any) -> list[Output | Ask]:
        index, rate = ask.tag
        return [] if isinstance(result, ModelError) else [Features(index, rate, result)]

    def finish(self, at: Fraction) -> list[Output | Ask]:
        return []

    def hold(self) -> Fraction | None:
        return None

    def snapshot(self) -> tuple[Fraction | None, State]:
        return self._cell, {"cell": None if self._cell is None else exact(self._cell)}

    def restore(self, state: State) -> None:
        self._cell = None if state["cell"] is None else Fraction(state["cell"])

    def refill(self, item: Item) -> None:
        if isinstance(item, Frame):
            self._before, self._cell = small(item.picture.pixels), item.start
