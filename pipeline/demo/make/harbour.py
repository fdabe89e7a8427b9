"""Scene one: a harbour at dusk, the camera panning slowly to the right."""

import numpy as np

from pipeline.demo.make.drawing import Drawing
from pipeline.demo.make.nature import HEIGHT_PX, WIDTH_PX, Plane, Water, clouds, glow, gradient, over, rgb, ridge, shifted

HORIZON_PX = 285
WORLD_PX = 1300
PAN_PX_S = 36.0


def city(seed: int, colour: str, tall: tuple[int, int], wide: tuple[int, int], lit: float) -> Plane:
    """A row of buildings standing on the horizon; `lit` is the share of windows with a light in them."""
    random = np.random.default_rng(seed)
    layer = np.zeros((HEIGHT_PX, WORLD_PX, 4), np.float32)
    x = 0
    while x < WORLD_PX:
        width = min(int(random.integers(*wide)), WORLD_PX - x)
        middle = 1 - abs(x - WORLD_PX * 0.45) / (WORLD_PX * 0.6)
        top = HORIZON_PX - int(random.integers(*tall) * (0.45 + 0.75 * max(middle, 0)))
        layer[top:HORIZON_PX, x : x + width - 2] = [*rgb(colour) * random.uniform(0.85, 1.15), 1]
        if random.random() < 0.25:
            layer[top - int(random.integers(8, 22)) : top, x + width // 2] = [*rgb(colour), 1]
        for row in range(top + 5, HORIZON_PX - 5, 7):
            for column in range(x + 4, x + width - 7, 6):
                if random.random() < lit:
                    warm = rgb("#ffd58a") if random.random() < 0.8 else rgb("#bfe3ff")
                    layer[row : row + 3, column : column + 3, :3] = warm * random.uniform(0.6, 1.0)
        x += width
    return layer


def lighthouse(x: int) -> Plane:
    """A breakwater with a lighthouse at its head."""
    drawing = Drawing(HEIGHT_PX, WORLD_PX)
    drawing.polygon("#1c1a26", (x - 170, 286), (x - 150, 279), (x + 14, 276), (x + 30, 286))
    drawing.polygon("#e8ded6", (x - 9, 278), (x - 6, 196), (x + 6, 196), (x + 9, 278))
    for top, bottom, half in ((212, 226, 6.8), (242, 256, 7.9)):
        drawing.polygon("#a3322f", (x - half, bottom), (x - half + 0.6, top), (x + half - 0.6, top), (x + half, bottom))
    drawing.box("#22202c", x - 10, 193, x + 10, 196)
    drawing.box("#ffe7a8", x - 5, 182, x + 5, 193)
    drawing.polygon("#22202c", (x - 7, 182), (x, 174), (x + 7, 182))
    return drawing.layer()


def sailing_boat(hull: str, length: int, mast: int) -> Plane:
    """Its waterline is the bottom row of the layer."""
    height = mast + 12
    drawing = Drawing(height, length)
    drawing.polygon(hull, (0, height - 9), (length, height - 11), (length * 0.92, height), (length * 0.07, height))
    drawing.box("#2b2430", length * 0.45, height - mast, length * 0.48, height - 9)
    drawing.polygon("#f3d9c4", (length * 0.50, height - 14), (length * 0.50, height - mast + 4), (length * 0.92, height - 14))
    drawing.polygon("#d9b6a4", (length * 0.43, height - 14), (length * 0.43, height - mast + 9), (length * 0.10, height - 14))
    return drawing.layer()


def ferry() -> Plane:
    """Its windows are lit; its waterline is the bottom row of the layer."""
    drawing = Drawing(42, 150)
    drawing.polygon("#23304f", (0, 33), (150, 31), (138, 42), (10, 42))
    drawing.polygon("#ded4d2", (18, 33), (22, 20), (123, 20), (129, 33))
    drawing.polygon("#cfc4c6", (42, 20), (45, 10), (93, 10), (99, 20))
    drawing.box("#a3322f", 60, 1, 72, 10)
    for left in range(27, 120, 8):
        drawing.box("#ffd27a", left, 23, left + 4.5, 28)
    for left in range(49, 92, 9):
        drawing.box("#ffd27a", left, 13, left + 5, 17)
    return drawing.layer()


class Harbour:
    """Called with seconds since the scene began, gives its picture."""

    def __init__(self) -> None:
        self.sky = gradient(HORIZON_PX, WIDTH_PX, [(0, "#1d2557"), (0.35, "#54407f"), (0.62, "#b9596f"), (0.85, "#f2914f"), (1, "#ffd88c")])
        self.high = clouds((HORIZON_PX, WORLD_PX + 200), 11, "#f7a072", "#4b3a74", 0.55)
        self.low = clouds((HORIZON_PX, WORLD_PX + 400), 23, "#ffc48a", "#7d4a72", 0.42)
        hills = ridge(WORLD_PX, 5, 0.53, 0.14, 5)
        hills[HORIZON_PX:] = 0
        self.hills = np.dstack([np.broadcast_to(rgb("#7a4f78"), (*hills.shape, 3)), hills]).astype(np.float32)
        self.back = city(3, "#5b3f66", (40, 130), (22, 46), 0.10)
        self.front = city(7, "#2a2238", (25, 95), (26, 60), 0.33)
        self.lighthouse = lighthouse(800)
        self.water = Water(HORIZON_PX, 9.0, "#22305c")
        self.ferry = ferry()
        self.boats = [
            (sailing_boat("#7c2d31", 62, 74), 210, 352),
            (sailing_boat("#243a5e", 92, 118), 560, 402),
            (sailing_boat("#3a3340", 46, 52), 905, 334),
        ]

    def __call__(self, t: float) -> Plane:
        pan = -PAN_PX_S * t
        picture = np.zeros((HEIGHT_PX, WIDTH_PX, 3), np.float32)
        picture[:HORIZON_PX] = self.sky
        picture += glow(610 + 0.3 * pan, HORIZON_PX, 190, "#8a4a1c")
        over(picture, shifted(self.high, 0.35 * pan - 3.5 * t))
        over(picture, shifted(self.low, 0.45 * pan - 8.0 * t))
        over(picture, shifted(self.hills, 0.55 * pan))
        over(picture, shifted(self.back, 0.75 * pan))
        over(picture, shifted(self.front, pan))
        over(picture, shifted(self.lighthouse, pan))
        flash = max(0.0, np.cos(2 * np.pi * t / 3.0)) ** 6
        picture += glow(800 + pan, 188, 20, "#d8c890") * flash
        self.water.fill(picture, t)
        self.sail(picture, self.ferry, 150 + 44 * t + pan, 318 + np.sin(1.1 * t))
        for number, (sprite, x, y) in enumerate(self.boats):
            self.sail(picture, sprite, x + 1.25 * pan, y + 2.2 * np.sin(1.4 * t + number * 1.9))
        return picture

    @staticmethod
    def sail(picture: Plane, sprite: Plane, x: float, waterline: float) -> None:
        """A boat and its dim mirror image."""
        height = sprite.shape[0]
        mirror = sprite[::-1] * np.array([0.35, 0.35, 0.45, 0.5], np.float32)
        over(picture, shifted(mirror, x, waterline))
        over(picture, shifted(sprite, x, waterline - height))
