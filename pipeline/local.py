"""Everything in this process and its decoding children."""

import asyncio
import os
from collections.abc import Mapping, Sequence

import psutil

from operators.records import Model
from pipeline.batching import ModelHost
from pipeline.lane import Ask
from pipeline.plan import ModelPlan, Outcome, RunSettings, StreamPlan
from pipeline.stream import run_stream
from pipeline.stream_status import StreamStatus
from pipeline.telemetry import ModelStats


class LocalRuntime:
    """Every model is open once, for all streams, each in a thread of its own."""

    def __init__(self, models: Sequence[ModelPlan], settings: RunSettings) -> None:
        self._hosts = {plan.name: ModelHost(plan) for plan in models}
        self._settings = settings
        self.places = len(os.sched_getaffinity(0))

    async def start(self) -> None:
        await asyncio.gather(*(host.open() for host in self._hosts.values()))

    async def run(self, plan: StreamPlan, status: StreamStatus, stop: asyncio.Event) -> Outcome:
        models: dict[str, tuple[Model, Ask]] = {name: (host.plan.identity, host) for name, host in self._hosts.items()}
        return await run_stream(plan, self._settings, models, status, stop)

    async def load(self) -> float:
        return psutil.cpu_percent() / 100

    async def model_stats(self) -> Mapping[str, ModelStats]:
        return {name: host.stats for name, host in self._hosts.items()}

    async def close(self) -> None:
        await asyncio.gather(*(host.close() for host in self._hosts.values()))
