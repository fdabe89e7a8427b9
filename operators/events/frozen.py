"""Frozen picture: what was alive stands still."""

from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import cv2
import numpy as np

from operators.events.black import dark_share
from operators.events.lifecycle import Kind, Lifecycle, seconds
from operators.events.texture import novelty, texture
from operators.media import Frame, Pixels
from operators.protocols import Ask, FramesNeed, Item, Need, Output, State
from operators.records import Event, Gap
from operators.timeline import ZERO, Span, exact

DARKEST, BLACK = 25, 0.98
NOVEL = 5.0
CUT, CUT_SHARE = 5.0, 0.5
"""A cut changes the luma by more than CUT on average, and the texture of more than this share of the picture."""
LIVELY_LOOKS = 8
STRAY, STRAY_PER_MEAN = 13.0, 6.0
"""A codec that refreshes a frozen picture changes all of it a little, no pixel by more than STRAY + STRAY_PER_MEAN × the mean change.
A digit of a burned-in clock changes by more."""
REFRESH = 2.5
"""Most mean change of luma that a codec's refresh makes."""
DRIFT = 0.3
"""Most change of the mean luma: a refresh goes up and down, the light of a living scene goes one way."""
QUIET, QUIET_MOST = 0.03, 0.2
"""Mean change of luma between two looks at a frozen picture: a tenth of the living scene's least, within these bounds."""
RESTLESS = 3
"""So many looks in a row that are not quiet are life: sensor noise, not a codec's refresh."""
STILL = 0.7
"""A picture that never lived may be a slide: so much of the score it gets."""
ANCHOR_AGE = Fraction(5)
NEVER = Fraction(10**9)
"""The detector itself says when a freeze is over."""


@dataclass(frozen=True, slots=True)
class FrozenOptions:
    shortest_s: float = 3.0
    shortest_still_s: float = 10.0
    """The same for a picture that never lived: one that stands since a cut, or since the stream's start."""


