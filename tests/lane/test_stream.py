"""Whole lanes keep the law: three of them with logs, killed at random moments and gone on from, say what an unbroken run says."""

import asyncio
import json
import random
from collections.abc import Generator
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from test_operator_run import MODELS, Counting, Utterances

from operators.errors import ConfigError, DecodeError, DecoderLost, ModelError, SourceUnavailable, StorageError
from operators.facts import Features, Speech, Still
from operators.media import PACKET_SAMPLES, Frame, Picture, PictureTrack, Samples, SoundTrack, StreamInfo
from operators.protocols import Ask, Entry, FactsNeed, FramesNeed, Item, Output, State, Stills, StreamOperator
from operators.records import Caption, Event, Gap, Model
from operators.timeline import Span, exact
from pipeline import generations, reading, stream
from pipeline.log import committed_records, last_commit, read_rows
from pipeline.plan import LaneName, RunSettings
from pipeline.stream import run_stream
from pipeline.stream_status import StreamStatus

LEVELS = [*[0] * 3, *[4] * 17, 0, 0, 1, *[0] * 6, *[7] * 9, 0, 2, 2, 0, 0, *[3] * 21]
BRIGHT = [*[0] * 4, *[200] * 9, *[30] * 6, *[90] * 13, *[0] * 3]


class Bright:
    """Says when the picture changes; asks what it shows; keeps rows and stills."""

    origin = "look.bright"
    need = FramesNeed(8, 4)
    models: tuple[str, ...] = ("name",)

    def __init__(self) -> None:
        self.level = -1
        self.since = Fraction(0)

    def push(self, item: Item) -> list[Output | Ask]:
        if isinstance(item, Gap):
            return []
        assert isinstance(item, Frame)
        level = int(item.picture.luma[0, 0])
        row = Features(item.index, item.rate, np.full(3, level, np.float32))
        if level == self.level:
            return [row]
        said: list[Output | Ask] = [row, Still(item.at, bytes([level])), Ask("name", (level,), tag=(self.since, item.at))]
        self.level, self.since = level, item.at
        return said

    def answer(self, ask: Ask, result: Any) -> list[Output | Ask]:
        if isinstance(result, ModelError):
            return []
        start, end = ask.tag
        return [Event(start, end, f"e{exact(start)}", "end", "change", "picture", result / 1000, result / 1000)]

    def finish(self, at: Fraction) -> list[Output | Ask]:
        return []

    def hold(self) -> Fraction | None:
        return None

    def snapshot(self) -> tuple[Fraction | None, State]:
        return None, {"level": self.level, "since": exact(self.since)}

    def restore(self, state: State) -> None:
        self.level, self.since = state["level"], Fraction(state["since"])

    def refill(self, item: Item) -> None:
        raise AssertionError("nothing is buffered")


class Words(Counting):
    """Needs the input from within a packet."""

    origin = "listen.words"

    def snapshot(self) -> tuple[Fraction | None, State]:
        needs_from, state = super().snapshot()
        return None if needs_from is None else needs_from + Fraction(1, 40), state


class Teller:
    """A caption for every change of picture, with what was heard before its end."""

    origin = "narrate.captions"
    need = FactsNeed(frozenset({"look.bright", "listen.words"}))
    models: tuple[str, ...] = ("name",)

    def __init__(self, stills: Stills) -> None:
        self.heard: list[float] = []
        self.stills = stills

    def push(self, item: Item) -> list[Output | Ask]:
        assert isinstance(item, Entry)
        if isinstance(item.value, Speech):
            self.heard.append(item.value.score)
        if not isinstance(item.value, Event):
            return []
        heard, self.heard = tuple(self.heard), []
        level = self.stills([item.end])[0].jpeg[0]
        return [Ask("name", (*heard, level), tag=(item.start, item.end))]

    def answer(self, ask: Ask, result: Any) -> list[Output | Ask]:
        return [Caption(*ask.tag, kind="description", text=str(result), lines=(str(result),), language="en", confidence=1.0, cue_id="c")]

    def finish(self, at: Fraction) -> list[Output | Ask]:
        return []

    def hold(self) -> Fraction | None:
        return None

    def snapshot(self) -> tuple[Fraction | None, State]:
        return None, {"heard": list(self.heard)}

    def restore(self, state: State) -> None:
        self.heard = state["heard"]

    def refill(self, item: Item) -> None:
        raise AssertionError("facts are kept by value")


