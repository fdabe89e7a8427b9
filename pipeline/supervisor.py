"""Runs the streams of a plan: as many at once as there is room for, restarted by remedy, stopped in order; the same under both runtimes."""

import asyncio
import signal
from collections.abc import Callable, Sequence
from typing import Protocol

from operators.errors import CapstreamError, ConfigError
from operators.timeline import ZERO
from pipeline.plan import ModelPlan, Outcome, RunSettings, StreamPlan, StreamProgress
from pipeline.stream import StreamStatus

DEADLINE_S = 15.0
"""From the wish to stop to the end: time enough to commit and to write the views."""
REPORT_S = 0.5
RESTARTS = 5
"""Restarts of a stream without a step forward before it is given up."""
BACKOFF_S = 0.2


class StreamLost(Exception):
    """The process of a stream died; nothing of what it committed is lost."""


class Runtime(Protocol):
    """Where streams and models live. One event loop."""

    places: int
    """Streams that run at once; known after `start`."""

    async def start(self) -> None:
        """Raises ModelUnavailable where a model can not be opened."""
        ...

    async def run(self, plan: StreamPlan, status: StreamStatus, stop: asyncio.Event) -> Outcome:
        """Raises CapstreamError where the stream can not go on, StreamLost where its process died."""
        ...

    async def close(self) -> None: ...


def supervise(
    plans: Sequence[StreamPlan],
    models: Sequence[ModelPlan],
    settings: RunSettings,
    on_progress: Callable[[list[StreamProgress]], None],
) -> list[Outcome]:
    """Run all streams to their ends; one outcome a plan, in their order. `on_progress` is called twice a second.

    SIGINT and SIGTERM stop the run in order: what is known is committed, the views are written, the outcomes say "interrupted".
    Raises ModelUnavailable where a model can not be opened.
    """
    return asyncio.run(_supervise(plans, _runtime(models, settings), on_progress))


def _runtime(models: Sequence[ModelPlan], settings: RunSettings) -> Runtime:
    if settings.runtime == "ray":
        from pipeline.ray_runtime import RayRuntime

        return RayRuntime(models, settings)
    from pipeline.local import LocalRuntime

    return LocalRuntime(models, settings)


async def _supervise(plans: Sequence[StreamPlan], runtime: Runtime, on_progress: Callable[[list[StreamProgress]], None]) -> list[Outcome]:
    stop = asyncio.Event()
    statuses = [StreamStatus(plan.stream_id) for plan in plans]
    loop = asyncio.get_running_loop()
    for sign in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(sign, stop.set)

    async def run(plan: StreamPlan, status: StreamStatus, places: asyncio.Semaphore) -> Outcome:
        async with places:
            if stop.is_set():
                return _ended(status, "interrupted")
            return await _run_one(runtime, plan, status, stop)

    stopped = asyncio.create_task(_stopped(stop))
    try:
        await runtime.start()
        places = asyncio.Semaphore(runtime.places)
        runs = [asyncio.create_task(run(p, s, places)) for p, s in zip(plans, statuses, strict=True)]
        while (going := [t for t in runs if not t.done()]) and not stopped.done():
            on_progress([s.progress() for s in statuses])
            await asyncio.wait([*going, stopped], timeout=REPORT_S, return_when=asyncio.FIRST_COMPLETED)
        for task in runs:
            task.cancel()
        results = await asyncio.gather(*runs, return_exceptions=True)
        outcomes = [
            _ended(s, "interrupted") if isinstance(r, asyncio.CancelledError) else r for s, r in zip(statuses, results, strict=True)
        ]
        on_progress([s.progress() for s in statuses])
        for outcome in outcomes:
            if isinstance(outcome, BaseException):
                raise outcome
        return [o for o in outcomes if not isinstance(o, BaseException)]
    finally:
        stopped.cancel()
        await runtime.close()


async def _stopped(stop: asyncio.Event) -> None:
    """Ends when the deadline of an ordered stop has passed."""
    await stop.wait()
    await asyncio.sleep(DEADLINE_S)


async def _run_one(runtime: Runtime, plan: StreamPlan, status: StreamStatus, stop: asyncio.Event) -> Outcome:
    lost = 0
    while True:
        before = status.progress().position
        try:
            outcome = await runtime.run(plan, status, stop)
        except StreamLost as e:
            lost = lost + 1 if status.progress().position <= before else 1
            if stop.is_set():
                return _ended(status, "interrupted")
            if lost >= RESTARTS:
                return _ended(status, "failed", f"its process died {lost} times without a step forward: {e}")
            status.state = "restarting"
            await asyncio.sleep(BACKOFF_S * 2**lost)
        except CapstreamError as e:
            return _ended(status, "failed", e.message, isinstance(e, ConfigError))
        else:
            status.state = outcome.state
            return outcome


def _ended(status: StreamStatus, state: str, error: str | None = None, usage: bool = False) -> Outcome:
    status.state = state
    return Outcome(status.stream_id, state, error, status.progress().position if status.lanes else ZERO, {}, (), usage)  # type: ignore[arg-type]
