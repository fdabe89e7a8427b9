"""What the shot detector keeps of a picture, and how much two pictures have in common."""

from dataclasses import dataclass, field
from fractions import Fraction

import cv2
import numpy as np
import numpy.typing as npt

from operators.media import Frame, Pixels
from operators.vision.colours import distance, distribution

Field = npt.NDArray[np.float32]

_DARK = 24
"""Luma below which rows and columns at the border are bars, not picture."""
_STRUCTURED = 0.6
_FLAT = 0.05
"""A picture with less structure than this is told by its colours alone."""


@dataclass(frozen=True, slots=True, eq=False)
class View:
    """One picture, small (see `Picture.small`), made comparable. All arrays are [h, w] of `Picture.luma` where nothing else is said."""

    at: Fraction
    cell: Fraction
    """Start of the grid cell: where its frame is read again."""
    luma: Pixels = field(repr=False)
    relief: Field = field(repr=False)
    """Luma less its local mean, over its local deviation: the same under any even change of light."""
    texture: Pixels = field(repr=False)
    """`relief` as uint8 about 128, in which corners are found and followed."""
    colours: Field = field(repr=False)
    coarse: Field = field(repr=False)
    """float32 [18, 32, 3] RGB 0-1."""
    corners: Field = field(repr=False)
    """float32 [n, 1, 2]: x, y of points that can be followed; bars at the border have none."""
    brightness: float
    """Mean luma, 0-1."""
    low: float
    high: float
    """Luma that 3 % and 97 % of the picture lie below, 0-1."""
    structure: float
    """Share of the picture that stands out of its surroundings, 0-1."""

    @classmethod
    def of(cls, frame: Frame) -> "View":
        luma, small = frame.picture.luma, frame.picture.small
        wide = luma.astype(np.float32)
        relief = wide - cv2.blur(wide, (21, 21))
        relief /= np.sqrt(np.maximum(cv2.blur(relief * relief, (21, 21)), 0)) + 6  # the running sum may fall a hair below 0
        texture = np.clip(relief * 42 + 128, 0, 255).astype(np.uint8)
        rows, columns = active(luma)
        found = cv2.goodFeaturesToTrack(np.ascontiguousarray(texture[rows, columns]), 100, 0.02, 6, blockSize=5)
        corners = (
            np.empty((0, 1, 2), np.float32)
            if found is None
            else found.reshape(-1, 1, 2) + np.array([columns.start, rows.start], np.float32)
        )
        cumulated = np.cumsum(cv2.calcHist([luma], [0], None, [256], [0, 256]).ravel()) / luma.size
        return cls(
            at=frame.at,
            cell=frame.start,
            luma=luma,
            relief=relief,
            texture=texture,
            colours=distribution(small),
            coarse=cv2.resize(small, (32, 18), interpolation=cv2.INTER_AREA).astype(np.float32) / 255,
            corners=corners,
            brightness=float(luma.mean()) / 255,
            low=int(np.searchsorted(cumulated, 0.03)) / 255,
            high=int(np.searchsorted(cumulated, 0.97)) / 255,
            structure=float(np.count_nonzero(np.abs(relief) > _STRUCTURED)) / relief.size,
        )

    @property
    def blank(self) -> str | None:
        """ "black" or "white" where (nearly) the whole picture is, up to a line of text."""
        if self.high < 0.08 and self.brightness < 0.06:
            return "black"
        return "white" if self.low > 0.92 else None

    @property
    def flat(self) -> bool:
        return self.structure < _FLAT


@dataclass(frozen=True, slots=True, eq=False)
class Change:
    """What is different from one view to a later one."""

    broken: float
    """How much of the structure is not to be found again, wherever it moved: 0 (all is there) to 1 (another picture)."""
    colour: float
    """Distance of the colours, 0-1."""
    placed: float
    """Mean difference of the coarse pictures, 0-1: the same colours in other places count."""
    tint: float
    """Mean difference of the coarse pictures' chroma alone, 0-1: a change of light has none."""
    warp: Field | None = field(repr=False)
    """float32 [2, 3]: the similarity that carries the first picture onto the second; None where it could not be found."""
    spread: float
    """Share of the picture's area (in sixteenths) in which points follow `warp`: the motion of one object has little."""

    @classmethod
    def between(cls, a: View, b: View) -> "Change":
        warp, kept = _follow(a, b)
        followed = len(kept) / max(len(a.corners), 1)
        alike = max(min(1.0, (followed - 0.05) / 0.25), min(1.0, (correlation(a, b, warp) - 0.3) / 0.4), 0.0)
        difference = b.coarse - a.coarse
        tint = difference - difference.mean(axis=2, keepdims=True)
        return cls(
            broken=1.0 - alike,
            colour=distance(a.colours, b.colours),
            placed=float(np.abs(difference).mean()),
            tint=float(np.abs(tint).mean()),
            warp=warp,
            spread=_spread(kept, a.luma.shape),
        )

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


def _spread(corners: Field, shape: tuple[int, ...]) -> float:
    cells = np.floor(corners.reshape(-1, 2) * 4 / np.array([shape[1], shape[0]], np.float32)).astype(int)
    return len({(int(x), int(y)) for x, y in cells}) / 16


def correlation(a: View, b: View, warp: Field | None = None) -> float:
    """Correlation of the reliefs: as they lie, blurred (small motion), or with the camera's motion undone; the best of these."""
    rows, columns = active(np.maximum(a.luma, b.luma))
    first, second = a.relief[rows, columns], b.relief[rows, columns]
    size = (max(2, first.shape[1] // 4), max(2, first.shape[0] // 4))
    coarse = [cv2.resize(x, size, interpolation=cv2.INTER_AREA) for x in (first, second)]
    values = [_ncc(first, second), _ncc(*coarse)]
    if warp is not None:
        moved = cv2.warpAffine(a.relief, warp, a.relief.shape[::-1])
        values.append(_ncc(moved[rows, columns], second))
    return max(values)


def _ncc(a: Field, b: Field) -> float:
    energy = float((a * a).sum()) * float((b * b).sum())
    return float((a * b).sum()) / (float(np.sqrt(energy)) + 1e-3 * a.size)


def active(luma: Pixels) -> tuple[slice, slice]:
    """Rows and columns inside dark bars at the border, and inside the edge that a bar makes; all of them where that leaves too little."""
    spans = []
    for axis, size in ((1, luma.shape[0]), (0, luma.shape[1])):
        lit = np.flatnonzero(luma.max(axis=axis) > _DARK)
        if len(lit) < 12:
            return slice(0, luma.shape[0]), slice(0, luma.shape[1])
        first, last = int(lit[0]), int(lit[-1]) + 1
        spans.append(slice(first + 2 if first else 0, last - 2 if last < size else size))
    return spans[0], spans[1]
