"""Pictures as an image encoder wants them, made where the encoder is: only their bytes go to its device."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

MODES = {2: "bilinear", 3: "bicubic"}
"""Of PIL's ways to resize, those that encoders are trained with."""


class Preparer:
    """What a checkpoint's processor says of size, crop and scale, as tensor arithmetic. Within a level of 255 of what PIL makes."""

    def __init__(self, processor: Any, device: Any, dtype: Any) -> None:
        """Raises ValueError where the processor does something else."""
        import torch

        size = processor.size
        self._size = (size.height, size.width) if size.height else (size.shortest_edge,)
        self._crop = processor.crop_size if getattr(processor, "do_center_crop", False) else None
        if not (self._size[0] and processor.do_resize and processor.do_rescale and processor.do_normalize and processor.resample in MODES):
            raise ValueError(f"{type(processor).__name__} does not resize, crop and normalise alone")
        self._mode = MODES[processor.resample]
        mean, std = (torch.tensor(v, device=device)[None, :, None, None] for v in (processor.image_mean, processor.image_std))
        self._scale, self._shift, self._dtype, self._device = processor.rescale_factor / std, mean / std, dtype, device

    def __call__(self, items: Sequence[npt.NDArray[np.uint8]]) -> Any:
        """float [n, 3, height, width] of uint8 [h, w, 3] of any sizes; those of one size are made together."""
        import torch

        made: list[Any] = [None] * len(items)
        for shape in {item.shape for item in items}:
            same = [n for n, item in enumerate(items) if item.shape == shape]
            pixels = torch.from_numpy(np.stack([items[n] for n in same])).to(self._device)
            for n, picture in zip(same, self._made(pixels), strict=True):
                made[n] = picture
        return torch.stack(made)

    def _made(self, pixels: Any) -> Any:
        from torch.nn.functional import interpolate

        x = pixels.permute(0, 3, 1, 2).float()
        x = interpolate(x, self._target(*x.shape[2:]), mode=self._mode, antialias=True).round().clamp(0, 255)
        if self._crop:
            top, left = (x.shape[2] - self._crop.height) // 2, (x.shape[3] - self._crop.width) // 2
            x = x[:, :, top : top + self._crop.height, left : left + self._crop.width]
        return (x * self._scale - self._shift).to(self._dtype)

    def _target(self, height: int, width: int) -> tuple[int, int]:
        if len(self._size) == 2:
            return self._size
        short, long = self._size[0], self._size[0] * max(height, width) // min(height, width)
        return (short, long) if height <= width else (long, short)
