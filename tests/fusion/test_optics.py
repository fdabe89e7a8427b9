"""What is measured of two pictures is what was done to them."""

import numpy as np
import pytest
import torch

from operators.fusion.clip import FRAME_HEIGHT, FRAME_WIDTH
from operators.fusion.corpus.pictures import HEIGHT, WIDTH, picture
from operators.fusion.network.optics import CHANNELS, COLUMNS, PACE, ROWS, optics


def seen(x: float, y: float, scale: float = 1.0, source: str = "made:clouds:3") -> torch.Tensor:
    """float [1, 3, FRAME_HEIGHT, FRAME_WIDTH]: part of a picture, from a place in pixels of the frame."""
    import cv2

    matrix = np.array([[scale, 0, WIDTH / 4 + x], [0, scale, HEIGHT / 4 + y]], np.float32)
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    pixels = cv2.warpAffine(cv2.GaussianBlur(picture(source), (0, 0), 1), matrix, (FRAME_WIDTH, FRAME_HEIGHT), flags=flags)
    return torch.from_numpy(pixels.astype(np.float32)).permute(2, 0, 1)[None] / 127.5 - 1


@pytest.mark.parametrize("seconds", [0.25, 0.5])
@pytest.mark.parametrize(("x", "y"), [(1.2, 0), (-1.2, 0), (0, 0.8), (0, -0.8), (0.4, 0.3)])
def test_motion_is_measured_in_parts_of_a_pixel(x: float, y: float, seconds: float) -> None:
    """A camera that goes right sees things go left."""
    measures = optics(seen(x, y), seen(0, 0), torch.tensor([seconds]))
    assert measures.shape == (1, CHANNELS, ROWS, COLUMNS)
    for first in (0, 2):
        across, down = measures[0, first].median(), measures[0, first + 1].median()
        expected = [-d / 2 / seconds / PACE for d in (x, y)]
        assert [float(across), float(down)] == pytest.approx(expected, abs=0.25 * max(abs(e) for e in expected))


def test_a_picture_that_comes_nearer_flows_apart() -> None:
    measures = optics(seen(1.6, 1, 0.96), seen(0, 0), torch.tensor([0.25]))[0]
    assert measures[2, :, 6:].mean() > 0.1 > -0.1 > measures[2, :, :4].mean()


def test_change_that_is_no_motion_stands_out() -> None:
    still, moved, other = (optics(p, seen(0, 0), torch.tensor([0.25]))[0] for p in (seen(0, 0), seen(1, 0), seen(0, 0, 1, "made:hills:4")))
    change, left = 4, 5
    assert still[change].max() < moved[change].mean() - 0.3
    assert left_of(moved, change) - left_of(moved, left) > 2 * abs(left_of(other, change) - left_of(other, left))


def left_of(measures: torch.Tensor, channel: int) -> float:
    return float(measures[channel].mean())


def test_a_picture_with_none_before_it_is_finite() -> None:
    one = seen(0, 0)
    measures = optics(one, one, torch.tensor([0.0]))
    assert torch.isfinite(measures).all()
    assert measures[0, :4].abs().max() == 0
    flat = torch.full_like(one, -1.0)
    assert torch.isfinite(optics(flat, flat, torch.tensor([0.25]))).all()
