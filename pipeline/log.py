"""A lane's log: an append-only file of facts and records with commits. Nothing else keeps state.

Lines of JSON: a header, then entries (a fact or a record, with exact instants and its number), and now and then a commit:
all that is needed to go on from there. What follows the last whole commit never happened: opening the log to write cuts it
off, and readers do not see it. Beside the log stand side files that the commits cover: rows of features by cell index, and stills.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from fractions import Fraction
from pathlib import Path
from typing import Any, BinaryIO

import msgspec
import numpy as np

from operators.errors import StorageError
from operators.facts import STILLS, Features, Still
from operators.facts_json import fact_from_json, fact_to_json, record_from_json, record_to_json
from operators.protocols import Entry, Output, State
from operators.records import Clock, Identity, Model, Record, Wire, to_wire
from operators.timeline import exact
from pipeline.retention import data_from, trim, trim_stills

VERSION = 1


@dataclass(frozen=True, slots=True)
class Header:
    stream_id: str
    generation: int
    lane: str
    models: dict[str, list[Model]]
    """Models that had a part in the records of an origin."""
    source: str
    """Fingerprint of the source."""
    settings: str
    clock: Clock | None = None
    version: int = VERSION


@dataclass(frozen=True, slots=True)
class Commit:
    """Everything that ends before `watermark` has been said (None: the lane has ended); `operators` go on from their checkpoints."""

    position: Fraction
    watermark: Fraction | None
    done: bool
    operators: dict[str, State]
    sequences: dict[str, int]
    """Next number by "origin/kind"."""
    lengths: dict[str, int]
    """Bytes of the side files."""


@dataclass(slots=True)
class _Rows:
    """One origin's features: float32 rows of one width; row i stands at i times the row's size."""

    file: BinaryIO
    length: int


class LogWriter:
    """The one writer of a lane's log. Opening cuts it to its last whole commit, which is then `last`.

    Raises StorageError (in any call) where the disk refuses.
    """

    def __init__(self, path: Path, header: Header) -> None:
        self._path = path
        self._rows: dict[str, _Rows] = {}
        self.header = header
        self.last: Commit | None = None
        self.sequences: dict[str, int] = {}
        with _storage(path):
            end = self._find_end()
            self._file = open(path, "r+b" if end else "wb", buffering=1 << 16)  # noqa: SIM115
            self._file.truncate(end)
            self._file.seek(end)
            if not end:
                self._line(header=header)
                self._sync()
        if self.last is not None:
            self.sequences = dict(self.last.sequences)
        self._open_rows()

    def append(self, origin: str, output: Output) -> Record | None:
        """Number and write one output of an operator; features and stills go beside the log. Returns it where it is a record."""
        with _storage(self._path):
            if isinstance(output, Features):
                self._put_row(origin, output)
                return None
            if isinstance(output, Still):
                self._put_still(output)
                return None
            record = hasattr(output, "type")
            kind = "record" if record else "fact"
            name = f"{origin}/{kind}"
            sequence = self.sequences.get(name, 0)
            self.sequences[name] = sequence + 1
            if not record:
                self._line(fact=fact_to_json(output), origin=origin, sequence=sequence)  # type: ignore[arg-type]
                return None
            self._line(record=record_to_json(output), origin=origin, sequence=sequence, produced_at=now())  # type: ignore[arg-type]
            return output  # type: ignore[return-value]

    def commit(self, position: Fraction, watermark: Fraction | None, operators: dict[str, State], done: bool = False) -> None:
        """Make everything appended so far final, on the disk."""
        with _storage(self._path):
            for rows in self._rows.values():
                rows.file.flush()
                os.fsync(rows.file.fileno())
            lengths = {origin: rows.length for origin, rows in self._rows.items()}
            self.last = Commit(position, watermark, done, operators, dict(self.sequences), lengths)
            self._line(commit=_commit_to_json(self.last), source=self.header.source, settings=self.header.settings)
            self._sync()

    def trim(self) -> None:
        """Free the disk of what is old: of a live stream, whose log would have no bound."""
        with _storage(self._path):
            trim(self._path, self._path.stat().st_size)
            for origin in self._rows:
                trim(rows_path(self._path, origin), self._rows[origin].length)
            trim_stills(self._path.parent / STILLS, self.last.position if self.last else Fraction(0))

    def close(self) -> None:
        """Close without a commit: what was appended since the last one is dropped when the log is opened again."""
        self._file.close()
        for rows in self._rows.values():
            rows.file.close()

    def _find_end(self) -> int:
        """Offset behind the last whole commit (or the header), 0 where there is none."""
        end = 0
        if self._path.exists():
            for offset, line in _lines(self._path, 0):
                if "commit" in line or "header" in line:
                    end = offset
                    self.last = commit_from_json(line["commit"]) if "commit" in line else None
        return end

    def _open_rows(self) -> None:
        for origin in self.last.lengths if self.last else ():
            self._rows_of(origin)

    def _rows_of(self, origin: str) -> _Rows:
        if origin not in self._rows:
            length = self.last.lengths.get(origin, 0) if self.last else 0
            path = rows_path(self._path, origin)
            file = open(path, "r+b" if path.exists() else "w+b")  # noqa: SIM115
            file.truncate(length)
            self._rows[origin] = _Rows(file, length)
        return self._rows[origin]

    def _put_row(self, origin: str, row: Features) -> None:
        rows = self._rows_of(origin)
        data = np.ascontiguousarray(row.vector, dtype="<f4").tobytes()
        rows.file.seek(row.index * len(data))
        rows.file.write(data)
        rows.length = max(rows.length, (row.index + 1) * len(data))

    def _put_still(self, still: Still) -> None:
        path = self._path.parent / still.uri
        path.parent.mkdir(exist_ok=True)
        write_atomically(path, still.jpeg)

    def _line(self, **content: Any) -> None:
        self._file.write(msgspec.json.encode(content) + b"\n")

    def _sync(self) -> None:
        self._file.flush()
        os.fsync(self._file.fileno())


@dataclass(slots=True)
class LogFollower:
    """Reads a lane's log while it grows: whole commits only."""

    path: Path
    watermark: Fraction | None = field(default=Fraction(0))
    """Of the last commit read; None once the lane has ended."""
    _at: int = 0

    def poll(self) -> list[Entry]:
        """The entries of the commits that came since the last call, in the log's order."""
        if not self.path.exists():
            return []
        entries: list[Entry] = []
        pending: list[Entry] = []
        for offset, line in _lines(self.path, self._at):
            if "commit" in line:
                entries += pending
                pending = []
                self._at = offset
                self.watermark = commit_from_json(line["commit"]).watermark
            elif "fact" in line:
                pending.append(Entry(line["origin"], "fact", line["sequence"], fact_from_json(line["fact"])))
            elif "record" in line:
                pending.append(Entry(line["origin"], "record", line["sequence"], record_from_json(line["record"])))
        return entries


