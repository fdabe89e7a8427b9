"""Pictures no larger than they need to be."""

import cv2
import numpy as np

from operators.media import Pixels


def fit(pixels: Pixels, size_px: int) -> Pixels:
    """Scaled down so that the long side is at most `size_px`."""
    height, width = pixels.shape[:2]
    scale = size_px / max(height, width)
    if scale >= 1:
        return pixels
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    return np.asarray(cv2.resize(pixels, size, interpolation=cv2.INTER_AREA), np.uint8)
