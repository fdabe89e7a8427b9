"""Sudden motion: more of the picture moves than this scene is used to."""

from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np
import numpy.typing as npt

from operators.events.lifecycle import Box, Detail, Kind, Lifecycle, seconds
from operators.events.texture import Texture, novelty, texture
from operators.media import Frame
from operators.protocols import Ask, FramesNeed, Item, Need, Output, State
from operators.records import Gap
from operators.timeline import ZERO, Span, exact

MOVED = 5.0
"""Novelty of a cell's texture, in grey levels, that is motion."""
SWITCH = 24.0
"""Median change of the cells' levels that only the light of the whole scene makes; exposure that reacts to a white car makes up to 22."""
WHOLE = 0.6
EVERYWHERE, EVERYWHERE_SHARE = 0.9, 0.25
"""Where more than the share WHOLE of the cells moves, it is a cut or the camera; so it is where a quarter of them does, and these
are in nearly all rows and columns: plain walls show no motion."""
SETTLE = Fraction(3, 2)
"""After a cut or a switch of the light no motion is seen for so long: exposure settles."""
LEARN = Fraction(2)
"""So long a scene must have been seen before it can be told what it is used to."""
SLOW, SLOWER = 1 / 60, 1 / 240
"""By what part of the difference the scene's own level follows a look: at rest, and during an event."""


@dataclass(frozen=True, slots=True)
class MotionOptions:
    least_share: float = 0.03
    """Share of the picture that must move, above three times what the scene is used to."""
    shortest_s: float = 0.5
    pause_s: float = 1.5


class MotionDetector:
    """Says `sudden_motion` while clearly more of the picture moves than the scene's own recent level, with the box of what moves.

    A change of light, a day/night switch, a cut and a moving camera are no motion: light is told apart by texture (`texture.novelty`),
    the others by the share of the picture that they change.
    """

    Options = MotionOptions
    origin = "look.motion"
    need: Need = FramesNeed(4, 384)
    models: tuple[str, ...] = ()

    def __init__(self, options: MotionOptions = MotionOptions()) -> None:
        self._least = options.least_share
        confirm, release = seconds(options.shortest_s), seconds(options.pause_s)
        kind = Kind(self.origin, "sudden_motion", "picture", "Minor", "Immediate", "Observed", confirm, release)
        self._life = Lifecycle(kind)
        self._last: Texture | None = None
        self._last_start: Fraction | None = None
        self._usual = 0.0
        self._since: Fraction | None = None
        """Since when this scene is seen, undisturbed."""
        self._blind_until = ZERO

    def push(self, item: Item) -> list[Output | Ask]:
        if isinstance(item, Gap):
            self._last = self._last_start = self._since = None
            return [*self._life.gap(item)]
        if not isinstance(item, Frame):
            return []
        before, now = self._last, texture(item.picture.luma)
        self._last, self._last_start = now, item.start
        if self._since is None:
            self._since = item.at
        if before is None or before.level.shape != now.level.shape:
            return []
        return [*self._look(item, before, now)]

    def answer(self, ask: Ask, result: Any) -> list[Output | Ask]:
        return []

    def finish(self, at: Fraction) -> list[Output | Ask]:
        return [*self._life.finish(at)]

    def hold(self) -> Fraction | None:
        return self._life.hold()

    def snapshot(self) -> tuple[Fraction | None, State]:
        state = {
            "life": self._life.snapshot(),
            "usual": self._usual,
            "since": None if self._since is None else exact(self._since),
            "blind_until": exact(self._blind_until),
            "last": None if self._last_start is None else exact(self._last_start),
        }
        return self._last_start, state

    def restore(self, state: State) -> None:
        self._life.restore(state["life"])
        self._usual = state["usual"]
        self._since = None if state["since"] is None else Fraction(state["since"])
        self._blind_until = Fraction(state["blind_until"])
        self._last_start = None if state["last"] is None else Fraction(state["last"])

    def refill(self, item: Item) -> None:
        if isinstance(item, Frame):
            self._last = texture(item.picture.luma)

    def _look(self, item: Frame, before: Texture, now: Texture) -> list[Output | Ask]:
        span = Span(item.at, item.end)
        moving = novelty(before, now) > MOVED
        share = float(moving.mean())
        if np.median(np.abs(now.level - before.level)) > SWITCH or _is_whole(moving, share):
            self._blind_until, self._since = item.at + SETTLE, None
            return [*self._life.off(span)]
        if item.at < self._blind_until:
            return [*self._life.off(span)]
        if self._since is None or item.at - self._since < LEARN:
            self._usual += (share - self._usual) / 4
            return [*self._life.off(span)]
        lasts = self._life.lasts()
        floor = self._least + 3 * self._usual
        self._usual += (share - self._usual) * (SLOWER if lasts or share >= floor else SLOW)
        if share < (floor / 2 if lasts else floor):
            return [*self._life.off(span)]
        return [*self._life.on(span, share / (share + floor / 2), Detail(box=_box(moving)))]


def _is_whole(moving: npt.NDArray[np.bool_], share: float) -> bool:
    spread = min(float(moving.any(axis=0).mean()), float(moving.any(axis=1).mean()))
    return share > WHOLE or (share > EVERYWHERE_SHARE and spread > EVERYWHERE)


def _box(moving: npt.NDArray[np.bool_]) -> Box:
    """[x, y, w, h] in 0-1 around the cells that move."""
    rows, columns = np.flatnonzero(moving.any(axis=1)), np.flatnonzero(moving.any(axis=0))
    height, width = moving.shape
    return (
        float(columns[0] / width),
        float(rows[0] / height),
        float((columns[-1] + 1 - columns[0]) / width),
        float((rows[-1] + 1 - rows[0]) / height),
    )