class FrozenDetector:
    """Says `frozen` while the picture, not black, repeats itself: looks are equal but for what a codec does to equal pictures.

    A scene in which nothing happens is not frozen: sensor noise or a burned-in clock tells it apart. A cell without a
    new picture counts as the last one, which still stands.
    """

    Options = FrozenOptions
    origin = "look.frozen"
    need: Need = FramesNeed(4, 384)
    models: tuple[str, ...] = ()

    def __init__(self, options: FrozenOptions = FrozenOptions()) -> None:
        self._shortest, self._shortest_still = seconds(options.shortest_s), seconds(options.shortest_still_s)
        self._life = Lifecycle(Kind(self.origin, "frozen", "picture", "Minor", "Immediate", "Likely", release=NEVER))
        self._anchor: Pixels | None = None
        self._anchor_start: Fraction | None = None
        self._last: Pixels | None = None
        self._onset = ZERO
        self._looks = self._quiet = self._restless = 0
        self._lively, self._least = 0, 0.0

    def push(self, item: Item) -> list[Output | Ask]:
        if isinstance(item, Gap):
            self._forget()
            return [*self._life.gap(item)]
        if not isinstance(item, Frame):
            return []
        luma = item.picture.luma
        black = dark_share(luma, DARKEST) >= BLACK
        events = [] if self._last is None else self._compare(item, luma, black)
        if black:
            self._forget()
        elif self._anchor is None:
            self._start(item)
        if not black:
            self._last = luma
        return [*events]

    def answer(self, ask: Ask, result: Any) -> list[Output | Ask]:
        return []

    def finish(self, at: Fraction) -> list[Output | Ask]:
        stands = [] if self._anchor is None else self._stands(at)
        return [*stands, *self._life.finish(at)]

    def hold(self) -> Fraction | None:
        return self._life.hold()

    def snapshot(self) -> tuple[Fraction | None, State]:
        state = {
            "life": self._life.snapshot(),
            "anchor": None if self._anchor_start is None else exact(self._anchor_start),
            "onset": exact(self._onset),
            "counts": [self._looks, self._quiet, self._restless, self._lively],
            "least": self._least,
        }
        return self._anchor_start, state

    def restore(self, state: State) -> None:
        self._life.restore(state["life"])
        self._anchor_start = None if state["anchor"] is None else Fraction(state["anchor"])
        self._onset = Fraction(state["onset"])
        self._looks, self._quiet, self._restless, self._lively = state["counts"]
        self._least = state["least"]

    def refill(self, item: Item) -> None:
        if isinstance(item, Frame):
            self._last = item.picture.luma
            if self._anchor is None:
                self._anchor = self._last

    def _compare(self, item: Frame, luma: Pixels, black: bool) -> list[Event]:
        """The look at `item`, against the last one and against the anchor of the run of equal pictures."""
        assert self._last is not None
        change = float(cv2.absdiff(luma, self._last).mean()) if luma.shape == self._last.shape else 255.0
        if black or not self._equal(luma):
            stood = self._stands(item.at)
            return [*stood, *self._life.off(Span(item.at, item.at)), *self._restart(item, change)]
        stood = [] if self._restless else self._stands(item.at)
        quiet = change <= min(QUIET_MOST, max(QUIET, self._least / 10))
        self._looks += 1
        self._quiet += quiet
        self._restless = 0 if quiet else self._restless + 1
        if self._restless >= RESTLESS or not self._quiet:
            return [*stood, *self._restart(item, change)]
        if not quiet:
            # A codec's refresh, or the first sign of life: the next looks tell.
            return [*stood, *self._life.off(Span(item.at, item.at))]
        if self._anchor_start is None or item.start - self._anchor_start >= ANCHOR_AGE:
            self._anchor, self._anchor_start = luma, item.start
        return [*stood, *self._stands(item.end)]

    def _restart(self, item: Frame, change: float) -> list[Event]:
        """The run is over; a new one may begin with `item`."""
        self._live(item.picture.luma, change)
        self._start(item)
        return self._life.end()

    def _stands(self, until: Fraction) -> list[Event]:
        """The run of equal pictures stands until `until`: is that long enough?"""
        lasted = until - self._onset
        lived = self._lively >= LIVELY_LOOKS
        shortest = self._shortest if lived else self._shortest_still
        if lasted < shortest or self._quiet * 2 < self._looks:
            return []
        return self._life.on(Span(self._onset, until), float(lasted / (lasted + shortest / 2)) * (1 if lived else STILL))

    def _equal(self, luma: Pixels) -> bool:
        assert self._anchor is not None
        if luma.shape != self._anchor.shape:
            return False
        change = cv2.absdiff(luma, self._anchor)
        mean, drift = float(change.mean()), abs(float(luma.mean()) - float(self._anchor.mean()))
        return mean <= REFRESH and drift <= DRIFT and float(np.max(change)) <= STRAY + STRAY_PER_MEAN * mean

    def _live(self, luma: Pixels, change: float) -> None:
        """The scene moved or flickered by `change`: how lively it is decides how soon it may be called frozen."""
        if self._last is None or (change > CUT and _is_cut(self._last, luma)):
            self._lively, self._least = 0, 0.0
            return
        if not self._lively:
            self._least = change
        self._lively += 1
        self._least = min(self._least * 1.03, change) if change > self._least else self._least + (change - self._least) / 4

    def _start(self, item: Frame) -> None:
        self._anchor, self._anchor_start, self._onset = item.picture.luma, item.start, item.at
        self._looks = self._quiet = self._restless = 0

    def _forget(self) -> None:
        self._anchor = self._anchor_start = self._last = None
        self._lively, self._least = 0, 0.0
        self._looks = self._quiet = self._restless = 0


def _is_cut(before: Pixels, now: Pixels) -> bool:
    return before.shape != now.shape or float((novelty(texture(before), texture(now)) > NOVEL).mean()) > CUT_SHARE
