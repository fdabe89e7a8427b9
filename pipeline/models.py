"""The catalogue of models (`models.toml`): where a named model comes from, fetched, verified, cached in the user's cache folder.

A model is named by a catalogue entry ("whisper-base"), a local directory, or a hub id ("openai/whisper-base", or
"openai/whisper-base@REVISION"). What is fetched is verified before it is used and never fetched again. Weights are
safetensors or CTranslate2's own format, never pickles, and nothing that wants code of its own to be run is accepted.
"""

import functools
import json
import os
import re
import shutil
import tempfile
import tomllib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from operators.errors import ConfigError, ModelUnavailable, StorageError
from pipeline.fetching import HERE, HubSource, PackagesSource, Progress, Source, remote_code, sha256, weights
from pipeline.file_lock import locked

RECORD = "capstream-model.json"
"""Beside a fetched model's files: what they came from, and for each its SHA-256, size and time as they were verified."""
HUB_ID = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*(@[\w./-]+)?")


@dataclass(frozen=True, slots=True)
class Entry:
    """A model that can be had by name."""

    name: str
    title: str
    role: str
    """What operators ask it for: speech | voice | frames | sound | captioner | translation; empty for a hub id."""
    licence: str
    size_mb: int | None
    sources: tuple[Source, ...]
    files: dict[str, str] = field(default_factory=dict)
    """SHA-256 by file; empty where they are not known before the first fetch."""

    @property
    def folder(self) -> Path:
        """Where its files are, once fetched."""
        return cache_folder() / "models" / self.name.replace("/", "--")


def cache_folder() -> Path:
    """CAPSTREAM_CACHE, or `capstream` in the user's cache folder (XDG_CACHE_HOME, by default ~/.cache)."""
    if own := os.environ.get("CAPSTREAM_CACHE"):
        return Path(own).expanduser()
    return Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser() / "capstream"


@functools.cache
def catalogue() -> dict[str, Entry]:
    """All entries by name, in the order of `models.toml`."""
    tables = tomllib.loads((HERE / "models.toml").read_text(encoding="utf-8"))
    return {name: _entry(name, table) for name, table in tables.items()}


def cached() -> dict[str, Path]:
    """What is fetched, catalogue entries and hub ids alike: folder by name."""
    records = sorted((cache_folder() / "models").glob(f"*/{RECORD}"))
    return {json.loads(record.read_text(encoding="utf-8"))["name"]: record.parent for record in records}


def resolve(name: str, progress: Progress = lambda line: None) -> Path:
    """The local folder of a model, fetched where it has to be. Safe to call from many processes at once: one fetches, the others wait.

    Raises:
        ConfigError: `name` is no catalogue entry, no directory and no hub id.
        ModelUnavailable: no source could give it, or what is there is not what it must be; what is wrong is removed from the cache.
        StorageError: the cache folder can not be written.
    """
    entry = _find(name)
    if isinstance(entry, Path):
        return _accept(entry, name)
    folder = entry.folder
    if not (folder / RECORD).is_file():
        with locked(folder):
            if not (folder / RECORD).is_file():
                _fetch(entry, folder, progress)
    if faults := _faults(folder, changed_only=True):
        remove(name)
        raise ModelUnavailable(f"the cached model {name} was refused and removed: {'; '.join(faults)}. Run again to fetch it anew")
    return folder


def identify(name: str) -> tuple[str, str | None]:
    """(name, revision) of a resolved model, for the records that it has a part in. The revision is the beginning of the SHA-256
    of its weights, so it is the same from whichever source; None for a directory of the user's, which is not hashed."""
    entry = _find(name)
    if isinstance(entry, Path):
        return entry.name, None
    files = json.loads((entry.folder / RECORD).read_text(encoding="utf-8"))["files"]
    return name, files[weights(entry.folder)[0].name]["sha256"][:12]


def verify(name: str) -> list[str]:
    """Read every file of a fetched model again; what is wrong with them, one line each. Raises ModelUnavailable where it is not fetched."""
    entry = _find(name)
    if isinstance(entry, Path):
        _accept(entry, name)
        return []
    if not (entry.folder / RECORD).is_file():
        raise ModelUnavailable(f"{name} is not fetched: capstream models fetch {name}")
    return _faults(entry.folder, changed_only=False)