class Film:
    """A source of made frames and packets. `lose` and `fail` are given the number of items read so far."""

    lose = staticmethod(lambda n: False)
    fail = staticmethod(lambda n: False)

    def probe(self) -> StreamInfo:
        picture = PictureTrack(0, "made", 4, 4, 0, None, Fraction(0))
        return StreamInfo("film", "made", Fraction(0), None, picture, SoundTrack(1, "made", 16000, 1, None, Fraction(0)))

    def frames(self, info: StreamInfo, need: FramesNeed, span: Span) -> Generator[Frame | Gap, None, None]:
        made = [Frame(i, 8, Fraction(i, 8), Picture(np.full((4, 4, 3), b, np.uint8))) for i, b in enumerate(BRIGHT)]
        yield from self._from(made, span)

    def samples(self, info: StreamInfo, span: Span) -> Generator[Samples | Gap, None, None]:
        made: list[Any] = [Samples(i, np.full(PACKET_SAMPLES, v / 10, np.float32)) for i, v in enumerate(LEVELS)]
        made[30:33] = [Gap(Fraction(30, 10), Fraction(33, 10), "listen", "discontinuity")]
        yield from self._from(made, span)

    def _from(self, made: list[Any], span: Span) -> Generator[Any, None, None]:
        for n, item in enumerate(i for i in made if i.start in span):
            if self.lose(n):
                raise DecoderLost("killed")
            if self.fail(n):
                raise DecodeError("damaged from here on")
            yield item


@dataclass(frozen=True)
class Plan:
    stream_id: str = "film"
    uri: str = "film"
    start: Fraction = Fraction(0)
    stop: Fraction | None = None
    settings_fingerprint: str = "s"
    fingerprint: str = "f"
    film: Film | None = None

    live: bool = False

    def open_source(self, place: Path) -> tuple[Film, StreamInfo]:
        film = self.film or Film()
        return film, film.probe()

    def abandon_source(self, place: Path) -> None:
        pass

    def keep_source(self, source: Film, lanes: set[str]) -> bool:
        return True

    def clock_moved_s(self, source: Film) -> float:
        return 0.25

    def close_source(self, source: Film, stopped: bool) -> None:
        pass

    def source_fingerprint(self) -> str:
        return self.fingerprint

    def operators(self, name: LaneName, stills: Stills) -> list[StreamOperator]:
        return {"look": lambda: [Bright()], "listen": lambda: [Words(), Utterances()], "narrate": lambda: [Teller(stills)]}[name]()


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(generations, "POLL_S", 0)
    monkeypatch.setattr(reading, "POLL_S", 0)
    monkeypatch.setattr(stream, "FILE", replace(stream.FILE, commit_s=0.002, idle_s=0.002))
    monkeypatch.setattr(stream, "BATCH", {"look": 3, "listen": 4})


class Clock:
    """Counts the turns that models take, and is `due` after so many: a moment of the run that no load of the machine shifts."""

    def __init__(self, turns: int) -> None:
        self.left = turns
        self.due = asyncio.Event()

    def tick(self) -> None:
        self.left -= 1
        if self.left <= 0:
            self.due.set()


def models(chance: random.Random, clock: Clock | None = None) -> dict[str, Any]:
    async def name(item: Any) -> Any:
        for _ in range(chance.randrange(30)):
            if clock is not None:
                clock.tick()
            await asyncio.sleep(0)
        return MODELS["name"](item)

    return {"name": (Model("namer", "sum"), name)}


def told(out: Path, generation: int = 1) -> dict[str, list[Any]]:
    """Everything committed, by origin and kind."""
    by: dict[str, list[Any]] = {}
    for name in stream.LANES:
        path = out / "film" / str(generation) / f"{name}.jsonl"
        lines = [json.loads(x) for x in path.read_text().splitlines()]
        last = max(i for i, x in enumerate(lines) if "commit" in x)
        for line in lines[:last]:
            for kind in ("fact", "record"):
                if kind in line:
                    by.setdefault(f"{line['origin']}/{kind}", []).append((line["sequence"], line[kind]))
    return by


