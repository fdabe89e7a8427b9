"""Colours by the names people use, and how alike two pictures are in them."""

from functools import cache

import cv2
import numpy as np
import numpy.typing as npt

from operators.media import Pixels

COLOURS = ("black", "white", "grey", "red", "orange", "yellow", "green", "cyan", "blue", "purple", "pink", "brown")
Shares = npt.NDArray[np.float64]

_HUES = (
    (0, 8, "red"), (8, 20, "orange"), (20, 34, "yellow"), (34, 80, "green"), (80, 98, "cyan"),
    (98, 130, "blue"), (130, 152, "purple"), (152, 172, "pink"), (172, 181, "red"),
)  # fmt: skip
"""Bounds of OpenCV's hue, in units of 2 degrees."""
_BINS = 12


def colour_shares(pixels: Pixels) -> Shares:
    """Share of the picture that has each of `COLOURS`: float64 [12], sums to 1. pixels: uint8 [h, w, 3] RGB."""
    r, g, b = (pixels[..., i].ravel() >> 3 for i in range(3))
    index = (r.astype(np.intp) << 10) | (g.astype(np.intp) << 5) | b
    return np.bincount(_names()[index], minlength=len(COLOURS)) / index.size


def named(shares: Shares, least: float = 0.08, most: int = 4) -> tuple[tuple[str, ...], tuple[float, ...]]:
    """The colours that hold at least `least` of the picture, largest first (never none), and their shares."""
    order = sorted(range(len(COLOURS)), key=lambda i: (-shares[i], i))
    kept = [i for i in order[:most] if shares[i] >= least] or order[:1]
    return tuple(COLOURS[i] for i in kept), tuple(round(float(shares[i]), 4) for i in kept)


def distribution(pixels: Pixels) -> npt.NDArray[np.float32]:
    """Root of the smoothed Lab histogram, float32 [1728], of length 1: the product of two is their Bhattacharyya coefficient.

    Smoothing over neighbouring bins keeps a slow change of light from jumping across their borders.
    """
    lab = cv2.cvtColor(pixels, cv2.COLOR_RGB2LAB)
    counts = cv2.calcHist([lab], [0, 1, 2], None, [_BINS] * 3, [0, 256] * 3)
    smooth = np.pad(counts, 1)
    for axis in range(3):
        low, middle, high = (np.take(smooth, range(i, i + _BINS), axis) for i in range(3))
        smooth = low + 2 * middle + high
    return np.asarray(np.sqrt(smooth / smooth.sum()).ravel(), dtype=np.float32)


def distance(a: npt.NDArray[np.float32], b: npt.NDArray[np.float32]) -> float:
    """Hellinger distance of two distributions: 0 (the same colours) to 1 (no colour in common)."""
    return float(np.sqrt(max(0.0, 1.0 - float(np.dot(a, b)))))


@cache
def _names() -> npt.NDArray[np.uint8]:
    """Index into COLOURS for each RGB of 5 bits a channel."""
    levels = np.arange(32, dtype=np.uint8) * 8 + 4
    rgb = np.stack(np.meshgrid(levels, levels, levels, indexing="ij"), axis=-1).reshape(-1, 1, 3)
    hue, saturation, value = (c.ravel() for c in np.moveaxis(cv2.cvtColor(rgb, cv2.COLOR_RGB2HSV).astype(int), -1, 0))
    chroma = saturation * value // 255
    names = np.full(len(rgb), COLOURS.index("grey"), dtype=np.uint8)
    for low, high, name in _HUES:
        names[(hue >= low) & (hue < high)] = COLOURS.index(name)
    earthy = (hue >= 4) & (hue < 26)
    names[earthy & ((value < 150) | (saturation < 110))] = COLOURS.index("brown")
    names[(hue >= 26) & (hue < 34) & (value < 140)] = COLOURS.index("green")
    names[((hue < 8) | (hue >= 165)) & (saturation < 130) & (value > 180)] = COLOURS.index("pink")
    names[(chroma < 26) | (saturation < 36)] = COLOURS.index("grey")
    names[(value > 215) & ((chroma < 26) | (earthy & (saturation < 50)))] = COLOURS.index("white")
    names[(value < 44) | ((value < 64) & (chroma < 26))] = COLOURS.index("black")
    return names
