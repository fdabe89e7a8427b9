"""One stream of a run: its lock, its generation, its three lanes, its views."""

import asyncio
import fcntl
import os
from collections.abc import AsyncGenerator, AsyncIterator, Generator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from fractions import Fraction
from functools import partial
from pathlib import Path
from time import monotonic
from typing import Any
from uuid import uuid4

import msgspec

from operators.errors import ConfigError, StorageError
from operators.media import PACKET_RATE, StreamInfo
from operators.protocols import FramesNeed, Item, SamplesNeed, Source, StreamOperator
from operators.records import Caption, Clock, Gap, Identity, Model, Partial, Record, Transcript, partial_to_wire
from operators.timeline import ZERO, Span, cell
from pipeline.kafka_partials import PartialProducer
from pipeline.kept import KeptFiles
from pipeline.lane import FILE, LIVE, Ask, Lane, LaneResult, Read, Told
from pipeline.log import Commit, Header, LogFollower, LogWriter, last_commit, now, write_atomically
from pipeline.naming import masked
from pipeline.plan import LaneName, Outcome, RunSettings, StreamPlan, StreamProgress
from pipeline.reading import BATCH, as_they_come, batches, merged, nothing
from pipeline.telemetry import Histogram, StreamStats
from pipeline.views import write_views

LANES: tuple[LaneName, ...] = ("look", "listen", "narrate")
FOREVER = Fraction(10**9)
LOCK_WAIT_S = 10.0
"""A holder that was killed lets go of its lock at once; one that is being replaced may need a moment."""
CONTINUED = "continued"
"""In the folder of a generation: the live stream goes on in another one, though it has its Ends."""
POLL_S = 0.1
KEEP_S = 5.0
END_S = 30.0
"""A generation that another one follows has so long to come to its end."""
SKEW = Fraction(30)
"""Seconds of media by which `look` and `listen` of a live stream may be apart before `narrate` goes on without the later one."""


@dataclass(frozen=True, slots=True)
class Generation:
    """One unbroken telling of a stream: OUT/STREAM/NUMBER. `folder_id` tells this folder from any copy of it."""

    number: int
    source: str
    settings: str
    run_id: str
    folder_id: str
    uri: str


@dataclass(slots=True)
class StreamStatus:
    """What can be seen of a running stream from outside."""

    stream_id: str
    state: str = "waiting"
    duration: Fraction | None = None
    latest: str | None = None
    lanes: dict[str, Lane] = field(default_factory=dict)
    seen: StreamProgress | None = None
    """What a process elsewhere that runs the stream said last."""

    clock: Clock | None = None
    """By which a live stream is late."""
    stats: StreamStats = field(default_factory=StreamStats)
    newest: dict[str, Fraction] = field(default_factory=dict)
    """End of the last word that a partial showed ("partial"), and called stable ("stable")."""
    restarts: int = 0
    error: str | None = None

    def progress(self) -> StreamProgress:
        if self.seen is not None:
            return replace(self.seen, state=self.state, restarts=self.restarts, error=self.error)
        readers = [lane for name, lane in self.lanes.items() if name != "narrate"]
        reading = [lane.position for lane in readers if not lane.done]
        position = min(reading) if reading else max((lane.position for lane in readers), default=ZERO)
        lag = self._since(position) if reading else None
        self.stats.waiting = {name: lane.waiting for name, lane in self.lanes.items()}
        return StreamProgress(self.stream_id, self.state, position, self.duration, self.latest, lag, self.stats, self.restarts, self.error)

    def note(self, lane: LaneName, said: list[Record]) -> None:
        """The records of a commit."""
        for record in said:
            if isinstance(record, Caption | Transcript):
                self.latest = record.text
            if isinstance(record, Gap):
                key = (record.lane, record.reason)
                self.stats.gap_s[key] = self.stats.gap_s.get(key, 0.0) + float(record.end - record.start)
            if isinstance(record, Transcript):
                self.stats.words += len(record.words)
            self.stats.records[f"{lane}.{record.type}"] += 1
            self._observe(record.type, record.end)

    def show(self, partial: Partial) -> None:
        self.latest = partial.text or self.latest
        self.stats.erased += partial.erased
        for name, count in (("partial", len(partial.words)), ("stable", partial.stable)):
            if count and (end := partial.words[count - 1].end) > self.newest.get(name, ZERO):
                self.newest[name] = end
                self._observe(name, end)

    def _observe(self, name: str, end: Fraction) -> None:
        behind = self._since(end)
        if behind is not None:
            self.stats.latency.setdefault(name, Histogram()).observe(behind)

    def _since(self, instant: Fraction) -> float | None:
        """Seconds by the clock since an instant of the live stream."""
        return None if self.clock is None else (datetime.now(UTC) - self.clock.zero_time).total_seconds() - float(instant)


