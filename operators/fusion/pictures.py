"""Pictures as the fusion model looks at them."""

import cv2
import numpy as np

from operators.fusion.clip import FRAME_HEIGHT, FRAME_WIDTH
from operators.media import Pixels


def small(pixels: Pixels) -> Pixels:
    """uint8 [FRAME_HEIGHT, FRAME_WIDTH, 3] of uint8 [h, w, 3]: the whole picture, squeezed."""
    return np.asarray(cv2.resize(pixels, (FRAME_WIDTH, FRAME_HEIGHT), interpolation=cv2.INTER_AREA), np.uint8)
