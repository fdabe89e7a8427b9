"""A stream's folder against what Kafka knows of the stream: the same and gone on with, another and set aside, or made anew."""

import os
from collections.abc import Callable
from pathlib import Path
from uuid import uuid4
from zlib import crc32

import msgspec

from operators.errors import StorageError
from pipeline.generations import Generation
from pipeline.kafka_checkpoint import Checkpoint, Lane
from pipeline.log import Commit, Header, begin_log, commit_from_json, write_atomically


def generations(folder: Path) -> list[int]:
    """The numbers of the generations in a stream's folder, in order."""
    return sorted(int(p.parent.name) for p in folder.glob("*/generation.json") if p.parent.name.isdigit())


def unshipped(place: Path, stream_id: str) -> Checkpoint:
    """The checkpoint of a generation of which nothing was shipped yet."""
    generation = _read(place)
    return Checkpoint(stream_id, generation.number, generation.folder_id, generation.source, generation.settings)


def set_aside(folder: Path, checkpoint: Checkpoint) -> str | None:
    """Rename every generation in the folder that would go on where Kafka knows another folder's; what was done, for people."""
    place = folder / str(checkpoint.generation)
    if checkpoint.generation not in generations(folder) or _read(place).folder_id == checkpoint.folder_id:
        return None
    moved = []
    for number in generations(folder):
        if number >= checkpoint.generation:
            aside = folder / f"{number}.set-aside-{uuid4().hex[:8]}"
            os.rename(folder / str(number), aside)
            moved.append(str(aside))
    return f"Kafka has this stream from another folder (it ran elsewhere since): {', '.join(moved)} was set aside and is not shipped"


def restore(folder: Path, checkpoint: Checkpoint, ship: Callable[[Checkpoint], None]) -> Checkpoint:
    """Make the folder of a stream anew, so that its lanes go on from the commits that the checkpoint holds.

    `ship` makes the new folder the one that Kafka knows; where it fails nothing is here, and all can be done again. What the lanes say
    again is not shipped twice. Raises StorageError.
    """
    building = folder / f".{checkpoint.generation}.{os.getpid()}"
    try:
        building.mkdir(parents=True, exist_ok=True)
        lanes = {name: _begin(building / f"{name}.jsonl", name, lane, checkpoint) for name, lane in checkpoint.lanes.items()}
        new = msgspec.structs.replace(checkpoint, folder_id=uuid4().hex, lanes=lanes)
        # The address of the source may hold a password: Kafka never had it.
        generation = Generation(new.generation, new.source, new.settings, uuid4().hex, new.folder_id, "")
        write_atomically(building / "generation.json", msgspec.json.encode(generation))
        ship(new)
        os.rename(building, folder / str(new.generation))
    except OSError as e:
        raise StorageError(f"can not write {building}: {e.strerror or e}; make room or choose another --out") from e
    return new


def _begin(path: Path, name: str, lane: Lane, checkpoint: Checkpoint) -> Lane:
    commit: Commit | None = commit_from_json(lane.restart) if lane.restart else None
    begin_log(path, msgspec.convert(lane.header, Header), commit)
    raw = path.read_bytes()
    last = raw.splitlines(keepends=True)[-1]
    counted = commit.sequences if commit else {}
    again = {
        origin: lane.position
        for origin, shipped in checkpoint.origins.items()
        if origin.partition(".")[0] == name and shipped.sequence > counted.get(f"{origin}/record", 0)
    }
    return msgspec.structs.replace(lane, begin=len(raw) - len(last), end=len(raw), crc=crc32(last), latest=None, restored=True, again=again)


def _read(place: Path) -> Generation:
    try:
        return msgspec.json.decode((place / "generation.json").read_bytes(), type=Generation)
    except (OSError, msgspec.DecodeError) as e:
        raise StorageError(f"{place / 'generation.json'} can not be read ({e}): start a new generation with --fresh") from e
