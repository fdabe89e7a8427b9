"""A lane: a reader, a chain of operators and a log. The one loop of the system, used three times a stream.

The lane gives each item to its operators in order, puts their asks to models, writes what is complete to the log, and commits
now and then. A crash at any moment loses only what was not committed: the next lane on the same log reads on from there.
"""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import aclosing
from dataclasses import dataclass, replace
from fractions import Fraction
from time import monotonic
from typing import Any

from operators.errors import DecodeError, DecoderLost, ModelError, ModelOverloaded
from operators.protocols import Entry, Item, Output, State, StreamOperator
from operators.records import End, Gap, Partial, Record
from operators.timeline import ZERO, to_ms
from pipeline.log import LogWriter
from pipeline.operator_run import Asked, OperatorRun
from pipeline.reading import LATE

Ask = Callable[[Any], Awaitable[Any]]
Told = tuple[str, Partial]
"""Who says it, and what."""
Read = Callable[[Fraction], AsyncGenerator[list[Item], None]]
"""Opens the lane's input from an instant on; it comes in batches, and every batch is one turn of the loop."""

HURRY = Fraction(1)
"""While so many seconds of a live stream wait behind an optional ask, it is not made."""
DECODERS = 5
"""Decoders that may be lost in a row without a step forward."""


@dataclass(frozen=True, slots=True)
class Pace:
    """How a lane goes on: the lanes of files wait for their models, those of live streams can not."""

    commit_s: float
    """Between commits, where there is something new to say."""
    idle_s: float
    """Where there is not."""
    behind: Fraction
    """Seconds of media by which an operator may be behind its lane before the lane waits for it or, live, drops what it asked first."""
    items: int
    """The same bound, for what is large: items of one operator that wait for answers."""
    live: bool
    trims: bool
    """Frees the disk of what is old; else nobody does, or who has shipped it."""


FILE = Pace(2.0, 2.0, Fraction(180), 64, live=False, trims=False)
LIVE = Pace(0.25, 2.0, Fraction(20), 256, live=True, trims=True)
TRIM_S = 60.0


class GapKeeper:
    """Writes down the Gaps that a lane's reader gives."""

    models: tuple[str, ...] = ()

    def __init__(self, lane: str, need: Any) -> None:
        self.origin = lane
        self.need = need

    def push(self, item: Item) -> list[Any]:
        return [item] if isinstance(item, Gap) else []

    def answer(self, ask: Any, result: Any) -> list[Any]:
        raise AssertionError("a lane asks nothing itself")

    def finish(self, at: Fraction) -> list[Any]:
        return []

    def hold(self) -> Fraction | None:
        return None

    def snapshot(self) -> tuple[Fraction | None, State]:
        return None, {}

    def restore(self, state: State) -> None:
        pass

    def refill(self, item: Item) -> None:
        pass


@dataclass(slots=True)
class LaneResult:
    done: bool
    """The End is committed; False: the lane was stopped and goes on from its last commit another time."""
    error: DecodeError | None = None


