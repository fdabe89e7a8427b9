"""Pictures made for the tests of vision: scenes with structure, and how they move, fade and follow each other."""

from collections.abc import Iterable, Sequence
from fractions import Fraction

import cv2
import numpy as np

from operators.media import Frame, Picture, Pixels

WIDTH, HEIGHT = 160, 90


def scene(seed: int, width: int = WIDTH, height: int = HEIGHT, scales: Sequence[int] = (4, 10, 24)) -> Pixels:
    """A picture with structure at several scales and colours of its own; the same for the same seed."""
    rng = np.random.default_rng(seed)
    total = np.zeros((height, width, 3), np.float32)
    for cells in scales:
        noise = rng.uniform(-1, 1, (cells, cells * 2, 3)).astype(np.float32)
        total += cv2.resize(noise, (width, height), interpolation=cv2.INTER_CUBIC) * (60 / cells**0.3)
    return np.clip(total + rng.uniform(80, 170, 3), 0, 255).astype(np.uint8)


def flat(red: int, green: int, blue: int) -> Pixels:
    return np.full((HEIGHT, WIDTH, 3), (red, green, blue), np.uint8)


def mixed(a: Pixels, b: Pixels, share: float) -> Pixels:
    return np.clip(a * (1 - share) + b * share, 0, 255).astype(np.uint8)


def lit(picture: Pixels, gain: float, offset: float = 0) -> Pixels:
    return np.clip(picture * gain + offset, 0, 255).astype(np.uint8)


def still(picture: Pixels, count: int) -> list[Pixels]:
    return [picture] * count


def fade(a: Pixels, b: Pixels, count: int) -> list[Pixels]:
    """The `count` mixtures between two pictures, without them."""
    return [mixed(a, b, (n + 1) / (count + 1)) for n in range(count)]


def pan(seed: int, count: int, step_px: float, zoom: float = 0.0) -> list[Pixels]:
    """A camera that moves over a wide scene by `step_px` a picture, to the right where positive, and closes in by `zoom`."""
    wide = scene(seed, 640, 240, (4, 10, 24, 72))
    pictures = []
    for n in range(count):
        scale = (1 + zoom) ** n
        x, y = 240 + step_px * n, 75
        middle = np.array([x + WIDTH / 2, y + HEIGHT / 2])
        move = np.array([[scale, 0, WIDTH / 2 - scale * middle[0]], [0, scale, HEIGHT / 2 - scale * middle[1]]])
        pictures.append(np.asarray(cv2.warpAffine(wide, move, (WIDTH, HEIGHT), borderMode=cv2.BORDER_REFLECT), np.uint8))
    return pictures


def frames(pictures: Iterable[Pixels], rate: int, first: int = 0) -> list[Frame]:
    """One frame a cell, each a little inside its cell."""
    late = Fraction(1, 100)
    return [Frame(n, rate, Fraction(n, rate) + late, Picture(p)) for n, p in enumerate(pictures, first)]


def at(index: int, rate: int = 8) -> Fraction:
    """The instant of the picture of a cell in `frames`."""
    return Fraction(index, rate) + Fraction(1, 100)


def joined(*parts: Sequence[Pixels]) -> list[Pixels]:
    return [p for part in parts for p in part]
