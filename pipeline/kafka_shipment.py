"""What of one generation's logs is to be shipped next: whole lines of whole commits, by byte offset, as messages and a checkpoint.

Nothing here knows Kafka. A log is read on from where it was shipped, never from its beginning; memory holds one batch.
"""

import os
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any, BinaryIO
from zlib import crc32

import msgspec

from operators.errors import StorageError
from operators.facts_json import record_from_json
from pipeline.kafka_checkpoint import Checkpoint, Key, Lane, Origin
from pipeline.kafka_messages import MESSAGE_BYTES, Message, frame_within
from pipeline.log import Header, wire_record
from pipeline.retention import trim

LANES = ("look", "listen", "narrate")
LANE_BYTES = 1 << 20
"""Of one log in one batch: the bound of what a transaction holds (three times this, and a line of each)."""
COMMITS = 512
"""So many commits of a lane are remembered for `narrate` to reach; beyond that every other one."""
COMMIT = b'{"commit"'


@dataclass(frozen=True, slots=True)
class Batch:
    messages: list[Message]
    checkpoint: Checkpoint
    news: bool
    """Whether somebody waits for it: it holds records, or a lane has ended."""


@dataclass(frozen=True, slots=True)
class Line:
    begin: int
    end: int
    crc: int
    content: dict[str, Any]


class CommittedLines:
    """The lines of one log up to its last whole commit, from `at` on. The file may not be there yet, and be cut behind its last commit."""

    def __init__(self, path: Path, at: int) -> None:
        self.path = path
        self.at = at
        self._end = at
        """Behind the last commit that was seen."""
        self._seen = (-1, -1)
        self._file: BinaryIO | None = None

    def read(self, budget: int) -> Iterator[Line]:
        """Whole lines until `budget` bytes are passed; `at` moves on. What it gives is on this machine's disk."""
        if self._file is None:
            if not self.path.exists():
                return
            self._file = self.path.open("rb")
        self._look(self._file)
        if self.at == self._end:
            return
        stop = min(self._end, self.at + budget)
        os.fdatasync(self._file.fileno())  # what consumers have seen may not be gone after a loss of power
        self._file.seek(self.at)
        while self.at < stop:
            raw = self._file.readline()
            begin, self.at = self.at, self.at + len(raw)
            yield Line(begin, self.at, crc32(raw), _decode(raw, self.path, begin))

    def close(self) -> None:
        if self._file is not None:
            self._file.close()

    def _look(self, file: BinaryIO) -> None:
        """Find the end of the last whole commit. What is behind it was not said, and may be cut and written anew."""
        now = os.fstat(file.fileno())
        if (now.st_size, now.st_mtime_ns) == self._seen:
            return
        self._seen = (now.st_size, now.st_mtime_ns)
        at = file.seek(self._end)
        for line in file:
            at += len(line)
            if line.startswith(COMMIT) and line.endswith(b"\n"):
                self._end = at


