"""One stream of a run: its generation, its three lanes, its views."""

import asyncio
from collections.abc import AsyncGenerator, Generator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from time import monotonic
from typing import Any

from operators.errors import StorageError
from operators.media import PACKET_RATE, StreamInfo
from operators.protocols import FramesNeed, Item, SamplesNeed, Source, StreamOperator
from operators.records import Identity, Model, Record, partial_to_wire
from operators.timeline import ZERO, Span, cell
from pipeline.generations import CONTINUED, LANES, Generation, choose, done, locked, outcome
from pipeline.kafka_partials import PartialProducer
from pipeline.kept import KeptFiles
from pipeline.lane import FILE, LIVE, Ask, Lane, LaneResult, Read, Told
from pipeline.log import Header, LogFollower, LogWriter, now
from pipeline.plan import LaneName, Outcome, RunSettings, StreamPlan
from pipeline.reading import BATCH, as_they_come, batches, merged, nothing
from pipeline.stream_status import StreamStatus
from pipeline.views import write_views

FOREVER = Fraction(10**9)
KEEP_S = 5.0
END_S = 30.0
"""A generation that another one follows has so long to come to its end."""
SKEW = Fraction(30)
"""Seconds of media by which `look` and `listen` of a live stream may be apart before `narrate` goes on without the later one."""


async def run_stream(
    plan: StreamPlan, settings: RunSettings, models: Mapping[str, tuple[Model, Ask]], status: StreamStatus, stop: asyncio.Event
) -> Outcome:
    """Run a stream to its end, or until `stop` is set; what is committed stays whatever happens, and is gone on from.

    Raises CapstreamError where the stream can not go on; the views of what is committed are written in any case.
    """
    folder = settings.out / plan.stream_id
    async with locked(folder):
        fingerprint = await asyncio.to_thread(plan.source_fingerprint)
        anew = False
        while True:
            generation = choose(folder, plan, fingerprint, settings, anew)
            ended = await _Telling(plan, generation, folder / str(generation.number), models, status, stop, settings).run()
            if ended is not None:
                return ended
            anew = True


@dataclass(frozen=True, slots=True)
class _Telling:
    """One generation while it runs."""

    plan: StreamPlan
    generation: Generation
    place: Path
    models: Mapping[str, tuple[Model, Ask]]
    status: StreamStatus
    stop: asyncio.Event
    settings: RunSettings

    async def run(self) -> Outcome | None:
        """None where the live source has a track now that this generation was begun without: it can only be told in another one."""
        stream_id, place = self.plan.stream_id, self.place
        if done(place):
            return outcome(stream_id, "already", place)
        opened = await self._open()
        if opened is None:
            return outcome(stream_id, "interrupted", place)
        info = opened[1]
        self.status.duration = min((at for at in (info.duration, self.plan.stop) if at is not None), default=None)
        self.status.clock = info.arrival
        self.status.state = "running"
        try:
            results, changed = await self._run_lanes(*opened)
        except BaseException:
            with suppress(StorageError):  # a full disk is told of once
                await asyncio.to_thread(write_views, place.parent, place)
            raise
        await asyncio.to_thread(write_views, place.parent, place)
        if changed and not self.stop.is_set():
            return None
        warnings = tuple(f"{name}: {r.error.message}" for name, r in results.items() if r.error)
        return outcome(stream_id, "complete" if all(r.done for r in results.values()) else "interrupted", place, warnings)

    async def _open(self) -> tuple[Source, StreamInfo] | None:
        """None where the stream is stopped before its source gives anything."""
        opening = asyncio.create_task(asyncio.to_thread(self.plan.open_source, self.place))
        stopped = asyncio.create_task(self.stop.wait())
        await asyncio.wait([opening, stopped], return_when=asyncio.FIRST_COMPLETED)
        stopped.cancel()
        if not opening.done():
            await asyncio.to_thread(self.plan.abandon_source, self.place)
            await asyncio.gather(opening, return_exceptions=True)
            return None
        return await opening

    async def _run_lanes(self, source: Source, info: StreamInfo) -> tuple[dict[str, LaneResult], bool]:
        """What became of each lane, and whether the live source has other tracks now."""
        plan, place, status, stop = self.plan, self.place, self.status, self.stop
        halt = asyncio.Event()
        logs: list[LogWriter] = []
        runs: dict[str, asyncio.Task[LaneResult]] = {}
        ended = asyncio.create_task(stop.wait())
        changed_s: float | None = None
        partials = PartialProducer(self.settings.kafka) if plan.live and self.settings.kafka else None
        try:
            for name in LANES:
                operators = plan.operators(name, KeptFiles(place))
                lane = self._lane(name, operators, info, logs, partials)
                read, reader = _reader(name, operators, plan, (source, info), place)
                runs[name] = asyncio.create_task(lane.run(read, halt, reader), name=f"{plan.stream_id}.{name}")
            begun = _begun(status, info)
            pending: set[asyncio.Task[Any]] = {*runs.values(), ended}
            while pending - {ended}:
                if plan.live:
                    status.stats.clock_moved_s = plan.clock_moved_s(source)
                if plan.live and (changed_s is not None or not plan.keep_source(source, begun)):
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
                await asyncio.to_thread(plan.close_source, source, changed_s is not None or stop.is_set())
            await asyncio.gather(ended, *runs.values(), return_exceptions=True)
            if partials is not None:
                await asyncio.to_thread(partials.close)
            for log in logs:
                log.close()

    def _lane(
        self, name: LaneName, operators: list[StreamOperator], info: StreamInfo, logs: list[LogWriter], partials: PartialProducer | None
    ) -> Lane:
        """Its log is among `logs`, to be closed, whatever happens."""
        plan, generation = self.plan, self.generation
        used = {o.origin: [self.models[m][0] for m in o.models] for o in operators}
        header = Header(plan.stream_id, generation.number, name, used, generation.source, generation.settings, info.clock)
        log = LogWriter(self.place / f"{name}.jsonl", header)
        logs.append(log)

        def committed(said: list[Record], shown: list[Told]) -> None:
            self.status.note(name, said)
            for origin, told in shown:
                self.status.show(told)
                if partials is not None:
                    who = Identity(plan.stream_id, generation.number, origin, 0)
                    partials.tell(partial_to_wire(told, who, now(), tuple(header.models[origin]), header.clock))

        pace = replace(LIVE, trims=not self.settings.ships) if plan.live else FILE
        asks = {model: ask for model, (_, ask) in self.models.items()}
        lane = self.status.lanes[name] = Lane(log, operators, asks, committed, pace)
        return lane


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