class Lane:
    """Runs once, on one event loop. `on_commit` is told the records of each commit, and the partials that came with them, by origin: what
    a partial calls stable is committed then. In a live stream a partial is a reason to commit."""

    def __init__(
        self,
        log: LogWriter,
        operators: list[StreamOperator],
        models: Mapping[str, Ask],
        on_commit: Callable[[list[Record], list[Told]], None],
        pace: Pace = FILE,
    ) -> None:
        self.name = log.header.lane
        self.position = log.last.position if log.last else ZERO
        self.done = log.last.done if log.last else False
        self._log = log
        self._models = models
        self._on_commit = on_commit
        self._pace = pace
        saved = log.last.operators if log.last else {}
        keeper = [GapKeeper(self.name, operators[0].need)] if operators and self.name != "narrate" else []
        self._runs = [OperatorRun(o, self.name, saved.get(o.origin)) for o in [*keeper, *operators]]
        self._read_to = ZERO
        self._tasks: dict[asyncio.Task[None], tuple[OperatorRun, Asked]] = {}
        """What was asked of models and is not answered, oldest first."""
        self._failure: BaseException | None = None
        self._committed_at = self._trimmed_at = monotonic()
        self._news = False
        """Something was written since the last commit."""
        self._said: list[Record] = []
        """The records among it."""
        self._shown: list[Told] = []

    async def run(self, read: Read, stop: asyncio.Event, source: str | None) -> LaneResult:
        """Read to the end, or until `stop` is set. `source` is what the End says of the reader.

        Raises what a model or the log raises when nothing can go on (ModelUnavailable, StorageError): all that was committed stays.
        """
        if self.done:
            return LaneResult(True)
        error = None
        try:
            try:
                await self._read_all(read, stop)
            except DecodeError as e:
                error = e
                self._write(self.name, Gap(self.position, self.position, self.name, "decode_error", e.message))
            if not stop.is_set():
                await self._finish(stop)
            if stop.is_set():
                self._commit()
                return LaneResult(False, error)
            self._end(source)
            return LaneResult(True, error)
        finally:
            for task in self._tasks:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _read_all(self, read: Read, stop: asyncio.Event) -> None:
        lost = 0
        # Behind the position while buffers are filled again.
        self._read_to = min((r.reads_from for r in self._runs), default=ZERO)
        while True:
            start = self._read_to
            try:
                async with aclosing(read(start)) as batches:
                    async for batch in batches:
                        for item in batch:
                            self._give(item)
                        await self._breathe(stop)
                        if stop.is_set():
                            return
                return
            except DecoderLost:
                # A killed decoder is replaced: the operators are still here, so it reads on from where it was.
                lost = lost + 1 if self._read_to == start else 0
                if lost >= DECODERS:
                    raise

    def _give(self, item: Item) -> None:
        for run in self._runs:
            self._put(run, run.feed(item))
        if isinstance(item, Entry) and isinstance(item.value, Gap) and item.sequence == LATE:
            self._write(self.name, replace(item.value, lane=self.name))
        self._read_to = max(self._read_to, item.end)
        self.position = max(self.position, item.end)

    async def _breathe(self, stop: asyncio.Event) -> None:
        """Let answers in; while an operator is too far behind, wait or drop."""
        self._write_complete()
        await asyncio.sleep(0)
        while (run := self._overloaded()) is not None and not stop.is_set():
            if self._pace.live:
                self._drop_oldest(run)
                # What is asked next is to have time: else a model that is always too slow would never answer in time.
                while self._asks(run) and self.position - run.oldest > self._pace.behind / 2:
                    self._drop_oldest(run)
            else:
                await asyncio.wait(self._tasks, return_when=asyncio.FIRST_COMPLETED, timeout=self._pace.commit_s)
                self._write_complete()
                self._commit_in_time()
            self._check()
        self._check()
        self._commit_in_time()

    def _overloaded(self) -> OperatorRun | None:
        """An operator that waits for answers and is too far behind."""
        asking = {id(run): run for task, (run, _) in self._tasks.items() if not task.done()}.values()
        return next((r for r in asking if r.in_flight > self._pace.items or self.position - r.oldest > self._pace.behind), None)

    def _asks(self, run: OperatorRun) -> bool:
        return any(asking is run and not task.done() for task, (asking, _) in self._tasks.items())

    def _drop_oldest(self, behind: OperatorRun) -> None:
        task, asked = next((task, asked) for task, (run, asked) in self._tasks.items() if run is behind and not task.done())
        del self._tasks[task]
        task.cancel()
        seconds = round(self.position - behind.oldest)
        dropped = ModelOverloaded(f"{asked.ask.model} is {seconds} s behind: give it a faster machine or a smaller model")
        self._put(behind, behind.answer(asked, None if asked.ask.optional else dropped))
        self._write_complete()

    def _commit_in_time(self) -> None:
        due_s = self._pace.commit_s if self._news else self._pace.idle_s
        if monotonic() - self._committed_at > due_s or (self._shown and self._pace.live):
            self._commit()

    async def _finish(self, stop: asyncio.Event) -> None:
        for run in self._runs:
            self._put(run, run.finish(self.position))
        stopped = asyncio.create_task(stop.wait())
        try:
            while not all(r.done for r in self._runs) and not stop.is_set():
                self._write_complete()
                if all(r.done for r in self._runs):
                    break
                await asyncio.wait([*self._tasks, stopped], return_when=asyncio.FIRST_COMPLETED, timeout=self._pace.commit_s)
                self._check()
                self._commit_in_time()
        finally:
            stopped.cancel()

    def _put(self, run: OperatorRun, asks: list[Asked]) -> None:
        for asked in asks:
            if asked.ask.optional and self._pace.live and run.backlog >= HURRY:
                self._put(run, run.answer(asked, None))
                continue
            task = asyncio.create_task(self._ask(run, asked))
            self._tasks[task] = (run, asked)
            task.add_done_callback(lambda task: self._tasks.pop(task, None))

    async def _ask(self, run: OperatorRun, asked: Asked) -> None:
        try:
            try:
                result = await self._models[asked.ask.model](asked.ask.item)
            except ModelError as e:
                result = e
            self._put(run, run.answer(asked, result))
        except Exception as e:
            self._failure = self._failure or e

    def _check(self) -> None:
        if self._failure is not None:
            raise self._failure

    def _write_complete(self) -> None:
        for run in self._runs:
            for output in run.take():
                self._write(self.name if isinstance(output, Gap) else run.operator.origin, output)

    def _write(self, origin: str, output: Output) -> None:
        if isinstance(output, Partial):
            self._shown.append((origin, output))
            return
        self._news = True
        record = self._log.append(origin, output)
        if record is not None:
            self._said.append(record)

    def _commit(self, done: bool = False) -> None:
        self._write_complete()
        marks = [w for r in self._runs if (w := r.watermark()) is not None]
        watermark = None if done else min([*marks, self.position])
        self._log.commit(self.position, watermark, {r.operator.origin: r.checkpoint() for r in self._runs}, done)
        self._committed_at = monotonic()
        self._news = False
        said, self._said = self._said, []
        shown, self._shown = self._shown, []
        self._on_commit(said, shown)
        if self._pace.trims and self._committed_at - self._trimmed_at > TRIM_S:
            self._trimmed_at = self._committed_at
            self._log.trim()

    @property
    def waiting(self) -> int:
        """Items that wait for answers of models."""
        return sum(r.in_flight for r in self._runs)

    def _end(self, source: str | None) -> None:
        self._write_complete()
        counts = {name.removesuffix("/record"): n for name, n in sorted(self._log.sequences.items()) if name.endswith("/record")}
        self._write(self.name, End(self.position, self.position, self.name, source, to_ms(self.position), counts))
        self._commit(done=True)
        self.done = True