async def run(out: Path, seed: int, plan: Any = None, kill_after: int | None = None, **settings: Any) -> Any:
    """Run the stream; None where it was killed before its end."""
    clock = Clock(kill_after or 10**9)
    task = asyncio.create_task(
        run_stream(
            plan or Plan(), RunSettings(out, "local", **{"fresh": False, **settings}), models(random.Random(seed), clock),
            StreamStatus("film"), asyncio.Event(),
        )
    )  # fmt: skip
    due = asyncio.create_task(clock.due.wait())
    await asyncio.wait([task, due], return_when=asyncio.FIRST_COMPLETED)
    due.cancel()
    if task.done():
        return task.result()
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    return None


def reference(tmp_path: Path) -> dict[str, list[Any]]:
    outcome = asyncio.run(run(tmp_path / "reference", 0))
    assert outcome.state == "complete"
    said = told(tmp_path / "reference")
    assert len(said["narrate.captions/record"]) == 5
    assert len(said["listen.words/fact"]) == len(said["listen.utterances/fact"]) == 9
    assert said["listen/record"][0][1]["reason"] == "discontinuity"
    return said


def test_killed_and_resumed_runs_say_what_an_unbroken_run_says(tmp_path: Path) -> None:
    expected = reference(tmp_path)
    kills = 0
    for seed in range(12):
        chance = random.Random(seed)
        out = tmp_path / str(seed)
        while asyncio.run(run(out, seed, kill_after=chance.randrange(1, 400))) is None:
            kills += 1
        assert told(out) == expected, f"seed {seed}"
        assert (out / "film" / "1" / "look.bright.f32").read_bytes() == (tmp_path / "reference/film/1/look.bright.f32").read_bytes()
    assert kills > 12


def test_ordered_stop_commits_and_is_gone_on_from(tmp_path: Path) -> None:
    expected = reference(tmp_path)

    async def stopped(out: Path) -> Any:
        clock = Clock(100)
        settings = RunSettings(out, "local", False)
        return await run_stream(Plan(), settings, models(random.Random(1), clock), StreamStatus("film"), clock.due)

    out = tmp_path / "out"
    assert asyncio.run(stopped(out)).state == "interrupted"
    assert (out / "film" / "film.jsonl").exists()
    assert asyncio.run(run(out, 2)).state == "complete"
    assert told(out) == expected


def test_a_lost_decoder_is_replaced(tmp_path: Path) -> None:
    expected = reference(tmp_path)
    film = Film()
    losses = iter([True] * 7)
    film.lose = lambda n: n == 5 and next(losses, False)  # type: ignore[method-assign,assignment]
    assert asyncio.run(run(tmp_path / "out", 3, Plan(film=film))).state == "complete"
    assert told(tmp_path / "out") == expected


def test_a_decoder_that_is_lost_while_buffers_are_filled_again_is_replaced_there(tmp_path: Path) -> None:
    expected = reference(tmp_path)
    for turns in range(20, 200, 20):
        out = tmp_path / str(turns)
        asyncio.run(run(out, 3, kill_after=turns))
        film = Film()
        losses = iter([True] * 2)
        film.lose = lambda n, losses=losses: n == 2 and next(losses, False)  # type: ignore[method-assign,assignment,misc]
        assert asyncio.run(run(out, 4, Plan(film=film))).state in ("complete", "already")
        assert told(out) == expected


def test_a_decoder_that_is_lost_at_the_same_place_again_and_again_fails_the_stream(tmp_path: Path) -> None:
    film = Film()
    film.lose = lambda n: n == 0  # type: ignore[method-assign,assignment]
    with pytest.raises(SourceUnavailable):
        asyncio.run(run(tmp_path, 3, Plan(film=film)))