def remove(name: str) -> bool:
    """Take a fetched model out of the cache; False where there was none. Local directories are never touched."""
    entry = _find(name)
    if isinstance(entry, Path):
        raise ConfigError(f"{name} is a directory of yours, not a fetched model: capstream does not remove it")
    with locked(entry.folder):
        there = entry.folder.exists()
        shutil.rmtree(entry.folder, ignore_errors=True)
    return there


def _entry(name: str, table: dict[str, Any]) -> Entry:
    kinds: dict[str, type[Source]] = {"packages": PackagesSource, "hub": HubSource}
    sources = tuple(kinds[s["kind"]](**{k: v for k, v in s.items() if k != "kind"}) for s in table["sources"])
    return Entry(name, table["title"], table["role"], table["licence"], table["size_mb"], sources, table.get("files", {}))


def _find(name: str) -> Entry | Path:
    if entry := catalogue().get(name):
        return entry
    if (folder := Path(name).expanduser()).is_dir():
        return folder.resolve()
    if HUB_ID.fullmatch(name):
        repo, _, revision = name.partition("@")
        return Entry(name, repo, "", "see its page on the hub", None, (HubSource(repo, revision or None),))
    raise ConfigError(
        f"no model {name!r}: name one of {', '.join(catalogue())}, an existing directory, or a hub id such as openai/whisper-base"
    )


def _accept(folder: Path, name: str) -> Path:
    if not weights(folder):
        raise ModelUnavailable(f"{name}: no weights in safetensors or CTranslate2 form (model.bin) in {folder}; pickles are never loaded")
    if wants := remote_code(folder):
        raise ModelUnavailable(f"{name}: {wants.name} wants code of its own to be run (auto_map), which is never done")
    return folder


def _fetch(entry: Entry, folder: Path, progress: Progress) -> None:
    """Into a folder beside, verified there, then renamed: `folder` holds a whole and right model or is not there."""
    for stale in folder.parent.glob(f".{folder.name}-*"):
        shutil.rmtree(stale, ignore_errors=True)
    shutil.rmtree(folder, ignore_errors=True)
    reasons = []
    for source in entry.sources:
        with tempfile.TemporaryDirectory(dir=folder.parent, prefix=f".{folder.name}-", ignore_cleanup_errors=True) as place:
            fresh = Path(place) / "model"
            fresh.mkdir()
            try:
                origin = source.fetch(fresh, progress)
                _write_record(entry, fresh, origin)
            except ModelUnavailable as e:
                reasons.append(f"{source}: {e}")
            except OSError as e:
                raise StorageError(
                    f"{entry.name} can not be written to {folder.parent}: {e}; set CAPSTREAM_CACHE to a folder with room"
                ) from e
            else:
                fresh.rename(folder)
                progress(f"{entry.name} is verified, in {folder}")
                return
    raise ModelUnavailable(f"{entry.name} can not be had ({'; '.join(reasons)}). `--profile offline` works without it")


def _write_record(entry: Entry, fresh: Path, origin: str) -> None:
    found = {p.name: sha256(p) for p in sorted(fresh.iterdir()) if p.is_file()}
    for name, expected in entry.files.items():
        if (got := found.get(name)) != expected:
            raise ModelUnavailable(f"{name} has SHA-256 {got}, expected {expected}: refused, nothing of it is kept")
    _accept(fresh, entry.name)
    stats = {name: (fresh / name).stat() for name in found}
    files = {name: {"sha256": digest, "size": stats[name].st_size, "time_ns": stats[name].st_mtime_ns} for name, digest in found.items()}
    record = {"name": entry.name, "source": origin, "licence": entry.licence, "files": files}
    (fresh / RECORD).write_text(json.dumps(record, indent=1), encoding="utf-8")


def _faults(folder: Path, changed_only: bool) -> list[str]:
    """Files that are not what was verified; with `changed_only`, only those whose size or time changed are read."""
    faults = []
    for name, kept in json.loads((folder / RECORD).read_text(encoding="utf-8"))["files"].items():
        path = folder / name
        if not path.is_file():
            faults.append(f"{name} is missing")
            continue
        stat = path.stat()
        if changed_only and (stat.st_size, stat.st_mtime_ns) == (kept["size"], kept["time_ns"]):
            continue
        if (got := sha256(path)) != kept["sha256"]:
            faults.append(f"{name} has SHA-256 {got}, expected {kept['sha256']}")
    return faults