def committed_records(path: Path) -> Iterator[Wire]:
    """The final records of one lane's log in their wire form, up to its last whole commit; none where there is no log."""
    if not path.exists():
        return
    pending: list[Wire] = []
    header: Header | None = None
    for _, line in _lines(path, 0):
        if "header" in line:
            header = msgspec.convert(line["header"], Header)
        elif "record" in line and header is not None:
            pending.append(wire_record(header, line, line["sequence"]))
        elif "commit" in line:
            yield from pending
            pending = []


def log_header(path: Path) -> Header | None:
    """None where the log has none yet. Raises StorageError where it is damaged."""
    line = next((line for _, line in _lines(path, 0)), None) if path.exists() else None
    return msgspec.convert(line["header"], Header) if line else None


def wire_record(header: Header, line: dict[str, Any], sequence: int) -> Wire:
    """The wire form of the record that a line of a log holds."""
    identity = Identity(header.stream_id, header.generation, line["origin"], sequence)
    models = tuple(header.models.get(line["origin"], ()))
    return to_wire(record_from_json(line["record"]), identity, line["produced_at"], models, header.clock)


def begin_log(path: Path, header: Header, commit: Commit | None) -> None:
    """Write a log that begins with a commit that was made elsewhere: its lane goes on from there. Raises StorageError."""
    writer = LogWriter(path, header)
    if commit is not None:
        with _storage(path):
            writer._line(commit=_commit_to_json(commit), source=header.source, settings=header.settings)
            writer._sync()
    writer.close()


def last_commit(path: Path) -> Commit | None:
    """The last whole commit of a log that somebody else may be writing."""
    last = None
    if path.exists():
        for _, line in _lines(path, 0):
            if "commit" in line:
                last = line["commit"]
    return None if last is None else commit_from_json(last)


def read_rows(path: Path, origin: str, width: int) -> np.ndarray[Any, np.dtype[np.float32]]:
    """float32 [cells, width]: an origin's features by cell index; cells without a row are zero."""
    file = rows_path(path, origin)
    return np.fromfile(file, dtype="<f4").reshape(-1, width) if file.exists() else np.zeros((0, width), np.float32)


def rows_path(path: Path, origin: str) -> Path:
    return path.with_name(f"{origin}.f32")


def write_atomically(path: Path, data: bytes) -> None:
    """Whole or not at all, also after a crash."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    with open(temporary, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    os.replace(temporary, path)


def _lines(path: Path, start: int) -> Iterator[tuple[int, dict[str, Any]]]:
    """(offset behind the line, content) of each whole line. A torn last line ends the file."""
    with open(path, "rb") as file:
        resumes = data_from(file.fileno())
        file.seek(start)
        offset = start
        for line in file:
            offset += len(line)
            if not line.endswith(b"\n"):
                return
            try:
                yield offset, msgspec.json.decode(line)
            except msgspec.DecodeError as e:
                raise StorageError(f"{path} is damaged before byte {offset} ({e}): run with --fresh to start a new generation") from e
            if offset < resumes:
                # Behind the header of a log that was trimmed: what is left begins within a line.
                file.seek(resumes)
                offset = resumes + len(file.readline())


def _commit_to_json(commit: Commit) -> dict[str, Any]:
    return {
        "position": exact(commit.position),
        "watermark": None if commit.watermark is None else exact(commit.watermark),
        "done": commit.done,
        "operators": commit.operators,
        "sequences": commit.sequences,
        "lengths": commit.lengths,
    }


def commit_from_json(value: dict[str, Any]) -> Commit:
    watermark = value["watermark"]
    return Commit(
        Fraction(value["position"]),
        None if watermark is None else Fraction(watermark),
        value["done"],
        value["operators"],
        value["sequences"],
        value["lengths"],
    )


@contextmanager
def _storage(path: Path) -> Iterator[None]:
    """Maps what the operating system refuses to a StorageError that says what to do."""
    try:
        yield
    except OSError as e:
        what = f"can not write {path}: {e.strerror or e}"
        raise StorageError(f"{what}; make room or choose another --out, then run the same command again: it resumes") from e


def now() -> str:
    """RFC 3339, UTC."""
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
