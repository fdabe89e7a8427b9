"""Times of the written words that were not heard, from those around them."""

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from typing import Literal

from operators.facts import Word
from operators.subtitles.formats.cue import Cue
from operators.subtitles.retiming.clock import ClockFit
from operators.subtitles.retiming.text import Token
from operators.subtitles.spreading import over
from operators.timeline import ZERO, Span, from_ms

ALIKE = 3
"""Times as many other words that may be heard in the place of written ones."""
LETTER = Fraction(1, 12)
"""A written word that was not heard takes so long a letter, where there is room."""


@dataclass(frozen=True, slots=True)
class Timed:
    """A written word and when it is said."""

    token: Token
    span: Span


@dataclass(frozen=True, slots=True)
class Spoken:
    """A written word that was heard."""

    span: Span
    first: int
    last: int
    """Heard words."""


@dataclass(frozen=True, slots=True)
class Placed:
    words: list[Timed]
    others: set[int]
    """Cues in the place of which other words are heard."""


class Placing:
    """Times of the words that were not heard, from those around them."""

    def __init__(self, cues: Sequence[Cue], tokens: Sequence[Token], said: Sequence[Word], clock: ClockFit) -> None:
        self._cues, self._tokens, self._said, self._clock = cues, tokens, said, clock

    def place(self, spoken: dict[int, Spoken]) -> Placed:
        words: dict[int, Span] = {n: s.span for n, s in spoken.items()}
        others: set[int] = set()
        known = [-1, *sorted(spoken), len(self._tokens)]
        for before, after in pairwise(known):
            run = range(before + 1, after)
            if run:
                filled = self._fill(run, spoken.get(before), spoken.get(after), others)
                words |= {n: _until(span, spoken.get(after)) for n, span in filled.items()}
        return Placed([Timed(token, words[n]) for n, token in enumerate(self._tokens)], others)

    def _fill(self, run: range, before: Spoken | None, after: Spoken | None, others: set[int]) -> dict[int, Span]:
        """Times for the words of `run`, none of which was heard."""
        speakable = [n for n in run if self._tokens[n].keys]
        heard = self._said[before.last + 1 if before else 0 : after.first if after else len(self._said)]
        if before and after and heard and len(speakable) <= ALIKE * len(heard) and len(heard) <= ALIKE * len(speakable):
            others |= {self._tokens[n].cue for n in speakable}
            return self._over(run, heard)
        left = [n for n in run if before and self._tokens[n].cue == self._tokens[run.start - 1].cue]
        right = [n for n in run if after and self._tokens[n].cue == self._tokens[run.stop].cue and n not in left]
        spans: dict[int, Span] = {}
        limits: list[Fraction | None] = [before.span.end if before else None, after.span.start if after else None]
        if left and before:
            spans |= self._beside(left, before.span.end, limits[1], 1)
            limits[0] = spans[left[-1]].end
        if right and after:
            spans |= self._beside(right, after.span.start, limits[0], -1)
            limits[1] = spans[right[0]].start
        middle = [n for n in run if n not in spans]
        return spans | self._kept(middle, *limits)

    def _over(self, run: range, heard: Sequence[Word]) -> dict[int, Span]:
        """Over the time in which something else is heard, by their letters, pauses left out."""
        return dict(zip(run, over([len(self._tokens[n].text) for n in run], heard), strict=True))

    def _beside(self, run: Sequence[int], at: Fraction, limit: Fraction | None, way: Literal[1, -1]) -> dict[int, Span]:
        """In one go behind `at` (or, the other way, before it), up to half of what is left until `limit`."""
        letters = sum(len(self._tokens[n].text) + 1 for n in run)
        length = letters * LETTER
        if limit is not None:
            length = max(ZERO, min(length, abs(limit - at) / (1 if way > 0 else 2)))
        length = length if way > 0 else min(length, at)
        begin = at if way > 0 else at - length
        spans, done = {}, 0
        for n in run:
            more = done + len(self._tokens[n].text) + 1
            spans[n] = Span(begin + length * Fraction(done, letters), begin + length * Fraction(more, letters))
            done = more
        return spans

    def _kept(self, run: Sequence[int], since: Fraction | None, until: Fraction | None) -> dict[int, Span]:
        """Where the clock of the subtitles has them, closer together where that does not fit between their neighbours."""
        if not run:
            return {}
        starts = [self._clock.at(written(self._cues, self._tokens[n], self._tokens[n].at[0])) for n in run]
        ends = [self._clock.at(written(self._cues, self._tokens[n], self._tokens[n].at[1])) for n in run]
        first, last = starts[0], max(ends)
        begin = max(ZERO, first if since is None else max(first, since))
        end = last if until is None else min(last, until)
        if end - begin < last - first:
            # Moved as a whole where there is room, else pressed together.
            room = (until if until is not None else last + begin - first) - (since if since is not None else ZERO)
            length = max(ZERO, min(last - first, room))
            begin = begin if until is None else max(min(begin, until - length), since or ZERO)
            scale = length / (last - first) if last > first else ZERO
            starts, ends = ([begin + (t - first) * scale for t in times] for times in (starts, ends))
        return {n: Span(max(ZERO, s), max(ZERO, s, e)) for n, s, e in zip(run, starts, ends, strict=True)}


def _until(span: Span, after: Spoken | None) -> Span:
    """What was heard stays where it is: nothing before it goes into it."""
    return span if after is None else Span(min(span.start, after.span.start), min(span.end, after.span.start))


def written(cues: Sequence[Cue], token: Token, share: float) -> Fraction:
    """When a word stands on the screen, as if a cue were spoken evenly while it is shown."""
    cue = cues[token.cue]
    return from_ms(cue.start_ms) + from_ms(max(0, cue.end_ms - cue.start_ms)) * Fraction(share).limit_denominator(10_000)
