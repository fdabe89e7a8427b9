"""Words over the time in which others are heard."""

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from fractions import Fraction

from operators.facts import Word
from operators.timeline import ZERO, Span

SHORTEST = Fraction(1, 25)


def over(lengths: Sequence[int], heard: Sequence[Word]) -> list[Span]:
    """Spans for words of so many letters over the time of `heard`, in proportion, pauses left out."""
    ends = [ZERO]
    for word in heard:
        ends.append(ends[-1] + max(word.end - word.start, SHORTEST))
    spans: list[Span] = []
    done, total = 0, max(1, sum(lengths))
    for length in lengths:
        places = [ends[-1] * Fraction(done + k, total) for k in (0, length)]
        k = min(bisect_right(ends, places[0]) - 1, len(heard) - 1)
        last = max(k, min(bisect_left(ends, places[1]) - 1, len(heard) - 1))
        start = heard[k].start + places[0] - ends[k]
        spans.append(Span(start, max(start, min(heard[last].start + places[1] - ends[last], heard[-1].end))))
        done += length
    return spans
