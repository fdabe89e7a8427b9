"""The light of a scene changes: switched on or off, day to night, colour to infrared."""

from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np

from operators.events.lifecycle import Kind, Lifecycle
from operators.events.texture import Grid, Texture, texture
from operators.media import Frame
from operators.protocols import Ask, FramesNeed, Item, Need, Output, State
from operators.records import Event, Gap
from operators.timeline import Span, exact

STEP = 12.0
"""Median change of the cells' levels between two looks with which a change may begin, and by which the light must differ in the end."""
CALM = 2.0
DARKEST = 12.0
"""Mean luma below which no scene is seen: what comes out of black, or goes there, is a fade."""
SETTLED = Fraction(1)
"""The light has settled once it was calm for so long; and so long it must have been steady before it changes."""
STALE = Fraction(3)
"""Where the light drifts all along, a look this old is no longer what it was before."""
LONGEST = Fraction(6)
"""A change that takes longer is no switch."""


@dataclass(frozen=True, slots=True)
class LightOptions:
    alike: float = 0.5
    """Least correlation of the structure before and after: below it, it is another scene."""


class LightDetector:
    """Says `lighting_change`, from the first look at which the light of the whole scene was another to the one at which it had settled,
    where the scene is still the same. A flash, an exposure that reacts and comes back, a cut and a fade to another scene are none.
    It is said 1 s after its end.
    """

    Options = LightOptions
    origin = "look.light"
    need: Need = FramesNeed(4, 384)
    models: tuple[str, ...] = ()

    def __init__(self, options: LightOptions = LightOptions()) -> None:
        self._alike = options.alike
        self._life = Lifecycle(Kind(self.origin, "lighting_change", "picture", "Minor", "Immediate", "Observed"))
        self._last: Texture | None = None
        self._before: Texture | None = None
        """The last look in which the light was calm."""
        self._needs_from: Fraction | None = None
        """Where that look is read again."""
        self._steady_since: Fraction | None = None
        self._onset: Fraction | None = None
        self._calm_since: Fraction | None = None

    def push(self, item: Item) -> list[Output | Ask]:
        if isinstance(item, Gap):
            self._last = self._before = self._needs_from = self._steady_since = self._onset = self._calm_since = None
            return []
        if not isinstance(item, Frame):
            return []
        now, last = texture(item.picture.luma), self._last
        if self._steady_since is None:
            self._steady_since = item.at
        known = last is not None and last.level.shape == now.level.shape
        events = self._look(item, last, now) if last is not None and known else self._keep(item, now)
        self._last = now
        return [*events]

    def answer(self, ask: Ask, result: Any) -> list[Output | Ask]:
        return []

    def finish(self, at: Fraction) -> list[Output | Ask]:
        return []

    def hold(self) -> Fraction | None:
        return self._onset

    def snapshot(self) -> tuple[Fraction | None, State]:
        instants = [None if i is None else exact(i) for i in self._instants()]
        return self._needs_from, {"life": self._life.snapshot(), "instants": instants}

    def restore(self, state: State) -> None:
        self._life.restore(state["life"])
        instants = [None if i is None else Fraction(i) for i in state["instants"]]
        self._needs_from, self._steady_since, self._onset, self._calm_since = instants

    def refill(self, item: Item) -> None:
        if isinstance(item, Frame):
            self._last = texture(item.picture.luma)
            if self._before is None:
                self._before = self._last

    def _instants(self) -> tuple[Fraction | None, ...]:
        return self._needs_from, self._steady_since, self._onset, self._calm_since

    def _look(self, item: Frame, last: Texture, now: Texture) -> list[Event]:
        step = float(np.median(np.abs(now.level - last.level)))
        if self._onset is None:
            if step >= STEP and self._steady_since is not None and item.at - self._steady_since >= SETTLED:
                self._onset = item.at
                return []
            if step >= STEP / 2:
                self._steady_since = item.at
            return self._keep(item, now) if step < CALM or self._is_stale(item) else []
        if step >= CALM:
            self._calm_since = None
        elif self._calm_since is None:
            self._calm_since = item.at
        if self._calm_since is not None and item.end - self._calm_since >= SETTLED:
            return [*self._settle(Span(self._onset, self._calm_since), now), *self._keep(item, now)]
        return self._keep(item, now) if item.end - self._onset > LONGEST else []

    def _keep(self, item: Frame, now: Texture) -> list[Event]:
        """This look is what a change will be measured against; none goes on."""
        self._before, self._needs_from = now, item.start
        self._onset = self._calm_since = None
        return []

    def _is_stale(self, item: Frame) -> bool:
        return self._needs_from is None or item.start - self._needs_from >= STALE

    def _settle(self, span: Span, now: Texture) -> list[Event]:
        before = self._before
        if before is None or before.level.shape != now.level.shape:
            return []
        change = float(np.median(np.abs(now.level - before.level)))
        alike = _correlation(np.sqrt(before.spread), np.sqrt(now.spread))
        darkest = min(float(before.level.mean()), float(now.level.mean()))
        if change < STEP or darkest < DARKEST or alike < self._alike:
            return []
        return self._life.point(span, min(1.0, change / (change + 20) + 0.3 * alike))


def _correlation(a: Grid, b: Grid) -> float:
    a, b = a - a.mean(), b - b.mean()
    return float((a * b).sum() / np.sqrt((a * a).sum() * (b * b).sum() + 1e-9))
