"""What subtitles break of the rules of a style: the same for those that are made here and for any others."""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise

from operators.facts import Shot
from operators.subtitles import breaks
from operators.subtitles.styles import WORD, Rules, Style
from operators.timeline import Span

RULES = {
    "line_length": "a line is longer than the style allows",
    "lines": "more lines than the style allows",
    "reading_speed": "shown for less time than it takes to read",
    "min_duration": "shown too shortly",
    "max_duration": "shown too long",
    "overlap": "begins before the one before it ends",
    "gap": "comes too soon after the one before it",
    "loose_gap": "a gap to the one before it that should be closed",
    "shot_cut": "comes or goes near a cut of the picture, not on it",
    "phrase_split": "a line ends between words that belong together",
    "empty": "holds no text",
}
"""Every rule that can be broken, and what that means."""
ROUNDING = Fraction(1, 500)
"""Times in files are rounded to milliseconds, each."""
OTHER_RATES = Fraction(1, 50)
"""Gaps are counted in frames: two of them are 80 ms at 25 a second, 67 at 30, 83 at 24."""
FRAME = Fraction(1, 20)
"""So near to a cut is on it: times in files are those of frames."""


@dataclass(frozen=True, slots=True)
class Shown:
    """A cue as a viewer gets it."""

    span: Span
    lines: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Finding:
    """A cue, by its number from 1, that breaks rules."""

    number: int
    cue: Shown
    rules: tuple[str, ...]


def check(cues: Iterable[Shown], style: Style, language: str, cuts: Sequence[Fraction] = ()) -> list[Finding]:
    """The cues that break a rule, by their start. `cuts`: instants of cuts of the picture, in order."""
    rules, before, findings = style.rules(language), None, []
    for number, cue in enumerate(sorted(cues, key=lambda c: (c.span.start, c.span.end)), 1):
        if broken := broken_rules(cue, before, rules, language, cuts):
            findings.append(Finding(number, cue, broken))
        before = cue.span.end if before is None else max(before, cue.span.end)
    return findings


def broken_rules(cue: Shown, before: Fraction | None, rules: Rules, language: str, cuts: Sequence[Fraction]) -> tuple[str, ...]:
    """Names of the rules that a cue breaks, of `RULES`. `before`: when the one before it went."""
    width, words = measure(cue.lines, language)
    shown = cue.span.duration + ROUNDING
    gap = rules.closed if before is None else cue.span.start - before
    broken = {
        "line_length": any(breaks.width(line) > rules.line for line in cue.lines),
        "lines": len(cue.lines) > rules.lines,
        "reading_speed": rules.reading(width, words) > shown,
        "min_duration": rules.shortest > shown,
        "max_duration": cue.span.duration > rules.longest + ROUNDING,
        "overlap": gap < -ROUNDING,
        "gap": -ROUNDING <= gap < rules.gap - OTHER_RATES,
        "loose_gap": rules.gap + OTHER_RATES < gap < rules.closed - ROUNDING,
        "shot_cut": rules.snap > 0 and _misses_cut(cue.span, rules, cuts),
        "phrase_split": any(_parts_phrase(*pair, language) for pair in pairwise(cue.lines)),
        "empty": width == 0,
    }
    return tuple(name for name, is_broken in broken.items() if is_broken)


def cuts_of(shot: Shot) -> list[Fraction]:
    """The instants at which a shot begins or ends with a cut."""
    return [at for at, how in ((shot.start, shot.opens_with), (shot.end, shot.closes_with)) if how == "cut"]


def measure(lines: Sequence[str], language: str) -> tuple[int, Fraction]:
    """Columns and words of a text, line breaks as the spaces that they stand for."""
    space = breaks.space(language)
    text = space.join(lines)
    width = breaks.width(text)
    return width, Fraction(len(text.split())) if space else Fraction(width, WORD)


def _misses_cut(span: Span, rules: Rules, cuts: Sequence[Fraction]) -> bool:
    """A cue should not come less than `snap` after a cut, nor half of that before it; the other way round where it goes."""
    for cut in _near(cuts, span.start, rules):
        late = span.start - cut
        if (FRAME < late < rules.snap or FRAME < -late <= rules.snap / 2) and span.end > cut:
            return True
    for cut in _near(cuts, span.end, rules):
        over = span.end - cut
        if (FRAME < over < rules.snap or FRAME + rules.gap < -over <= rules.snap) and span.start < cut:
            return True
    return False


def _near(cuts: Sequence[Fraction], instant: Fraction, rules: Rules) -> Sequence[Fraction]:
    return cuts[bisect_left(cuts, instant - rules.snap) : bisect_right(cuts, instant + rules.snap)]


def _parts_phrase(upper: str, lower: str, language: str) -> bool:
    last, first = upper.split()[-1:], lower.split()[:1]
    return bool(last and first) and breaks.cost(last[0], first[0], language, False) == breaks.CLINGING
