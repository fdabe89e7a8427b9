"""Words to cues: the cheapest way to cut a passage under the rules of a style, found while the words still come.

Every way to cut is priced: how well cues and lines break (`breaks`), how evenly they are filled, and how far reading speed and
durations are from the rules; the cheapest is found by dynamic programming (as Knuth and Plass break paragraphs, 1981). Once every
way that may still win begins with the same cue, that cue is certain, however the passage goes on.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from math import inf

from operators.facts import Word
from operators.subtitles import breaks
from operators.timeline import ZERO, Span

CUE = 3.0
"""What a cue costs by itself, so that there are few."""
TOO_FAST, TOO_SHORT = 30.0, 20.0
"""Times the share by which the rule is broken."""
TWO_SENTENCES, PART_SENTENCE = 2.0, 4.5
"""A sentence that ends inside a cue, where the cue ends with another, or in the middle of one."""
HESITATION, PAUSE = 0.5, 6.0
"""Seconds from which a pause inside a cue costs, and what each costs."""
UNEVEN_LINES, TOP_HEAVY, LINE_BREAK, EMPTINESS = 2.5, 0.5, 0.4, 2.0
"""Lines of one and no length; an upper line that is longer; times the cost of the break between the lines; an empty cue."""


@dataclass(frozen=True, slots=True)
class Rules:
    """A delivery style; times in seconds."""

    characters_per_s: Fraction
    line: int
    """Most characters in a line; there are two lines."""
    shortest: Fraction
    longest: Fraction
    gap: Fraction
    """Least time between two cues."""
    closed: Fraction
    """A gap shorter than this is closed to the least."""
    pause: Fraction
    """No cue goes over a pause as long as this, and none stays into it longer."""


class Passage:
    """Words of one speaker in one language, in order and without a pause that would end a cue. At least one."""

    def __init__(self, words: Sequence[Word], rules: Rules) -> None:
        self.words = words
        self._rules = rules
        self._space = breaks.space(words[0].language)
        self._starts = [float(w.start) for w in words]
        self._ends = [float(w.end) for w in words]
        self._widths = [breaks.width(w.text) for w in words]
        self._layouts: dict[tuple[int, int], tuple[float, int]] = {}
        self._breaks = [breaks.cost(a.text, b.text, a.language, a.segment_id != b.segment_id) for a, b in pairwise(words)]

    def certain(self) -> list[int]:
        """Ends of the cues at its beginning that are the same however it goes on: word numbers, each the first of the next cue."""
        count = len(self.words)
        best, back = self._best(count - 1)
        ways = [_way(back, i) for i in range(count) if best[i] < inf and self._fits(i, count)]
        same = 0
        while all(len(w) > same for w in ways) and len({w[same] for w in ways}) == 1:
            same += 1
        return ways[0][:same]

    def first(self) -> int:
        """End of the first cue of the way that is the cheapest so far: for a passage that gets too long to wait for certainty."""
        _, back = self._best(len(self.words) - 1)
        return _way(back, len(self.words) - 1)[0]

    def all(self) -> list[int]:
        """Ends of all its cues, where nothing follows."""
        _, back = self._best(len(self.words))
        return _way(back, len(self.words))

    def lines(self, i: int, j: int) -> tuple[str, ...]:
        """The words from i to before j, as one line or two."""
        _, k = self._layout(i, j)
        rows = [self.words[i:k], self.words[k:j]] if k else [self.words[i:j]]
        return tuple(self._join(row) for row in rows)

    def text(self, i: int, j: int) -> str:
        return self._join(self.words[i:j])

    def width(self, i: int, j: int) -> int:
        return sum(self._widths[i:j]) + (j - i - 1) * len(self._space)

    def _join(self, words: Sequence[Word]) -> str:
        return self._space.join(w.text for w in words)

    def _best(self, last: int) -> tuple[list[float], list[int]]:
        """For every place up to `last`: the least cost of the cues before it, and where the last of these begins."""
        best, back = [0.0] + [inf] * last, [0] * (last + 1)
        for j in range(1, last + 1):
            for i in range(j - 1, -1, -1):
                if not self._fits(i, j):
                    break
                cost = best[i] + self._cost(i, j)
                if cost < best[j]:
                    best[j], back[j] = cost, i
        return best, back

    def _fits(self, i: int, j: int) -> bool:
        """A cue of one word always may be."""
        in_time = self._ends[j - 1] - self._starts[i] <= self._rules.longest
        return j - i == 1 or (in_time and self._layout(i, j)[0] < inf)

    def _cost(self, i: int, j: int) -> float:
        rules, follows = self._rules, j < len(self.words)
        width = self.width(i, j)
        until = min(self._starts[j] if follows else inf, self._ends[j - 1] + float(rules.pause)) - float(rules.gap)
        needed = max(float(rules.shortest), width / float(rules.characters_per_s))
        shown = max(min(max(self._ends[j - 1], self._starts[i] + needed), until) - self._starts[i], 0.001)
        cost = CUE + self._layout(i, j)[0] if j - i > 1 else CUE
        cost += self._breaks[j - 1] if follows else 0.0
        cost += TOO_FAST * max(0.0, width / shown / float(rules.characters_per_s) - 1)
        cost += TOO_SHORT * max(0.0, 1 - shown / float(rules.shortest))
        cost += EMPTINESS * max(0.0, 1 - width / (2 * rules.line)) ** 2
        sentence_inside = PART_SENTENCE if follows and self._breaks[j - 1] != breaks.SENTENCE else TWO_SENTENCES
        for k in range(i, j - 1):
            silence = self._starts[k + 1] - self._ends[k]
            cost += PAUSE * silence if silence >= HESITATION else 0.0
            cost += sentence_inside if self._breaks[k] == breaks.SENTENCE else 0.0
        return cost

    def _layout(self, i: int, j: int) -> tuple[float, int]:
        """(cost, first word of the second line or 0): infinite where two lines can not hold the words."""
        if (i, j) in self._layouts:
            return self._layouts[i, j]
        best = (inf, 0) if self.width(i, j) > self._rules.line else (0.0, 0)
        for k in range(i + 1, j if best[0] else i):
            upper, lower = self.width(i, k), self.width(k, j)
            if max(upper, lower) <= self._rules.line:
                uneven = UNEVEN_LINES * abs(upper - lower) / self._rules.line + (TOP_HEAVY if upper > lower else 0.0)
                best = min(best, (LINE_BREAK * self._breaks[k - 1] + uneven, k))
        self._layouts[i, j] = best
        return best


def timed(words: Sequence[Word], width: int, follows: Fraction | None, before: Fraction | None, rules: Rules) -> Span:
    """When a cue is shown. It stays for as long as it takes to read, where the next word, at `follows`, leaves the time; short gaps
    are closed. `before`: end of the cue before it. It never ends earlier than the least gap before its last word does."""
    start = words[0].start if before is None else max(words[0].start, before + rules.gap)
    spoken = max(w.end for w in words)
    limit = spoken + rules.pause if follows is None else min(follows, spoken + rules.pause)
    needed = start + max(rules.shortest, width / rules.characters_per_s)
    end = min(max(spoken, needed), limit - rules.gap)
    if follows is not None and ZERO < follows - end < rules.closed:
        end = max(end, min(follows - rules.gap, start + rules.longest))
    end = max(end, spoken - rules.gap)
    return Span(start, end if end > start else start + rules.gap)


def violations(span: Span, lines: Sequence[str], width: int, rules: Rules) -> tuple[str, ...]:
    """Names of the rules that a cue breaks."""
    broken = {
        "reading_speed": width > rules.characters_per_s * span.duration,
        "line_length": any(breaks.width(line) > rules.line for line in lines),
        "min_duration": span.duration < rules.shortest,
        "max_duration": span.duration > rules.longest,
    }
    return tuple(name for name, is_broken in broken.items() if is_broken)


def _way(back: list[int], end: int) -> list[int]:
    ends = []
    while end > 0:
        ends.append(end)
        end = back[end]
    return ends[::-1]
