"""`capstream serve`: the resident form of `run`. Streams come from a fleet file and from the control topic, and go while it runs.

What is wanted and what runs are compared again and again; nothing else starts or stops a stream, so it makes no difference in
which order files, control records and failures come.
"""

import asyncio
import os
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from time import monotonic
from typing import Any, Literal

import msgspec

from operators.errors import CapstreamError, ConfigError, StorageError
from operators.sources.live import is_live
from operators.timeline import ZERO, to_ms
from pipeline.build import Cut, plan_every_model, plan_streams
from pipeline.config import load
from pipeline.fleet import Admission, Fleet, StreamSpec, differences, read_fleet, with_secrets
from pipeline.fleet_status import STATUS
from pipeline.kafka_connection import Kafka
from pipeline.kafka_control import KafkaControl
from pipeline.kafka_delivery import Delivery, deliver
from pipeline.log import write_atomically
from pipeline.naming import masked
from pipeline.plan import RunSettings, StreamPlan, StreamProgress
from pipeline.supervisor import Runtime, Supervisor, make_runtime, stop_on_signals
from pipeline.telemetry import ModelStats, serve_metrics

EVERY_S = 1.0
PARTLY = 3


@dataclass(frozen=True, slots=True)
class Serving:
    fleet: Path
    out: Path
    runtime: Literal["ray", "local"]
    kafka: str | None
    """HOST:PORT, in the place of what the profile says."""


def serve(serving: Serving) -> int:
    """Until SIGINT or SIGTERM; the exit code. Raises CapstreamError where it can not begin."""
    fleet = read_fleet(serving.fleet)
    settings = load(fleet.profile, [*fleet.set, *([f"kafka.bootstrap={serving.kafka}"] if serving.kafka else [])])
    try:
        serving.out.mkdir(parents=True, exist_ok=True)
    except OSError as e:
        raise StorageError(f"can not write to {serving.out}: {e.strerror}; choose another folder with --out") from e
    models = plan_every_model(settings, say)
    with deliver(settings.kafka, serving.out, say) as delivery:
        control = KafkaControl(Kafka.of(settings.kafka), say) if delivery else None
        try:
            run = RunSettings(
                serving.out, serving.runtime, fresh=False, ships=delivery is not None, kafka=settings.kafka if delivery else None
            )
            asyncio.run(Watch(serving, fleet, (delivery, control)).run(make_runtime(models, run)))
        finally:
            if control:
                control.close()
        late = delivery.finish() if delivery else []
    for line in late:
        say(line)
    return PARTLY if late else 0


def say(line: str) -> None:
    print(f"capstream: {line}", file=sys.stderr, flush=True)


