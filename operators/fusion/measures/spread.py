"""How sure a mean over seeds or clips is."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

DRAWS = 2000
T95 = (12.71, 4.30, 3.18, 2.78, 2.57, 2.45, 2.36, 2.31, 2.26, 2.23)
"""Student's t at 95 %, two-sided, for 1 to 10 degrees of freedom."""


@dataclass(frozen=True, slots=True)
class Interval:
    mean: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.mean:.3f} ({self.low:.3f} to {self.high:.3f})"


def interval(values: Sequence[float]) -> Interval:
    """95 %, of the mean of a few independent runs, by Student's t; of one, its value alone."""
    mean = float(np.mean(values))
    if len(values) < 2:
        return Interval(mean, mean, mean)
    half = T95[min(len(values) - 1, len(T95)) - 1] * float(np.std(values, ddof=1)) / len(values) ** 0.5
    return Interval(mean, mean - half, mean + half)


def bootstrap(values: Sequence[float], seed: int = 0) -> Interval:
    """95 %, of the mean over many clips, by drawing them anew."""
    drawn = np.random.default_rng(seed).choice(np.asarray(values, float), (DRAWS, len(values))).mean(axis=1)
    low, high = np.percentile(drawn, [2.5, 97.5])
    return Interval(float(np.mean(values)), float(low), float(high))
