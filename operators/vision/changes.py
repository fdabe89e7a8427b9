"""How much two pictures have in common, and how the camera moved between them."""

from dataclasses import dataclass, field
from functools import cache

import cv2
import numpy as np
import numpy.typing as npt

from operators.vision.colours import distance
from operators.vision.views import Field, View, active

_RELIEF = 0.05
"""Mean square of the relief from which on a field has structure."""


@dataclass(frozen=True, slots=True, eq=False)
class Change:
    """What is different from one view to a later one."""

    broken: float
    """How much of the structure is not to be found again, wherever it moved: 0 (all is there) to 1 (another picture). Sought by points
    that can be followed, by correlation in place and with their motion undone, and by phase correlation (fast pans)."""
    colour: float
    """Distance of the colours, 0-1."""
    tint: float
    """Mean difference of the coarse pictures' chroma alone, 0-1: a change of light has none."""
    warp: Field | None = field(repr=False)
    """float32 [2, 3]: the similarity that carries the first picture onto the second; None where it could not be found."""
    spread: float
    """Share of the picture's area (in sixteenths) in which points follow `warp`: the motion of one object has little."""

    @classmethod
    def between(cls, a: View, b: View) -> "Change":
        difference = b.coarse - a.coarse
        tint = float(np.abs(difference - difference.mean(axis=2, keepdims=True)).mean())
        colour = distance(a.colours, b.colours)
        if a.luma.shape != b.luma.shape:
            return cls(1.0, 1.0, tint, None, 0.0)
        warp, kept = _follow(a, b)
        corners, following = _by_field(a.corners, a.luma.shape), _by_field(kept, a.luma.shape)
        followed = float((following / np.maximum(corners, 1))[corners > 0].mean()) if corners.any() else 0.0
        spread = float((following > 0).mean())
        alike = max(_unit(followed, 0.25, 0.5), _unit(_agreement(a, b, warp), 0.33, 0.58))
        if alike < 0.5 and (pan := _pan(a, b)) is not None and pan[1] > alike:
            (warp, alike), spread = pan, 1.0
        return cls(1.0 - alike, colour, tint, warp, spread)

    @property
    def same_place(self) -> bool:
        return self.broken < 0.5


@dataclass(frozen=True, slots=True, eq=False)
class Step:
    """A view, and what changed from the one before it (None for the first)."""

    view: View
    change: Change | None


def _follow(a: View, b: View) -> tuple[Field | None, Field]:
    """The similarity most corners agree on (pyramidal Lucas-Kanade, checked backwards, RANSAC), and the corners that do."""
    none = a.corners[:0]
    if len(a.corners) < 8:
        return None, none
    there, found = _flow(a, b, a.corners)
    back, again = _flow(b, a, there)
    astray = np.abs(back - a.corners).reshape(-1, 2).max(axis=1)
    kept = found & again & (astray < 0.7)
    if np.count_nonzero(kept) < 6:
        return None, none
    warp, inliers = cv2.estimateAffinePartial2D(a.corners[kept], there[kept], method=cv2.RANSAC, ransacReprojThreshold=1.5)
    if warp is None:
        return None, none
    return np.asarray(warp, np.float32), a.corners[kept][inliers.ravel() > 0]


def _flow(a: View, b: View, points: Field) -> tuple[Field, npt.NDArray[np.bool_]]:
    there, found, _ = cv2.calcOpticalFlowPyrLK(
        a.texture,
        b.texture,
        points,
        None,
        winSize=(13, 13),
        maxLevel=3,
        criteria=(cv2.TERM_CRITERIA_EPS | cv2.TERM_CRITERIA_COUNT, 10, 0.03),
    )
    return np.asarray(there, np.float32), found.ravel() > 0


def _unit(value: float, low: float, high: float) -> float:
    """0 up to `low`, 1 from `high` on."""
    return min(1.0, max(0.0, (value - low) / (high - low)))


def _pan(a: View, b: View) -> tuple[Field, float] | None:
    """The shift of the whole picture that phase correlation finds, and how surely, 0-1; None where the picture is too small for it."""
    height, width = a.relief.shape
    if min(height, width) < 16:
        return None
    (x, y), response = cv2.phaseCorrelate(a.relief.copy(), b.relief.copy(), _window(width, height))  # it writes to what it is given
    return np.array([[1, 0, x], [0, 1, y]], np.float32), _unit(response, 0.15, 0.4)


@cache
def _window(width: int, height: int) -> Field:
    return np.asarray(cv2.createHanningWindow((width, height), cv2.CV_32F), np.float32)


def _by_field(corners: Field, shape: tuple[int, ...]) -> Field:
    """float32 [4, 4]: how many corners lie in each sixteenth of the picture."""
    height, width = shape
    fields = np.zeros((4, 4), np.float32)
    for x, y in corners.reshape(-1, 2):
        fields[min(int(y * 4 / height), 3), min(int(x * 4 / width), 3)] += 1
    return fields


def correlation(a: View, b: View) -> float:
    """Correlation of the reliefs, as they lie or blurred (small motion); the better."""
    return max(_ncc(x, y) for x, y in _overlaid(a, b))


def _agreement(a: View, b: View, warp: Field | None) -> float:
    """Mean correlation of the reliefs' fields that have any structure: as they lie, blurred, or with the camera's motion undone; the best.
    By fields, for a logo or a news ticker that stays is not the picture."""
    rows, columns = active(np.maximum(a.luma, b.luma))
    pairs = _overlaid(a, b)
    if warp is not None:
        moved = cv2.warpAffine(a.relief, warp, a.relief.shape[::-1])
        pairs.append((moved[rows, columns], b.relief[rows, columns]))
    return max(_field_ncc(x, y) for x, y in pairs)


def _overlaid(a: View, b: View) -> list[tuple[Field, Field]]:
    rows, columns = active(np.maximum(a.luma, b.luma))
    first, second = a.relief[rows, columns], b.relief[rows, columns]
    size = (max(4, first.shape[1] // 4), max(4, first.shape[0] // 4))
    coarse = [np.asarray(cv2.resize(x, size, interpolation=cv2.INTER_AREA), np.float32) for x in (first, second)]
    return [(first, second), (coarse[0], coarse[1])]


def _ncc(a: Field, b: Field) -> float:
    energy = float((a * a).sum()) * float((b * b).sum())
    return float((a * b).sum()) / (float(np.sqrt(energy)) + 1e-3 * a.size)


def _field_ncc(a: Field, b: Field) -> float:
    product, first, second = (cv2.resize(x, (4, 4), interpolation=cv2.INTER_AREA) for x in (a * b, a * a, b * b))
    structured = np.maximum(first, second) > _RELIEF
    values = product / (np.sqrt(first * second) + 1e-3)
    return float(np.clip(values, 0, 1)[structured].mean()) if structured.any() else 0.0