class Watch:
    """Keeps what runs equal to what is wanted. One event loop."""

    def __init__(self, serving: Serving, fleet: Fleet, kafka: tuple[Delivery | None, KafkaControl | None]) -> None:
        self._serving, self._fleet = serving, fleet
        self._delivery, self._control = kafka
        self._read_at = serving.fleet.stat().st_mtime_ns
        self._running: dict[str, StreamSpec] = {}
        self._refused: dict[str, tuple[StreamSpec, str]] = {}
        """Streams that can not be planned, and why."""
        self._waiting: list[str] = []
        """Streams for which there is no room now."""
        self._told: dict[str, str] = {}
        self._models: Mapping[str, ModelStats] = {}

    async def run(self, runtime: Runtime) -> None:
        stop = asyncio.Event()
        stop_on_signals(stop)
        try:
            await runtime.start()
            stop_on_signals(stop)  # Ray has put handlers of its own in their place
            supervisor = Supervisor(runtime, resident=True)
            admission = Admission(runtime.places)
            close, address = serve_metrics(
                self._fleet.metrics,
                lambda: self._progress(supervisor),
                lambda: self._models,
                self._delivery.stats if self._delivery else dict,
            )
            say(f"metrics at http://{address}/metrics")
            try:
                while not stop.is_set():
                    await self._turn(supervisor, admission, await runtime.load())
                    self._models = await runtime.model_stats()
                    await _wait(stop, EVERY_S)
                say("stopping")
                await supervisor.stop()
            finally:
                close()
        finally:
            await runtime.close()
            self._tell([])

    async def _turn(self, supervisor: Supervisor, admission: Admission, load: float) -> None:
        wanted = self._wanted()
        gone, new = differences(self._running, wanted)
        await asyncio.gather(*map(supervisor.remove, gone))
        for stream_id in gone:
            del self._running[stream_id]
        self._refused = {name: (spec, why) for name, (spec, why) in self._refused.items() if wanted.get(name) == spec}
        room = self._room(supervisor, admission, load)
        waiting = []
        for stream_id in new:
            if stream_id in self._refused:
                continue
            # A file waits for its place with the supervisor: it can be read as slowly as need be.
            if room <= 0 and is_live(wanted[stream_id].source):
                waiting.append(stream_id)
                continue
            plan = await asyncio.to_thread(self._plan, stream_id, wanted[stream_id])
            if plan is not None:
                supervisor.add(plan)
                self._running[stream_id] = wanted[stream_id]
                room -= plan.live
        self._waiting = waiting
        self._tell(self._fleet_status(supervisor.progress(), wanted, waiting))

    def _progress(self, supervisor: Supervisor) -> list[StreamProgress]:
        """Of every stream that is wanted, whether it runs or can not. From the thread that answers Prometheus."""
        refused = [StreamProgress(name, "failed", ZERO, None, None, error=why) for name, (_, why) in self._refused.copy().items()]
        waiting = [StreamProgress(name, "waiting", ZERO, None, None) for name in self._waiting]
        return [*supervisor.progress(), *refused, *waiting]

    def _room(self, supervisor: Supervisor, admission: Admission, load: float) -> int:
        live = [s.lag_s for s in supervisor.progress() if s.state in ("running", "restarting") and s.duration is None]
        return admission.admit(monotonic(), load, live)

    def _wanted(self) -> dict[str, StreamSpec]:
        """The fleet file, read again when it has changed, and what the control topic says upon it."""
        try:
            changed = self._serving.fleet.stat().st_mtime_ns
            if changed != self._read_at:
                self._read_at = changed
                self._fleet = read_fleet(self._serving.fleet)
                say(f"{self._serving.fleet} was read again")
        except (OSError, ConfigError) as e:
            say(f"the fleet stays as it was: {e}")
        asked = self._control.wanted() if self._control else {}
        wanted: dict[str, StreamSpec | None] = {**self._fleet.streams, **asked}
        return {stream_id: spec for stream_id, spec in wanted.items() if spec is not None}

    def _plan(self, stream_id: str, spec: StreamSpec) -> StreamPlan | None:
        try:
            changes = [*self._fleet.set, *spec.changes]
            settings, live = (load(self._fleet.profile, changes, live) for live in (False, True))
            plans, refused = plan_streams([f"{stream_id}={with_secrets(spec.source)}"], settings, Cut(ZERO, None), live, resident=True)
        except CapstreamError as e:
            self._refused[stream_id] = spec, e.message
            return None
        stopped = self._delivery.admit([stream_id]) if plans and self._delivery else {}
        if refused or stopped:
            self._refused[stream_id] = spec, stopped.get(stream_id) or refused[0].error or "refused"
            return None
        return plans[0]

    def _fleet_status(
        self, progress: Sequence[StreamProgress], wanted: Mapping[str, StreamSpec], waiting: Sequence[str]
    ) -> list[dict[str, Any]]:
        streams = [status_of(s, wanted[s.stream_id]) for s in progress if s.stream_id in wanted]
        streams += [_bare(name, spec, "failed", why) for name, (spec, why) in self._refused.items()]
        streams += [_bare(name, wanted[name], "waiting", "the machine is full") for name in waiting]
        return sorted(streams, key=lambda s: str(s["stream_id"]))

    def _tell(self, streams: Sequence[Mapping[str, Any]]) -> None:
        """To `capstream status`, to the status topic and, what has changed, to whoever reads our stderr."""
        for s in streams:
            line = f"{s['state']}{': ' + s['error'] if s['error'] else ''}"
            if self._told.get(s["stream_id"]) != line:
                self._told[s["stream_id"]] = line
                say(f"{s['stream_id']}: {line}")
        status = {"at": datetime.now(UTC).isoformat(timespec="milliseconds"), "process": os.getpid(), "streams": streams}
        write_atomically(self._serving.out / STATUS, msgspec.json.encode(status))
        if self._control:
            self._control.tell(streams)


def status_of(s: StreamProgress, spec: StreamSpec) -> dict[str, Any]:
    """The status record of a stream."""
    dropped = sum(seconds for (_, reason), seconds in s.stats.gap_s.items() if reason == "dropped_overload")
    # While it runs, what was wrong before is over.
    error = None if s.state == "running" else s.error
    return _bare(s.stream_id, spec, s.state, error) | {
        "position_ms": to_ms(s.position),
        "lag_ms": None if s.lag_s is None else round(s.lag_s * 1000),
        "dropped_ms": round(dropped * 1000),
        "gaps_ms": round(sum(s.stats.gap_s.values()) * 1000),
        "restarts": s.restarts,
        "latest": s.latest,
    }


def _bare(stream_id: str, spec: StreamSpec, state: str, error: str | None) -> dict[str, Any]:
    nothing = {"position_ms": 0, "lag_ms": None, "dropped_ms": 0, "gaps_ms": 0, "restarts": 0, "latest": None}
    return {"stream_id": stream_id, "source": masked(spec.source), "state": state, "error": error, **nothing}


async def _wait(stop: asyncio.Event, seconds: float) -> None:
    with suppress(TimeoutError):
        await asyncio.wait_for(stop.wait(), seconds)
