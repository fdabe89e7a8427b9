"""Clips and texts as tensors: exact instants less the clip's start, then float; rows of all clips in one tensor, without padding."""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from fractions import Fraction
from typing import Any, Self

import numpy as np
import torch
from torch import Tensor

from operators.fusion.clip import MODALITIES, Clip, TimedWord, Track
from operators.fusion.network.tokenizer import UNSAID, Tokenizer
from operators.timeline import Span

MOST_PIECES = 128
"""Of the words of a clip; earlier ones are left out."""


class _Movable:
    def to(self, device: Any) -> Self:
        """With all tensors on `device`."""
        return type(self)(*(getattr(self, f.name).to(device) for f in fields(self)))  # type: ignore[arg-type]


@dataclass(frozen=True)
class Places(_Movable):
    """Rows of one modality and where they belong."""

    rows: Tensor
    """[n, ...]: of all clips, one after another."""
    clip: Tensor
    """int64 [n]"""
    slot: Tensor
    """int64 [n]: number within the clip."""
    times: Tensor
    """float [B, N]"""
    real: Tensor
    """bool [B, N]"""


@dataclass(frozen=True)
class Pieces(_Movable):
    """ids, kinds (0 spoken, 1 seen): int64 [B, W]; times: float [B, W]; real: bool [B, W]."""

    ids: Tensor
    kinds: Tensor
    times: Tensor
    real: Tensor


@dataclass(frozen=True)
class Clips(_Movable):
    frames: Places
    before: Tensor
    """int64 [n]: the row of the picture before each frame; itself where there is none."""
    since: Tensor
    """float [n]: seconds since that one."""
    sound: Places
    words: Pieces
    seconds: Tensor
    """float [B]: lengths."""


@dataclass(frozen=True)
class Texts(_Movable):
    """What is to be written or was asked: of which clip, about which stretch (seconds since its start)."""

    clip: Tensor
    start: Tensor
    end: Tensor


def collate(clips: Sequence[Clip], tokenizer: Tokenizer, without: Sequence[frozenset[str]] | None = None) -> Clips:
    """`without`: for each clip the modalities that are withheld."""
    withheld = without or [frozenset()] * len(clips)
    kept = [{m for m in MODALITIES if m not in w} for w in withheld]
    frames, frame_times = _places([c.frames if "frames" in k else None for c, k in zip(clips, kept, strict=True)], clips)
    sound, _ = _places([c.sound if "sound" in k else None for c, k in zip(clips, kept, strict=True)], clips)
    before, since = _before(frames, frame_times)
    words = [c.words if "words" in k else () for c, k in zip(clips, kept, strict=True)]
    pieces = _pieces([_spelled(w, c.span.start, tokenizer) for w, c in zip(words, clips, strict=True)])
    seconds = torch.tensor([float(c.span.duration) for c in clips])
    return Clips(frames, before, since, sound, pieces, seconds)


def texts(asked: Sequence[tuple[int, Span, Span]]) -> Texts:
    """Of (number of the clip, the clip's span, the stretch)."""
    start = [float(stretch.start - clip.start) for _, clip, stretch in asked]
    end = [float(stretch.end - clip.start) for _, clip, stretch in asked]
    return Texts(torch.tensor([n for n, _, _ in asked]), torch.tensor(start), torch.tensor(end))


def _places(tracks: Sequence[Track | None], clips: Sequence[Clip]) -> tuple[Places, Tensor]:
    """The places, and float [n], the rows' times."""
    there = [(n, t) for n, t in enumerate(tracks) if t is not None and len(t.rows)]
    most = max((len(t.rows) for _, t in there), default=0)
    times, real = torch.zeros(len(clips), most), torch.zeros(len(clips), most, dtype=torch.bool)
    for n, track in there:
        start = clips[n].span.start
        times[n, : len(track.times)] = torch.tensor([float(t - start) for t in track.times])
        real[n, : len(track.times)] = True
    rows = np.concatenate([t.rows for _, t in there]) if there else np.zeros((0, 1), np.float32)
    clip, slot = real.nonzero(as_tuple=True)
    return Places(torch.from_numpy(np.ascontiguousarray(rows)), clip, slot, times, real), times[real]


def _before(frames: Places, times: Tensor) -> tuple[Tensor, Tensor]:
    own = torch.arange(len(frames.clip))
    before = torch.where(frames.slot > 0, own - 1, own)
    return before, times - times[before]


def _spelled(words: Sequence[TimedWord], start: Fraction, tokenizer: Tokenizer) -> list[tuple[int, int, float]]:
    """(id, kind, time) of each piece: a word's pieces lie evenly within its time."""
    spelled = []
    for word in words:
        ids = tokenizer.ids(word.text if word.kind == "seen" else word.text.strip(UNSAID))
        for n, piece in enumerate(ids):
            at = word.start + (word.end - word.start) * Fraction(2 * n + 1, 2 * len(ids))
            spelled.append((piece, int(word.kind == "seen"), float(at - start)))
    return spelled[-MOST_PIECES:]


def _pieces(spelled: Sequence[list[tuple[int, int, float]]]) -> Pieces:
    most = max(1, *(len(s) for s in spelled))
    ids, kinds = torch.zeros(len(spelled), most, dtype=torch.long), torch.zeros(len(spelled), most, dtype=torch.long)
    times, real = torch.zeros(len(spelled), most), torch.zeros(len(spelled), most, dtype=torch.bool)
    for n, pieces in enumerate(spelled):
        for at, (piece, kind, time) in enumerate(pieces):
            ids[n, at], kinds[n, at], times[n, at], real[n, at] = piece, kind, time, True
    return Pieces(ids, kinds, times, real)
