"""Two texts side by side: the pairs of words that are the same, by global alignment (Needleman and Wunsch, 1970) in the memory of
two rows (Hirschberg, 1975); of these, the pairs that lie where the texts agree (Ruzzo and Tompa, 1999)."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Row = npt.NDArray[np.int32]
GAP, OTHER = 1, 1
"""What a word without partner costs, and a pair that is not the same."""
RARE = ((2, 4), (5, 3), (20, 2))
"""What a pair is worth, by how often its word is there at most; else 1."""
AGREES = 6
"""What a stretch is worth at least of which the pairs are believed."""
STEM = 4
"""Letters that words of more have in common where they are nearly the same: that is worth half."""
WHOLE = 1 << 22
"""Cells of a table that is kept whole."""


@dataclass(frozen=True, slots=True)
class Pair:
    written: int
    """Word numbers."""
    said: int
    trust: int
    """What the stretch is worth in which it lies."""


@dataclass(frozen=True, slots=True)
class _Texts:
    """Words as numbers; stems likewise, in the same order."""

    a: Row
    b: Row
    stems_a: Row
    stems_b: Row
    worth: Row
    """Of each word of `a`, where it finds its like."""

    def worths(self, i: int) -> Row:
        """Of word i of `a` with every word of `b`."""
        same, near = self.b == self.a[i], self.stems_b == self.stems_a[i]
        return np.where(same, self.worth[i], np.where(near, self.worth[i] // 2, -OTHER)).astype(np.int32)

    def part(self, rows: slice, columns: slice) -> "_Texts":
        return _Texts(self.a[rows], self.b[columns], self.stems_a[rows], self.stems_b[columns], self.worth[rows])


def align(written: Sequence[str], said: Sequence[str]) -> list[Pair]:
    """The pairs of words that are the same, or nearly, and lie where the texts agree; in order. An hour takes some three seconds."""
    if not written or not said:
        return []
    texts = _numbered(written, said)
    steps = _path(texts, 0, 0)
    scores = [_score(texts, step) for step in steps]
    pairs = []
    for begin, end, worth in _stretches(scores):
        if worth >= AGREES:
            pairs += [Pair(i, j, worth) for (i, j), score in zip(steps[begin:end], scores[begin:end], strict=True) if score > 0]
    return pairs


def _numbered(written: Sequence[str], said: Sequence[str]) -> _Texts:
    counts = Counter(written) + Counter(said)
    numbers = {word: n for n, word in enumerate(counts)}
    stems: dict[str, int] = {}
    stem_of = {word: stems.setdefault(_stem(word), len(stems)) for word in counts}
    # A word that each text has once is there twice.
    worth = {word: next((value for most, value in RARE if count <= most), 1) for word, count in counts.items()}

    def row(text: Sequence[str], table: dict[str, int]) -> Row:
        return np.array([table[word] for word in text], np.int32)

    return _Texts(row(written, numbers), row(said, numbers), row(written, stem_of), row(said, stem_of), row(written, worth))


def _stem(word: str) -> str:
    return f"{word[:STEM]}~" if len(word) > STEM and word.isalpha() else word


def _score(texts: _Texts, step: tuple[int, int]) -> int:
    i, j = step
    if i < 0 or j < 0:
        return -GAP
    if texts.a[i] == texts.b[j]:
        return int(texts.worth[i])
    return int(texts.worth[i]) // 2 if texts.stems_a[i] == texts.stems_b[j] else -OTHER


def _path(texts: _Texts, row: int, column: int) -> list[tuple[int, int]]:
    """The best alignment as steps: (written, said), -1 where a word has no partner. Numbers begin at `row` and `column`."""
    n, m = len(texts.a), len(texts.b)
    if n * m <= WHOLE or n == 1:
        return [(i + row if i >= 0 else -1, j + column if j >= 0 else -1) for i, j in _traced(texts)]
    half = n // 2
    before = _last_row(texts.part(slice(half), slice(None)))
    after = _last_row(texts.part(slice(None, half - 1, -1), slice(None, None, -1)))
    split = int(np.argmax(before + after[::-1]))
    upper = _path(texts.part(slice(half), slice(split)), row, column)
    return upper + _path(texts.part(slice(half, None), slice(split, None)), row + half, column + split)


def _next_row(above: Row, worths: Row, slope: Row) -> Row:
    row = np.empty_like(above)
    row[0] = above[0] - GAP
    row[1:] = np.maximum(above[:-1] + worths, above[1:] - GAP)
    return np.maximum.accumulate(row + slope) - slope


def _last_row(texts: _Texts) -> Row:
    slope = GAP * np.arange(len(texts.b) + 1, dtype=np.int32)
    row = -slope
    for i in range(len(texts.a)):
        row = _next_row(row, texts.worths(i), slope)
    return row


def _traced(texts: _Texts) -> list[tuple[int, int]]:
    slope = GAP * np.arange(len(texts.b) + 1, dtype=np.int32)
    table = np.empty((len(texts.a) + 1, len(texts.b) + 1), np.int32)
    table[0] = -slope
    for i in range(len(texts.a)):
        table[i + 1] = _next_row(table[i], texts.worths(i), slope)
    steps = []
    i, j = len(texts.a), len(texts.b)
    while i or j:
        if i and j and table[i, j] == table[i - 1, j - 1] + _score(texts, (i - 1, j - 1)):
            i, j = i - 1, j - 1
            steps.append((i, j))
        elif i and table[i, j] == table[i - 1, j] - GAP:
            i -= 1
            steps.append((i, -1))
        else:
            j -= 1
            steps.append((-1, j))
    return steps[::-1]


def _stretches(scores: Sequence[int]) -> list[tuple[int, int, int]]:
    """All maximal stretches of positive worth, in order: (begin, end, worth)."""
    found: list[tuple[int, int, int, int]] = []
    """(begin, end, sum before, sum with it)."""
    total = 0
    for n, score in enumerate(scores):
        total += score
        if score <= 0:
            continue
        begin, before = n, total - score
        while True:
            left = next((k for k in range(len(found) - 1, -1, -1) if found[k][2] < before), None)
            if left is None or found[left][3] >= total:
                break
            begin, before = found[left][0], found[left][2]
            del found[left:]
        found.append((begin, n + 1, before, total))
    return [(begin, end, after - before) for begin, end, before, after in found]