async def run_stream(
    plan: StreamPlan, settings: RunSettings, models: Mapping[str, tuple[Model, Ask]], status: StreamStatus, stop: asyncio.Event
) -> Outcome:
    """Run a stream to its end, or until `stop` is set; what is committed stays whatever happens, and is gone on from.

    Raises CapstreamError where the stream can not go on; the views of what is committed are written in any case.
    """
    folder = settings.out / plan.stream_id
    async with _locked(folder):
        fingerprint = await asyncio.to_thread(plan.source_fingerprint)
        anew = False
        while True:
            generation = _choose_generation(folder, plan, fingerprint, settings, anew)
            outcome = await _run_generation(plan, generation, folder / str(generation.number), models, status, stop, settings)
            if outcome is not None:
                return outcome
            anew = True


async def _run_generation(
    plan: StreamPlan,
    generation: Generation,
    place: Path,
    models: Mapping[str, tuple[Model, Ask]],
    status: StreamStatus,
    stop: asyncio.Event,
    settings: RunSettings,
) -> Outcome | None:
    """None where the live source has a track now that this generation was begun without: it can only be told in another one."""
    if _done(place):
        return _outcome(plan.stream_id, "already", place)
    opened = await _open(plan, place, stop)
    if opened is None:
        return _outcome(plan.stream_id, "interrupted", place)
    source, info = opened
    ends = [at for at in (info.duration, plan.stop) if at is not None]
    status.duration = min(ends, default=None)
    status.clock = info.arrival
    status.state = "running"
    try:
        results, changed = await _run_lanes(plan, generation, place, (source, info), models, status, stop, settings)
    except BaseException:
        with suppress(StorageError):  # a full disk is told of once
            await asyncio.to_thread(write_views, place.parent, place)
        raise
    await asyncio.to_thread(write_views, place.parent, place)
    complete = all(r.done for r in results.values())
    if changed and not stop.is_set():
        return None
    warnings = tuple(f"{name}: {r.error.message}" for name, r in results.items() if r.error)
    return _outcome(plan.stream_id, "complete" if complete else "interrupted", place, warnings)


async def _open(plan: StreamPlan, place: Path, stop: asyncio.Event) -> tuple[Source, StreamInfo] | None:
    """None where the stream is stopped before its source gives anything."""
    opening = asyncio.create_task(asyncio.to_thread(plan.open_source, place))
    stopped = asyncio.create_task(stop.wait())
    await asyncio.wait([opening, stopped], return_when=asyncio.FIRST_COMPLETED)
    stopped.cancel()
    if not opening.done():
        await asyncio.to_thread(plan.abandon_source, place)
        await asyncio.gather(opening, return_exceptions=True)
        return None
    return await opening


