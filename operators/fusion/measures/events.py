"""Events along time against those of the truth (Mesaros et al., Metrics for polyphonic sound event detection, 2016)."""

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
import numpy.typing as npt

from operators.fusion.clip import Labelled
from operators.timeline import Span

COLLAR = Fraction(2, 5)
"""Seconds by which an onset may be off: two cells."""
SEGMENT_CELLS = 5
"""Cells of one segment: a second."""
BRIDGED, LEAST = 1, 1
"""Cells: a pause that is bridged, and the least length of an event."""


@dataclass(frozen=True, slots=True)
class EventScores:
    hits: int
    said: int
    true: int

    @property
    def precision(self) -> float:
        return self.hits / self.said if self.said else 0.0

    @property
    def recall(self) -> float:
        return self.hits / self.true if self.true else 0.0

    @property
    def f1(self) -> float:
        return 2 * self.hits / (self.said + self.true) if self.said + self.true else 0.0


Onsets = list[tuple[str, Fraction]]


def segment_scores(said: Sequence[npt.NDArray[np.bool_]], true: Sequence[npt.NDArray[np.bool_]]) -> list[EventScores]:
    """For each label, over all clips, by segments of a second: one is active where any of its cells is. bool [cells, labels] a clip."""
    own, other = (np.concatenate([_by_segment(c) for c in clips]) for clips in (said, true))
    return [EventScores(int((a & b).sum()), int(a.sum()), int(b.sum())) for a, b in zip(own.T, other.T, strict=True)]


def onset_scores(said: Sequence[Sequence[Labelled]], true: Sequence[Sequence[Labelled]], labels: Sequence[str]) -> list[EventScores]:
    """For each label, over all clips: an event is found where one said begins within COLLAR of it; each counts once, in order."""
    hits, counts, wanted = (dict.fromkeys(labels, 0) for _ in range(3))
    for own, other in zip(said, true, strict=True):
        for label in labels:
            a = sorted(e.span.start for e in own if e.label == label)
            b = sorted(e.span.start for e in other if e.label == label)
            hits[label] += _paired(a, b)
            counts[label] += len(a)
            wanted[label] += len(b)
    return [EventScores(hits[label], counts[label], wanted[label]) for label in labels]


def segments(active: npt.NDArray[np.bool_], labels: Sequence[str], rate: int, start: Fraction) -> list[Labelled]:
    """Events of bool [cells, labels] on a grid of `rate` a second that begins at `start`: runs, pauses of a cell bridged."""
    found = []
    for n, label in enumerate(labels):
        runs: list[list[int]] = []
        for cell in np.flatnonzero(active[:, n]):
            if runs and cell - runs[-1][1] <= 1 + BRIDGED:
                runs[-1][1] = int(cell)
            else:
                runs.append([int(cell), int(cell)])
        spans = [Span(start + Fraction(a, rate), start + Fraction(b + 1, rate)) for a, b in runs if b + 1 - a >= LEAST]
        found += [Labelled(span, label) for span in spans]
    return sorted(found, key=lambda e: (e.span, e.label))


def _by_segment(cells: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
    missing = -len(cells) % SEGMENT_CELLS
    whole = np.pad(cells, ((0, missing), (0, 0)))
    return np.asarray(whole.reshape(-1, SEGMENT_CELLS, cells.shape[1]).any(axis=1))


def _paired(a: Sequence[Fraction], b: Sequence[Fraction]) -> int:
    """How many pairs can be made of two sorted rows of instants: the earliest that fit, greedily, which is the most."""
    i = j = hits = 0
    while i < len(a) and j < len(b):
        if abs(a[i] - b[j]) <= COLLAR:
            i, j, hits = i + 1, j + 1, hits + 1
        elif a[i] < b[j]:
            i += 1
        else:
            j += 1
    return hits
