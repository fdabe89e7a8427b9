"""Both runtimes run the same plan and give the same records; the supervisor restarts, reports and stops."""

import os
import signal
import sys
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from time import monotonic
from typing import Any, Literal

import pytest
from test_operator_run import MODELS
from test_stream import Film, Plan, told

from operators.errors import ModelUnavailable, SourceUnavailable
from operators.media import StreamInfo
from operators.records import Model
from pipeline.plan import ModelPlan, Outcome, RunSettings, StreamProgress
from pipeline.supervisor import REPORT_S, supervise

RUNTIMES = ["local", pytest.param("ray", marks=pytest.mark.ray)]


class Sum:
    """The model of these tests, as a BatchOperator."""

    def open(self, device: str, threads: int) -> None:
        assert (device, threads) == ("cpu", 1)

    def __call__(self, items: Sequence[Any]) -> list[Any]:
        return [MODELS["name"](item) for item in items]

    def close(self) -> None:
        pass


class Killer(Sum):
    """Kills its own process on the third call, once: with it a model's actor, or the stream's where the model stands beside it."""

    def __call__(self, items: Sequence[Any]) -> list[Any]:
        marker = Path(os.environ["CAPSTREAM_TEST_MARKER"])
        marker.write_text(marker.read_text() + "x")
        if marker.read_text() == "xxx":
            os.kill(os.getpid(), signal.SIGKILL)
        return super().__call__(items)


class Missing(Sum):
    def open(self, device: str, threads: int) -> None:
        raise ModelUnavailable("no such weights: use --profile offline")


@dataclass(frozen=True)
class Nowhere(Plan):
    stream_id: str = "nowhere"

    def open_source(self, place: Path) -> tuple[Film, StreamInfo]:
        raise SourceUnavailable("nowhere.mp4 is empty")


def run(
    out: Path, runtime: Literal["ray", "local"], model: type[Sum] = Sum, shared: bool = True, plans: Sequence[Any] = (Plan(),)
) -> tuple[list[Outcome], list[StreamProgress]]:
    seen: list[StreamProgress] = []
    models = [ModelPlan("name", model, Model("namer", "sum"), shared)]
    return supervise(plans, models, RunSettings(out, runtime, False), seen.extend), seen


@pytest.fixture(autouse=True)
def _workers_find_these_modules(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(sys.path))


@pytest.fixture(scope="module")
def expected(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[Any]]:
    out = tmp_path_factory.mktemp("expected")
    run(out, "local")
    return told(out)


@pytest.mark.parametrize("runtime", RUNTIMES)
def test_the_same_records(runtime: Literal["ray", "local"], tmp_path: Path, expected: dict[str, list[Any]]) -> None:
    outcomes, seen = run(tmp_path, runtime, plans=[Nowhere(), Plan()])
    assert [(o.stream_id, o.state, o.error) for o in outcomes] == [
        ("nowhere", "failed", "nowhere.mp4 is empty"),
        ("film", "complete", None),
    ]
    assert told(tmp_path) == expected
    assert outcomes[1].counts["narrate.captions"] == 5
    assert seen[-1].state == "complete"
    assert seen[-1].position > 0


@pytest.mark.parametrize("runtime", RUNTIMES)
def test_a_model_that_is_not_there_ends_the_run(runtime: Literal["ray", "local"], tmp_path: Path) -> None:
    with pytest.raises(ModelUnavailable, match="--profile offline"):
        run(tmp_path, runtime, Missing)


@pytest.mark.ray
@pytest.mark.parametrize("shared", [True, False], ids=["model actor", "stream actor"])
def test_a_killed_actor_costs_nothing(
    shared: bool, tmp_path: Path, expected: dict[str, list[Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    marker = tmp_path / "calls"
    marker.write_text("")
    monkeypatch.setenv("CAPSTREAM_TEST_MARKER", str(marker))
    outcomes, _ = run(tmp_path, "ray", Killer, shared)
    assert outcomes[0].state == "complete"
    assert len(marker.read_text()) > 3
    assert told(tmp_path) == expected


class Slow(Sum):
    def __call__(self, items: Sequence[Any]) -> list[Any]:
        threading.Event().wait(0.05)
        return super().__call__(items)


def test_streams_that_have_ended_do_not_keep_the_supervisor_busy(tmp_path: Path) -> None:
    calls: list[float] = []
    models = [ModelPlan("name", Slow, Model("namer", "sum"), True)]
    supervise([Nowhere(), Plan()], models, RunSettings(tmp_path, "local", False), lambda _: calls.append(monotonic()))
    assert len(calls) <= 4 + (calls[-1] - calls[0]) / REPORT_S


class Waiting(Sum):
    """Answers only after somebody has asked the run to stop."""

    def __call__(self, items: Sequence[Any]) -> list[Any]:
        threading.Event().wait(0.5)
        os.kill(os.getpid(), signal.SIGINT)
        threading.Event().wait(0.5)
        return super().__call__(items)


def test_sigint_stops_in_order_and_the_next_run_goes_on(tmp_path: Path, expected: dict[str, list[Any]]) -> None:
    outcomes, _ = run(tmp_path, "local", Waiting)
    assert outcomes[0].state == "interrupted"
    assert (tmp_path / "film" / "film.jsonl").exists()
    assert run(tmp_path, "local")[0][0].state == "complete"
    assert told(tmp_path) == expected
