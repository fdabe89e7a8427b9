"""Runs streams: as many files at once as there is room for, restarted by remedy, stopped in order; the same under both runtimes."""

import asyncio
import random
import signal
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from operators.errors import CapstreamError, ConfigError
from operators.timeline import ZERO
from pipeline.plan import ModelPlan, Outcome, RunSettings, StreamPlan, StreamProgress
from pipeline.stream_status import StreamStatus
from pipeline.telemetry import ModelStats

DEADLINE_S = 15.0
"""From the wish to stop to the end: time enough to commit and to write the views."""
REPORT_S = 0.5
RESTARTS = 5
"""Restarts of a stream of a run without a step forward before it is given up."""
BACKOFF_S = 0.2
LONGEST_BACKOFF_S = 60.0


class StreamLost(Exception):
    """The process of a stream died; nothing of what it committed is lost."""


class Runtime(Protocol):
    """Where streams and models live. One event loop."""

    places: int
    """Files that run at once; known after `start`."""

    async def start(self) -> None:
        """Raises ModelUnavailable where a model can not be opened."""
        ...

    async def run(self, plan: StreamPlan, status: StreamStatus, stop: asyncio.Event) -> Outcome:
        """Raises CapstreamError where the stream can not go on, StreamLost where its process died."""
        ...

    async def load(self) -> float:
        """Share of the processors in use, 0-1: of this machine, or of the cluster's."""
        ...

    async def model_stats(self) -> Mapping[str, ModelStats]:
        """By model and replica, of those that streams share."""
        ...

    async def close(self) -> None: ...


def make_runtime(models: Sequence[ModelPlan], settings: RunSettings) -> Runtime:
    if settings.runtime == "ray":
        from pipeline.ray_runtime import RayRuntime

        return RayRuntime(models, settings)
    from pipeline.local import LocalRuntime

    return LocalRuntime(models, settings)


@dataclass(slots=True)
class _Stream:
    plan: StreamPlan
    status: StreamStatus
    stop: asyncio.Event = field(default_factory=asyncio.Event)
    task: "asyncio.Task[Outcome] | None" = None


class Supervisor:
    """The streams that run, and how they stand. Everything on one event loop, after the runtime has started.

    resident: streams are restarted for as long as they can be, with growing pauses; else they are given up after RESTARTS.
    """

    def __init__(self, runtime: Runtime, resident: bool) -> None:
        self._runtime = runtime
        self._resident = resident
        self._streams: dict[str, _Stream] = {}
        self._places = asyncio.Semaphore(runtime.places)

    def add(self, plan: StreamPlan) -> asyncio.Task[Outcome]:
        """Start a stream, at once if it is live, or else once there is a place for it. One of its id must not be there."""
        assert plan.stream_id not in self._streams, plan.stream_id
        stream = self._streams[plan.stream_id] = _Stream(plan, StreamStatus(plan.stream_id))
        stream.task = asyncio.create_task(self._in_place(stream), name=plan.stream_id)
        return stream.task

    async def remove(self, stream_id: str) -> Outcome:
        """Stop a stream in order and forget it. Takes up to DEADLINE_S, then it is cut off; what it has committed stays."""
        stream = self._streams[stream_id]
        assert stream.task is not None
        stream.stop.set()
        await asyncio.wait([stream.task], timeout=DEADLINE_S)
        stream.task.cancel()
        await asyncio.gather(stream.task, return_exceptions=True)
        del self._streams[stream_id]
        return _ended(stream.status, "interrupted") if stream.task.cancelled() else stream.task.result()

    async def stop(self) -> list[Outcome]:
        """Stop all streams in order, all at once."""
        return await asyncio.gather(*(self.remove(stream_id) for stream_id in list(self._streams)))

    def progress(self) -> list[StreamProgress]:
        return [s.status.progress() for s in self._streams.values()]

    async def _in_place(self, stream: _Stream) -> Outcome:
        if stream.plan.live:
            return await self._run(stream)
        async with self._places:
            return _ended(stream.status, "interrupted") if stream.stop.is_set() else await self._run(stream)

    async def _run(self, stream: _Stream) -> Outcome:
        plan, status, stop = stream.plan, stream.status, stream.stop
        lost = 0
        while True:
            before = status.progress().position
            try:
                outcome = await self._runtime.run(plan, status, stop)
            except Exception as e:
                known = isinstance(e, StreamLost | CapstreamError)
                if not known and not self._resident:
                    raise
                lost = lost + 1 if status.progress().position <= before else 1
                said = e.message if isinstance(e, CapstreamError) else f"its process died {lost} times without a step forward: {e}"
                if not known:
                    said = f"a bug in capstream, please report it: {type(e).__name__}: {e}"
                status.error = said
                if stop.is_set():
                    return _ended(status, "interrupted")
                if isinstance(e, CapstreamError) and not (self._resident and e.retriable):
                    return _ended(status, "failed", said, isinstance(e, ConfigError))
                if not self._resident and lost >= RESTARTS:
                    return _ended(status, "failed", said)
                status.state = "restarting"
                status.restarts += 1
                await _pause(lost, stop)
            else:
                status.state, status.error = outcome.state, outcome.error
                return outcome


async def _pause(lost: int, stop: asyncio.Event) -> None:
    """Longer each time, and never the same for two streams: what failed together does not come back together."""
    seconds = min(BACKOFF_S * 2**lost, LONGEST_BACKOFF_S) * random.uniform(0.5, 1.5)
    stopped = asyncio.create_task(stop.wait())
    await asyncio.wait([stopped], timeout=seconds)
    stopped.cancel()


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
    return asyncio.run(_supervise(plans, make_runtime(models, settings), on_progress))


async def _supervise(plans: Sequence[StreamPlan], runtime: Runtime, on_progress: Callable[[list[StreamProgress]], None]) -> list[Outcome]:
    stop = asyncio.Event()
    stop_on_signals(stop)
    try:
        await runtime.start()
        stop_on_signals(stop)  # Ray has put handlers of its own in their place
        supervisor = Supervisor(runtime, resident=False)
        runs = [supervisor.add(plan) for plan in plans]
        stopped = asyncio.create_task(stop.wait())
        while (going := [t for t in runs if not t.done()]) and not stopped.done():
            on_progress(supervisor.progress())
            await asyncio.wait([*going, stopped], timeout=REPORT_S, return_when=asyncio.FIRST_COMPLETED)
        stopped.cancel()
        on_progress(supervisor.progress())
        return await supervisor.stop()
    finally:
        await runtime.close()


def stop_on_signals(stop: asyncio.Event) -> None:
    """`stop` is set at the first SIGINT or SIGTERM."""
    for sign in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(sign, stop.set)


def _ended(status: StreamStatus, state: str, error: str | None = None, usage: bool = False) -> Outcome:
    status.state, status.error = state, error
    return Outcome(status.stream_id, state, error, status.progress().position if status.lanes else ZERO, {}, (), usage)  # type: ignore[arg-type]
