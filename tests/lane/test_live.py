"""Lanes of live streams wait for nobody: not for a model, not for each other, not for a source that is silent."""

import asyncio
import functools
import threading
from collections.abc import Callable, Coroutine, Generator
from dataclasses import dataclass, field, replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from test_operator_run import MODELS
from test_stream import Plan, told

from operators.errors import SourceUnavailable
from operators.facts import Speech
from operators.protocols import Entry
from operators.records import Gap, Model
from pipeline import generations, stream
from pipeline.log import committed_records, last_commit
from pipeline.plan import RunSettings
from pipeline.reading import as_they_come, merged
from pipeline.stream import run_stream
from pipeline.stream_status import StreamStatus


def on_a_loop(test: Callable[..., Coroutine[Any, Any, None]]) -> Callable[..., None]:
    return functools.wraps(test)(lambda *args, **kwargs: asyncio.run(test(*args, **kwargs)))


@dataclass
class Log:
    """A follower of a log that says what the test lets it."""

    path: Path
    watermark: Fraction | None = Fraction(0)
    entries: list[Entry] = field(default_factory=list)

    def say(self, watermark: float | None, *ends: float) -> None:
        self.watermark = None if watermark is None else Fraction(watermark)
        self.entries += [Entry(f"{self.path.stem}.x", "fact", i, Speech(Fraction(0), Fraction(end), 1)) for i, end in enumerate(ends)]

    def poll(self) -> list[Entry]:
        entries, self.entries = self.entries, []
        return entries


def logs() -> tuple[Log, Log]:
    return Log(Path("look.jsonl")), Log(Path("listen.jsonl"))


def ends(items: list[Any]) -> list[float]:
    return [float(i.end) for i in items]


@on_a_loop
async def test_a_late_lane_is_waited_for_up_to_the_skew() -> None:
    look, listen = logs()
    reader = merged([look, listen], Fraction(30))  # type: ignore[list-item]
    listen.say(20, 3, 19)
    look.say(10, 4, 12)
    assert ends(await anext(reader)) == [3, 4]
    listen.say(44)
    assert ends(await anext(reader)) == []
    listen.say(46, 45)
    items = await anext(reader)
    assert ends(items) == [12, 16]
    assert items[-1].value == Gap(Fraction(10), Fraction(16), "look", "dropped_overload", "it came too late")
    look.say(18, 15, 17)
    assert ends(await anext(reader)) == [17]
    look.say(None, 47)
    assert ends(await anext(reader)) == [19, 45]
    listen.say(None, 48)
    assert ends(await anext(reader)) == [47, 48]
    with pytest.raises(StopAsyncIteration):
        await anext(reader)


@on_a_loop
async def test_what_comes_too_late_is_passed_over_in_pieces_of_seconds() -> None:
    look, listen = logs()
    reader = merged([look, listen], Fraction(30))  # type: ignore[list-item]
    pieces = []
    for second in range(100):
        listen.say(second)
        pieces += await anext(reader)
    assert [(p.start, p.end) for p in pieces] == [(n, n + 5) for n in range(0, 65, 5)]


@on_a_loop
async def test_files_wait_for_as_long_as_it_takes() -> None:
    look, listen = logs()
    reader = merged([look, listen], None)  # type: ignore[list-item]
    listen.say(1000, 5)
    assert ends(await anext(reader)) == []
    look.say(6, 5.5)
    assert ends(await anext(reader)) == [5, 5.5]


@on_a_loop
async def test_a_silent_source_lets_its_lane_breathe() -> None:
    speak = threading.Event()

    def source() -> Generator[int, None, None]:
        yield 1
        speak.wait(60)
        yield 2

    reader = as_they_come(source())
    assert await anext(reader) == [1]
    assert await anext(reader) == []
    speak.set()
    assert [batch async for batch in reader if batch] == [[2]]


@on_a_loop
async def test_a_reader_is_closed_though_its_source_is_silent() -> None:
    closed = threading.Event()

    def source() -> Generator[int, None, None]:
        try:
            closed.wait(60)
            yield 1
        finally:
            closed.set()

    reader = as_they_come(source())
    assert await anext(reader) == []
    closed.set()
    await reader.aclose()


@dataclass(frozen=True)
class Camera(Plan):
    live: bool = True
    closed: list[bool] = field(default_factory=list)

    def close_source(self, source: Any, stopped: bool) -> None:
        self.closed.append(stopped)


async def go(out: Path, plan: Camera, models: dict[str, Any]) -> Any:
    asks = {name: (Model("namer", "sum"), ask) for name, ask in models.items()}
    return await run_stream(plan, RunSettings(out, "local", False), asks, StreamStatus(plan.stream_id), asyncio.Event())


async def quick(item: Any) -> Any:
    return MODELS["name"](item)