async def _run_lanes(
    plan: StreamPlan,
    generation: Generation,
    place: Path,
    opened: tuple[Source, StreamInfo],
    models: Mapping[str, tuple[Model, Ask]],
    status: StreamStatus,
    stop: asyncio.Event,
    settings: RunSettings,
) -> tuple[dict[str, LaneResult], bool]:
    """What became of each lane, and whether the live source has other tracks now."""
    asks = {name: ask for name, (_, ask) in models.items()}
    halt = asyncio.Event()
    logs: list[LogWriter] = []
    runs: dict[str, asyncio.Task[LaneResult]] = {}
    ended = asyncio.create_task(stop.wait())
    changed_s: float | None = None
    partials = PartialProducer(settings.kafka) if plan.live and settings.kafka else None

    def committed(lane: LaneName, header: Header, said: list[Record], shown: list[Told]) -> None:
        status.note(lane, said)
        for origin, told in shown:
            status.show(told)
            if partials is not None:
                who = Identity(plan.stream_id, generation.number, origin, 0)
                partials.tell(partial_to_wire(told, who, now(), tuple(header.models[origin]), header.clock))

    try:
        for name in LANES:
            operators = plan.operators(name, KeptFiles(place))
            used = {o.origin: [models[m][0] for m in o.models] for o in operators}
            header = Header(plan.stream_id, generation.number, name, used, generation.source, generation.settings, opened[1].clock)
            log = LogWriter(place / f"{name}.jsonl", header)
            logs.append(log)
            pace = replace(LIVE, trims=not settings.ships) if plan.live else FILE
            lane = status.lanes[name] = Lane(log, operators, asks, partial(committed, name, header), pace)
            read, reader = _reader(name, operators, plan, opened, place)
            runs[name] = asyncio.create_task(lane.run(read, halt, reader), name=f"{plan.stream_id}.{name}")
        begun = _begun(status, opened[1])
        pending: set[asyncio.Task[Any]] = {*runs.values(), ended}
        while pending - {ended}:
            if plan.live:
                status.stats.clock_moved_s = plan.clock_moved_s(opened[0])
            if plan.live and (changed_s is not None or not plan.keep_source(opened[0], begun)):
                if changed_s is None:
                    changed_s = monotonic()
                    (place / CONTINUED).touch()
                # What was received so far is read to its end.
                await asyncio.to_thread(plan.abandon_source, place)
                if monotonic() - changed_s > END_S:
                    halt.set()
            finished, pending = await asyncio.wait(pending, timeout=KEEP_S, return_when=asyncio.FIRST_COMPLETED)
            if ended in finished or any(t.exception() for t in finished):
                halt.set()
        return {name: task.result() for name, task in runs.items()}, changed_s is not None
    finally:
        ended.cancel()
        for task in runs.values():
            task.cancel()
        if plan.live:
            await asyncio.to_thread(plan.close_source, opened[0], changed_s is not None or stop.is_set())
        await asyncio.gather(ended, *runs.values(), return_exceptions=True)
        if partials is not None:
            await asyncio.to_thread(partials.close)
        for log in logs:
            log.close()


def _begun(status: StreamStatus, info: StreamInfo) -> set[str]:
    """The lanes of tracks that were there from the generation's beginning: that of another one ended at once."""
    there = {"look": info.picture, "listen": info.sound}
    return {name for name, track in there.items() if track and not (status.lanes[name].done and status.lanes[name].position == ZERO)}


