"""Retrieval: which text belongs to which moment."""

from collections.abc import Hashable, Sequence

import numpy as np
import numpy.typing as npt

RANKS = (1, 5, 10)


def recalls(queries: npt.NDArray[np.float32], found: npt.NDArray[np.float32], same: Sequence[Hashable]) -> dict[int, float]:
    """R@1, R@5 and R@10: the share of queries whose own is among the best. Row i of both, float32 [n, E] of length 1, belongs together;
    those whose `same` is equal can not be told apart and are right too. What is as near as its own comes before it."""
    scores = queries @ found.T
    keys = np.array([hash(s) for s in same])
    right = keys[:, None] == keys[None]
    best = np.where(right, scores, -np.inf).max(axis=1, keepdims=True)
    rank = ((scores >= best) & ~right).sum(axis=1)
    return {k: float((rank < k).mean()) for k in RANKS}