class Shipment:
    """One generation on its way. One thread. `checkpoint` is what Kafka knows, or the empty one of a generation that it does not know."""

    def __init__(self, folder: Path, checkpoint: Checkpoint, limit: int = MESSAGE_BYTES) -> None:
        """Raises StorageError where the logs in `folder` are not those that were shipped, or have lost what was."""
        self._folder = folder
        self._limit = limit
        self._checkpoint = checkpoint
        self._lanes = dict(checkpoint.lanes)
        self._origins = dict(checkpoint.origins)
        for name, lane in self._lanes.items():
            check_mark(folder / f"{name}.jsonl", lane)
        self._lines = {name: CommittedLines(folder / f"{name}.jsonl", self._at(name)) for name in LANES}
        self._commits: dict[str, deque[tuple[Key | None, int, int]]] = {name: deque() for name in LANES}
        """Commits that `narrate` has not reached: the greatest key up to there, and where they stand in the log."""
        self._cursor: Key | None = narrate_needs(self._lanes["narrate"].restart) if "narrate" in self._lanes else None

    @property
    def done(self) -> bool:
        """Every lane has ended, and all of them was taken."""
        return all(name in self._lanes and self._lanes[name].done for name in LANES)

    def take(self) -> Batch | None:
        """The next batch, None where there is nothing new. It is to be shipped before the next call."""
        messages: list[Message] = []
        ended = 0
        before = dict(self._lanes)
        for name, lines in self._lines.items():
            for line in lines.read(LANE_BYTES):
                was_done = name in self._lanes and self._lanes[name].done
                messages += self._pass(name, line)
                ended += self._lanes[name].done and not was_done
        if self._lanes == before:
            return None
        self._reach()
        checkpoint = msgspec.structs.replace(self._checkpoint, lanes=dict(self._lanes), origins=dict(self._origins))
        return Batch(messages, checkpoint, bool(messages or ended))

    def free(self) -> None:
        """Free the disk of what a live stream's logs hold and was shipped; those of a file are small, and views are made of them."""
        for name, lane in self._lanes.items():
            if lane.header.get("clock"):
                trim(self._folder / f"{name}.jsonl", min([lane.begin, *(begin for _, begin, _ in self._commits[name])]))

    def close(self) -> None:
        for lines in self._lines.values():
            lines.close()

    def _at(self, name: str) -> int:
        return self._lanes[name].end if name in self._lanes else 0

    def _pass(self, name: str, line: Line) -> list[Message]:
        """Take one line into account; the messages that it makes."""
        content = line.content
        if "header" in content:
            self._lanes[name] = Lane(line.begin, line.end, line.crc, content["header"])
            return []
        lane = msgspec.structs.replace(self._lanes[name], begin=line.begin, end=line.end, crc=line.crc)
        messages: list[Message] = []
        if "commit" in content:
            commit = content["commit"]
            position = Fraction(commit["position"])
            again = {origin: to for origin, to in lane.again.items() if position <= Fraction(to)}
            lane = msgspec.structs.replace(lane, position=commit["position"], done=lane.done or commit["done"], again=again)
            self._note_commit(name, lane, commit)
        else:
            kind = "fact" if "fact" in content else "record"
            key = (content[kind]["end"], content["origin"], kind, content["sequence"])
            if lane.latest is None or _exact(key) > _exact(lane.latest):
                lane = msgspec.structs.replace(lane, latest=key)
            if kind == "record":
                messages = self._ship(lane, content)
        self._lanes[name] = lane
        return messages

    def _ship(self, lane: Lane, line: dict[str, Any]) -> list[Message]:
        origin = line["origin"]
        end = Fraction(record_from_json(line["record"]).end)
        shipped = self._origins.get(origin, Origin(0, "0"))
        if lane.restored:
            # Another folder said it: what ends before what was shipped is known, and after its End a lane says nothing.
            if lane.done or (origin in lane.again and end <= Fraction(shipped.position)):
                return []
        elif line["sequence"] != shipped.sequence:
            what = f"{origin} counts {line['sequence']} where Kafka has {shipped.sequence} next"
            raise StorageError(f"the logs in {self._folder} are not those that were shipped ({what}): start a new generation with --fresh")
        header = msgspec.convert(lane.header, Header)
        self._origins[origin] = Origin(shipped.sequence + 1, str(max(end, Fraction(shipped.position))))
        return frame_within(wire_record(header, line, shipped.sequence), self._limit)

    def _note_commit(self, name: str, lane: Lane, commit: dict[str, Any]) -> None:
        if name == "narrate":
            self._cursor = narrate_needs(commit)
            self._commits[name] = deque([(None, lane.begin, lane.end)])
            return
        commits = self._commits[name]
        commits.append((lane.latest, lane.begin, lane.end))
        if len(commits) > COMMITS:
            self._commits[name] = deque(list(commits)[::2])

    def _reach(self) -> None:
        """Choose the commits that a new folder would begin with: the newest behind which stands all that `narrate` has not used."""
        for name, commits in self._commits.items():
            chosen = None
            while commits and (name == "narrate" or self._used(commits[0][0])):
                chosen = commits.popleft()
            if chosen is not None:
                with (self._folder / f"{name}.jsonl").open("rb") as file:
                    file.seek(chosen[1])
                    raw = file.read(chosen[2] - chosen[1])
                restart = _decode(raw, self._folder / f"{name}.jsonl", chosen[1])["commit"]
                self._lanes[name] = msgspec.structs.replace(self._lanes[name], restart=restart)

    def _used(self, latest: Key | None) -> bool:
        return latest is None or (self._cursor is not None and _exact(latest) <= _exact(self._cursor))


def narrate_needs(commit: dict[str, Any] | None) -> Key | None:
    """The key behind which every entry is still needed by a `narrate` that goes on from this commit; None: from the beginning."""
    if commit is None:
        return None
    if commit["done"] or not commit["operators"]:
        return (str(10**12), "", "", 0)
    at, origin, kind, sequence = min((o["position"] for o in commit["operators"].values()), key=_exact)
    return (at, origin, kind, sequence)


def check_mark(path: Path, lane: Lane) -> None:
    """Raises StorageError unless the last line that was shipped stands in the log."""
    try:
        with path.open("rb") as file:
            file.seek(lane.begin)
            raw = file.read(lane.end - lane.begin)
    except FileNotFoundError:
        raw = b""
    if crc32(raw) != lane.crc or len(raw) != lane.end - lane.begin:
        raise StorageError(
            f"{path} is behind what Kafka has of it, or damaged (the line at byte {lane.begin}): put the newer folder back, or take "
            "this one away and run again (it is made anew from what Kafka has), or start a new generation with --fresh"
        )


def _exact(key: Any) -> tuple[Fraction, str, str, int]:
    return (Fraction(key[0]), key[1], key[2], key[3])


def _decode(raw: bytes, path: Path, at: int) -> dict[str, Any]:
    try:
        content: dict[str, Any] = msgspec.json.decode(raw)
    except msgspec.DecodeError as e:
        raise StorageError(f"{path} is damaged at byte {at} ({e}): start a new generation with --fresh") from e
    return content
