"""The law of `StreamOperator`, as a test that any operator can be put to.

Any chunking of the input, any delay and order of answers, any cut with restore and replay from `needs_from`: the outputs
are those of an unbroken run. And no output ends before the watermark that was stated before it.
"""

import json
import random
from collections.abc import Callable, Iterable, Mapping, Sequence
from fractions import Fraction
from typing import Any

from operators.facts import Features, Still
from operators.protocols import Entry, FactsNeed, Item, Output, StreamOperator
from operators.records import Gap, Partial
from pipeline.operator_run import Asked, OperatorRun

MakeOperator = Callable[[], StreamOperator]
Models = Mapping[str, Callable[[Any], Any]]


def outputs_of(make: MakeOperator, items: Sequence[Item], models: Models | None = None, at: Fraction | None = None) -> list[Output]:
    """An unbroken run in which each ask is answered at once."""
    return _Trial(make, items, models or {}, at).unbroken()


def assert_law(make: MakeOperator, items: Sequence[Item], models: Models | None = None, seeds: Iterable[int] = range(20)) -> list[Output]:
    """Hold the operator that `make` makes to the law on `items`; `models` maps a model's name to a plain function item -> result.
    Returns the outputs."""
    models = models or {}
    reference = _Trial(make, items, models).unbroken()
    kinds = {type(o) for o in reference if hasattr(o, "type")} - {Gap, Partial}
    assert len(kinds) <= 1, f"an origin says one type of record, not {kinds}"
    for seed in seeds:
        got = _Trial(make, items, models).broken(random.Random(seed))
        assert [_key(o) for o in got] == [_key(o) for o in reference], f"seed {seed}: the outputs of a broken run differ"
    return reference


class _Trial:
    def __init__(self, make: MakeOperator, items: Sequence[Item], models: Models, at: Fraction | None = None) -> None:
        self.make, self.items, self.models = make, items, models
        self.at = at if at is not None else max((i.end for i in items), default=Fraction(0))

    def unbroken(self) -> list[Output]:
        run = OperatorRun(self.make(), "lane")
        outputs: list[Output] = []
        for item in self.items:
            self._settle(run, run.feed(item))
            outputs += run.take()
        self._settle(run, run.finish(self.at))
        outputs += run.take()
        assert run.done, "asks were answered but the operator is not done"
        return outputs

    def _settle(self, run: OperatorRun, asks: list[Asked]) -> None:
        while asks:
            asked = asks.pop(0)
            asks += run.answer(asked, self._result(asked))

    def _result(self, asked: Asked) -> Any:
        return self.models[asked.ask.model](asked.ask.item)

    def broken(self, chance: random.Random) -> list[Output]:
        """Random delays and orders of answers, commits and crashes."""
        crash = chance.choice([0.0, 0.02, 0.1])
        committed: list[Output] = []
        saved: str | None = None
        while True:
            run = OperatorRun(self.make(), "lane", json.loads(saved) if saved else None)
            given: list[Output] = []
            watermark = Fraction(0)
            open_asks: list[Asked] = []
            facts = isinstance(run.operator.need, FactsNeed)
            left = [i for i in self.items if facts or i.end > run.reads_from]
            ended = False
            while not run.done or left:
                if chance.random() < crash:
                    break
                if left and chance.random() < 0.6:
                    for item in left[: (n := chance.randint(1, 5))]:
                        open_asks += run.feed(item)
                    left = left[n:]
                elif open_asks and chance.random() < 0.7:
                    asked = open_asks.pop(chance.randrange(len(open_asks)))
                    open_asks += run.answer(asked, self._result(asked))
                elif not left and not ended:
                    open_asks += run.finish(self.at)
                    ended = True
                fresh = run.take()
                for o in fresh:
                    if not isinstance(o, Features | Still):
                        assert o.end >= watermark, f"{o} ends before the watermark {watermark} that was stated before it"
                given += fresh
                if (stated := run.watermark()) is not None:
                    watermark = max(watermark, stated)
                if chance.random() < 0.1:
                    committed += given
                    given = []
                    saved = json.dumps(run.checkpoint())
            else:
                return committed + given


def _key(output: Output) -> Any:
    if isinstance(output, Features):
        return (output, output.vector.tobytes())
    return output


def entries(origin: str, kind: str, values: Sequence[Any]) -> list[Entry]:
    """Values of one origin as the entries of a log, numbered."""
    return [Entry(origin, kind, n, value) for n, value in enumerate(values)]
