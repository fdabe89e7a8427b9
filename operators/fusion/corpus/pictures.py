"""The pictures that cameras of made clips look at: drawn ones of several kinds, and photographs."""

from collections.abc import Callable
from functools import lru_cache

import cv2
import numpy as np

from operators.errors import ConfigError
from operators.fusion.clip import FRAME_HEIGHT, FRAME_WIDTH
from operators.media import Pixels

HEIGHT, WIDTH = 2 * FRAME_HEIGHT, 2 * FRAME_WIDTH
"""A camera sees about two thirds of it."""
KEPT = 4096


@lru_cache(maxsize=KEPT)
def picture(key: str) -> Pixels:
    """uint8 [HEIGHT, WIDTH, 3] RGB of a key of `Sources`. Raises ConfigError where a file is no picture."""
    origin, _, rest = key.partition(":")
    if origin == "made":
        kind, seed = rest.split(":")
        return DRAWN[kind](np.random.default_rng(int(seed)))
    pixels = cv2.imread(rest, cv2.IMREAD_COLOR_RGB) if rest else None
    if pixels is None:
        raise ConfigError(f"{rest} is no picture that can be read: take it out of the sources")
    return np.asarray(cv2.resize(pixels, (WIDTH, HEIGHT), interpolation=cv2.INTER_AREA), np.uint8)


def _palette(rng: np.random.Generator, n: int) -> np.ndarray:
    """float [n, 3]: colours of one mood, dark, middling or bright, more or less colourful."""
    mood, colour = rng.uniform(25, 225), rng.uniform(0, 90)
    return np.clip(mood + rng.uniform(-60, 60, (n, 1)) + rng.uniform(-colour, colour, (n, 3)), 0, 255)


def _noise(rng: np.random.Generator, octaves: int = 4) -> np.ndarray:
    """float32 [HEIGHT, WIDTH] in 0-1: clouds of several sizes."""
    total = np.zeros((HEIGHT, WIDTH), np.float32)
    for n in range(octaves):
        grid = rng.random((3 * 2**n, 5 * 2**n)).astype(np.float32)
        total += cv2.resize(grid, (WIDTH, HEIGHT), interpolation=cv2.INTER_CUBIC) / 1.7**n
    low, high = total.min(), total.max()
    return np.asarray((total - low) / (high - low))


def _painted(share: np.ndarray, colours: np.ndarray) -> Pixels:
    """Colours blended along `share`, 0-1."""
    at = np.clip(share, 0, 1) * (len(colours) - 1)
    low = np.floor(at).astype(int)
    high = np.minimum(low + 1, len(colours) - 1)
    part = (at - low)[..., None]
    return np.asarray(colours[low] * (1 - part) + colours[high] * part, np.uint8)


def _specked(rng: np.random.Generator, canvas: Pixels) -> Pixels:
    """With small marks all over, for a camera's movement is seen by them."""
    for colour in _palette(rng, 60):
        at = (int(rng.integers(WIDTH)), int(rng.integers(HEIGHT)))
        to = (at[0] + int(rng.integers(-7, 8)), at[1] + int(rng.integers(-7, 8)))
        cv2.line(canvas, at, to, colour.tolist(), int(rng.integers(1, 3)), cv2.LINE_AA)
    return canvas


def _clouds(rng: np.random.Generator) -> Pixels:
    return _specked(rng, _painted(_noise(rng, 5), _palette(rng, 4)))


def _along(rng: np.random.Generator) -> np.ndarray:
    """Position along a random direction, in pixels."""
    angle = rng.uniform(0, np.pi)
    y, x = np.mgrid[:HEIGHT, :WIDTH]
    return np.asarray(x * np.cos(angle) + y * np.sin(angle))


def _stripes(rng: np.random.Generator) -> Pixels:
    band = (_along(rng) / rng.uniform(6, 18)).astype(int)
    colours = _palette(rng, 5)
    grain = _noise(rng)[..., None] * 30
    return np.asarray(np.clip(colours[band % rng.integers(2, 6)] + grain - 15, 0, 255), np.uint8)