def _reader(
    lane: LaneName, operators: Sequence[StreamOperator], plan: StreamPlan, opened: tuple[Source, StreamInfo], place: Path
) -> tuple[Read, str | None]:
    """How a lane's input is read from an instant on, and what its End says of the reader."""
    source, info = opened
    until = FOREVER if plan.stop is None else plan.stop

    def span(start: Fraction, rate: int) -> Span:
        # A source gives the cells that begin in a span: what is needed from within a cell is in the whole of it.
        begin = Fraction(cell(start, rate), rate)
        return Span(min(max(begin, plan.start), until), until)

    def take(items: Generator[Any, None, None], name: str) -> AsyncGenerator[list[Item], None]:
        return as_they_come(items) if plan.live else batches(items, BATCH[name])

    if lane == "narrate":
        followers = [LogFollower(place / f"{name}.jsonl") for name in LANES if name != "narrate"]
        return lambda start: merged(followers, SKEW if plan.live else None), None
    if lane == "look" and info.picture is not None:
        needs = [o.need for o in operators if isinstance(o.need, FramesNeed)]
        if needs:
            need = FramesNeed(max(n.rate for n in needs), max(n.size_px for n in needs))
            why = f" ({info.reader_reason})" if info.reader_reason else ""
            return lambda start: take(source.frames(info, need, span(start, need.rate)), "look"), f"{info.reader}{why}"
    if lane == "listen" and info.sound is not None and any(isinstance(o.need, SamplesNeed) for o in operators):
        return lambda start: take(source.samples(info, span(start, PACKET_RATE)), "listen"), "ffmpeg"
    return lambda start: nothing(), None


@asynccontextmanager
async def _locked(folder: Path) -> AsyncIterator[None]:
    """The one lock on OUT/STREAM; the kernel lets go of it when its holder dies."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        handle = os.open(folder / ".lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    except OSError as e:
        raise StorageError(f"can not write {folder}: {e.strerror}; choose another folder with --out") from e
    try:
        deadline = monotonic() + LOCK_WAIT_S
        while True:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if monotonic() > deadline:
                    owner = os.pread(handle, 32, 0).decode() or "?"
                    raise StorageError(f"{folder} is being written by process {owner}: wait for it or choose another --out") from None
                await asyncio.sleep(POLL_S)
        os.ftruncate(handle, 0)
        os.pwrite(handle, str(os.getpid()).encode(), 0)
        yield
    finally:
        os.close(handle)


def _choose_generation(folder: Path, plan: StreamPlan, source: str, settings: RunSettings, anew: bool) -> Generation:
    numbers = sorted(int(p.name) for p in folder.iterdir() if p.name.isdigit() and (p / "generation.json").exists())
    number = numbers[-1] if numbers else 0
    if number:
        last = msgspec.json.decode((folder / str(number) / "generation.json").read_bytes(), type=Generation)
        # What a live stream showed can not be analysed again with other settings: they hold from now on.
        again = settings.fresh or (plan.live and (_done(folder / str(number)) or last.settings != plan.settings_fingerprint))
        anew = anew or (_done(folder / str(number)) and (folder / str(number) / CONTINUED).exists())
        if last.source == source and not anew and (not again or last.run_id == settings.run_id):
            if last.settings != plan.settings_fingerprint:
                raise ConfigError(
                    f"{folder} was made with other settings: repeat them, or start a new generation with --fresh, or choose another --out"
                )
            return last
    generation = Generation(number + 1, source, plan.settings_fingerprint, settings.run_id, uuid4().hex, ascii(masked(plan.uri))[1:-1])
    place = folder / str(generation.number)
    try:
        place.mkdir(exist_ok=True)
        write_atomically(place / "generation.json", msgspec.json.encode(generation))
    except OSError as e:
        raise StorageError(f"can not write {place}: {e.strerror}; make room or choose another --out") from e
    return generation


def _commits(place: Path) -> dict[str, Commit | None]:
    return {name: last_commit(place / f"{name}.jsonl") for name in LANES}


def _done(place: Path) -> bool:
    return all(c is not None and c.done for c in _commits(place).values())


def _outcome(stream_id: str, state: Any, place: Path, warnings: tuple[str, ...] = ()) -> Outcome:
    commits = [c for c in _commits(place).values() if c is not None]
    counts = {n.removesuffix("/record"): k for c in commits for n, k in c.sequences.items() if n.endswith("/record")}
    position = max((c.position for c in commits), default=ZERO)
    return Outcome(stream_id, state, None, position, dict(sorted(counts.items())), warnings)
