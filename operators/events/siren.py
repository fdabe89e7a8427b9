"""Sirens: wail, yelp and two-tone, by how their leading tone moves."""

from collections import deque
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np

from operators.acoustics import SIREN_STEPS, STRONG, TONE_RATE, Tones, siren_score, tones
from operators.events.lifecycle import Kind, Lifecycle, seconds
from operators.media import PACKET_RATE, Samples
from operators.protocols import Ask, Item, Need, Output, SamplesNeed, State
from operators.records import Gap
from operators.timeline import Span

PACKETS = SIREN_STEPS * PACKET_RATE // TONE_RATE


@dataclass(frozen=True, slots=True)
class SirenOptions:
    least_score: float = 0.5
    pause_s: float = 1.5


class SirenDetector:
    """Says `siren` while the leading tone of the last 2.5 s moves as a siren's does (`acoustics.siren_score`); so a siren is said
    2.5 s after its onset, with its true onset."""

    Options = SirenOptions
    origin = "listen.siren"
    need: Need = SamplesNeed()
    models: tuple[str, ...] = ()

    def __init__(self, options: SirenOptions = SirenOptions()) -> None:
        self._least = options.least_score
        kind = Kind(self.origin, "siren", "audio", "Moderate", "Immediate", "Likely", release=seconds(options.pause_s))
        self._life = Lifecycle(kind)
        self._heard: deque[Tones] = deque(maxlen=PACKETS)
        self._first = self._next = 0
        """Index of the first packet of what is heard, and of the one that follows it."""

    def push(self, item: Item) -> list[Output | Ask]:
        if isinstance(item, Gap):
            self._forget()
            return [*self._life.gap(item)]
        if not isinstance(item, Samples):
            return []
        if item.index != self._next:
            self._forget()
            self._first = item.index
        self._next = item.index + 1
        self._first = max(self._first, self._next - PACKETS)
        self.refill(item)
        score = siren_score(self._heard)
        if score < self._least or score == 0:
            return [*self._life.off(item.span)]
        return [*self._life.on(Span(item.start if self._life.lasts() else self._onset(), item.end), score)]

    def answer(self, ask: Ask, result: Any) -> list[Output | Ask]:
        return []

    def finish(self, at: Fraction) -> list[Output | Ask]:
        return [*self._life.finish(at)]

    def hold(self) -> Fraction | None:
        return self._life.hold()

    def snapshot(self) -> tuple[Fraction | None, State]:
        needs_from = Fraction(self._first, PACKET_RATE) if self._first < self._next else None
        return needs_from, {"life": self._life.snapshot(), "heard": [self._first, self._next]}

    def restore(self, state: State) -> None:
        self._life.restore(state["life"])
        self._first, self._next = state["heard"]

    def refill(self, item: Item) -> None:
        if isinstance(item, Samples):
            self._heard.append(tones(item.pcm))

    def _forget(self) -> None:
        self._heard.clear()
        self._first = self._next

    def _onset(self) -> Fraction:
        """Where in the last 2.5 s the strong tone set in: before it, most steps are weak; after it, most are strong."""
        strong = np.concatenate([t.share for t in self._heard]) >= STRONG
        balance = np.concatenate([[0.0], np.cumsum(strong - 0.5)])
        return Fraction(self._first, PACKET_RATE) + Fraction(int(balance.argmin()), TONE_RATE)
