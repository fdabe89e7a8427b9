"""How the input of a lane comes: in batches, from a blocking reader in a thread of its own, or from the logs of the other lanes."""

import asyncio
from collections.abc import AsyncGenerator, Generator, Sequence
from concurrent.futures import ThreadPoolExecutor
from fractions import Fraction
from operator import attrgetter
from typing import Any

from operators.errors import CapstreamError
from operators.protocols import Entry, Item
from operators.records import Gap
from operators.timeline import ZERO
from pipeline.log import LogFollower

POLL_S = 0.1
BATCH = {"look": 8, "listen": 50}
"""Items read at once from a file: about a second of pictures, five of sound."""
LATE_STEP = Fraction(5)
"""What comes too late is passed over in pieces at least this long."""
LATE = -1
"""Sequence of a Gap that stands for what of a late lane was not waited for: no log holds it."""


async def nothing() -> AsyncGenerator[list[Item], None]:
    return
    yield []


async def batches(items: Generator[Any, None, None], size: int) -> AsyncGenerator[list[Item], None]:
    """Pull a blocking generator from a thread of its own, one batch ahead of its reader."""
    thread = ThreadPoolExecutor(1, thread_name_prefix="reader")
    loop = asyncio.get_running_loop()

    def take() -> tuple[list[Item], BaseException | None]:
        batch: list[Item] = []
        try:
            for item in items:
                batch.append(item)
                if len(batch) == size:
                    return batch, None
        except CapstreamError as e:
            return batch, e
        return batch, StopAsyncIteration()

    try:
        ahead = loop.run_in_executor(thread, take)
        while True:
            batch, end = await ahead
            if end is None:
                ahead = loop.run_in_executor(thread, take)
            if batch:
                yield batch
            if isinstance(end, CapstreamError):
                raise end
            if end is not None:
                return
    finally:
        # Behind whatever the thread is doing: a generator can not be closed while it runs.
        thread.submit(items.close)
        thread.shutdown(wait=False)


async def as_they_come(items: Generator[Any, None, None]) -> AsyncGenerator[list[Item], None]:
    """Each item of a live source at once; an empty batch every POLL_S while none comes, so that its lane can write and commit."""
    pull = batches(items, 1)
    ahead: asyncio.Future[list[Item]] | None = None
    try:
        while True:
            ahead = ahead or asyncio.ensure_future(anext(pull))
            await asyncio.wait([ahead], timeout=POLL_S)
            if not ahead.done():
                yield []
                continue
            try:
                batch = ahead.result()
            except StopAsyncIteration:
                return
            ahead = None
            yield batch
    finally:
        if ahead is not None:
            ahead.cancel()
            await asyncio.gather(ahead, return_exceptions=True)
        await pull.aclose()


async def merged(followers: Sequence[LogFollower], skew: Fraction | None) -> AsyncGenerator[list[Item], None]:
    """The entries of the logs in the order of their keys, strictly below the lower watermark: later ones can only come behind.

    With a `skew`, in seconds, no lane is waited for that is further behind the other: a Gap stands in the place of what it has not said
    by then, and what it says of that later is passed over.
    """
    pending: list[Entry] = []
    given = ZERO
    """Entries that end before this were given, or come too late."""
    while True:
        for follower in followers:
            pending += [e for e in follower.poll() if e.end >= given]
        marks = {f.path.stem: f.watermark for f in followers if f.watermark is not None}
        if not marks:
            yield [*sorted(pending, key=attrgetter("key"))]
            return
        bound, late = max(min(marks.values()), given), []
        if skew is not None and max(marks.values()) - skew >= bound + LATE_STEP:
            before, bound = bound, max(marks.values()) - skew
            late = [_late(lane, max(mark, before), bound) for lane, mark in marks.items() if mark < bound]
        ready = [e for e in pending if e.end < bound]
        pending = [e for e in pending if e.end >= bound]
        given = bound
        yield [*sorted(ready, key=attrgetter("key")), *late]
        if not ready:
            await asyncio.sleep(POLL_S)


def _late(lane: str, start: Fraction, end: Fraction) -> Entry:
    return Entry(lane, "record", LATE, Gap(start, end, lane, "dropped_overload", "it came too late"))
