"""Scene three: a mountain lake in the morning, the camera moving slowly in; birds cross the sky."""

import cv2
import numpy as np

from pipeline.demo.make.drawing import Drawing
from pipeline.demo.make.nature import HEIGHT_PX, WIDTH_PX, Plane, Water, clouds, fractal, glow, gradient, over, rgb, ridge, shifted, smooth

HORIZON_PX = 300
ZOOM_PER_S = 0.012


def mountains(seed: int, base: float, relief: float, colours: tuple[str, str], snow_line: float) -> Plane:
    """Peaks in the colours of rock and snow, lit from the right, white above `snow_line` (share of the height)."""
    rock, snow = map(rgb, colours)
    shape = ridge(WIDTH_PX, seed, base, relief, 6)
    stone = fractal(HEIGHT_PX, WIDTH_PX, seed + 1, (14, 22))
    light = np.clip(0.62 + 3.0 * (stone - np.roll(stone, -4, axis=1)), 0.25, 1.25)[..., None]
    height = np.arange(HEIGHT_PX, dtype=np.float32)[:, None] / HEIGHT_PX + 0.10 * (stone - 0.5)
    white = (1 - smooth(snow_line - 0.04, snow_line + 0.05, height))[..., None]
    shape[HORIZON_PX:] = 0
    return np.dstack([(rock * (1 - white) + snow * white) * light, shape]).astype(np.float32)


def pines() -> Plane:
    """A dark line of trees along the far shore."""
    random = np.random.default_rng(12)
    drawing = Drawing(HEIGHT_PX, WIDTH_PX)
    drawing.box("#24382f", 0, HORIZON_PX - 8, WIDTH_PX, HORIZON_PX)
    for x in np.arange(-4, WIDTH_PX, 7.0):
        tall = 12 + 26 * abs(np.sin(x * 0.009 + 0.6)) * random.uniform(0.6, 1.1)
        shade = str(random.choice(["#1e3029", "#294237", "#2f4a3a"]))
        for level in (0.0, 0.3, 0.58):
            half = 6.5 * (1 - 0.75 * level)
            foot = HORIZON_PX - 3 - tall * level
            drawing.polygon(shade, (x - half, foot), (x, foot - tall * 0.48), (x + half, foot))
    return drawing.layer()


def flock(t: float) -> Plane:
    """Seven birds in a wedge, wings beating."""
    drawing = Drawing(80, 170)
    for place in range(-3, 4):
        x, y = 120 - abs(place) * 26, 40 + place * 9
        beat = 6.5 * np.sin(t * 9 + place * 1.3)
        drawing.polygon("#2a3040", (x, y), (x - 5, y - 1.2), (x - 11, y - beat), (x - 6, y + 1.2), (x, y + 2))
        drawing.polygon("#2a3040", (x, y), (x + 5, y - 1.2), (x + 11, y - beat), (x + 6, y + 1.2), (x, y + 2))
    return drawing.layer()


class Lake:
    """Called with seconds since the scene began, gives its picture."""

    def __init__(self) -> None:
        self.sky = gradient(HORIZON_PX, WIDTH_PX, [(0, "#5d8fc4"), (0.5, "#a9c6dd"), (0.85, "#f3d9bf"), (1, "#f7e6cf")])
        self.clouds = clouds((HORIZON_PX, WIDTH_PX + 200), 61, "#fff3e2", "#a6b4c6", 0.45)
        self.far = mountains(71, 0.40, 0.34, ("#7c8da3", "#eef2f6"), 0.36)
        self.near = mountains(83, 0.50, 0.26, ("#4f6270", "#dde6ec"), 0.33)
        self.pines = pines()
        mist = fractal(60, WIDTH_PX + 300, 95, (2, 8))[..., None] * np.hanning(60).astype(np.float32)[:, None, None]
        self.mist = np.dstack([np.ones((60, WIDTH_PX + 300, 3), np.float32) * rgb("#f4ede4"), 0.75 * mist])
        self.water = Water(HORIZON_PX, 6.0, "#1f4257")

    def __call__(self, t: float) -> Plane:
        picture = np.zeros((HEIGHT_PX, WIDTH_PX, 3), np.float32)
        picture[:HORIZON_PX] = self.sky
        picture += glow(655, 190, 150, "#5c4526")
        over(picture, shifted(self.clouds, -6 * t))
        over(picture, self.far)
        over(picture, self.near)
        over(picture, shifted(self.mist, -11 * t, 240))
        over(picture, self.pines)
        picture = np.minimum(picture, 1)
        over(picture, shifted(flock(t), 60 + 62 * t, 60 - 2 * t))
        self.water.fill(picture, t)
        scale = 1 + ZOOM_PER_S * t
        matrix = cv2.getRotationMatrix2D((WIDTH_PX / 2, HORIZON_PX), 0, scale)
        return np.asarray(cv2.warpAffine(picture, matrix, (WIDTH_PX, HEIGHT_PX), flags=cv2.INTER_CUBIC), np.float32)
