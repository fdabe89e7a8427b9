"""Words to cues: the cheapest way to cut a passage under the rules of a style, found while the words still come.

Every way to cut is priced: how well cues and lines break (`breaks`), how evenly they are filled, whether they go over a cut of the
picture, and, above all else, the rules that they break; the cheapest is found by dynamic programming (as Knuth and Plass break
paragraphs, 1981). Once every way that may still win begins with the same cue, that cue is certain, however the passage goes on.

Prices are whole numbers, hundredths of what a cue costs for its length: sums of them are exact, so that a passage taken up in the
middle is cut as one that was followed from its beginning.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from fractions import Fraction
from itertools import pairwise

from operators.facts import Word
from operators.subtitles import breaks
from operators.subtitles.styles import WORD, Rules

CUE = 300
"""What a cue costs by itself, so that there are few."""
BROKEN, TOO_FAST, TOO_SHORT, PARTED = 10_000, 3000, 2000, 1500
"""A rule that is broken; times the share by which it is; words that belong together, parted."""
TWO_SENTENCES, PART_SENTENCE = 200, 450
"""A sentence that ends inside a cue, where the cue ends with another, or in the middle of one."""
HESITATION, PAUSE = 0.5, 600
"""Seconds from which a pause inside a cue costs, and what each costs."""
OVER_CUT = 700
"""A cut of the picture inside a cue."""
UNEVEN_LINES, TOP_HEAVY, LINE_BREAK, EMPTINESS = 250, 50, 0.4, 200
"""Lines of one and no length; an upper line that is longer; times the cost of the break between the lines; an empty cue."""
NEVER = 1 << 60


class Passage:
    """Words of one speaker in one language, in order and without a pause that would end a cue."""

    def __init__(self, rules: Rules, language: str) -> None:
        self.words: list[Word] = []
        self.cuts: list[int] = []
        """Of the picture, before each word."""
        self.start: Fraction | None = None
        """Of the word that begins first."""
        self._rules, self._language = rules, language
        self._space = len(breaks.space(language))
        self._speed, self._word_s = float(rules.characters_per_s), float(rules.word_s)
        self._shortest, self._longest = float(rules.shortest), float(rules.longest)
        self._gap, self._after_s = float(rules.gap), float(rules.after)
        self._closed = float(rules.closed - rules.gap)
        self._starts: list[float] = []
        self._ends: list[float] = []
        self._breaks: list[int] = []
        """What a break behind each word costs, but for the last."""
        self._columns, self._pauses, self._sentences, self._cuts = [0], [0], [0], [0]
        """Sums over the words before each: columns, each with its space; of pauses behind; of ends of sentences; of cuts before."""
        self._best, self._back = [0], [0]
        """For every place but the last: the least cost of the cues before it, and where the last of these begins."""

    def add(self, word: Word, cuts: int = 0) -> None:
        """The next word; `cuts`: of the picture between its start and that of the word before."""
        if self.words:
            last = self.words[-1]
            self._breaks.append(breaks.cost(last.text, word.text, self._language, last.segment_id != word.segment_id))
            silence = float(word.start) - self._ends[-1]
            self._pauses.append(self._pauses[-1] + (int(PAUSE * silence) if silence >= HESITATION else 0))
            self._sentences.append(self._sentences[-1] + (self._breaks[-1] == breaks.SENTENCE))
        self.words.append(word)
        self.start = word.start if self.start is None else min(self.start, word.start)
        self._starts.append(float(word.start))
        self._ends.append(float(word.end))
        self._columns.append(self._columns[-1] + breaks.width(word.text) + self._space)
        self.cuts.append(cuts)
        self._cuts.append(self._cuts[-1] + cuts)
        if len(self.words) > 1:
            best, back = self._reach(len(self.words) - 1)
            self._best.append(best)
            self._back.append(back)

    def certain(self) -> list[int]:
        """Ends of the cues at its beginning that are the same however it goes on: word numbers, each the first of the next cue."""
        count = len(self.words)
        ways = [self._way(i) for i in self._last_cues(count)]
        same = 0
        while all(len(w) > same for w in ways) and len({w[same] for w in ways}) == 1:
            same += 1
        return ways[0][:same] if count else []

    def drop(self, end: int) -> None:
        """Forget the words before place `end`, not all there are, where a cue certainly ends: what is worked out for the others stays."""
        for row in (self.words, self.cuts, self._starts, self._ends, self._breaks, self._best):
            del row[:end]
        for sums in (self._columns, self._pauses, self._sentences, self._cuts):
            del sums[:end]
        self._back = [max(0, back - end) for back in self._back[end:]]
        self.start = min(w.start for w in self.words)

    def first(self) -> int:
        """End of the first cue of the way that is the cheapest so far: for a passage that gets too long to wait for certainty."""
        return self._way(len(self.words) - 1)[0]

    def all(self) -> list[int]:
        """Ends of all its cues, where nothing follows."""
        count = len(self.words)
        return [*self._way(self._reach(count)[1]), count]

    def lines(self, i: int, j: int) -> tuple[str, ...]:
        """The words from i to before j, in as few lines as hold them."""
        borders = [i, *self._layout(i, j, self._rules.lines)[1], j]
        return tuple((" " * self._space).join(w.text for w in self.words[a:b]) for a, b in pairwise(borders))

    def _width(self, i: int, j: int) -> int:
        return self._columns[j] - self._columns[i] - self._space

    def _way(self, end: int) -> list[int]:
        ends = []
        while end > 0:
            ends.append(end)
            end = self._back[end]
        return ends[::-1]

    def _reach(self, j: int) -> tuple[int, int]:
        """The least cost of the cues before place j, and where the last of these begins."""
        best, back = NEVER, 0
        for i in self._last_cues(j):
            cost = self._best[i] + CUE
            if cost < best:
                cost = self._best[i] + self._cost(i, j)
            if cost < best and i < j - 1:
                cost += self._layout(i, j, self._rules.lines)[0]
            if cost < best:
                best, back = cost, i
        return best, back

    def _last_cues(self, j: int) -> Iterator[int]:
        """Where a cue that ends before place j may begin. One of a single word always may be."""
        for i in range(j - 1, -1, -1):
            if i < j - 1 and (self._ends[j - 1] - self._starts[i] > self._longest or not self._fits(i, j)):
                return
            yield i

    def _fits(self, i: int, j: int) -> bool:
        """Whether the lines can hold the words, each line filled as far as it goes."""
        reach = self._rules.line + self._space
        for _ in range(self._rules.lines):
            i = bisect_right(self._columns, self._columns[i] + reach, i, j + 1) - 1
        return i >= j

    def _cost(self, i: int, j: int) -> int:
        """What a cue costs but for its lines."""
        follows = j < len(self.words)
        width, start, spoken = self._width(i, j), self._starts[i], self._ends[j - 1]
        until = max(spoken + self._after_s, start + self._shortest)
        if follows and self._starts[j] - self._gap - until < self._closed:
            until = self._starts[j] - self._gap
        words = j - i if self._space else width / WORD
        reading = max(width / self._speed, words * self._word_s)
        shown = max(min(max(spoken, start + max(reading, self._shortest)), until) - start, 0.001)
        cost = CUE
        if reading > shown + 0.001:
            cost += BROKEN + int(TOO_FAST * min(reading / shown - 1, 10))
        if self._shortest > shown + 0.001:
            cost += BROKEN + int(TOO_SHORT * (1 - shown / self._shortest))
        if follows and until - start > self._longest and until - start - shown < self._closed:
            cost += BROKEN  # what follows comes too soon for a gap, and too late for this to stay until then
        empty = 1 - width / (self._rules.lines * self._rules.line)
        cost += int(EMPTINESS * empty * empty) if empty > 0 else 0
        cost += self._pauses[j - 1] - self._pauses[i] + OVER_CUT * (self._cuts[j] - self._cuts[i + 1])
        behind = self._breaks[j - 1] if follows else breaks.SENTENCE
        sentences = self._sentences[j - 1] - self._sentences[i]
        cost += sentences * (TWO_SENTENCES if behind == breaks.SENTENCE else PART_SENTENCE)
        return cost + behind + (PARTED if behind == breaks.CLINGING else 0)

    def _layout(self, i: int, j: int, lines: int) -> tuple[int, tuple[int, ...]]:
        """(cost, the first word of each line but the first): `NEVER` where so many lines can not hold the words."""
        width, line = self._width(i, j), self._rules.line
        if width <= line:
            return 0, ()
        best: tuple[int, tuple[int, ...]] = (NEVER, ())
        if lines == 1:
            return best
        columns, space = self._columns, self._space
        least = bisect_left(columns, columns[j] - (lines - 1) * (line + space), i + 1, j) if lines == 2 else i + 1
        most = bisect_right(columns, columns[i] + line + space, i + 1, j)
        for k in range(least, most):
            below, rest = self._layout(k, j, lines - 1) if lines > 2 else (0, ())
            upper, lower = columns[k] - columns[i] - space, columns[rest[0] if rest else j] - columns[k] - space
            uneven = UNEVEN_LINES * abs(upper - lower) // line + (TOP_HEAVY if upper > lower else 0)
            behind = self._breaks[k - 1]
            cost = below + int(LINE_BREAK * behind) + uneven + (PARTED if behind == breaks.CLINGING else 0)
            if cost < best[0]:
                best = cost, (k, *rest)
        return best
