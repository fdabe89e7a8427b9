"""How the texture of a picture changes, apart from its light: pictures compared in cells of 8 × 8 pixels of `Picture.luma`."""

from dataclasses import dataclass
from typing import TypeAlias

import cv2
import numpy as np
import numpy.typing as npt

from operators.media import Pixels

CELL_PX = 8

Grid: TypeAlias = npt.NDArray[np.float32]
"""float32 [rows, columns]: a number for each cell."""


@dataclass(frozen=True, slots=True)
class Texture:
    """A picture in cells. level: mean luma of each cell. detail: float32 [rows, 8, columns, 8], luma less the cell's level.
    spread: mean square of detail."""

    level: Grid
    detail: npt.NDArray[np.float32]
    spread: Grid


def texture(luma: Pixels) -> Texture:
    """The cells of `luma`, uint8 [h, w], lightly smoothed against noise; a picture below one cell is made one cell."""
    rows, columns = max(1, luma.shape[0] // CELL_PX), max(1, luma.shape[1] // CELL_PX)
    height, width = rows * CELL_PX, columns * CELL_PX
    if luma.shape[0] < height or luma.shape[1] < width:
        luma = np.asarray(cv2.resize(luma, (width, height)), dtype=np.uint8)
    cells = cv2.blur(luma, (3, 3))[:height, :width].reshape(rows, CELL_PX, columns, CELL_PX).astype(np.float32)
    level = cells.mean(axis=(1, 3))
    detail = cells - level[:, None, :, None]
    return Texture(level, detail, np.einsum("rycx,rycx->rc", detail, detail) / CELL_PX**2)


def novelty(before: Texture, now: Texture) -> Grid:
    """What of each cell's texture is new, in grey levels: the part of the stronger of both that no change of brightness and contrast
    makes of the other, sqrt(max(spread)) × sqrt(1 - r²) with r the normalised correlation. Light that changes gives 0, noise stays below 3,
    what moves gives 5 to 60."""
    common = np.einsum("rycx,rycx->rc", before.detail, now.detail) / CELL_PX**2
    both = before.spread * now.spread
    alike = np.square(np.maximum(common, 0)) / np.maximum(both, 1e-6)
    return np.asarray(np.sqrt(np.maximum(before.spread, now.spread) * (1 - np.minimum(alike, 1))), dtype=np.float32)


def sharpness(luma: Pixels) -> Grid:
    """Each cell's mean absolute Laplacian relative to its light (mean luma + 16), less what noise gives everywhere (the tenth percentile
    of the cells). Unitless, 0 to about 1; it falls with focus and with anything that stands before the lens."""
    rows, columns = max(1, luma.shape[0] // CELL_PX), max(1, luma.shape[1] // CELL_PX)
    light = cv2.resize(luma, (columns * CELL_PX, rows * CELL_PX), interpolation=cv2.INTER_AREA).astype(np.float32)
    edges = np.abs(cv2.Laplacian(light, cv2.CV_32F))
    edge, level = (cv2.resize(a, (columns, rows), interpolation=cv2.INTER_AREA) for a in (edges, light))
    sharp = np.asarray(edge / (level + 16), dtype=np.float32)
    return np.asarray(np.maximum(sharp - np.percentile(sharp, 10), 0), dtype=np.float32)
