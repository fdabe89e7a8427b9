"""Silence: no sound to speak of."""

from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from operators.acoustics import DIGITAL_SILENCE_DBFS, level_dbfs
from operators.events.lifecycle import Kind, Lifecycle, seconds
from operators.media import Samples
from operators.protocols import Ask, Item, Need, Output, SamplesNeed, State
from operators.records import Gap


@dataclass(frozen=True, slots=True)
class SilenceOptions:
    threshold_dbfs: float = -55.0
    hysteresis_db: float = 5.0
    """Silence, once said, lasts until the level is this much above the threshold."""
    shortest_s: float = 2.0


class SilenceDetector:
    """Says `silence` while the RMS level of each 100 ms, without its DC offset, stays under the threshold. The score is 0.5 at the
    threshold, 1 at digital silence."""

    Options = SilenceOptions
    origin = "listen.silence"
    need: Need = SamplesNeed()
    models: tuple[str, ...] = ()

    def __init__(self, options: SilenceOptions = SilenceOptions()) -> None:
        self._options = options
        kind = Kind(self.origin, "silence", "audio", "Minor", "Immediate", "Observed", confirm=seconds(options.shortest_s))
        self._life = Lifecycle(kind)

    def push(self, item: Item) -> list[Output | Ask]:
        if isinstance(item, Gap):
            return [*self._life.gap(item)]
        if not isinstance(item, Samples):
            return []
        level, threshold = level_dbfs(item.pcm), self._options.threshold_dbfs
        if level >= threshold + (self._options.hysteresis_db if self._life.lasts() else 0):
            return [*self._life.off(item.span)]
        depth = (threshold - level) / (threshold - DIGITAL_SILENCE_DBFS)
        return [*self._life.on(item.span, min(1.0, max(0.5, 0.5 + 0.5 * depth)))]

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
