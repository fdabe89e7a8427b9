"""What can be measured of two pictures without learning: how they move, change, and how sharp and bright they are, cell by cell.

Motion is that of Lucas and Kanade (1981): the shift that explains the change in time by the slopes in space, by least squares over a
window. It sees parts of a pixel, where a net that compares features at whole cells sees nothing.
"""

import torch
from torch import Tensor
from torch.nn import functional

ROWS, COLUMNS = 6, 10
"""Cells of the maps."""
CHANNELS = 12
SMOOTH = 1e-4
"""Added to the squares of the slopes: where nothing is to be seen nothing moves."""
FASTEST = 3.0
"""Pixels of a scale; more can not be told from its slopes."""
PACE = 4.0
"""Pixels of the larger scale a second that are 1."""
LEAST = 1e-6


def optics(pictures: Tensor, before: Tensor, seconds: Tensor) -> Tensor:
    """float [n, CHANNELS, ROWS, COLUMNS]: motion across and down at two scales, change, what of it no motion explains at both, slopes,
    and sharpness and light of both pictures.

    pictures, before: float [n, 3, 8 ROWS, 8 COLUMNS], -1 to 1; seconds: float [n] from one to the other, 0 where they are the same one.
    """
    now, earlier = (functional.avg_pool2d(p.mean(dim=1, keepdim=True), 2) for p in (pictures, before))
    step = torch.where(seconds > 0, seconds, torch.ones_like(seconds))[:, None, None, None] * PACE
    coarse = [functional.avg_pool2d(p, 2) for p in (now, earlier)]
    fine_motion, fine_left, slopes, change = _motion(now, earlier, 4)
    motion, left, _, _ = _motion(coarse[0], coarse[1], 2)
    sharp = [_window(_laplacian(p) ** 2, 4) for p in (now, earlier)]
    light = [_window(p, 4) for p in (now, earlier)]
    logs = [_log(x) for x in (change, fine_left, left, slopes, *sharp)]
    return torch.cat([fine_motion / step, 2 * motion / step, *logs, *light], dim=1)


def _motion(now: Tensor, earlier: Tensor, cell: int) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """(pixels across and down [n, 2, …], mean squares of what they leave of the change, of the slopes, of the change), over windows of two
    cells."""
    across, down = _slopes((now + earlier) / 2)
    change = now - earlier
    xx, yy, xy, xt, yt, tt = (
        _window(a * b, cell)
        for a, b in ((across, across), (down, down), (across, down), (across, change), (down, change), (change, change))
    )
    sx, sy = xx + SMOOTH, yy + SMOOTH
    area = sx * sy - xy * xy
    u = ((xy * yt - sy * xt) / area).clamp(-FASTEST, FASTEST)
    v = ((xy * xt - sx * yt) / area).clamp(-FASTEST, FASTEST)
    left = tt + 2 * (u * xt + v * yt) + u * u * xx + 2 * u * v * xy + v * v * yy
    return torch.cat([u, v], dim=1), left.clamp(min=0), xx + yy, tt


def _slopes(picture: Tensor) -> tuple[Tensor, Tensor]:
    wide = functional.pad(picture, (1, 1, 1, 1), mode="replicate")
    return (wide[:, :, 1:-1, 2:] - wide[:, :, 1:-1, :-2]) / 2, (wide[:, :, 2:, 1:-1] - wide[:, :, :-2, 1:-1]) / 2


def _laplacian(picture: Tensor) -> Tensor:
    wide = functional.pad(picture, (1, 1, 1, 1), mode="replicate")
    return wide[:, :, 1:-1, 2:] + wide[:, :, 1:-1, :-2] + wide[:, :, 2:, 1:-1] + wide[:, :, :-2, 1:-1] - 4 * picture


def _window(x: Tensor, cell: int) -> Tensor:
    """Means over windows of two cells, a cell apart."""
    return functional.avg_pool2d(x, 2 * cell, cell, cell // 2, count_include_pad=False)


def _log(x: Tensor) -> Tensor:
    return torch.log(x + LEAST) / 4 + 2
