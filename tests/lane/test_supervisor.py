"""The supervisor restarts by remedy, gives up only where nobody watches, and stops one stream without touching another."""

import asyncio
from collections.abc import Mapping
from fractions import Fraction
from typing import Any

import pytest
from test_live import on_a_loop
from test_stream import Plan

from operators.errors import ConfigError, SourceUnavailable
from operators.timeline import ZERO
from pipeline import supervisor
from pipeline.plan import Outcome
from pipeline.stream_status import StreamStatus
from pipeline.supervisor import RESTARTS, StreamLost, Supervisor
from pipeline.telemetry import ModelStats

COMPLETE = Outcome("film", "complete", None, Fraction(9), {}, ())


class Away(SourceUnavailable):
    retriable = True


class Script:
    """A runtime where the n-th start of a stream ends as the test says; None: it runs until it is stopped."""

    places = 1

    def __init__(self, **ends: list[Any]) -> None:
        self.ends = {name: list(script) for name, script in ends.items()}
        self.running: set[str] = set()

    async def start(self) -> None: ...
    async def close(self) -> None: ...
    async def load(self) -> float:
        return 0.0

    async def model_stats(self) -> Mapping[str, ModelStats]:
        return {}

    async def run(self, plan: Any, status: StreamStatus, stop: asyncio.Event) -> Outcome:
        status.state = "running"
        self.running.add(plan.stream_id)
        try:
            end = self.ends[plan.stream_id].pop(0)
            if end is None:
                await stop.wait()
                return Outcome(plan.stream_id, "interrupted", None, ZERO, {}, ())
            await asyncio.sleep(0)
            if isinstance(end, Exception):
                raise end
            return end
        finally:
            self.running.discard(plan.stream_id)


@pytest.fixture(autouse=True)
def _no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(supervisor, "BACKOFF_S", 0)


@on_a_loop
async def test_a_run_gives_a_lost_stream_up_and_serve_does_not() -> None:
    script = [StreamLost("killed")] * (RESTARTS + 3) + [COMPLETE]
    given_up = await Supervisor(Script(film=script), resident=False).add(Plan())
    assert given_up.state == "failed"
    assert "died 5 times" in (given_up.error or "")
    watched = Supervisor(Script(film=script), resident=True)
    assert (await watched.add(Plan())).state == "complete"
    assert watched.progress()[0].restarts == RESTARTS + 3


@on_a_loop
async def test_a_source_that_went_away_is_tried_again_and_a_mistake_is_not() -> None:
    supervisor = Supervisor(Script(film=[Away("the camera does not answer"), COMPLETE]), resident=True)
    assert (await supervisor.add(Plan())).state == "complete"
    supervisor = Supervisor(Script(film=[ConfigError("made with other settings"), COMPLETE]), resident=True)
    outcome = await supervisor.add(Plan())
    assert (outcome.state, outcome.usage) == ("failed", True)
    assert supervisor.progress()[0].error == "made with other settings"


@on_a_loop
async def test_a_bug_ends_a_run_and_is_said_and_outlived_by_serve() -> None:
    with pytest.raises(TypeError):
        await Supervisor(Script(film=[TypeError("nonsense"), COMPLETE]), resident=False).add(Plan())
    watched = Supervisor(Script(film=[TypeError("nonsense"), None]), resident=True)
    watched.add(Plan())
    while watched.progress()[0].restarts == 0 or watched.progress()[0].state != "running":
        await asyncio.sleep(0)
    assert watched.progress()[0].error == "a bug in capstream, please report it: TypeError: nonsense"
    await watched.stop()


@on_a_loop
async def test_one_stream_is_stopped_and_the_others_go_on() -> None:
    runtime = Script(a=[None], b=[None], c=[COMPLETE])
    supervisor = Supervisor(runtime, resident=True)
    supervisor.add(Plan("a", live=True))
    supervisor.add(Plan("b", live=True))
    while runtime.running != {"a", "b"}:
        await asyncio.sleep(0)
    assert (await supervisor.remove("a")).state == "interrupted"
    assert [s.stream_id for s in supervisor.progress()] == ["b"]
    assert runtime.running == {"b"}
    assert (await supervisor.add(Plan("c"))).state == "complete"
    assert [o.state for o in await supervisor.stop()] == ["interrupted", "complete"]


@on_a_loop
async def test_files_wait_for_a_place_and_live_streams_do_not() -> None:
    runtime = Script(a=[None], b=[None], c=[None])
    supervisor = Supervisor(runtime, resident=True)
    supervisor.add(Plan("a"))
    supervisor.add(Plan("b"))
    supervisor.add(Plan("c", live=True))
    for _ in range(20):
        await asyncio.sleep(0)
    assert runtime.running == {"a", "c"}
    assert [s.state for s in supervisor.progress()] == ["running", "waiting", "running"]
    await supervisor.remove("a")
    for _ in range(20):
        await asyncio.sleep(0)
    assert runtime.running == {"b", "c"}
    await supervisor.stop()
    assert supervisor.progress() == []


@on_a_loop
async def test_a_stream_that_does_not_stop_is_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(supervisor, "DEADLINE_S", 0)
    runtime = Script()

    async def deaf(*arguments: Any) -> Outcome:
        await asyncio.Event().wait()
        return COMPLETE

    runtime.run = deaf  # type: ignore[method-assign]
    watched = Supervisor(runtime, resident=True)
    watched.add(Plan("a", live=True))
    await asyncio.sleep(0)
    assert (await watched.remove("a")).state == "interrupted"
