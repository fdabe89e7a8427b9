"""What subtitles break of the rules of a style: the same for those that are made here and for any others."""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cache
from itertools import pairwise

from operators.facts import Shot
from operators.subtitles import breaks
from operators.subtitles.styles import WORD, Rules, Style
from operators.timeline import ZERO, Span

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
FRAME = Fraction(1, 20)
"""So near to a cut is on it: times in files are those of frames."""


@dataclass(frozen=True, slots=True)
class Shown:
    """A cue as a viewer gets it."""

    span: Span
    lines: tuple[str, ...]
    language: str


@dataclass(frozen=True, slots=True)
class Finding:
    """A cue, by its number from 1, that breaks rules."""

    number: int
    cue: Shown
    rules: dict[str, str]
    """Those of `RULES`, and by how much: what was measured, of what the style allows."""


def check(cues: Iterable[Shown], style: Style, cuts: Sequence[Fraction] = ()) -> list[Finding]:
    """The cues that break a rule, each by the rules of its language, by their start. `cuts`: instants of cuts of the picture, in order."""
    rules_in, before, findings = cache(style.rules), None, []
    for number, cue in enumerate(sorted(cues, key=lambda c: (c.span.start, c.span.end)), 1):
        if broken := broken_rules(cue, before, rules_in(cue.language), cuts):
            findings.append(Finding(number, cue, broken))
        before = cue.span.end if before is None else max(before, cue.span.end)
    return findings


def broken_rules(cue: Shown, before: Fraction | None, rules: Rules, cuts: Sequence[Fraction]) -> dict[str, str]:
    """The rules that a cue breaks, of `RULES`, and by how much. `before`: when the one before it went."""
    width, words = measure(cue.lines, cue.language)
    widest = max(map(breaks.width, cue.lines), default=0)
    shown, needed = cue.span.duration + ROUNDING, rules.reading(width, words)
    gap = rules.closed if before is None else cue.span.start - before
    missed = _missed_cut(cue.span, rules, cuts) if rules.snap else None
    lasts, apart = f"{_seconds(cue.span.duration)} of", f"{_seconds(gap)} of {_seconds(rules.gap)} s"
    broken = {
        "line_length": (widest > rules.line, f"{widest} of {rules.line} columns"),
        "lines": (len(cue.lines) > rules.lines, f"{len(cue.lines)} of {rules.lines}"),
        "reading_speed": (needed > shown, f"{lasts} {_seconds(needed)} s"),
        "min_duration": (rules.shortest > shown, f"{lasts} {_seconds(rules.shortest)} s"),
        "max_duration": (cue.span.duration > rules.longest + ROUNDING, f"{lasts} {_seconds(rules.longest)} s"),
        "overlap": (gap < -ROUNDING, f"by {_seconds(-gap)} s"),
        "gap": (-ROUNDING <= gap < rules.gaps[0] - ROUNDING, apart),
        "loose_gap": (rules.gaps[1] + ROUNDING < gap < rules.closed - ROUNDING, apart),
        "shot_cut": (missed is not None, f"by {_seconds(abs(missed or ZERO))} s"),
        "phrase_split": (any(_parts_phrase(*pair, cue.language) for pair in pairwise(cue.lines)), ""),
        "empty": (width == 0, ""),
    }
    return {name: measured for name, (is_broken, measured) in broken.items() if is_broken}


def cuts_of(shot: Shot) -> list[Fraction]:
    """The instants at which a shot begins or ends with a cut."""
    return [at for at, how in ((shot.start, shot.opens_with), (shot.end, shot.closes_with)) if how == "cut"]


def measure(lines: Sequence[str], language: str) -> tuple[int, Fraction]:
    """Columns and words of a text, line breaks as the spaces that they stand for."""
    space = breaks.space(language)
    text = space.join(lines)
    width = breaks.width(text)
    return width, Fraction(len(text.split())) if space else Fraction(width, WORD)


def _missed_cut(span: Span, rules: Rules, cuts: Sequence[Fraction]) -> Fraction | None:
    """How far from a cut it comes or goes. A cue should not come less than `snap` after one, nor half of that before it; the other way
    round where it goes."""
    for cut in _near(cuts, span.start, rules):
        late = span.start - cut
        if (FRAME < late < rules.snap or FRAME < -late <= rules.snap / 2) and span.end > cut:
            return late
    for cut in _near(cuts, span.end, rules):
        over = span.end - cut
        if (FRAME < over < rules.snap or FRAME + rules.gap < -over <= rules.snap) and span.start < cut:
            return over
    return None


def _seconds(instant: Fraction) -> str:
    return f"{float(instant):.2f}"


def _near(cuts: Sequence[Fraction], instant: Fraction, rules: Rules) -> Sequence[Fraction]:
    return cuts[bisect_left(cuts, instant - rules.snap) : bisect_right(cuts, instant + rules.snap)]


def _parts_phrase(upper: str, lower: str, language: str) -> bool:
    last, first = upper.split()[-1:], lower.split()[:1]
    return bool(last and first) and breaks.cost(last[0], first[0], language, False) == breaks.CLINGING
