"""What made clips are made of: pictures, sounds and voices, split by source. What the code makes itself is always there; photographs and
recordings come from a folder, voices from programs, where they are."""

import re
import shutil
from collections.abc import Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path

from operators.errors import ConfigError
from operators.fusion.corpus.script import BACKGROUNDS, CALLS

SPLITS = ("train", "validation", "test")
TEXTURES = ("clouds", "stripes", "checks", "bricks", "gradient", "discs", "skyline", "hills", "cells", "waves")
HELD_OUT = {"bricks": "validation", "cells": "test", "waves": "test"}
"""Kinds of made pictures that only one split has."""
MEMBER = re.compile(r"([-_](\d+x\d+|\d+|dark|light|[dl]))+$")
"""At the end of a picture's name: its number in a film, its size, its light."""
VARIANTS = 100_000
ESPEAK = ("en+m1", "en+f2", "en-us+m3", "en-us+f4", "en-gb-scotland+m5", "en-us+m7", "en+f1", "en-us+f3", "en-gb-x-rp+m2")
FLITE = ("kal", "slt", "awb", "rms")
BABBLE = tuple(f"babble:{n}" for n in range(12))
PICTURE_FILES = (".jpg", ".jpeg", ".png", ".webp")
SOUND_FILES = (".wav", ".ogg", ".oga", ".mp3", ".flac")


def split_of(key: str) -> str:
    """Where a source belongs, for ever: 80 % train, 8 % validation, 12 % test."""
    share = int.from_bytes(sha256(key.encode()).digest()[:4], "big") / 2**32
    return "train" if share < 0.8 else "validation" if share < 0.88 else "test"


@dataclass(frozen=True, slots=True)
class Sources:
    """All keys of one split. Keys: "made:KIND:SEED" and "file:PATH"."""

    split: str
    photographs: tuple[str, ...] = ()
    recordings: dict[str, tuple[str, ...]] = field(default_factory=dict)
    """By label of the sound; "speech": voices whose words nobody wrote down."""
    voices: tuple[str, ...] = BABBLE

    @classmethod
    def of(cls, split: str, folder: Path | None = None, voices: bool = True) -> "Sources":
        """`folder` holds pictures anywhere below pictures/ and recordings below sounds/LABEL/. `voices`: use espeak-ng and flite where
        they are. Raises ConfigError where the folder holds neither, or a label is none."""
        if split not in SPLITS:
            raise ConfigError(f"no split {split!r}: one of {', '.join(SPLITS)}")
        spoken = _turns(split, (_programs() if voices else ()) or BABBLE)
        if folder is None:
            return cls(split, voices=spoken)
        photographs = _files(folder / "pictures", PICTURE_FILES)
        recordings = {p.name: _files(p, SOUND_FILES) for p in sorted((folder / "sounds").glob("*")) if p.is_dir()}
        if not photographs and not recordings:
            raise ConfigError(f"{folder} holds no pictures/ and no sounds/LABEL/: make it with `make sources`, or leave --sources away")
        if unknown := recordings.keys() - {*BACKGROUNDS, *CALLS, "speech"}:
            raise ConfigError(f"{folder}/sounds/{min(unknown)}: no such sound: one of {', '.join((*BACKGROUNDS, *CALLS, 'speech'))}")
        return cls(split, _mine(split, photographs), {label: _mine(split, files) for label, files in recordings.items()}, spoken)

    @property
    def textures(self) -> tuple[str, ...]:
        return tuple(t for t in TEXTURES if HELD_OUT.get(t, self.split) == self.split)

    def variants(self) -> range:
        """Seeds of made things: each split has its own."""
        n = SPLITS.index(self.split)
        return range(n * VARIANTS, (n + 1) * VARIANTS)


def _programs() -> tuple[str, ...]:
    espeak = tuple(f"espeak:{v}" for v in ESPEAK) if shutil.which("espeak-ng") else ()
    return espeak + (tuple(f"flite:{v}" for v in FLITE) if shutil.which("flite") else ())


def _files(folder: Path, endings: Sequence[str]) -> tuple[str, ...]:
    return tuple(f"file:{p}" for p in sorted(folder.rglob("*")) if p.suffix.lower() in endings)


def _turns(split: str, voices: Sequence[str]) -> tuple[str, ...]:
    """Of every six voices four are train's."""
    return tuple(v for n, v in enumerate(voices) if split == {4: "validation", 5: "test"}.get(n % 6, "train"))


def _mine(split: str, keys: Sequence[str]) -> tuple[str, ...]:
    """By family, so that the same files fall the same way wherever they are kept, and nothing of one film or speaker falls apart."""
    return tuple(k for k in keys if split_of(family(k)) == split)


def family(key: str) -> str:
    """What a file has in common with others of its film, of its speaker, or of a picture at other sizes and in other lights."""
    stem = Path(key).stem
    return "-".join(stem.split("-")[:2]) if stem.startswith("speech-") else MEMBER.sub("", stem)
