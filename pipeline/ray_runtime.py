"""The same plan on Ray: an actor for each stream, a pool of actors for each shared model. With `RAY_ADDRESS`, on that cluster."""

import asyncio
import re
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import ray
from ray.exceptions import RayActorError, RayTaskError

from operators.errors import ModelUnavailable
from operators.records import Model
from pipeline.batching import ModelHost
from pipeline.generations import already
from pipeline.lane import Ask
from pipeline.node_load import NodeLoad, NodeMeter, cluster_load
from pipeline.plan import ModelPlan, Outcome, RunSettings, StreamPlan, StreamProgress
from pipeline.ray_cluster import connect
from pipeline.stream import run_stream
from pipeline.stream_status import StreamStatus
from pipeline.supervisor import StreamLost
from pipeline.telemetry import ModelStats

POLL_S = 0.5
_COLOUR = re.compile(r"\x1b\[[0-9;]*m")
RETRY_S = 0.2
MODEL_PATIENCE_S = 120.0
"""How long a stream waits for a model whose actor died: it is restarted and loads its weights again."""
STREAM_CPUS, MODEL_CPUS = 0.24, 0.01
"""A model asks for some, or Ray would also put it on nodes of no processors: a head, the one that serve stands on."""


class ModelActor:
    """One replica of a shared model. After a restart it opens its model on the first call."""

    def __init__(self, plan: ModelPlan) -> None:
        self._host = ModelHost(plan)
        self._meter = NodeMeter(ray.get_runtime_context().get_node_id())
        self._opening: asyncio.Task[None] | None = None

    async def ask(self, item: Any) -> Any:
        await self.open()
        return await self._host(item)

    async def stats(self) -> tuple[ModelStats, NodeLoad]:
        return self._host.stats, self._meter.read()

    async def open(self) -> None:
        if self._opening is None:
            self._opening = asyncio.create_task(self._host.open())
        await self._opening


@dataclass(slots=True)
class ModelPool:
    """The replicas of one model as a stream sees them: `await pool(item)`. A call that was lost with its actor is made again."""

    name: str
    actors: list[Any]
    _calls: dict[int, int] = field(default_factory=dict)

    async def open(self) -> None:
        """Open every replica. Raises ModelUnavailable."""
        await asyncio.gather(*(self._call(lambda actor=actor: actor.open.remote()) for actor in self.actors))  # type: ignore[misc]

    async def __call__(self, item: Any) -> Any:
        n = min(range(len(self.actors)), key=lambda i: self._calls.get(i, 0))
        self._calls[n] = self._calls.get(n, 0) + 1
        try:
            return await self._call(lambda: self.actors[n].ask.remote(item))
        finally:
            self._calls[n] -= 1

    async def _call(self, remote: Callable[[], Any]) -> Any:
        waited = 0.0
        while True:
            try:
                asked = remote()
                return await asked
            except asyncio.CancelledError:
                ray.cancel(asked)
                raise
            except RayTaskError as e:
                raise e.cause from e
            except RayActorError as e:
                if waited > MODEL_PATIENCE_S:
                    raise ModelUnavailable(f"the process of model {self.name!r} did not come back in {MODEL_PATIENCE_S:.0f} s: {e}") from e
                waited += RETRY_S
                await asyncio.sleep(RETRY_S)


class StreamActor:
    """Runs one stream, with the models that live beside it."""

    def __init__(
        self, plan: StreamPlan, settings: RunSettings, beside: Sequence[ModelPlan], pools: dict[str, tuple[Model, ModelPool]]
    ) -> None:
        self._plan = plan
        self._settings = settings
        self._hosts = {p.name: ModelHost(p) for p in beside}
        self._pools = pools
        self._status = StreamStatus(plan.stream_id)
        self._stop = asyncio.Event()
        self._meter = NodeMeter(ray.get_runtime_context().get_node_id())

    async def run(self) -> Outcome:
        await asyncio.gather(*(host.open() for host in self._hosts.values()))
        models: dict[str, tuple[Model, Ask]] = {name: (host.plan.identity, host) for name, host in self._hosts.items()}
        return await run_stream(self._plan, self._settings, {**models, **self._pools}, self._status, self._stop)

    async def progress(self) -> tuple[StreamProgress, NodeLoad]:
        return self._status.progress(), self._meter.read()

    async def stop(self) -> None:
        self._stop.set()


