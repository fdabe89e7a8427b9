"""Examples to train on: of a made corpus, or of a manifest, whose media are decoded once and kept in the user's cache folder."""

import os
from collections.abc import Callable, Collection, Sequence
from concurrent.futures import ThreadPoolExecutor
from hashlib import sha256
from pathlib import Path

from operators.errors import CapstreamError, ConfigError
from operators.fusion.clip import Example
from operators.fusion.store import read_store, split_in_shards, write_shard
from pipeline.clip_manifest import ClipLine, read_manifest
from pipeline.clip_reading import read_clip
from pipeline.file_lock import locked
from pipeline.models import cache_folder

SHARD = 20
FORM = 2
"""Of the rows that are kept; another one, another cache."""


def load_examples(path: Path, labels: Collection[str] | None, progress: Callable[[str], None]) -> list[Example]:
    """Raises ConfigError where there is nothing, with every fault of a manifest, and every medium that can not be read."""
    if not path.is_dir():
        return _of_manifest(path, read_manifest(path, labels), progress)
    examples = read_store(path)
    if not examples:
        raise ConfigError(f"{path} holds no corpus: `capstream corpus {path}` makes one; a manifest is named by its file")
    unknown = {e.label for x in examples for e in x.events or ()} - set(labels) if labels is not None else set()
    if unknown:
        raise ConfigError(f"{path} has events that the model does not know: {', '.join(sorted(unknown))}")
    return examples


def _of_manifest(path: Path, lines: Sequence[ClipLine], progress: Callable[[str], None]) -> list[Example]:
    folder = cache_folder() / "clips" / _digest(path, lines)
    with locked(folder):  # several workers of a training read the same clips
        _fill(folder, path, lines, progress)
    return read_store(folder)


def _fill(folder: Path, path: Path, lines: Sequence[ClipLine], progress: Callable[[str], None]) -> None:
    missing = [(name, members) for name, members in split_in_shards(len(lines), SHARD) if not (folder / name).exists()]
    faults: list[str] = []

    def read(line: ClipLine) -> Example | None:
        try:
            return read_clip(line)
        except CapstreamError as e:
            faults.append(f"{line.id}: {e.message}")
            return None

    with ThreadPoolExecutor(len(os.sched_getaffinity(0))) as pool:
        for name, members in missing:
            read_ones = list(pool.map(read, [lines[n] for n in members]))
            if not faults:
                write_shard(folder / name, [e for e in read_ones if e is not None])
                progress(f"{path}: {members.stop} of {len(lines)} clips read")
    if faults:
        raise ConfigError(f"{path}: {len(faults)} of {len(lines)} clips can not be read. {'; '.join(faults)}")


def _digest(path: Path, lines: Sequence[ClipLine]) -> str:
    """Of the manifest and its media, by size and time."""
    whole = sha256(f"{FORM}".encode() + path.read_bytes())
    for media in sorted({line.media for line in lines}):
        state = os.stat(media)
        whole.update(f"{media} {state.st_size} {state.st_mtime_ns}".encode())
    return whole.hexdigest()[:24]
