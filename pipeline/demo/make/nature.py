"""Procedural nature: noise, skies, clouds, ridges, and water that mirrors what stands above it.

Pictures are float32 [h, w, 3], RGB in 0-1; layers have a fourth channel, their opacity, and colours not multiplied by it.
"""

from typing import TypeAlias

import cv2
import numpy as np
import numpy.typing as npt

Plane: TypeAlias = npt.NDArray[np.float32]
WIDTH_PX, HEIGHT_PX = 854, 480


def rgb(code: str) -> Plane:
    """ "#e07b39" as float32 [3]."""
    return np.array([int(code[i : i + 2], 16) / 255 for i in (1, 3, 5)], np.float32)


def smooth(low: float, high: float, x: Plane) -> Plane:
    """0 below `low`, 1 above `high`, an S between."""
    u = np.clip((x - low) / (high - low), 0, 1)
    return np.asarray(u * u * (3 - 2 * u), np.float32)


def fractal(height: int, width: int, seed: int, cells: tuple[int, int], octaves: int = 6) -> Plane:
    """Fractal value noise in 0-1, [height, width]; its coarsest octave has `cells` (down, across) grid cells."""
    random = np.random.default_rng(seed)
    total = np.zeros((height, width), np.float32)
    for octave in range(octaves):
        grid = random.random((cells[0] * 2**octave + 1, cells[1] * 2**octave + 1), np.float32)
        total += cv2.resize(grid, (width, height), interpolation=cv2.INTER_CUBIC) * np.float32(0.5**octave)
    low, high = np.percentile(total, (1, 99))
    return np.asarray(np.clip((total - low) / (high - low), 0, 1), np.float32)


def gradient(height: int, width: int, stops: list[tuple[float, str]]) -> Plane:
    """A vertical gradient through colours at heights 0 (top) to 1."""
    at = np.linspace(0, 1, height, dtype=np.float32)
    colours = np.stack([rgb(code) for _, code in stops])
    column = np.stack([np.interp(at, [s for s, _ in stops], colours[:, c]) for c in range(3)], axis=-1)
    return np.repeat(column[:, None].astype(np.float32), width, axis=1)


def clouds(size: tuple[int, int], seed: int, lit: str, shade: str, cover: float) -> Plane:
    """A layer of clouds of `size` (height, width), thicker towards the bottom; `cover` in 0-1."""
    height, width = size
    body = fractal(height, width, seed, (5, 6))
    thick = smooth(1 - cover, 1.15 - 0.6 * cover, body)
    above = np.vstack([body[:1].repeat(7, axis=0), body[:-7]])
    relief = np.clip(0.5 + 2.2 * (body - above), 0, 1)[..., None]
    colour = rgb(shade) * (1 - relief) + rgb(lit) * relief
    return np.dstack([colour, thick * np.linspace(0.5, 1, height, dtype=np.float32)[:, None]]).astype(np.float32)


def ridge(width: int, seed: int, base: float, relief: float, cells: int) -> Plane:
    """Opacity [HEIGHT_PX, width] of a mountain ridge: its crest at `base` (share of the height), give or take `relief`."""
    crest = base + relief * (0.5 - fractal(8, width, seed, (1, cells))[4])
    rows = np.arange(HEIGHT_PX, dtype=np.float32)[:, None] / HEIGHT_PX
    return np.asarray(np.clip((rows - crest[None]) * HEIGHT_PX, 0, 1), np.float32)


def shifted(layer: Plane, dx: float, dy: float = 0.0) -> Plane:
    """The part of a wider layer that the camera sees, [HEIGHT_PX, WIDTH_PX, 4], with its origin moved by (dx, dy) pixels."""
    matrix = np.array([[1, 0, dx], [0, 1, dy]], np.float32)
    return np.asarray(cv2.warpAffine(layer, matrix, (WIDTH_PX, HEIGHT_PX), flags=cv2.INTER_LINEAR), np.float32)


def over(picture: Plane, layer: Plane) -> None:
    """Lay a layer over the picture, in place."""
    opacity = layer[..., 3:]
    picture *= 1 - opacity
    picture += layer[..., :3] * opacity


def glow(x: float, y: float, radius: float, colour: str) -> Plane:
    """Light [HEIGHT_PX, WIDTH_PX, 3] to be added around a point."""
    rows, columns = np.mgrid[0:HEIGHT_PX, 0:WIDTH_PX].astype(np.float32)
    distance = ((columns - x) ** 2 + (rows - y) ** 2) / radius**2
    return np.asarray(np.exp(-distance)[..., None] * rgb(colour), np.float32)


class Water:
    """Mirrors the picture above the horizon in moving waves."""

    def __init__(self, horizon_px: int, swell_px: float, tint: str) -> None:
        self.horizon_px = horizon_px
        self.swell_px = swell_px
        self.tint = rgb(tint)
        rows, columns = np.mgrid[horizon_px:HEIGHT_PX, 0:WIDTH_PX].astype(np.float32)
        self.rows, self.columns = rows, columns
        self.depth = (rows - horizon_px + 1) / (HEIGHT_PX - horizon_px)
        self.distance = 1 / (0.06 + self.depth)

    def fill(self, picture: Plane, t: float) -> None:
        """Paint everything below the horizon, in place."""
        across = self.columns - WIDTH_PX / 2
        phase = self.distance * 26
        slow = np.sin(phase + across * self.distance * 0.008 + t * 1.6)
        quick = np.sin(phase * 2.3 - across * self.distance * 0.021 + t * 2.9)
        wave = 0.6 * slow + 0.4 * quick
        reach = self.swell_px * (0.15 + self.depth)
        x = self.columns + wave * reach
        y = 2 * self.horizon_px - self.rows * 1.0 - 2 + np.cos(phase * 1.7 + t * 2.2 + across * 0.03) * reach * 1.4
        mirrored = cv2.remap(picture, x, np.clip(y, 0, self.horizon_px - 1), cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        shade = (0.92 - 0.5 * self.depth + 0.10 * wave)[..., None]
        deep = (0.25 + 0.45 * self.depth)[..., None]
        picture[self.horizon_px :] = mirrored * shade * (1 - deep) + self.tint * deep * (0.75 + 0.25 * wave[..., None])
