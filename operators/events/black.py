"""Black picture."""

from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import cv2

from operators.events.lifecycle import Kind, Lifecycle, seconds
from operators.media import Frame, Pixels
from operators.protocols import Ask, FramesNeed, Item, Need, Output, State
from operators.records import Gap
from operators.timeline import Span

LETTERING = 0.18
"""Share of the height, above and below, in which burned-in clocks and titles are passed over."""
LETTERING_DARK = 0.85
SLACK = 0.01


@dataclass(frozen=True, slots=True)
class BlackOptions:
    shortest_s: float = 0.25
    darkest_luma: int = 25
    """A pixel up to this luma (0-255) is dark: 10 % of video's range, as broadcasters measure it."""
    share: float = 0.97
    """The picture is black where this share of it is dark: of `Picture.small`, in which thin bright letters spread; 0.98 at full size."""


class BlackDetector:
    """Says `black` while (nearly) the whole picture is dark. Bars around a picture do not make it black, and a clock or a line of
    text at the top or bottom does not keep it from being so."""

    Options = BlackOptions
    origin = "look.black"
    need: Need = FramesNeed(8, 384)
    models: tuple[str, ...] = ()

    def __init__(self, options: BlackOptions = BlackOptions()) -> None:
        self._options = options
        kind = Kind(self.origin, "black", "picture", "Minor", "Immediate", "Observed", confirm=seconds(options.shortest_s))
        self._life = Lifecycle(kind)

    def push(self, item: Item) -> list[Output | Ask]:
        if isinstance(item, Gap):
            return [*self._life.gap(item)]
        if not isinstance(item, Frame):
            return []
        share = dark_share(item.picture.luma, self._options.darkest_luma)
        least = self._options.share
        span = Span(item.at, item.end)
        if share < (least - SLACK if self._life.lasts() else least):
            return [*self._life.off(span)]
        return [*self._life.on(span, min(1.0, 0.75 + 0.25 * (share - least) / (1 - least)))]

    def answer(self, ask: Ask, result: Any) -> list[Output | Ask]:
        return []

    def finish(self, at: Fraction) -> list[Output | Ask]:
        return [*self._life.finish(at)]

    def hold(self) -> Fraction | None:
        return self._life.hold()

    def snapshot(self) -> tuple[Fraction | None, State]:
        return None, self._life.snapshot()

    def restore(self, state: State) -> None:
        self._life.restore(state)

    def refill(self, item: Item) -> None:
        pass


def dark_share(luma: Pixels, darkest: int) -> float:
    """Share of the picture, 0-1, that is dark; of its middle, where the rest is dark but for lettering. Noise is smoothed away."""
    dark = luma <= darkest
    if (plain := float(dark.mean())) < LETTERING_DARK:
        return plain
    smooth = cv2.blur(luma, (3, 3)) <= darkest
    band = round(luma.shape[0] * LETTERING)
    middle = slice(band, luma.shape[0] - band)
    return float(max(plain, smooth.mean(), dark[middle].mean(), smooth[middle].mean()))
