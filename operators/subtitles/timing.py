"""When a cue comes and goes: with its words, for as long as it takes to read, onto the cuts of the picture, without small gaps."""

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

from operators.subtitles.styles import Rules
from operators.timeline import ZERO

SHORTEST = Fraction(1, 25)
"""Of a cue whose words began too late to be shown."""


@dataclass(frozen=True, slots=True)
class Said:
    """The words of a cue, from when to when, and how long it has to be shown."""

    start: Fraction
    end: Fraction
    needed: Fraction


def comes(said: Said, before: Fraction | None, cuts: Sequence[Fraction], rules: Rules) -> Fraction:
    """In-time of a cue. `before`: end of the words before it.

    It comes as soon as a cut that is less than `snap` before it, where the words before are over but for a sound; and half of that
    late, with the cut, where the words themselves still give the time to read it.
    """
    near = cuts[bisect_left(cuts, said.start - rules.snap) : bisect_right(cuts, said.start + rules.snap / 2)]
    early = [c for c in near if c <= said.start and (before is None or c + slip(rules) >= before)]
    late = [c for c in near if c > said.start and said.end - c >= said.needed]
    return early[-1] if early else late[0] if late else said.start


def goes(said: Said, start: Fraction, follows: Fraction | None, cuts: Sequence[Fraction], rules: Rules) -> Fraction:
    """Out-time of a cue that came at `start`. `follows`: in-time of the next.

    It is never earlier than the least gap before the last word ends; at a cut, what may slip earlier.
    """
    latest = start + rules.longest if follows is None else min(follows - rules.gap, start + rules.longest)
    read = min(start + said.needed, max(said.end + rules.after, start + rules.shortest))
    end = _onto_cut(said, start, min(max(said.end, read), latest), latest, cuts, rules)
    if follows is not None and ZERO < follows - end < rules.closed:
        end = max(end, min(follows - rules.gap, start + rules.longest))
    slips = bisect_left(cuts, said.end - slip(rules)) < bisect_right(cuts, said.end)
    end = max(end, said.end - rules.gap - (slip(rules) if slips else 0))
    return end if end > start else start + max(rules.gap, SHORTEST)


def slip(rules: Rules) -> Fraction:
    """How much of a last word may still be heard when its cue goes with a cut."""
    return rules.snap / 4


def _onto_cut(said: Said, start: Fraction, end: Fraction, latest: Fraction, cuts: Sequence[Fraction], rules: Rules) -> Fraction:
    """`end`, moved onto a cut that is near: up to it, or back to it, or so far over it that nobody sees the two as one."""
    for cut in cuts[bisect_right(cuts, max(start, end - rules.snap)) : bisect_right(cuts, end + rules.snap)]:
        before, after = cut - rules.gap, cut + rules.snap
        if cut >= end and said.end - rules.gap <= before <= latest:
            return before
        if cut < end and said.end <= cut + slip(rules) and before - start >= said.needed:
            return before
        if cut < end and after <= latest:
            return after
    return end