class RayRuntime:
    def __init__(self, models: Sequence[ModelPlan], settings: RunSettings) -> None:
        self._plans = models
        self._settings = settings
        self._pools: dict[str, tuple[Model, ModelPool]] = {}
        self._beside = [p for p in models if not p.shared]
        self._loads: dict[str, NodeLoad | None] = {}
        """By stream, as it said last; None before."""
        self._model_loads: list[NodeLoad] = []
        self.places = 1

    async def start(self) -> None:
        await asyncio.to_thread(connect)
        self.places = max(1, int(ray.cluster_resources().get("CPU", 1)))
        for plan in self._plans:
            if plan.shared:
                actors = [_model_actor(plan) for _ in range(plan.replicas)]
                self._pools[plan.name] = (plan.identity, ModelPool(plan.name, actors))
        await asyncio.gather(*(pool.open() for _, pool in self._pools.values()))

    async def run(self, plan: StreamPlan, status: StreamStatus, stop: asyncio.Event) -> Outcome:
        if (ended := await asyncio.to_thread(already, plan, self._settings)) is not None:
            return ended
        self._loads[plan.stream_id] = None
        actor = _actor(StreamActor, num_cpus=STREAM_CPUS, scheduling_strategy="SPREAD").remote(
            plan, self._settings, self._beside, self._pools
        )
        run = asyncio.ensure_future(_outcome(actor.run.remote()))
        stopping = asyncio.create_task(stop.wait())
        told = False
        try:
            while not run.done():
                await asyncio.wait({run, *([] if told else [stopping])}, timeout=POLL_S, return_when=asyncio.FIRST_COMPLETED)
                if stop.is_set() and not told:
                    told = True
                    actor.stop.remote()
                with suppress(RayActorError):
                    status.seen, self._loads[plan.stream_id] = await actor.progress.remote()
                    status.state = "running"
            return await run
        except RayActorError as e:
            raise StreamLost(_COLOUR.sub("", str(e).splitlines()[0])) from e
        finally:
            stopping.cancel()
            run.cancel()
            ray.kill(actor)
            self._loads.pop(plan.stream_id, None)

    async def load(self) -> float:
        return cluster_load(await asyncio.to_thread(ray.nodes), [*self._loads.values(), *self._model_loads])

    async def model_stats(self) -> Mapping[str, ModelStats]:
        replicas = {f"{name}/{n}": actor for name, (_, pool) in self._pools.items() for n, actor in enumerate(pool.actors)}
        answers = await asyncio.gather(*(actor.stats.remote() for actor in replicas.values()), return_exceptions=True)
        seen = {name: found for name, found in zip(replicas, answers, strict=True) if not isinstance(found, BaseException)}
        self._model_loads = [load for _, load in seen.values()]
        return {name: stats for name, (stats, _) in seen.items()}

    async def close(self) -> None:
        await asyncio.to_thread(ray.shutdown)


async def _outcome(reference: Any) -> Outcome:
    try:
        outcome: Outcome = await reference
    except RayTaskError as e:
        raise e.cause from e
    return outcome


def _actor(cls: type, **options: Any) -> Any:
    return ray.remote(cls).options(**options)


def _model_actor(plan: ModelPlan) -> Any:
    gpus = 1 if plan.device.startswith("cuda") else 0
    # Ray would set it to the processors that are booked: another number of threads gives other last digits, and is slower.
    environment = {"env_vars": {"OMP_NUM_THREADS": str(plan.threads)}}
    return _actor(ModelActor, num_cpus=MODEL_CPUS, num_gpus=gpus, max_restarts=-1, runtime_env=environment).remote(plan)
