"""Covered or blurred camera: the structure that this camera has been seeing is gone, nearly everywhere at once."""

import base64
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np

from operators.events.black import dark_share
from operators.events.lifecycle import Kind, Lifecycle, seconds
from operators.events.texture import Grid, sharpness
from operators.media import Frame, Pixels
from operators.protocols import Ask, FramesNeed, Item, Need, Output, State
from operators.records import Event, Gap
from operators.timeline import Span, exact

DARKEST, BLACK = 25, 0.98
WHITE, FLAT = 235.0, 1.5
"""A picture this light whose luma deviates less than this is a fade to white, as a black one is a fade to black."""
STRUCTURED, STRUCTURED_SHARE = 0.045, 0.03
"""Sharpness of a cell that is structure; a camera that sees it in less than this share of its cells can not be judged."""
LOST = 0.45
"""A cell's structure is lost below this share of what it was."""
LOST_SHARE, STILL_LOST_SHARE = 0.85, 0.6
NEW, NEW_SHARE = 2.0, 0.04
"""Cells with this many times the sharpness they had are something new: lettering, another scene."""
ALIKE = 0.5
"""Correlation of the structure with the camera's own, below which it is another scene."""
MEMORY_LOOKS = 40
STRANGE_LOOKS = 6
"""A scene that is not the camera's own for so many looks is learnt anew; what only passes by is not."""


@dataclass(frozen=True, slots=True)
class CoveredOptions:
    shortest_s: float = 2.0
    pause_s: float = 1.0
    known_s: float = 10.0
    """How long a camera must have seen the same scene before it can be said to be covered."""


class CoveredDetector:
    """Says `camera_covered` while at least 85 % of the structured cells of a scene known for `known_s` have lost their structure:
    a hand, a cloth or paint before the lens, a lens out of focus, a picture that is suddenly uniform.

    Cuts and titles bring structure of their own, fades end in black or white, and edited material seldom shows one scene for
    long enough: none of these is covered. Sharpness is taken relative to the light, so lights that go out do not count either.
    """

    Options = CoveredOptions
    origin = "look.covered"
    need: Need = FramesNeed(2, 384)
    models: tuple[str, ...] = ()

    def __init__(self, options: CoveredOptions = CoveredOptions()) -> None:
        self._known = seconds(options.known_s)
        confirm, release = seconds(options.shortest_s), seconds(options.pause_s)
        kind = Kind(self.origin, "camera_covered", "picture", "Moderate", "Immediate", "Likely", confirm, release)
        self._life = Lifecycle(kind)
        self._usual: Grid | None = None
        """Sharpness of the cells as this camera has been seeing them."""
        self._looks = self._strange = 0
        self._since = Fraction(0)

    def push(self, item: Item) -> list[Output | Ask]:
        if isinstance(item, Gap):
            return [*self._life.gap(item)]
        if not isinstance(item, Frame):
            return []
        luma, now = item.picture.luma, sharpness(item.picture.luma)
        if self._usual is None or self._usual.shape != now.shape:
            self._learn_anew(item, now)
            return [*self._life.off(Span(item.at, item.end))]
        return [*self._look(item, luma, now, self._usual)]

    def answer(self, ask: Ask, result: Any) -> list[Output | Ask]:
        return []

    def finish(self, at: Fraction) -> list[Output | Ask]:
        return [*self._life.finish(at)]

    def hold(self) -> Fraction | None:
        return self._life.hold()

    def snapshot(self) -> tuple[Fraction | None, State]:
        usual = None if self._usual is None else [*self._usual.shape, base64.b64encode(self._usual.tobytes()).decode()]
        state = {"life": self._life.snapshot(), "usual": usual, "counts": [self._looks, self._strange], "since": exact(self._since)}
        return None, state

    def restore(self, state: State) -> None:
        self._life.restore(state["life"])
        if state["usual"] is not None:
            rows, columns, data = state["usual"]
            self._usual = np.frombuffer(base64.b64decode(data), dtype=np.float32).reshape(rows, columns)
        (self._looks, self._strange), self._since = state["counts"], Fraction(state["since"])

    def refill(self, item: Item) -> None:
        pass

    def _look(self, item: Frame, luma: Pixels, now: Grid, usual: Grid) -> list[Event]:
        span = Span(item.at, item.end)
        structured = usual >= STRUCTURED
        if structured.mean() < STRUCTURED_SHARE:
            self._learn(item, now, usual)
            return self._life.off(span)
        kept = now[structured] / usual[structured]
        lost = float((kept < LOST).mean())
        new = float(((now > NEW * usual) & (now > NEW * STRUCTURED)).mean())
        if lost >= (STILL_LOST_SHARE if self._life.lasts() else LOST_SHARE) and new <= NEW_SHARE and not _faded(luma):
            known = self._life.lasts() or item.at - self._since >= self._known
            return self._life.on(span, float(1 - np.median(kept))) if known else []
        if lost < STILL_LOST_SHARE:
            self._learn(item, now, usual)
        return self._life.off(span)

    def _learn(self, item: Frame, now: Grid, usual: Grid) -> None:
        self._strange = self._strange + 1 if _correlation(now, usual) < ALIKE else 0
        if self._strange:
            if self._strange >= STRANGE_LOOKS:
                self._learn_anew(item, now)
            return
        self._looks = min(self._looks + 1, MEMORY_LOOKS)
        self._usual = usual + (now - usual) / np.float32(self._looks)

    def _learn_anew(self, item: Frame, now: Grid) -> None:
        self._usual, self._since = now, item.at
        self._looks, self._strange = 1, 0


def _faded(luma: Pixels) -> bool:
    return dark_share(luma, DARKEST) >= BLACK or (float(luma.mean()) >= WHITE and float(luma.std()) < FLAT)


def _correlation(a: Grid, b: Grid) -> float:
    a, b = a - a.mean(), b - b.mean()
    return float((a * b).sum() / np.sqrt((a * a).sum() * (b * b).sum() + 1e-9))
