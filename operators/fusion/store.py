"""Examples on the disk, packed in shards: rows of frames and sound as arrays that are mapped, all else as JSON lines."""

import os
import shutil
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from operators.errors import StorageError
from operators.fusion.clip import Clip, Example, Labelled, Question, TimedWord, Told, Track
from operators.timeline import Span, exact

INDEX = "examples.jsonl"
TRACKS = ("frames", "sound")


@dataclass(frozen=True, slots=True)
class _Line:
    """An example without its rows."""

    clip_id: str
    span: Span
    words: tuple[TimedWord, ...]
    times: dict[str, tuple[Fraction, ...]]
    captions: tuple[Told, ...]
    events: tuple[Labelled, ...] | None
    questions: tuple[Question, ...]
    names: tuple[str, ...]


def write_shard(folder: Path, examples: Iterable[Example]) -> None:
    """Whole or not at all: `folder` is there once everything is in it. Raises StorageError."""
    making = folder.with_name(f".{folder.name}.{os.getpid()}")
    try:
        shutil.rmtree(making, ignore_errors=True)
        making.mkdir(parents=True)
        rows: dict[str, list[np.ndarray]] = {name: [] for name in TRACKS}
        with (making / INDEX).open("wb") as file:
            for example in examples:
                for name in TRACKS:
                    if (track := getattr(example.clip, name)) is not None:
                        rows[name].append(track.rows)
                file.write(_line(example) + b"\n")
        for name, parts in rows.items():
            if parts:
                np.save(making / f"{name}.npy", np.concatenate(parts))
        shutil.rmtree(folder, ignore_errors=True)
        making.rename(folder)
    except OSError as e:
        raise StorageError(f"{folder} can not be written: {e.strerror or e}; make room or choose another folder") from e


def read_shard(folder: Path) -> list[Example]:
    """Its examples; their rows are views of mapped files. Raises StorageError where it is no whole shard."""
    try:
        rows = {name: np.load(path, mmap_mode="r") for name in TRACKS if (path := folder / f"{name}.npy").exists()}
        lines = (folder / INDEX).read_bytes().splitlines()
        at = dict.fromkeys(TRACKS, 0)
        return [_example(msgspec.json.decode(line, type=_Line, dec_hook=_instant), rows, at) for line in lines]
    except (OSError, ValueError, KeyError, msgspec.MsgspecError) as e:
        raise StorageError(f"{folder} is no shard of examples ({e}): delete it, and it is made again") from e


def shards(folder: Path) -> list[Path]:
    """Of a store, in order."""
    return sorted(p.parent for p in folder.glob(f"[!.]*/{INDEX}"))


def read_store(folder: Path) -> list[Example]:
    return [example for shard in shards(folder) for example in read_shard(shard)]


def split_in_shards(count: int, size: int) -> Iterator[tuple[str, range]]:
    """Names and members of the shards of `count` examples."""
    for n, first in enumerate(range(0, count, size)):
        yield f"shard-{n:04}", range(first, min(first + size, count))


def _line(example: Example) -> bytes:
    clip = example.clip
    times = {name: track.times for name in TRACKS if (track := getattr(clip, name)) is not None}
    truth = (example.captions, example.events, example.questions, example.names)
    return msgspec.json.encode(_Line(example.clip_id, clip.span, clip.words, times, *truth), enc_hook=exact)


def _example(line: _Line, rows: dict[str, np.ndarray], at: dict[str, int]) -> Example:
    tracks: dict[str, Track | None] = dict.fromkeys(TRACKS)
    for name, times in line.times.items():
        first = at[name]
        at[name] += len(times)
        tracks[name] = Track(rows[name][first : at[name]], times)
    clip = Clip(line.span, tracks["frames"], tracks["sound"], line.words)
    return Example(line.clip_id, clip, line.captions, line.events, line.questions, line.names)


def _instant(kind: type, value: Any) -> Any:
    return Fraction(value) if kind is Fraction else value
