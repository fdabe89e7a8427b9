"""A model behind a queue: calls of many streams become batches, by size or age; each caller gets the result of its own item."""

import asyncio
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from time import perf_counter
from typing import Any

from operators.errors import CapstreamError, ModelError, OutOfMemory
from pipeline.plan import ModelPlan
from pipeline.telemetry import ModelStats


class ModelHost:
    """One replica of one model in a thread of its own. Async calls from one event loop; results are matched by place in the batch.

    Raises ModelUnavailable from `open`; a call raises ModelError where its item can not be done.
    """

    def __init__(self, plan: ModelPlan) -> None:
        self.plan = plan
        self._busy_s = 0.0
        self._calls = self._items = 0
        self._operator = plan.make()
        self._thread = ThreadPoolExecutor(1, thread_name_prefix=f"model-{plan.name}")
        self._queue: list[tuple[Any, asyncio.Future[Any]]] = []
        self._worker: asyncio.Task[None] | None = None

    @property
    def stats(self) -> ModelStats:
        return ModelStats(self._busy_s, self._calls, self._items, len(self._queue))

    async def open(self) -> None:
        await self._in_thread(self._operator.open, self.plan.device, self.plan.threads)

    async def __call__(self, item: Any) -> Any:
        future: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._queue.append((item, future))
        if self._worker is None or self._worker.done():
            self._worker = asyncio.create_task(self._work())
        return await future

    async def close(self) -> None:
        """Whoever still waits is cancelled; the running call ends first."""
        if self._worker is not None:
            self._worker.cancel()
        for _, future in self._queue:
            future.cancel()
        await self._in_thread(self._operator.close)
        self._thread.shutdown(wait=False)

    async def _work(self) -> None:
        while self._queue:
            if len(self._queue) < self.plan.batch and self.plan.age_s:
                await asyncio.sleep(self.plan.age_s)
            waiting = [asked for asked in self._queue if not asked[1].done()]  # nobody waits for the others any more
            batch, self._queue = waiting[: self.plan.batch], waiting[self.plan.batch :]
            if not batch:
                continue
            try:
                results = await self._in_thread(self._call, [item for item, _ in batch])
            except Exception as e:
                results = [e] * len(batch)
            for (_, future), result in zip(batch, results, strict=True):
                if not future.done():
                    future.set_exception(result) if isinstance(result, Exception) else future.set_result(result)

    def _call(self, items: list[Any]) -> list[Any]:
        start = perf_counter()
        self._calls, self._items = self._calls + 1, self._items + len(items)
        try:
            results: Sequence[Any] = self._operator(items)
        except OutOfMemory as e:
            if len(items) == 1:
                return [ModelError(f"{self.plan.name} ran out of memory on a single item: {e.message}")]
            half = len(items) // 2
            return self._call(items[:half]) + self._call(items[half:])
        except CapstreamError:
            raise
        except Exception as e:
            raise ModelError(f"{self.plan.name} ({self.plan.identity.name}) failed: {type(e).__name__}: {e}") from e
        finally:
            self._busy_s += perf_counter() - start
        if len(results) != len(items):
            raise ModelError(f"{self.plan.name} gave {len(results)} results for {len(items)} items")
        return list(results)

    async def _in_thread(self, call: Any, *args: Any) -> Any:
        return await asyncio.get_running_loop().run_in_executor(self._thread, call, *args)
