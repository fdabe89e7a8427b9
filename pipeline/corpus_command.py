"""`capstream corpus`: the made corpus, as arrays that training reads, or as media to look at."""

import os
import sys
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path

import msgspec

from operators.errors import ConfigError, StorageError
from operators.fusion.corpus import FORM, Corpus, CorpusOptions
from operators.fusion.store import split_in_shards, write_shard

SHARD = 50
"""Clips: what is lost where making a corpus is interrupted."""
OPTIONS = "corpus.json"


@dataclass(frozen=True, slots=True)
class Request:
    out: Path
    corpus: CorpusOptions
    media: bool
    """Write videos and a manifest instead of arrays."""


def execute(request: Request) -> int:
    """Go on where an earlier call was interrupted."""
    _claim(request.out, request.corpus)
    if request.media:
        from pipeline.corpus_media import write_media

        write_media(request.out, Corpus(request.corpus))
        return 0
    make_corpus(request.out, request.corpus, lambda line: print(line, file=sys.stderr))
    return 0


def make_corpus(out: Path, options: CorpusOptions, progress: Callable[[str], None]) -> None:
    """The shards that are not there yet, in as many processes as there are cores."""
    missing = [(name, members) for name, members in split_in_shards(options.clips, SHARD) if not (out / name).exists()]
    done = options.clips - sum(len(members) for _, members in missing)
    Corpus(options)  # what is wrong with the sources is said here, once
    if not missing:
        return
    # Not forked: who calls may have threads of torch.
    with ProcessPoolExecutor(min(len(missing), len(os.sched_getaffinity(0))), get_context("spawn")) as pool:
        making = {pool.submit(_make, out / name, options, members): members for name, members in missing}
        for finished in as_completed(making):
            finished.result()
            done += len(making[finished])
            progress(f"{out}: {done} of {options.clips} clips")


def made_in(folder: Path) -> Corpus:
    """The corpus whose arrays `folder` holds, from the same sources: for what the arrays do not tell."""
    made = msgspec.json.decode((folder / OPTIONS).read_bytes())
    return Corpus(CorpusOptions(made["split"], made["clips"], made["seed"], made["sources"] and Path(made["sources"]), made["voices"]))


def _make(shard: Path, options: CorpusOptions, members: range) -> None:
    corpus = Corpus(options)
    write_shard(shard, (corpus.example(n) for n in members))


def _claim(out: Path, options: CorpusOptions) -> None:
    """One folder holds one corpus: another split, seed or sources would be mixed in. More clips may be added later."""
    path, own = out / OPTIONS, {"form": FORM, **msgspec.to_builtins(options, enc_hook=str)}
    try:
        if path.exists():
            there = msgspec.json.decode(path.read_bytes())
            if other := {k for k in own if k != "clips" and there.get(k) != own[k]}:
                raise ConfigError(f"{out} holds a corpus with another {' and '.join(sorted(other))}: choose another folder, or delete it")
        out.mkdir(parents=True, exist_ok=True)
        path.write_bytes(msgspec.json.encode(own))
    except OSError as e:
        raise StorageError(f"{out} can not be written: {e.strerror or e}; make room or choose another folder") from e
