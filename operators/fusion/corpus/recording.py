"""What cameras, microphones and coders do to pictures and sound, which means nothing: a model is to see and hear through it."""

from dataclasses import dataclass
from typing import Any, Self

import cv2
import numpy as np

from operators.acoustics import Numbers
from operators.media import SOUND_RATE_HZ, Pixels

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
    soft: float
    """Pixels by which the lens blurs everything."""
    swing: float
    """Share by which the light comes and goes."""
    swing_s: float
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
            soft=float(rng.uniform(0.3, 1.1)) if rng.random() < 0.4 else 0.0,
            swing=float(rng.uniform(0.01, 0.08)) if rng.random() < 0.3 else 0.0,
            swing_s=float(rng.uniform(0.7, 9)),
            quality=int(rng.integers(25, 80)) if rng.random() < CODED else 100,
        )

    def hand(self, seconds: float) -> tuple[float, float]:
        """How far the camera is from its path, in pixels across and down."""
        return self.wobble * np.sin(3.1 * seconds), self.wobble * np.sin(4.7 * seconds + 1)

    def focused(self, canvas: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
        """float32 [h, w, 3] of the same."""
        return cv2.GaussianBlur(canvas, (0, 0), self.soft) if self.soft else canvas

    def exposed(self, canvas: np.ndarray[Any, Any], seconds: float) -> np.ndarray[Any, Any]:
        """float32 [h, w, 3], 0-255, of the same, as it is seen at that instant."""
        swing = 1 + self.swing * np.sin(2 * np.pi * seconds / self.swing_s)
        light = 255 * np.power(np.clip(canvas, 0, 255) / 255, self.gamma) * self.gain * swing
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


@dataclass(frozen=True, slots=True)
class Hearing:
    """How the sound of one clip was recorded: the microphone and its distance, the room, the coder."""

    lows_db: float
    """Of the gain at 100 Hz over that at 1 kHz."""
    highs_db: float
    """Of the gain at 5 kHz over that at 1 kHz."""
    limit_hz: float
    """What is above was lost."""
    echo: float
    """Level of the room's echoes over what is heard straight."""
    echo_s: float
    """Until they are weaker by e."""
    drive: float
    """By which peaks are pressed; 0: not at all."""

    @classmethod
    def drawn(cls, rng: np.random.Generator) -> Self:
        return cls(
            lows_db=float(rng.normal(0, 4)),
            highs_db=float(rng.normal(0, 4)),
            limit_hz=float(rng.uniform(3200, 7500)) if rng.random() < 0.4 else SOUND_RATE_HZ / 2,
            echo=float(rng.uniform(0.05, 0.5)) if rng.random() < 0.5 else 0.0,
            echo_s=float(rng.uniform(0.03, 0.12)),
            drive=float(rng.uniform(0.5, 3)) if rng.random() < 0.3 else 0.0,
        )

    def heard(self, wave: Numbers, rng: np.random.Generator) -> Numbers:
        """float64 [n] of the same."""
        length = len(wave)
        size = 1 << (length + SOUND_RATE_HZ).bit_length()  # no echo comes round to the beginning
        hertz = np.fft.rfftfreq(size, 1 / SOUND_RATE_HZ)
        octaves = np.log2(np.maximum(hertz, 40) / 1000)
        gain_db = np.where(octaves < 0, self.lows_db * octaves / np.log2(0.1), self.highs_db * octaves / np.log2(5))
        spectrum = np.fft.rfft(wave, size) * 10 ** (gain_db / 20) / (1 + (hertz / self.limit_hz) ** 16)
        if self.echo:
            at = np.arange(int(4 * self.echo_s * SOUND_RATE_HZ)) / SOUND_RATE_HZ
            tail = rng.standard_normal(len(at)) * np.exp(-at / self.echo_s) * (at > 0.004)
            spectrum = spectrum * (1 + self.echo * np.fft.rfft(tail / np.linalg.norm(tail), size))
        told = np.fft.irfft(spectrum, size)[:length]
        if self.drive and (peak := float(np.abs(told).max())) > 0:
            told = np.tanh(self.drive * told / peak) / np.tanh(self.drive) * peak
        return np.asarray(told)
