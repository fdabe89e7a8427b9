"""The law holds for operators that keep it, and the test of it notices those that do not."""

from collections.abc import Sequence
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from law import assert_law, outputs_of

from operators.errors import ModelError
from operators.facts import Speech
from operators.media import PACKET_SAMPLES, Frame, Picture, Samples
from operators.protocols import Ask, FramesNeed, Item, Output, SamplesNeed, State
from operators.records import Gap
from operators.timeline import exact
from pipeline.operator_run import OperatorRun


class Utterances:
    """Packets above zero are speech; asks "name" with the samples of each stretch of at most a second."""

    origin = "listen.utterances"
    need = SamplesNeed()
    models: tuple[str, ...] = ("name",)
    blocking = False

    def __init__(self) -> None:
        self.start: Fraction | None = None
        self.pcm: list[float] = []
        self.named = 0

    def push(self, item: Item) -> list[Output | Ask]:
        if isinstance(item, Gap) or item.pcm[0] == 0:  # type: ignore[union-attr]
            return self._close(item.start)
        if self.start is None:
            self.start = item.start
        self.pcm.append(float(item.pcm[0]))  # type: ignore[union-attr]
        return self._close(item.end) if len(self.pcm) == 10 else []

    def _close(self, end: Fraction) -> list[Output | Ask]:
        if self.start is None:
            return []
        ask = Ask("name", tuple(self.pcm), tag=(self.start, end), blocking=self.blocking)
        self.start, self.pcm = None, []
        return [ask]

    def answer(self, ask: Ask, result: Any) -> list[Output | Ask]:
        if isinstance(result, ModelError):
            return []
        if self.blocking:
            self.named += 1
        return [Speech(*ask.tag, score=result + self.named)]

    def finish(self, at: Fraction) -> list[Output | Ask]:
        return self._close(at)

    def hold(self) -> Fraction | None:
        return self.start

    def snapshot(self) -> tuple[Fraction | None, State]:
        return self.start, {"start": None if self.start is None else exact(self.start), "named": self.named}

    def restore(self, state: State) -> None:
        self.start = None if state["start"] is None else Fraction(state["start"])
        self.named = state["named"]

    def refill(self, item: Item) -> None:
        if self.start is not None and isinstance(item, Samples) and item.start >= self.start:
            self.pcm.append(float(item.pcm[0]))


class Counting(Utterances):
    blocking = True


class Forgetful(Utterances):
    def refill(self, item: Item) -> None:
        pass


class Hasty(Utterances):
    """Its state changes in `answer`, but it does not say so."""

    def answer(self, ask: Ask, result: Any) -> list[Output | Ask]:
        self.named += 1
        return [Speech(*ask.tag, score=result + self.named)]


class Boastful(Utterances):
    """Says what ended long ago, but holds nothing back."""

    def hold(self) -> Fraction | None:
        return None

    def answer(self, ask: Ask, result: Any) -> list[Output | Ask]:
        return [Speech(ask.tag[0], ask.tag[0] + Fraction(1, 10), score=result)]


def packets(levels: Sequence[int]) -> list[Item]:
    return [Samples(i, np.full(PACKET_SAMPLES, v / 10, np.float32)) for i, v in enumerate(levels)]


LEVELS = [0, 0, 3, 4, 5, 0, 1, 1, 0, *[2] * 25, 0, 0, 9, 9]
ITEMS: list[Item] = [*packets(LEVELS), Gap(Fraction(38, 10), Fraction(50, 10), "listen", "discontinuity")]
MODELS = {"name": lambda pcm: round(sum(pcm), 3)}


@pytest.mark.parametrize("operator", [Utterances, Counting])
def test_law_holds(operator: type[Utterances]) -> None:
    outputs = assert_law(operator, ITEMS, MODELS, range(60))
    assert [(o.start, o.end) for o in outputs] == [  # type: ignore[union-attr]
        (Fraction(a, 10), Fraction(b, 10)) for a, b in [(2, 5), (6, 8), (9, 19), (19, 29), (29, 34), (36, 38)]
    ]


@pytest.mark.parametrize("operator", [Forgetful, Hasty, Boastful])
def test_law_notices(operator: type[Utterances]) -> None:
    with pytest.raises(AssertionError):
        assert_law(operator, ITEMS, MODELS, range(60))


def test_an_item_that_can_not_be_done_becomes_a_gap_of_the_lane() -> None:
    outputs = outputs_of(Utterances, packets([0, 1, 1, 0]), {"name": lambda pcm: ModelError("no")})
    assert outputs == [Gap(Fraction(1, 10), Fraction(4, 10), "lane", "model_error", "no")]


class Cells(Utterances):
    """Says which frames it was given."""

    need = FramesNeed(2, 10)  # type: ignore[assignment]
    models = ()

    def push(self, item: Item) -> list[Output | Ask]:
        assert isinstance(item, Frame)
        return [Speech(item.at, item.end, score=item.index)]


def test_frames_are_thinned_to_the_first_of_each_cell_of_the_operator() -> None:
    picture = Picture(np.zeros((2, 2, 3), np.uint8))
    frames: list[Item] = [Frame(i, 8, Fraction(i, 8) + Fraction(1, 100), picture) for i in (0, 1, 2, 5, 6, 7, 8, 13)]
    outputs = assert_law(Cells, frames, seeds=range(30))
    assert [(o.score, o.start) for o in outputs] == [  # type: ignore[union-attr]
        (0, Fraction(1, 100)), (1, Fraction(5, 8) + Fraction(1, 100)), (2, 1 + Fraction(1, 100)), (3, Fraction(13, 8) + Fraction(1, 100)),
    ]  # fmt: skip


def test_nothing_is_given_to_a_finished_operator() -> None:
    run = OperatorRun(Utterances(), "lane")
    assert run.finish(Fraction(1)) == []
    assert run.done
    assert run.watermark() is None
    assert run.feed(ITEMS[3]) == []
