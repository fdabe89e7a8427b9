"""Features of pictures: by signal measures alone, or by an image encoder through transformers."""

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from operators.errors import ConfigError, ModelError, ModelUnavailable, OutOfMemory
from operators.facts import Features
from operators.media import Frame, Picture, Pixels
from operators.protocols import Ask, FramesNeed, Item, Output, State
from operators.timeline import exact
from operators.vision.sizes import fit

Vector = npt.NDArray[np.float32]

DTYPES = ("float32", "bfloat16", "float16")
WIDTH = 96
"""Of the rows of `SignalFeatures`."""


@dataclass(frozen=True, slots=True)
class SignalFeaturesOptions:
    """Nothing to choose: rows of one profile can be compared with those of any other."""


class SignalFeatures:
    """Frames to `Features` of `WIDTH` numbers from `Picture.small`, in four blocks; the first three are each of length 1 (or all 0).

    0-27   colours: roots of the histograms of hue (16 bins, each pixel counting by its saturation), saturation (4) and value (8)
    28-54  layout: mean Lab of 3 x 3 fields, row by row, about middle grey
    55-86  edges: in 2 x 2 fields, row by row, strength of the gradient in 8 directions of half a turn
    87-95  motion: roots of the mean change of luma a second in 3 x 3 fields, over 3; 0 in the first picture and after a Gap
    """

    Options = SignalFeaturesOptions
    origin = "look.features"
    need = FramesNeed(2, 854)
    models: tuple[str, ...] = ()

    def __init__(self, options: SignalFeaturesOptions = SignalFeaturesOptions()) -> None:
        self._luma: Pixels | None = None
        self._at: Fraction | None = None
        self._cell: Fraction | None = None
        """Of the latest picture: its instant, and where its frame is read again."""

    def push(self, item: Item) -> list[Output | Ask]:
        if not isinstance(item, Frame):
            self._luma = self._at = self._cell = None
            return []
        blocks = [_colours(item.picture), _layout(item.picture), _edges(item.picture.luma), self._motion(item)]
        self.refill(item)
        return [Features(item.index, item.rate, np.concatenate(blocks).astype(np.float32))]

    def answer(self, ask: Ask, result: Any) -> list[Output | Ask]:
        raise AssertionError("look.features asks nothing in this form")

    def finish(self, at: Fraction) -> list[Output | Ask]:
        return []

    def hold(self) -> Fraction | None:
        return None

    def snapshot(self) -> tuple[Fraction | None, State]:
        latest = None if self._at is None or self._cell is None else [exact(self._at), exact(self._cell)]
        return self._cell, {"latest": latest}

    def restore(self, state: State) -> None:
        if state["latest"]:
            self._at, self._cell = (Fraction(v) for v in state["latest"])

    def refill(self, item: Item) -> None:
        if isinstance(item, Frame):
            self._luma, self._at, self._cell = item.picture.luma, item.at, item.start

    def _motion(self, frame: Frame) -> Vector:
        luma = frame.picture.luma
        if self._luma is None or self._at is None or self._luma.shape != luma.shape:
            return np.zeros(9, np.float32)
        change = cv2.absdiff(luma, self._luma).astype(np.float32) / 255
        return np.asarray(np.sqrt(_fields(change, 3).ravel() / float(frame.at - self._at)) / 3, np.float32)


@dataclass(frozen=True, slots=True)
class FrameFeaturesOptions:
    size_px: int = 512
    """Pictures are scaled down so that their long side is at most this, before the encoder is asked."""


class FrameFeatures:
    """Frames to `Features` of an encoder's width: each frame is asked of the model "frames"."""

    Options = FrameFeaturesOptions
    origin = "look.features"
    need = FramesNeed(2, 854)
    models: tuple[str, ...] = ("frames",)

    def __init__(self, options: FrameFeaturesOptions = FrameFeaturesOptions()) -> None:
        self._size_px = options.size_px

    def push(self, item: Item) -> list[Output | Ask]:
        if not isinstance(item, Frame):
            return []
        return [Ask("frames", fit(item.picture.pixels, self._size_px), tag=(item.index, item.rate))]

    def answer(self, ask: Ask, result: Any) -> list[Output | Ask]:
        index, rate = ask.tag
        return [] if isinstance(result, ModelError) else [Features(index, rate, result)]

    def finish(self, at: Fraction) -> list[Output | Ask]:
        return []

    def hold(self) -> Fraction | None:
        return None

    def snapshot(self) -> tuple[Fraction | None, State]:
        return None, {}

    def restore(self, state: State) -> None:
        pass

    def refill(self, item: Item) -> None:
        pass


