"""Which language is spoken in each part of a window: a stream may switch, but seldom does."""

import math
from collections.abc import Sequence
from itertools import groupby, pairwise

from operators.speech.whisper_text import TOKEN_RATE

LEAST_PART = 3 * TOKEN_RATE
"""In less sound than this the language is not heard well."""
SWITCH_COST = 2.5
"""Natural logarithm of how much less likely another language is than the same one, after a pause."""
LEAST_PROBABILITY = 1e-4

Part = tuple[int, int]
"""[first, last) of a window, in 1/TOKEN_RATE s."""


def parts_between(pauses: Sequence[int], ticks: int) -> list[Part]:
    """The sound between the pauses, in parts of at least LEAST_PART, or in one."""
    borders = [0]
    for pause in pauses:
        if pause - borders[-1] >= LEAST_PART and ticks - pause >= LEAST_PART:
            borders.append(pause)
    return list(pairwise([*borders, ticks]))


def one_after_another(parts: Sequence[Part], heard: Sequence[dict[str, float]]) -> list[tuple[int, int, str]]:
    """The likeliest sequence of languages (Viterbi 1967) by their probabilities in each part; neighbours of one language are joined."""
    codes = sorted({max(chances, key=lambda code: chances[code]) for chances in heard})
    scores = [{code: math.log(max(chances.get(code, 0.0), LEAST_PROBABILITY)) for code in codes} for chances in heard]
    total, before = scores[0], list[dict[str, str]]()
    for step in scores[1:]:
        came = {code: max(codes, key=lambda c: total[c] - SWITCH_COST * (c != code)) for code in codes}
        total = {code: step[code] + total[came[code]] - SWITCH_COST * (came[code] != code) for code in codes}
        before.append(came)
    path = [max(codes, key=lambda code: total[code])]
    for came in reversed(before):
        path.append(came[path[-1]])
    runs = groupby(zip(parts, reversed(path), strict=True), key=lambda pair: pair[1])
    joined = [(code, [part for part, _ in run]) for code, run in runs]
    return [(run[0][0], run[-1][1], code) for code, run in joined]
