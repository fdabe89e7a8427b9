"""Dynamic time warping over cross-attention."""

import itertools

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from operators.speech.alignment import cheapest_path, follow


def every_path(n: int, m: int) -> list[list[tuple[int, int]]]:
    """All monotonic paths from corner to corner."""
    if n == m == 1:
        return [[(0, 0)]]
    before = [(n - 1, m - 1), (n - 1, m), (n, m - 1)]
    return [[*path, (n - 1, m - 1)] for a, b in before if a and b for path in every_path(a, b)]


@given(st.integers(1, 4), st.integers(1, 5), st.integers(0, 1000))
def test_no_path_is_cheaper(n: int, m: int, seed: int) -> None:
    cost = np.random.default_rng(seed).normal(size=(n, m)).astype(np.float32)
    rows, columns = cheapest_path(cost)
    path = list(zip(rows.tolist(), columns.tolist(), strict=True))
    assert path in every_path(n, m)
    assert np.isclose(cost[rows, columns].sum(), min(sum(cost[i, j] for i, j in p) for p in every_path(n, m)), atol=1e-5)


def test_tokens_follow_where_heads_look() -> None:
    borders = [0, 12, 30, 31, 60, 100]
    weights = np.full((2, 7, 100), 0.001, np.float32)
    for token, (a, b) in enumerate(itertools.pairwise(borders)):
        weights[:, token + 1, a:b] = 1
    found = follow(weights, slice(1, 6))
    assert found[0] == 0
    assert all(abs(int(a) - b) <= 4 for a, b in zip(found, borders, strict=False))
    assert np.all(np.diff(found) >= 0)


def test_sound_shorter_than_the_smoothing_is_taken_as_it_is() -> None:
    assert follow(np.random.default_rng(0).random((1, 3, 2)).astype(np.float32), slice(0, 3)).shape == (3,)