@dataclass(frozen=True, slots=True)
class FrameEncoderOptions:
    model: str = ""
    """Folder of a SigLIP, SigLIP 2 (one of a fixed size) or CLIP checkpoint, its weights as safetensors (or the id of one in the hub's
    cache on this machine)."""
    dtype: str = "float32"
    """float32 | bfloat16 | float16"""

    def __post_init__(self) -> None:
        if self.dtype not in DTYPES:
            raise ConfigError(f"no number format {self.dtype!r} for an image encoder: one of {', '.join(DTYPES)}")


class FrameEncoder:
    """The image half of a SigLIP, SigLIP 2 or CLIP checkpoint. Items: uint8 [h, w, 3] RGB of any size; results: float32 [width], of
    length 1, so that a product of two is their cosine."""

    Options = FrameEncoderOptions

    def __init__(self, options: FrameEncoderOptions = FrameEncoderOptions()) -> None:
        self.options = options
        self._model: Any = None
        self._prepare: Any = None

    def open(self, device: str, threads: int) -> None:
        import torch
        from transformers import AutoImageProcessor, AutoModel

        from operators.vision.preparing import Preparer

        torch.set_num_threads(threads)
        name, local = self.options.model, {"local_files_only": True, "trust_remote_code": False}
        try:
            processor = AutoImageProcessor.from_pretrained(name, backend="pil", **local)
            model = AutoModel.from_pretrained(name, dtype=getattr(torch, self.options.dtype), use_safetensors=True, **local)
            if not hasattr(model, "get_image_features"):
                raise TypeError(f"{type(model).__name__} has no image features")
            self._model = model.to(device).eval()
            self._prepare = Preparer(processor, self._model.device, self._model.dtype)
        except Exception as e:  # transformers has no one error for a folder in which something is wrong
            reason = (str(e).strip() or type(e).__name__).splitlines()[0]
            raise ModelUnavailable(f"no image encoder in {name!r}: {reason}; look.features.use=signal needs none") from e

    def __call__(self, items: Sequence[Pixels]) -> list[Vector | Exception]:
        import torch

        try:
            with torch.inference_mode():
                output = self._model.get_image_features(pixel_values=self._prepare(items))
        except torch.OutOfMemoryError as e:
            raise OutOfMemory(f"no memory for {len(items)} pictures at once: use a smaller batch or a smaller model") from e
        vectors = torch.nn.functional.normalize(output.pooler_output.float(), dim=-1).cpu().numpy()
        return [np.ascontiguousarray(v, dtype=np.float32) for v in vectors]

    def close(self) -> None:
        self._model = self._prepare = None


def _colours(picture: Picture) -> Vector:
    hue, saturation, value = (c.ravel() for c in np.moveaxis(cv2.cvtColor(picture.small, cv2.COLOR_RGB2HSV), -1, 0))
    counts = [
        np.bincount(hue.astype(np.intp) * 16 // 180, weights=saturation / 255, minlength=16),
        np.bincount(saturation >> 6, minlength=4),
        np.bincount(value >> 5, minlength=8),
    ]
    return _unit(np.sqrt(np.concatenate(counts) / hue.size))


def _layout(picture: Picture) -> Vector:
    lab = cv2.cvtColor(picture.small.astype(np.float32) / 255, cv2.COLOR_RGB2LAB)
    return _unit((_fields(lab, 3) / 100 - np.array([0.5, 0, 0])).ravel())


def _edges(luma: Pixels) -> Vector:
    wide = luma.astype(np.float32)
    dx, dy = cv2.Sobel(wide, cv2.CV_32F, 1, 0), cv2.Sobel(wide, cv2.CV_32F, 0, 1)
    direction = (np.floor(np.arctan2(dy, dx) / np.pi * 8).astype(int)) % 8
    strength = np.hypot(dx, dy)
    strengths = [_fields(np.where(direction == n, strength, 0).astype(np.float32), 2) for n in range(8)]
    return _unit(np.stack(strengths, axis=-1).ravel())


def _fields(values: npt.NDArray[np.float32], count: int) -> npt.NDArray[np.float32]:
    """Means over count x count fields: [count, count, ...]."""
    return np.asarray(cv2.resize(values, (count, count), interpolation=cv2.INTER_AREA), np.float32)


def _unit(block: npt.NDArray[Any]) -> Vector:
    length = float(np.linalg.norm(block))
    return np.asarray(block / length if length else block, np.float32)
