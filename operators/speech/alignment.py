"""When each token of a finished text was said: dynamic time warping over a decoder's cross-attention.

The method of OpenAI's Whisper (openai/whisper, `timing.py`): the weights of the heads that are known to follow the sound are
normalised over the text, smoothed over time and averaged; the cheapest monotonic path through them is the alignment.
"""

from collections.abc import Sequence
from functools import partial
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

Floats: TypeAlias = npt.NDArray[np.float32]
SMOOTH_FRAMES = 7


class Attention:
    """Watches where a decoder of transformers looks at the sound while it reads one text: `with Attention(layers) as looked: ...`."""

    def __init__(self, layers: Any, heads: Sequence[tuple[int, int]] | None = None) -> None:
        """`layers`: of the decoder, each with an `encoder_attn`. `heads`: (layer, head) of those that follow the sound; None: where that
        is not known, all of the upper half."""
        self._layers = layers
        self._heads = heads
        self._caught: dict[tuple[int, str], Any] = {}
        self._hooks: list[Any] = []

    def __enter__(self) -> "Attention":
        watched = {layer for layer, _ in self._heads} if self._heads else range(len(self._layers) // 2, len(self._layers))
        for layer in sorted(watched):
            for name in ("q_proj", "k_proj"):
                module = getattr(self._layers[layer].encoder_attn, name)
                self._hooks.append(module.register_forward_hook(partial(self._catch, (layer, name))))
        return self

    def __exit__(self, *_: object) -> None:
        for hook in self._hooks:
            hook.remove()

    def _catch(self, key: tuple[int, str], _module: Any, _given: Any, out: Any) -> None:
        self._caught[key] = out[0]

    def weights(self, frames: int) -> Floats:
        """float32 [heads, tokens, frames], over the first frames of the sound."""
        import torch

        looked = {}
        for layer in sorted({layer for layer, _ in self._caught}):
            queries, keys = self._caught[layer, "q_proj"].float(), self._caught[layer, "k_proj"][:frames].float()
            looked[layer] = _attention(queries, keys, self._layers[layer].encoder_attn.head_dim)
        heads = self._heads or [(layer, head) for layer in looked for head in range(len(looked[layer]))]
        return np.asarray(torch.stack([looked[layer][head] for layer, head in heads]).cpu().numpy())


def _attention(queries: Any, keys: Any, width: int) -> Any:
    """Weights [heads, tokens, frames] from what a layer's projections gave: torch tensors [tokens, heads x width], [frames, heads x width];
    several heads of queries may share one of keys."""
    q, k = (x.view(x.shape[0], -1, width).transpose(0, 1) for x in (queries, keys))
    k = k.repeat_interleave(len(q) // len(k), dim=0)
    return (q @ k.transpose(1, 2) / width**0.5).softmax(dim=-1)


def follow(weights: Floats, rows: slice) -> npt.NDArray[np.int64]:
    """weights: [heads, tokens, frames]. For each token of `rows`, the frame at which its sound begins: int64, never falling."""
    spread = weights.std(axis=1, keepdims=True)
    weights = _smooth((weights - weights.mean(axis=1, keepdims=True)) / np.where(spread > 0, spread, 1))
    tokens, frames = cheapest_path(-weights.mean(axis=0)[rows])
    return frames[np.flatnonzero(np.diff(tokens, prepend=-1))]


def cheapest_path(cost: Floats) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """The monotonic path of least sum from the first to the last corner of `cost` [n, m]: the row and the column of each step.
    Computed diagonal by diagonal, so that numpy does the inner loop."""
    n, m = cost.shape
    total = np.full((n + 1, m + 1), np.inf)
    total[0, 0] = 0
    step = np.zeros((n + 1, m + 1), np.int8)
    for diagonal in range(2, n + m + 1):
        i = np.arange(max(1, diagonal - m), min(n, diagonal - 1) + 1)
        j = diagonal - i
        before = np.stack([total[i - 1, j - 1], total[i - 1, j], total[i, j - 1]])
        step[i, j] = choice = before.argmin(axis=0)
        total[i, j] = cost[i - 1, j - 1] + np.take_along_axis(before, choice[None], 0)[0]
    return _back(step)


def _back(step: npt.NDArray[np.int8]) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    i, j = step.shape[0] - 1, step.shape[1] - 1
    path = []
    while i and j:
        path.append((i - 1, j - 1))
        i, j = ((i - 1, j - 1), (i - 1, j), (i, j - 1))[step[i, j]]
    rows, columns = np.array(path[::-1], np.int64).T
    return rows, columns


def _smooth(weights: Floats) -> Floats:
    """Median over SMOOTH_FRAMES frames; the borders are mirrored."""
    half = SMOOTH_FRAMES // 2
    if weights.shape[-1] <= half:
        return weights
    padded = np.pad(weights, ((0, 0), (0, 0), (half, half)), mode="reflect")
    return np.asarray(np.median(np.lib.stride_tricks.sliding_window_view(padded, SMOOTH_FRAMES, axis=-1), axis=-1), np.float32)
