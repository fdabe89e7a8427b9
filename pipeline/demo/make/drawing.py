"""Shapes with soft edges, drawn large and scaled down; sizes and places are in pixels of the finished layer."""

import cv2
import numpy as np

from pipeline.demo.make.nature import Plane, rgb

SCALE = 4


class Drawing:
    """An empty layer to draw on."""

    def __init__(self, height: int, width: int) -> None:
        self.height, self.width = height, width
        self.canvas = np.zeros((height * SCALE, width * SCALE, 4), np.float32)

    def polygon(self, colour: str, *points: tuple[float, float], opacity: float = 1.0) -> None:
        corners = (np.array(points) * SCALE).round().astype(np.int32)
        cv2.fillPoly(self.canvas, [corners], (*rgb(colour).tolist(), opacity))

    def box(self, colour: str, left: float, top: float, right: float, bottom: float) -> None:
        self.polygon(colour, (left, top), (right, top), (right, bottom), (left, bottom))

    def disc(self, colour: str, centre: tuple[float, float], radii: tuple[float, float], opacity: float = 1.0) -> None:
        at, size = [tuple(round(v * SCALE) for v in pair) for pair in (centre, radii)]
        cv2.ellipse(self.canvas, at, size, 0, 0, 360, (*rgb(colour).tolist(), opacity), -1)

    def layer(self) -> Plane:
        """The finished layer, [height, width, 4]."""
        opacity = self.canvas[..., 3:]
        small = cv2.resize(np.dstack([self.canvas[..., :3] * opacity, opacity]), (self.width, self.height), interpolation=cv2.INTER_AREA)
        small[..., :3] /= np.maximum(small[..., 3:], 1e-6)
        return np.asarray(small, np.float32)
