"""What cameras and coders do to pictures, which means nothing: a model is to see through it."""

from dataclasses import dataclass
from typing import Any, Self

import cv2
import numpy as np

from operators.media import Pixels

BARS, CODED, GRAINED = 0.2, 0.6, 0.7
"""Shares of clips with black bars, of those that were coded coarsely, and of those whose sensor is seen."""


@dataclass(frozen=True, slots=True)
class Recording:
    """How one clip was recorded."""

    gamma: float
    gain: float
    colour: float
    """Times the distance of each colour from grey."""
    bars: int
    """Rows that are black above and below."""
    grain: float
    """Of the sensor, in levels of 255; 0: pictures in which nothing moves are equal, and are no freeze."""
    wobble: float
    """Pixels by which a hand that holds the camera moves."""
    quality: int
    """Of JPEG, which cuts pictures into blocks as video does; 100: none."""

    @classmethod
    def drawn(cls, rng: np.random.Generator) -> Self:
        return cls(
            gamma=float(np.exp(rng.normal(0, 0.15))),
            gain=float(rng.uniform(0.8, 1.05)),
            colour=float(rng.uniform(0.75, 1.15)),
            bars=int(rng.integers(3, 7)) if rng.random() < BARS else 0,
            grain=float(rng.uniform(0.5, 4)) if rng.random() < GRAINED else 0.0,
            wobble=float(rng.uniform(0.1, 0.7)) if rng.random() < 0.4 else 0.0,
            quality=int(rng.integers(25, 80)) if rng.random() < CODED else 100,
        )

    def hand(self, seconds: float) -> tuple[float, float]:
        """How far the camera is from its path, in pixels across and down."""
        return self.wobble * np.sin(3.1 * seconds), self.wobble * np.sin(4.7 * seconds + 1)

    def exposed(self, canvas: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
        """float32 [h, w, 3], 0-255, of the same."""
        light = 255 * np.power(np.clip(canvas, 0, 255) / 255, self.gamma) * self.gain
        grey = light.mean(axis=-1, keepdims=True)
        seen = grey + self.colour * (light - grey)
        if self.bars:
            seen[: self.bars] = seen[-self.bars :] = 2.0
        return np.asarray(seen, np.float32)

    def coded(self, pixels: Pixels) -> Pixels:
        """uint8 [h, w, 3] of the same."""
        if self.quality == 100:
            return pixels
        coded = cv2.imencode(".jpg", pixels, [cv2.IMWRITE_JPEG_QUALITY, self.quality])[1]
        return np.asarray(cv2.imdecode(coded, cv2.IMREAD_COLOR), np.uint8)
