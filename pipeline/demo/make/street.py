"""Scene two: a street in daylight; an ambulance drives through it, the camera follows more slowly."""

import cv2
import numpy as np

from pipeline.demo.make.drawing import Drawing
from pipeline.demo.make.nature import HEIGHT_PX, WIDTH_PX, Plane, clouds, fractal, glow, gradient, over, rgb, shifted

WORLD_PX = 1350
KERB_PX = 352
PAN_PX_S = 26.0
ARRIVES_S, PASSES_S = 2.4, 6.4
"""When the ambulance enters the picture, and when it has crossed it."""
PLASTER = ("#c98a5e", "#d9c08a", "#9fb39a", "#b8655a", "#cfc3b2", "#8fa3b5", "#d6a476")


def house(drawing: Drawing, sides: tuple[float, float], top: float, colour: str, random: np.random.Generator) -> None:
    """A facade with its roof, windows, shutters and door."""
    left, right = sides
    drawing.polygon("#6e4038", (left - 4, top), (left + 12, top - 34), (right - 12, top - 34), (right + 4, top))
    drawing.box("#8a4c40", left + 22, top - 56, left + 36, top - 30)
    drawing.box(colour, left, top, right, KERB_PX - 18)
    drawing.box("#e9e0d2", left - 3, top - 2, right + 3, top + 5)
    drawing.box("#75695f", left, KERB_PX - 40, right, KERB_PX - 18)
    shutter = str(random.choice(["#3f5d4c", "#5a3d33", "#39506b"]))
    count = max(2, int((right - left) // 52))
    pitch = (right - left) / count
    door = int(random.integers(count))
    for row in range(3):
        head = top + 22 + row * (KERB_PX - 30 - top) / 3.05
        for column in range(count):
            middle = left + pitch * (column + 0.5)
            if row == 2 and column == door:
                drawing.box("#e0d5c4", middle - 17, head - 4, middle + 17, KERB_PX - 18)
                drawing.box("#4a2f27", middle - 13, head, middle + 13, KERB_PX - 18)
                continue
            drawing.box("#e9e0d2", middle - 14, head - 3, middle + 14, head + 43)
            drawing.polygon("#42566b", (middle - 11, head), (middle + 11, head), (middle + 11, head + 40), (middle - 11, head + 40))
            drawing.polygon("#93aec2", (middle - 11, head), (middle + 3, head), (middle - 11, head + 27))
            drawing.box("#e9e0d2", middle - 1, head, middle + 1, head + 40)
            drawing.box("#e9e0d2", middle - 11, head + 17, middle + 11, head + 19)
            drawing.box(shutter, middle - 25, head - 2, middle - 15, head + 42)
            drawing.box(shutter, middle + 15, head - 2, middle + 25, head + 42)


def facades() -> Plane:
    """The row of houses, [HEIGHT_PX, WORLD_PX, 4], with sky above their roofs."""
    random = np.random.default_rng(4)
    drawing = Drawing(HEIGHT_PX, WORLD_PX)
    left, number = 0.0, 0
    while left < WORLD_PX:
        right = left + float(random.integers(108, 176))
        house(drawing, (left, right), float(random.integers(74, 120)), PLASTER[number % len(PLASTER)], random)
        left, number = right, number + 1
    layer = drawing.layer()
    stain = 0.86 + 0.2 * fractal(HEIGHT_PX, WORLD_PX, 9, (8, 20))
    layer[..., :3] *= stain[..., None]
    return layer


def ground() -> Plane:
    """Pavement, kerb and road up to the bottom of the picture."""
    drawing = Drawing(HEIGHT_PX, WORLD_PX)
    drawing.box("#a79f94", 0, KERB_PX - 18, WORLD_PX, KERB_PX)
    for x in range(0, WORLD_PX, 38):
        drawing.polygon("#8f877d", (x, KERB_PX - 18), (x + 1.2, KERB_PX - 18), (x - 6.8, KERB_PX), (x - 8, KERB_PX))
    drawing.box("#d2cbc0", 0, KERB_PX, WORLD_PX, KERB_PX + 4)
    drawing.box("#5f5b59", 0, KERB_PX + 4, WORLD_PX, KERB_PX + 9)
    drawing.box("#56565a", 0, KERB_PX + 9, WORLD_PX, HEIGHT_PX)
    for x in range(20, WORLD_PX, 120):
        drawing.polygon("#d8d6cc", (x, 438), (x + 62, 438), (x + 58, 444), (x - 5, 444))
    layer = drawing.layer()
    layer[..., :3] *= (0.9 + 0.18 * fractal(HEIGHT_PX, WORLD_PX, 31, (30, 60), 4))[..., None]
    return layer


def tree(seed: int) -> Plane:
    """A street tree, 190 px wide and 300 px high, its foot at the bottom row."""
    random = np.random.default_rng(seed)
    drawing = Drawing(300, 190)
    drawing.polygon("#4a3a30", (88, 300), (91, 150), (99, 150), (103, 300))
    for shade, lift, count in (("#2f5132", 0, 70), ("#3f6b3a", -8, 60), ("#5c8a45", -17, 38)):
        for _ in range(count):
            angle, reach = random.uniform(0, 2 * np.pi), np.sqrt(random.random())
            centre = (95 + 62 * reach * np.cos(angle), 104 + lift + 66 * reach * np.sin(angle))
            drawing.disc(shade, centre, (random.uniform(9, 17), random.uniform(8, 14)))
    return drawing.layer()


def wheel(drawing: Drawing, x: float, y: float, turn: float) -> None:
    drawing.disc("#18181a", (x, y), (17, 17))
    drawing.disc("#9a9ea3", (x, y), (10, 10))
    for spoke in range(5):
        angle = turn + spoke * 2 * np.pi / 5
        drawing.disc("#3a3c40", (x + 5.8 * np.cos(angle), y + 5.8 * np.sin(angle)), (2, 2))


def ambulance(t: float) -> Plane:
    """A white van with a red stripe and a blue light, 250 x 132 px, driving to the right."""
    drawing = Drawing(132, 250)
    drawing.disc("#000000", (125, 124), (116, 6), opacity=0.45)
    drawing.polygon("#f2f2ef", (8, 112), (8, 26), (14, 20), (176, 20), (206, 62), (238, 72), (242, 84), (242, 112))
    drawing.polygon("#d9dad8", (8, 112), (8, 96), (242, 96), (242, 112))
    drawing.box("#c8202a", 8, 74, 241, 88)
    drawing.polygon("#2b3a48", (152, 28), (174, 28), (198, 62), (152, 62))
    drawing.polygon("#7d93a6", (152, 28), (168, 28), (152, 50))
    drawing.box("#2b3a48", 96, 32, 140, 58)
    drawing.box("#c8202a", 44, 30, 54, 64)
    drawing.box("#c8202a", 32, 42, 66, 52)
    drawing.disc("#fff2c0", (238, 82), (4, 5))
    drawing.box("#b8241f", 6, 82, 11, 94)
    drawing.box("#3c66ff" if t * 4 % 1 < 0.5 else "#20305c", 118, 11, 146, 20)
    for x in (58.0, 198.0):
        wheel(drawing, x, 110, t * 11)
    return drawing.layer()


def hatchback() -> Plane:
    """A parked car, 190 x 92 px."""
    drawing = Drawing(92, 190)
    drawing.disc("#000000", (95, 85), (88, 5), opacity=0.45)
    drawing.polygon("#2d6f73", (6, 74), (8, 46), (40, 40), (64, 14), (128, 12), (160, 42), (184, 50), (186, 74))
    drawing.polygon("#1f4d50", (6, 74), (7, 62), (186, 62), (186, 74))
    drawing.polygon("#26333f", (50, 40), (69, 18), (94, 17), (94, 40))
    drawing.polygon("#26333f", (99, 40), (99, 17), (124, 17), (148, 40))
    drawing.polygon("#7f95a6", (56, 38), (71, 20), (80, 20), (64, 38))
    for x in (44.0, 148.0):
        wheel(drawing, x, 72, 0.3)
    return drawing.layer()


class Street:
    """Called with seconds since the scene began, gives its picture."""

    def __init__(self) -> None:
        self.sky = gradient(HEIGHT_PX, WIDTH_PX, [(0, "#6fa3d4"), (0.4, "#cfe2ee"), (1, "#cfe2ee")])
        self.clouds = clouds((220, WORLD_PX), 41, "#ffffff", "#b9c8d6", 0.5)
        self.houses, self.ground = facades(), ground()
        self.trees = [(tree(seed), x) for seed, x in ((2, 120), (5, 560), (8, 1010))]
        self.parked = hatchback()
        self.light = cv2.GaussianBlur(np.repeat(np.linspace(1.06, 0.9, WIDTH_PX, dtype=np.float32)[None], HEIGHT_PX, 0), (0, 0), 30)

    def __call__(self, t: float) -> Plane:
        pan = -PAN_PX_S * t
        picture = self.sky.copy()
        over(picture, shifted(self.clouds, 0.2 * pan - 5 * t))
        over(picture, shifted(self.houses, pan))
        over(picture, shifted(self.ground, pan))
        over(picture, shifted(self.parked, 690 + pan, KERB_PX - 66))
        for number, (sprite, x) in enumerate(self.trees):
            over(picture, shifted(sprite, x + 1.12 * pan + 1.2 * np.sin(1.7 * t + number), KERB_PX - 296))
        if ARRIVES_S < t < PASSES_S:
            left = -260 + (t - ARRIVES_S) * (WIDTH_PX + 260) / (PASSES_S - ARRIVES_S)
            over(picture, shifted(ambulance(t), left, 296 + 0.8 * np.sin(9 * t)))
            if t * 4 % 1 < 0.5:
                picture += glow(left + 132, 311, 60, "#2a48d0")
        picture *= self.light[..., None] * rgb("#fffaf0")
        return picture
