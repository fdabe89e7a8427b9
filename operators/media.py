"""What sources give: the description of a stream, pictures on a fixed grid, and sound in packets of 100 ms."""

from dataclasses import dataclass, field
from fractions import Fraction
from functools import cached_property
from typing import Any, TypeAlias

import cv2
import numpy as np
import numpy.typing as npt

from operators.records import Clock
from operators.timeline import Span

Pixels: TypeAlias = npt.NDArray[np.uint8]
Pcm: TypeAlias = npt.NDArray[np.float32]

SOUND_RATE_HZ = 16_000
PACKET_RATE = 10
"""Sound travels in packets of 1/PACKET_RATE s, cut at multiples of it."""
PACKET_SAMPLES = SOUND_RATE_HZ // PACKET_RATE
LONGEST_HOLE = Fraction(10)
"""A hole in the media up to this long is filled with empty cells (pictures: none; sound: zeros); a longer one is a Gap."""
SMALL_PX = 160


@dataclass(frozen=True, slots=True)
class PictureTrack:
    index: int
    """Number of the track in its container, as ffmpeg counts (`0:index`)."""
    codec: str
    width_px: int
    """Size as shown: after rotation, before any scaling."""
    height_px: int
    rotation: int
    """Degrees clockwise by which the decoded picture is turned to be shown upright: 0, 90, 180 or 270."""
    rate: Fraction | None
    """Average pictures a second, where the container states a believable one."""
    start: Fraction
    """First picture on the stream's timeline."""


@dataclass(frozen=True, slots=True)
class SoundTrack:
    index: int
    codec: str
    rate_hz: int
    channels: int
    language: str | None
    start: Fraction
    """First sample on the stream's timeline."""


@dataclass(frozen=True, slots=True)
class StreamInfo:
    """A probed stream. `zero` is the container's own timestamp, in seconds, that is 0 on our timeline."""

    uri: str
    container: str
    zero: Fraction
    duration: Fraction | None
    """Timeline instant at which the longest chosen track ends, as the container states it; None where it does not."""
    picture: PictureTrack | None
    sound: SoundTrack | None
    reader: str = "ffmpeg"
    """Which source reads the pictures."""
    reader_reason: str = ""
    """Why this reader and not the other one."""
    clock: Clock | None = None
    """By which a live stream is dated."""
    arrival: Clock | None = None
    """By which it is known how late a live stream is: ours, whatever the source says."""


@dataclass(frozen=True)
class Picture:
    """One decoded picture with the small versions that many operators share, each made once.

    pixels: uint8 [height, width, 3], RGB, 0-255.
    """

    pixels: Pixels

    @cached_property
    def small(self) -> Pixels:
        """uint8 [h, w, 3] RGB, long side at most SMALL_PX."""
        height, width = self.pixels.shape[:2]
        scale = SMALL_PX / max(height, width)
        if scale >= 1:
            return self.pixels
        size = (max(1, round(width * scale)), max(1, round(height * scale)))
        return np.asarray(cv2.resize(self.pixels, size, interpolation=cv2.INTER_AREA), dtype=np.uint8)

    @cached_property
    def luma(self) -> Pixels:
        """uint8 [h, w]: luma (BT.601) of `small`."""
        return np.asarray(cv2.cvtColor(self.small, cv2.COLOR_RGB2GRAY), dtype=np.uint8)


@dataclass(frozen=True, slots=True)
class Frame:
    """The first picture shown in cell `index` of the grid of `rate` cells a second; cells without a new picture give none."""

    index: int
    rate: int
    at: Fraction
    """Exact presentation instant of the picture, within `span`."""
    picture: Picture = field(repr=False, compare=False)

    def __post_init__(self) -> None:
        if self.at not in self.span:
            raise ValueError(f"picture at {self.at} s is outside its cell {self.index} of {self.rate}/s")

    @property
    def span(self) -> Span:
        return Span(Fraction(self.index, self.rate), Fraction(self.index + 1, self.rate))

    @property
    def start(self) -> Fraction:
        return Fraction(self.index, self.rate)

    @property
    def end(self) -> Fraction:
        return Fraction(self.index + 1, self.rate)


@dataclass(frozen=True, slots=True)
class Samples:
    """Packet `index` of the sound: 16 kHz, float32 in [-1, 1], from instant index/PACKET_RATE; only the last is shorter."""

    index: int
    pcm: Pcm = field(repr=False, compare=False)
    """[n], mono: all channels mixed."""
    channels: Pcm | None = field(default=None, repr=False, compare=False)
    """[channels, n]: those that are kept apart, where the source was asked for it."""

    def __post_init__(self) -> None:
        if self.pcm.dtype != np.float32 or self.pcm.ndim != 1 or not 0 < len(self.pcm) <= PACKET_SAMPLES:
            raise ValueError(f"a packet holds 1 to {PACKET_SAMPLES} float32 samples, not {self.pcm.shape} {self.pcm.dtype}")
        if self.channels is not None and self.channels.shape[1:] != self.pcm.shape:
            raise ValueError(f"the channels of a packet of {len(self.pcm)} samples are as long, not {self.channels.shape}")

    @property
    def start(self) -> Fraction:
        return Fraction(self.index, PACKET_RATE)

    @property
    def end(self) -> Fraction:
        return self.start + Fraction(len(self.pcm), SOUND_RATE_HZ)

    @property
    def span(self) -> Span:
        return Span(self.start, self.end)


def image(pixels: Pixels) -> Any:
    """The Pillow image that transformers' processors take."""
    from PIL import Image

    return Image.fromarray(pixels)
