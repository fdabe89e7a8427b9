"""What the shot detector keeps of a picture."""

from dataclasses import dataclass, field
from fractions import Fraction

import cv2
import numpy as np
import numpy.typing as npt

from operators.media import Frame, Pixels
from operators.vision.colours import distribution

Field = npt.NDArray[np.float32]

_DARK = 24
"""Luma below which rows and columns at the border are bars, not picture."""
_STRUCTURED = 0.6
_CORNER = 2.5e-4
"""Least eigenvalue of the gradients of `texture` about a corner (OpenCV's scale)."""
_PER_FIELD = 8
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
    """float32 [n, 1, 2]: x, y of points that can be followed, spread over the picture; bars at the border have none."""
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
        cumulated = np.cumsum(cv2.calcHist([luma], [0], None, [256], [0, 256]).ravel()) / luma.size
        return cls(
            at=frame.at,
            cell=frame.start,
            luma=luma,
            relief=relief,
            texture=texture,
            colours=distribution(small),
            coarse=cv2.resize(small, (32, 18), interpolation=cv2.INTER_AREA).astype(np.float32) / 255,
            corners=_corners(texture, *active(luma)),
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


def _corners(texture: Pixels, rows: slice, columns: slice) -> Field:
    """The strongest corners (Shi and Tomasi) of each sixteenth of the picture: those of a caption are not all."""
    strength = cv2.cornerMinEigenVal(texture, 5)[rows, columns]
    ys, xs = np.nonzero((strength > _CORNER) & (strength == cv2.dilate(strength, np.ones((7, 7), np.uint8))))
    field = ys * 4 // strength.shape[0] * 4 + xs * 4 // strength.shape[1]
    order = np.lexsort((-strength[ys, xs], field))
    rank = np.arange(len(order)) - np.searchsorted(field[order], field[order])
    kept = order[rank < _PER_FIELD]
    return np.stack([xs[kept] + columns.start, ys[kept] + rows.start], axis=-1).astype(np.float32).reshape(-1, 1, 2)


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
