"""Dissolves: for a while each picture is a mixture of the one before it all and the one after."""

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
import numpy.typing as npt

from operators.vision.changes import Change, Step, correlation

_LONGEST = 20
"""Views; with the shortest, 0.5 to 2.5 s at 8 a second."""
_SHORTEST = 4
_BEYOND = 3
_EXPLAINED = 0.6
"""Least share of the middle picture's structure that comes from the first and the last one."""
_CLEAR = 0.06
"""Least difference (RMS, 0-1) of the two pictures that a dissolve joins."""


@dataclass(frozen=True, slots=True)
class Dissolve:
    start: Fraction
    middle: Fraction
    end: Fraction
    score: float


@dataclass(frozen=True, slots=True)
class _Mixture:
    """The views between two views as mixtures of them."""

    shares: npt.NDArray[np.float64]
    """Of the second, for each view between."""
    rest: npt.NDArray[np.float64]
    """What the mixture leaves of each view, over the difference of the two."""

    @property
    def is_ramp(self) -> bool:
        steps = np.diff(np.array([0.0, *self.shares, 1.0]))
        return bool(steps.min() > -0.03 and steps.max() < 0.5 and self.rest.max() < 0.35 and self.rest.mean() < 0.22)


def find_dissolve(steps: Sequence[Step], i: int, first: int) -> Dissolve | None:
    """The dissolve that ends with view i, of the shot that begins with view `first`.

    Every view in between must lie near the line from the first picture to the last and nearer to its end than the one before; the ramp
    must not go on beyond view i; and the two pictures must show different places, so no slow change of light is one.
    """
    if _slows_not(steps, i):
        return None
    grams = _grams(steps, i)
    for length in range(min(_LONGEST, i - first), _SHORTEST - 1, -1):
        mixture = _mixture(grams, length)
        if mixture is None or not mixture.is_ramp or mixture.shares[0] < 0.03 or mixture.shares[-1] > 0.97:
            continue
        start = i - length
        a, b = steps[start].view, steps[i].view
        middle = start + 1 + int(np.argmax(mixture.shares >= 0.5)) if mixture.shares[-1] >= 0.5 else i
        if min(a.high, b.high) < 0.15 or Change.between(a, b).broken < 0.7 or _goes_on(steps, start, i):
            return None
        if correlation(a, steps[middle].view) ** 2 + correlation(b, steps[middle].view) ** 2 < _EXPLAINED:
            return None
        return Dissolve(a.at, steps[middle].view.at, b.at, 1 - float(mixture.rest.mean()))
    return None


def ramp_middle(steps: Sequence[Step], i: int, first: int) -> Fraction | None:
    """Where the border of a dissolve would lie that goes on in view i; None where none seems to."""
    if i - first < 3 or _rms(steps, i - 3, i) < _CLEAR / 4:
        return None
    grams = _grams(steps, i)
    for length in range(min(_LONGEST, i - first), 2, -1):
        mixture = _mixture(grams, length)
        if mixture is not None and mixture.is_ramp:
            return steps[i - length // 2].view.at
    return None


def _slows_not(steps: Sequence[Step], i: int) -> bool:
    """Whether the picture changes about as fast after view i as before, or hardly did before: no dissolve ends here."""
    after = min(i + _BEYOND, len(steps) - 1)
    if i < _SHORTEST:
        return True
    before = _rms(steps, i - _BEYOND, i)
    return before < _CLEAR / 4 or _rms(steps, i, after) > 0.8 * before


def _goes_on(steps: Sequence[Step], start: int, i: int) -> bool:
    """Whether the views after view i go on along the line from view `start` to it."""
    line = steps[i].view.coarse - steps[start].view.coarse
    after = steps[min(i + _BEYOND, len(steps) - 1)].view.coarse - steps[start].view.coarse
    return float((after * line).sum() / (line * line).sum()) > 1.06


def _rms(steps: Sequence[Step], a: int, b: int) -> float:
    return float(np.sqrt(((steps[b].view.coarse - steps[a].view.coarse) ** 2).mean()))


def _grams(steps: Sequence[Step], i: int) -> npt.NDArray[np.float64]:
    """Mean products of the coarse pictures of the views up to view i, against view i's."""
    views = np.stack([s.view.coarse.ravel() for s in steps[max(0, i - _LONGEST) : i + 1]]).astype(np.float64)
    views -= views[-1]
    return np.asarray(views @ views.T / views.shape[1])


def _mixture(grams: npt.NDArray[np.float64], length: int) -> _Mixture | None:
    """From the view `length` before the last to the last. With x counted from the last view: x = (1 - share) * first + rest."""
    start = len(grams) - 1 - length
    line = grams[start, start]
    if line < _CLEAR**2:
        return None
    between = np.arange(start + 1, len(grams) - 1)
    left = grams[start, between] / line
    rest = np.sqrt(np.maximum(grams[between, between] - left**2 * line, 0) / line)
    return _Mixture(1 - left, rest)
