"""Writes the manifest of a spool, and writes it anew, without what was deleted, before it grows long."""

import os
from collections.abc import Iterator, Sequence
from fractions import Fraction
from pathlib import Path

from operators.sources.manifest import (
    MANIFEST,
    ClockLine,
    Evicted,
    Line,
    ManifestFollower,
    Missing,
    Resumed,
    SegmentBegin,
    SegmentEnd,
    Session,
    to_line,
)

LONGEST = 20_000
"""Lines, of which two tell of a segment: about half a day."""


class ManifestWriter:
    """The one writer, by the lock that its recorder holds. Each line is seen by readers at once."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / MANIFEST
        self._lines = 0
        if self._path.exists():
            # What a killed recorder did not finish to write never was.
            os.truncate(self._path, self._path.read_bytes().rfind(b"\n") + 1)
        self._file = open(self._path, "ab", buffering=0)  # noqa: SIM115

    def read(self) -> list[Line]:
        lines = ManifestFollower(self._path).poll()
        self._lines = len(lines)
        return lines

    def say(self, line: Line) -> None:
        self._file.write(to_line(line))
        self._lines += 1
        if isinstance(line, Evicted) and self._lines > LONGEST:
            self._write_anew(line.below)

    def close(self) -> None:
        self._file.close()

    def _write_anew(self, below: int) -> None:
        kept = list(kept_lines(self.read(), below))
        made = self._path.with_suffix(".new")
        made.write_bytes(b"".join(map(to_line, kept)))
        self._file.close()
        os.replace(made, self._path)
        self._file = open(self._path, "ab", buffering=0)  # noqa: SIM115
        # Grown again by so much, not by a line.
        self._lines = 0


def kept_lines(lines: Sequence[Line], below: int) -> Iterator[Line]:
    """What of a manifest is needed where the segments below a number were deleted."""
    first = next((line for line in lines if isinstance(line, SegmentBegin) and line.number >= below), None)
    since = Fraction(0) if first is None else first.first
    session = -1 if first is None else first.session
    clocks = [line for line in lines if isinstance(line, ClockLine)]
    yield Evicted(below)
    for line in lines:
        match line:
            case Session():
                gone = line.number < session
            case ClockLine():
                gone = line is not clocks[-1]
            case SegmentBegin() | SegmentEnd():
                gone = line.number < below
            case Missing():
                gone = line.end <= since
            case Resumed():
                gone = line.at < since
            case _:
                gone = isinstance(line, Evicted)
        if not gone:
            yield line
