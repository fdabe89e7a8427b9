"""The generations of a stream in its folder, and the lock on it."""

import asyncio
import fcntl
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from time import monotonic
from typing import Any
from uuid import uuid4

import msgspec

from operators.errors import ConfigError, StorageError
from operators.timeline import ZERO
from pipeline.log import Commit, last_commit, write_atomically
from pipeline.naming import masked
from pipeline.plan import LaneName, Outcome, RunSettings, StreamPlan

LANES: tuple[LaneName, ...] = ("look", "listen", "narrate")
LOCK_WAIT_S = 10.0
"""A holder that was killed lets go of its lock at once; one that is being replaced may need a moment."""
POLL_S = 0.1
CONTINUED = "continued"
"""In the folder of a generation: the live stream goes on in another one, though it has its Ends."""


@dataclass(frozen=True, slots=True)
class Generation:
    """One unbroken telling of a stream: OUT/STREAM/NUMBER. `folder_id` tells this folder from any copy of it."""

    number: int
    source: str
    settings: str
    run_id: str
    folder_id: str
    uri: str


@asynccontextmanager
async def locked(folder: Path) -> AsyncIterator[None]:
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


def choose(folder: Path, plan: StreamPlan, source: str, settings: RunSettings, anew: bool) -> Generation:
    """The latest one where it can be gone on with, else a new one, its folder made. `anew`: the latest can not.

    Raises ConfigError where it was made with other settings, StorageError where no folder can be made.
    """
    last = _latest(folder)
    if last:
        ended = done(folder / str(last.number))
        # What a live stream showed can not be analysed again with other settings: they hold from now on.
        again = settings.fresh or (plan.live and (ended or last.settings != plan.settings_fingerprint))
        anew = anew or (ended and (folder / str(last.number) / CONTINUED).exists())
        if last.source == source and not anew and (not again or last.run_id == settings.run_id):
            if last.settings != plan.settings_fingerprint:
                raise ConfigError(
                    f"{folder} was made with other settings: repeat them, or start a new generation with --fresh, or choose another --out"
                )
            return last
    number = last.number + 1 if last else 1
    generation = Generation(number, source, plan.settings_fingerprint, settings.run_id, uuid4().hex, ascii(masked(plan.uri))[1:-1])
    place = folder / str(generation.number)
    try:
        place.mkdir(exist_ok=True)
        write_atomically(place / "generation.json", msgspec.json.encode(generation))
    except OSError as e:
        raise StorageError(f"can not write {place}: {e.strerror}; make room or choose another --out") from e
    return generation


def already(plan: StreamPlan, settings: RunSettings) -> Outcome | None:
    """How a file ended that was told to its end before, with the same settings: there is nothing to do, and no process to do it in. Raises
    CapstreamError where the source is not to be had."""
    folder = settings.out / plan.stream_id
    last = None if plan.live or settings.fresh or not folder.exists() else _latest(folder)
    if last is None or last.settings != plan.settings_fingerprint or not done(folder / str(last.number)):
        return None
    return outcome(plan.stream_id, "already", folder / str(last.number)) if last.source == plan.source_fingerprint() else None


def _latest(folder: Path) -> Generation | None:
    numbers = [int(p.name) for p in folder.iterdir() if p.name.isdigit() and (p / "generation.json").exists()]
    if not numbers:
        return None
    return msgspec.json.decode((folder / str(max(numbers)) / "generation.json").read_bytes(), type=Generation)


def commits(place: Path) -> dict[str, Commit | None]:
    return {name: last_commit(place / f"{name}.jsonl") for name in LANES}


def done(place: Path) -> bool:
    """Whether every lane has come to its end."""
    return all(c is not None and c.done for c in commits(place).values())


def outcome(stream_id: str, state: Any, place: Path, warnings: tuple[str, ...] = ()) -> Outcome:
    """How a stream ended, by the last commits of its generation."""
    last = [c for c in commits(place).values() if c is not None]
    counts = {n.removesuffix("/record"): k for c in last for n, k in c.sequences.items() if n.endswith("/record")}
    position = max((c.position for c in last), default=ZERO)
    return Outcome(stream_id, state, None, position, dict(sorted(counts.items())), warnings)