@on_a_loop
async def test_a_model_that_can_not_keep_up_costs_its_oldest_question(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stream, "LIVE", replace(stream.LIVE, behind=Fraction(2)))
    asked = 0

    async def stuck_at_first(item: Any) -> Any:
        nonlocal asked
        asked += 1
        if asked == 1:
            await asyncio.Event().wait()
        return MODELS["name"](item)

    plan = Camera()
    outcome = await asyncio.wait_for(go(tmp_path, plan, {"name": stuck_at_first}), 60)
    assert outcome.state == "complete"
    records = [r for lane in stream.LANES for r in committed_records(tmp_path / "film" / "1" / f"{lane}.jsonl")]
    dropped = [r for r in records if r.get("reason") == "dropped_overload"]
    assert len(dropped) == 1
    assert "name is" in dropped[0]["detail"]
    assert plan.closed == [False]


@on_a_loop
async def test_a_live_stream_says_what_a_file_says(tmp_path: Path) -> None:
    await go(tmp_path / "file", Camera(live=False), {"name": quick})
    await go(tmp_path / "live", Camera(), {"name": quick})
    assert told(tmp_path / "live") == told(tmp_path / "file")


@on_a_loop
async def test_a_live_stream_that_has_ended_begins_a_new_generation(tmp_path: Path) -> None:
    for _ in range(2):
        assert (await go(tmp_path, Camera(), {"name": quick})).state == "complete"
    commit = last_commit(tmp_path / "film" / "2" / "look.jsonl")
    assert commit is not None
    assert commit.done


@dataclass(frozen=True)
class Late(Camera):
    """Its sound comes later than its pictures."""

    tracks: set[str] = field(default_factory=lambda: {"look"})
    opened: list[str] = field(default_factory=list)
    abandoned: list[str] = field(default_factory=list)

    def open_source(self, place: Path) -> Any:
        film, info = super().open_source(place)
        self.opened.append(place.name)
        return film, info if "listen" in self.tracks else replace(info, sound=None)

    def keep_source(self, source: Any, lanes: set[str]) -> bool:
        return self.tracks <= lanes

    def abandon_source(self, place: Path) -> None:
        self.abandoned.append(place.name)


async def sound_comes_later(out: Path, plan: Late, answer_s: float) -> None:
    """`answer_s`: what the answers of models take from then on."""

    async def and_then_sound_came(item: Any) -> Any:
        if len(plan.opened) == 1:
            plan.tracks.add("listen")
            await asyncio.sleep(answer_s)
        return MODELS["name"](item)

    assert (await go(out, plan, {"name": and_then_sound_came})).state == "complete"
    assert plan.opened == ["1", "2"]
    assert set(plan.abandoned) == {"1"}
    assert plan.closed == [True, False]
    assert "listen.words/fact" in told(out, 2)


def lanes_ended(out: Path, generation: int) -> list[str]:
    place = out / "film" / str(generation)
    return [lane for lane in stream.LANES if any(r["type"] == "end" for r in committed_records(place / f"{lane}.jsonl"))]


@on_a_loop
async def test_a_track_that_comes_later_begins_a_new_generation_after_the_end_of_the_old(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stream, "KEEP_S", 0.01)
    await sound_comes_later(tmp_path, Late(), 0.05)
    assert lanes_ended(tmp_path, 1) == lanes_ended(tmp_path, 2) == list(stream.LANES)


@on_a_loop
async def test_a_kill_between_two_generations_does_not_end_the_stream(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stream, "KEEP_S", 0.01)
    settings = RunSettings(tmp_path, "local", False)
    plan = Late(tracks={"look", "listen"})
    asks = {"name": (Model("namer", "sum"), quick)}
    for generation in ("1", "2"):
        outcome = await run_stream(plan, settings, asks, StreamStatus(plan.stream_id), asyncio.Event())
        assert (outcome.state, plan.opened[-1]) == ("complete", generation)
        (tmp_path / "film" / generation / generations.CONTINUED).touch()
    (tmp_path / "film" / "2" / generations.CONTINUED).unlink()
    assert (await run_stream(plan, settings, asks, StreamStatus(plan.stream_id), asyncio.Event())).state == "already"


@on_a_loop
async def test_an_old_generation_that_does_not_come_to_its_end_is_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stream, "KEEP_S", 0.01)
    monkeypatch.setattr(stream, "END_S", 0.1)
    await sound_comes_later(tmp_path, Late(), 60)
    assert "narrate" not in lanes_ended(tmp_path, 1)


@on_a_loop
async def test_what_begins_with_all_its_tracks_stays_one_generation(tmp_path: Path) -> None:
    plan = Late(tracks={"look", "listen"})
    assert (await go(tmp_path, plan, {"name": quick})).state == "complete"
    assert plan.opened == ["1"]


@dataclass(frozen=True)
class Silent(Camera):
    """Its source does not answer."""

    abandoned: threading.Event = field(default_factory=threading.Event)

    def open_source(self, place: Path) -> Any:
        assert self.abandoned.wait(60)
        raise SourceUnavailable("it does not answer")

    def abandon_source(self, place: Path) -> None:
        self.abandoned.set()


@on_a_loop
async def test_a_stream_is_stopped_while_its_source_does_not_answer(tmp_path: Path) -> None:
    stop = asyncio.Event()
    plan = Silent()
    running = asyncio.create_task(run_stream(plan, RunSettings(tmp_path, "local", False), {}, StreamStatus("film"), stop))
    await asyncio.sleep(0)
    stop.set()
    assert (await asyncio.wait_for(running, 30)).state == "interrupted"
    assert plan.abandoned.is_set()
