"""A model behind its queue: batches by size, results in their places, and nothing for those who do not wait any more."""

import asyncio
from collections.abc import Sequence
from threading import Event
from typing import Any

import pytest

from operators.errors import ModelError, OutOfMemory
from operators.records import Model
from pipeline.batching import ModelHost
from pipeline.plan import ModelPlan


class Doubler:
    """Doubles numbers, at most two at once; "bad" fails the item alone."""

    def __init__(self) -> None:
        self.batches: list[list[Any]] = []
        self.free = Event()
        self.free.set()

    def open(self, device: str, threads: int) -> None: ...
    def close(self) -> None: ...
    def __call__(self, items: Sequence[Any]) -> list[Any]:
        assert self.free.wait(10)
        if len(items) > 2:
            raise OutOfMemory("two at most")
        self.batches.append(list(items))
        return [ModelError("bad") if item == "bad" else 2 * item for item in items]


def host(operator: Doubler, batch: int = 4) -> ModelHost:
    return ModelHost(ModelPlan("double", lambda: operator, Model("double", "test"), shared=False, batch=batch))


def test_each_caller_has_the_result_of_its_own_item_though_memory_is_small() -> None:
    async def work() -> list[Any]:
        model = host(doubler)
        found = await asyncio.gather(*(model(item) for item in (1, "bad", 3, 4, 5)), return_exceptions=True)
        await model.close()
        return found

    doubler = Doubler()
    one, bad, *others = asyncio.run(work())
    assert (one, others) == (2, [6, 8, 10])
    assert isinstance(bad, ModelError)
    assert doubler.batches == [[1, "bad"], [3, 4], [5]]


def test_what_nobody_waits_for_any_more_is_not_worked_on() -> None:
    async def work() -> None:
        model = host(doubler, batch=1)
        doubler.free.clear()
        asked = [asyncio.create_task(model(item)) for item in (1, 2, 3)]
        await asyncio.sleep(0.05)
        asked[1].cancel()
        await asyncio.sleep(0)
        doubler.free.set()
        assert await asyncio.gather(asked[0], asked[2]) == [2, 6]
        with pytest.raises(asyncio.CancelledError):
            await asked[1]
        await model.close()

    doubler = Doubler()
    asyncio.run(work())
    assert doubler.batches == [[1], [3]]
