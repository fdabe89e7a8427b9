"""Dense captions: stretches and their texts, against those of the truth."""

from collections.abc import Sequence
from dataclasses import dataclass

from operators.fusion.measures.captions import meteor
from operators.timeline import Span


@dataclass(frozen=True, slots=True)
class Dense:
    """A stretch and what is said of it, or may be."""

    span: Span
    texts: tuple[str, ...]


def soda(said: Sequence[Dense], truth: Sequence[Dense]) -> float:
    """SODA_c (Fujita et al., ECCV 2020) of one clip, 0-1: the matching in order that has the highest sum of IoU × METEOR, as F1 over the
    numbers of stretches said and true."""
    if not said or not truth:
        return float(not said and not truth)
    best = [[0.0] * (len(truth) + 1) for _ in range(len(said) + 1)]
    for i, one in enumerate(said):
        for j, other in enumerate(truth):
            worth = iou(one.span, other.span) * meteor(one.texts[0], other.texts)
            best[i + 1][j + 1] = max(best[i][j + 1], best[i + 1][j], best[i][j] + worth)
    total = best[-1][-1]
    precision, recall = total / len(said), total / len(truth)
    return 2 * precision * recall / (precision + recall) if total else 0.0


def iou(a: Span, b: Span) -> float:
    """Length of what two stretches share over that of what they cover."""
    shared = a.overlap(b)
    covered = a.duration + b.duration - shared
    return float(shared / covered) if covered else 0.0