def test_damage_ends_the_lane_with_a_gap_and_a_warning(tmp_path: Path) -> None:
    film = Film()
    film.fail = lambda n: n == 20  # type: ignore[method-assign,assignment]
    outcome = asyncio.run(run(tmp_path, 3, Plan(film=film)))
    assert outcome.state == "complete"
    assert len(outcome.warnings) == 2
    gaps = [r for r in committed_records(tmp_path / "film/1/look.jsonl") if r["type"] == "gap"]
    assert [(g["reason"], g["start_ms"]) for g in gaps] == [("decode_error", 2500)]
    end = [r for r in committed_records(tmp_path / "film/1/look.jsonl") if r["type"] == "end"]
    assert [e["duration_ms"] for e in end] == [2500]


def test_what_is_complete_is_not_run_again_unless_fresh_or_changed(tmp_path: Path) -> None:
    settings = RunSettings(tmp_path, "local", False)
    assert generations.already(Plan(), settings) is None
    assert asyncio.run(run(tmp_path, 1)).state == "complete"
    first = told(tmp_path)
    assert asyncio.run(run(tmp_path, 1)) == generations.already(Plan(), settings)
    assert asyncio.run(run(tmp_path, 1)).state == "already"
    for plan, others in (
        (Plan(fingerprint="other"), settings),
        (Plan(settings_fingerprint="t"), settings),
        (Plan(), replace(settings, fresh=True)),
    ):
        assert generations.already(plan, others) is None
    assert asyncio.run(run(tmp_path, 1, fresh=True)).state == "complete"
    assert told(tmp_path, 2) == first
    assert asyncio.run(run(tmp_path, 1, replace(Plan(), fingerprint="other"))).state == "complete"
    assert (tmp_path / "film" / "3").is_dir()
    with pytest.raises(ConfigError, match="--fresh"):
        asyncio.run(run(tmp_path, 1, Plan(fingerprint="other", settings_fingerprint="t")))


def test_a_restart_within_a_fresh_run_goes_on_with_its_generation(tmp_path: Path) -> None:
    asyncio.run(run(tmp_path, 1))
    asyncio.run(run(tmp_path, 1, kill_after=50, fresh=True, run_id="r"))
    assert asyncio.run(run(tmp_path, 1, fresh=True, run_id="r")).state == "complete"
    assert sorted(p.name for p in (tmp_path / "film").iterdir() if p.is_dir()) == ["1", "2"]


def test_a_second_run_on_the_same_stream_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(generations, "LOCK_WAIT_S", 0)

    async def both() -> Any:
        return await asyncio.gather(run(tmp_path, 1), run(tmp_path, 2), return_exceptions=True)

    states = asyncio.run(both())
    assert sorted(type(s).__name__ for s in states) == ["Outcome", "StorageError"]
    assert "is being written by process" in str(next(s for s in states if isinstance(s, StorageError)))


def test_an_item_that_no_model_can_do_is_a_gap_and_nothing_else_is_lost(tmp_path: Path) -> None:
    async def picky(item: Any) -> Any:
        if len(item) == 1 and item[0] == 200:
            raise ModelError("not this one")
        return MODELS["name"](item)

    settings = RunSettings(tmp_path, "local", False)
    status = StreamStatus("film")
    outcome = asyncio.run(run_stream(Plan(), settings, {"name": (Model("n", "n"), picky)}, status, asyncio.Event()))  # type: ignore[arg-type]
    gaps = [r for r in committed_records(tmp_path / "film/1/look.jsonl") if r["type"] == "gap"]
    assert [(g["origin"], g["reason"], g["detail"]) for g in gaps] == [("look", "model_error", "not this one")]
    assert outcome.counts["look.bright"] == 4


def test_every_record_is_numbered_and_every_lane_ends(tmp_path: Path) -> None:
    asyncio.run(run(tmp_path, 1))
    for name in stream.LANES:
        path = tmp_path / "film/1" / f"{name}.jsonl"
        records = list(committed_records(path))
        commit = last_commit(path)
        assert commit is not None
        assert commit.done
        assert commit.watermark is None
        by: dict[str, list[int]] = {}
        for r in records:
            by.setdefault(r["origin"], []).append(r["sequence"])
        assert all(n == list(range(len(n))) for n in by.values())
        assert [r["type"] for r in records if r["type"] == "end"] == ["end"]
    assert read_rows(tmp_path / "film/1/look.jsonl", "look.bright", 3)[:, 0].tolist() == [float(b) for b in BRIGHT]
