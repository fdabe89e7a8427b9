"""What is measured over one part of a shot."""

from dataclasses import dataclass, field

import cv2
import numpy as np

from operators.media import Picture, Pixels
from operators.protocols import State
from operators.vision.colours import COLOURS, colour_shares
from operators.vision.motion import MotionTally
from operators.vision.views import active


@dataclass(slots=True)
class Tally:
    """Sums over the pictures of a part; all of it can be kept as JSON."""

    pictures: int = 0
    brightness: float = 0.0
    contrast: float = 0.0
    saturation: float = 0.0
    sharpness: float = 0.0
    shares: list[float] = field(default_factory=lambda: [0.0] * len(COLOURS))
    motion: MotionTally = field(default_factory=MotionTally)

    def add(self, picture: Picture) -> float:
        """Returns the picture's sharpness."""
        mean, deviation = cv2.meanStdDev(picture.luma)
        sharpness = float(cv2.Laplacian(picture.luma, cv2.CV_32F).var())
        self.pictures += 1
        self.brightness += float(mean[0, 0]) / 255
        self.contrast += float(deviation[0, 0]) / 255
        self.saturation += float(cv2.cvtColor(picture.small, cv2.COLOR_RGB2HSV)[..., 1].mean()) / 255
        self.sharpness += sharpness
        self.shares = (np.array(self.shares) + colour_shares(picture.small[_without_bars(picture.luma)])).tolist()
        return sharpness

    def mean(self, total: float) -> float:
        return round(total / max(self.pictures, 1), 4)

    def mean_shares(self) -> np.ndarray:
        return np.array(self.shares) / max(self.pictures, 1)

    def to_json(self) -> State:
        return {name: getattr(self, name) for name in self.__slots__ if name != "motion"} | {"motion": self.motion.to_json()}

    @classmethod
    def from_json(cls, state: State) -> "Tally":
        return cls(**{**state, "motion": MotionTally.from_json(state["motion"])})


def _without_bars(luma: Pixels) -> tuple[slice, slice]:
    """The picture inside black bars that lie on both sides of it alike."""
    rows, columns = active(luma)
    top, left = min(rows.start, luma.shape[0] - rows.stop), min(columns.start, luma.shape[1] - columns.stop)
    return slice(top, luma.shape[0] - top), slice(left, luma.shape[1] - left)
