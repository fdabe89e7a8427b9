"""A cheap look at where text could be: strokes, close together along a line, that stay where they are.

No recogniser is asked before this says that there may be text which was not read yet.
"""

from collections.abc import Sequence

import cv2
import numpy as np
import numpy.typing as npt

from operators.media import Pixels

StrokeMap = npt.NDArray[np.bool_]
"""bool [2, h / 8, w / 4]: cells of 4 x 8 pixels with many vertical edges, in the first plane those that are brighter than what is around
them, in the second the darker ones. So other letters in the same place are another map."""
Windows = npt.NDArray[np.bool_]
"""bool [h / 8, w / 4]: windows of a word or two, by their middles."""
Box = tuple[float, float, float, float]
Place = tuple[int, int, int, int]
"""Columns from, to, rows from, to, in cells."""

FEW = 12
"""Windows; fewer are no text."""
SAME = 0.77
"""Share of the strokes that the same text has in two looks, at least; measured on drawn text of 12 to 36 pixels, compressed: the same text
has 0.82 or more, another in its place 0.75 or less."""
_FAINT = 4
"""Strokes; with fewer a line can not be followed."""
_CELL = (4, 8)
_EDGE = 48
"""Levels of luma between the two sides of a stroke."""
_STROKED = 0.2
"""Share of a cell's pixels on edges of strokes."""
_WINDOW = (16, 3)
"""Cells, width and height."""
_TEXT = 0.35
_POSSIBLE = 0.25


def stroke_map(pixels: Pixels) -> StrokeMap:
    """pixels: uint8 [h, w, 3] RGB."""
    grey = cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY)
    wide = cv2.copyMakeBorder(grey, 0, 0, 1, 1, cv2.BORDER_REPLICATE)
    edges = (cv2.absdiff(wide[:, 2:], wide[:, :-2]) > _EDGE).astype(np.uint8) * 255
    size = (max(1, grey.shape[1] // _CELL[0]), max(1, grey.shape[0] // _CELL[1]))
    strokes = cv2.resize(edges, size, interpolation=cv2.INTER_AREA) > _STROKED * 255
    light = cv2.resize(grey, size, interpolation=cv2.INTER_AREA).astype(np.float32)
    bright = light > cv2.blur(light, (7, 3))
    return np.stack([strokes & bright, strokes & ~bright])


def new_text(now: StrokeMap, before: StrokeMap, read: StrokeMap) -> Windows:
    """Windows that look like text, the same as in the look before, and other than when text was last read."""
    share, stable = _share(now), _share(now & before)
    known = _share(now & read) >= SAME * np.maximum(share, _share(read))
    return np.asarray((share >= _TEXT) & (stable >= SAME * share) & ~known)


def possible_text(now: StrokeMap) -> bool:
    return bool((_share(now) >= _POSSIBLE).any())


def likeness(a: StrokeMap, b: StrokeMap) -> float:
    """Share of the cells with strokes in either map that have some in both, 0-1; 1 where neither has any."""
    first, second = a.any(axis=0), b.any(axis=0)
    either = int(np.count_nonzero(first | second))
    return int(np.count_nonzero(first & second)) / either if either else 1.0


def shared(a: StrokeMap, b: StrokeMap, box: Box) -> float | None:
    """Share of the strokes of `a` inside a box that `b` has too; None where they are too few to tell."""
    rows, columns = _inside(a.shape[1:], box)
    first, second = a[:, rows, columns], b[:, rows, columns]
    strokes = int(np.count_nonzero(first))
    return int(np.count_nonzero(first & second)) / strokes if strokes >= _FAINT else None


def density(strokes: StrokeMap, box: Box) -> int:
    """Strokes inside a box, in cells."""
    rows, columns = _inside(strokes.shape[1:], box)
    return int(np.count_nonzero(strokes[:, rows, columns]))


def covering(shape: tuple[int, ...], boxes: Sequence[Box]) -> Windows:
    """The windows whose middles lie in one of the boxes. shape: of a stroke map."""
    windows = np.zeros(shape[1:], np.bool_)
    for box in boxes:
        windows[_inside(shape[1:], box)] = True
    return windows


def places(windows: Windows) -> list[Place]:
    """Boxes around what hangs together, as much larger on each side as a window is."""
    count, _, boxes, _ = cv2.connectedComponentsWithStats(windows.astype(np.uint8))
    wide, high = _WINDOW
    return [(max(0, x - wide), x + w + wide, max(0, y - high), y + h + high) for x, y, w, h, _ in boxes[1:count].tolist()]


def meet(a: Place, b: Place) -> bool:
    return a[0] < b[1] and b[0] < a[1] and a[2] < b[3] and b[2] < a[3]


def _inside(shape: tuple[int, ...], box: Box) -> tuple[slice, slice]:
    """Rows and columns of cells that a box [x, y, w, h] in 0-1 covers, at least one of each."""
    height, width = shape
    x, y, w, h = box
    top, left = min(int(y * height), height - 1), min(int(x * width), width - 1)
    return slice(top, max(top + 1, int(np.ceil((y + h) * height)))), slice(left, max(left + 1, int(np.ceil((x + w) * width))))


def _share(strokes: StrokeMap) -> npt.NDArray[np.float32]:
    either = strokes.any(axis=0).astype(np.float32)
    return np.asarray(cv2.boxFilter(either, -1, _WINDOW, borderType=cv2.BORDER_CONSTANT))
