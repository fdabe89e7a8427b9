"""When each token of a finished text was said: dynamic time warping over a decoder's cross-attention.

The method of OpenAI's Whisper (openai/whisper, `timing.py`): the weights of the heads that are known to follow the sound are
normalised over the text, smoothed over time and averaged; the cheapest monotonic path through them is the alignment.
"""

from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

Floats: TypeAlias = npt.NDArray[np.float32]
SMOOTH_FRAMES = 7


def attention(queries: Any, keys: Any, heads: int) -> Any:
    """Weights [heads, tokens, frames] of one item, from what a layer's projections gave: torch tensors [tokens, width], [frames, width]."""
    q, k = (x.float().view(x.shape[0], heads, -1).transpose(0, 1) for x in (queries, keys))
    return (q @ k.transpose(1, 2) / q.shape[-1] ** 0.5).softmax(dim=-1)


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