def _checks(rng: np.random.Generator) -> Pixels:
    side = rng.integers(8, 22)
    y, x = np.mgrid[:HEIGHT, :WIDTH] // side
    tones = rng.random((int(y.max()) + 1, int(x.max()) + 1))
    return _painted(((x + y) % 2 * 0.6 + tones[y, x] * 0.4), _palette(rng, 3))


def _bricks(rng: np.random.Generator) -> Pixels:
    height, width = rng.integers(7, 12), rng.integers(14, 26)
    y, x = np.mgrid[:HEIGHT, :WIDTH]
    row = y // height
    shifted = x + row % 2 * width // 2
    joint = (y % height < 1) | (shifted % width < 1)
    tones = rng.random((64, 64))[row % 64, shifted // width % 64]
    return _painted(np.where(joint, 1.0, 0.6 * tones), _palette(rng, 3))


def _gradient(rng: np.random.Generator) -> Pixels:
    along = _along(rng)
    share = (along - along.min()) / (along.max() - along.min())
    return _specked(rng, _painted(0.8 * share + 0.2 * _noise(rng), _palette(rng, 3)))


def _discs(rng: np.random.Generator) -> Pixels:
    canvas = _clouds(rng)
    for colour in _palette(rng, int(rng.integers(10, 30))):
        centre = (int(rng.integers(WIDTH)), int(rng.integers(HEIGHT)))
        cv2.circle(canvas, centre, int(rng.integers(3, 18)), colour.tolist(), int(rng.choice([-1, 1, 2])), cv2.LINE_AA)
    return canvas


def _skyline(rng: np.random.Generator) -> Pixels:
    canvas = _gradient(rng)
    left = 0
    while left < WIDTH:
        width, height = int(rng.integers(8, 26)), int(rng.integers(15, 75))
        wall, light = _palette(rng, 2)
        cv2.rectangle(canvas, (left, HEIGHT - height), (left + width, HEIGHT), wall.tolist(), -1)
        for y in range(HEIGHT - height + 3, HEIGHT, 6):
            for x in range(left + 2, left + width - 2, 5):
                if rng.random() < 0.5:
                    canvas[y : y + 3, x : x + 2] = light
        left += width + int(rng.integers(0, 4))
    return canvas


def _hills(rng: np.random.Generator) -> Pixels:
    canvas = _gradient(rng)
    for n, colour in enumerate(_palette(rng, 4)):
        swing = np.cumsum(rng.normal(0, 1.2, WIDTH))
        ridge = np.clip(HEIGHT * (0.35 + 0.15 * n) + swing, 0, HEIGHT).astype(int)
        canvas[np.arange(HEIGHT)[:, None] >= ridge] = colour
    grain = rng.integers(-12, 12, canvas.shape[:2])[..., None]
    return np.asarray(np.clip(canvas + grain, 0, 255), np.uint8)


def _cells(rng: np.random.Generator) -> Pixels:
    seeds = rng.random((40, 2)) * (HEIGHT, WIDTH)
    y, x = np.mgrid[:HEIGHT, :WIDTH]
    nearest = np.hypot(y[..., None] - seeds[:, 0], x[..., None] - seeds[:, 1]).argmin(axis=-1)
    return np.asarray(_palette(rng, 40)[nearest], np.uint8)


def _waves(rng: np.random.Generator) -> Pixels:
    bend = 14 * _noise(rng, 3)
    return _painted(0.5 + 0.5 * np.sin((_along(rng) + bend) / rng.uniform(2.5, 6)), _palette(rng, 3))


DRAWN: dict[str, Callable[[np.random.Generator], Pixels]] = {
    "clouds": _clouds, "stripes": _stripes, "checks": _checks, "bricks": _bricks, "gradient": _gradient,
    "discs": _discs, "skyline": _skyline, "hills": _hills, "cells": _cells, "waves": _waves,
}  # fmt: skip
