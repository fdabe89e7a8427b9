"""Fades out to black or white and in from it, and cuts to and from such a stretch."""

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from statistics import median
from typing import TypeAlias

from operators.protocols import State
from operators.timeline import exact
from operators.vision.changes import Step
from operators.vision.cuts import same
from operators.vision.views import View

LONGEST_BLANK = Fraction(2)
"""A black or white stretch up to this long lies between two shots; a longer one is a shot of its own."""
SHORTEST_BLANK = Fraction(1, 2)
"""Between two hard cuts, a shorter one is no shot of its own."""
_RISE = 0.004
"""Least step of a fade from view to view, in 0-1 of luma."""


@dataclass(frozen=True, slots=True)
class Border:
    """One shot ends here and the next begins; `at` is the instant of a view."""

    at: Fraction
    kind: str
    """cut | fade"""
    score: float


@dataclass(frozen=True, slots=True)
class FadeBegins:
    at: Fraction
    score: float


@dataclass(frozen=True, slots=True)
class FadeEnds:
    at: Fraction


Found: TypeAlias = Border | FadeBegins | FadeEnds


@dataclass(slots=True)
class _Run:
    """A stretch of blank views that goes on."""

    colour: str
    start: Fraction
    entry: str
    """start (of the stream) | cut | fade | faded (a fade out of the other colour ended here)"""
    said: bool = False
    """It has lasted so long that its beginning was said."""


class Fades:
    """The blank stretches of one stream, and the fade that goes on out of one."""

    def __init__(self) -> None:
        self._run: _Run | None = None
        self._rising: str | None = None
        """The colour out of which the picture is fading in."""

    @property
    def goes_on(self) -> bool:
        return self._run is not None

    @property
    def rising(self) -> bool:
        return self._rising is not None

    @property
    def since(self) -> Fraction | None:
        """Where a blank stretch began of which nothing was said yet."""
        return self._run.start if self._run and not self._run.said else None

    def decide(self, steps: Sequence[Step], i: int, first: int) -> list[Found]:
        """What is to be said of view i; `first` is the index of the first view after the last border or fade."""
        view = steps[i].view
        found: list[Found] = []
        if self._run and view.blank != self._run.colour:
            found += self._leave(steps, i)
        if view.blank and self._run is None:
            found += self._enter(steps, i, first)
        elif self._run and not self._run.said and view.at - self._run.start >= LONGEST_BLANK:
            found += self._say_beginning(self._run, fade_ends=True)
            self._run.said = True
        elif self._rising and not found and _is_risen(steps, i, self._rising, 0.1):
            found += self.cut_off(view.at)
        return found

    def cut_off(self, at: Fraction) -> list[Found]:
        """The fade in, if there is one, ends here."""
        rising, self._rising = self._rising, None
        return [FadeEnds(at)] if rising else []

    def close(self, steps: Sequence[Step]) -> list[Found]:
        run, self._run = self._run, None
        if run and not run.said:
            return self._say_beginning(run, fade_ends=True)
        return self.cut_off(steps[-1].view.at) if steps else []

    def snapshot(self) -> State:
        run = self._run
        return {"run": run and [run.colour, exact(run.start), run.entry, run.said], "rising": self._rising}

    def restore(self, state: State) -> None:
        self._rising = state["rising"]
        if state["run"]:
            colour, start, entry, said = state["run"]
            self._run = _Run(colour, Fraction(start), entry, said)

    def _enter(self, steps: Sequence[Step], i: int, first: int) -> list[Found]:
        view = steps[i].view
        assert view.blank
        if steps[i].change is None or view.at == steps[first].view.at:
            self._run = _Run(view.blank, view.at, "start")
            return []
        ended = self.cut_off(view.at)
        if ended and _depth(steps[i - 1].view, view.blank) < 0.5:  # from black to white, or back: one fade follows on the other
            self._run = _Run(view.blank, view.at, "faded")
            return ended
        onset = _onset(steps, i, first)
        self._run = _Run(view.blank, view.at, "cut" if onset is None else "fade")
        return ended if onset is None else [*ended, FadeBegins(steps[onset].view.at, _depth_lost(steps, onset, i))]

    def _leave(self, steps: Sequence[Step], i: int) -> list[Found]:
        run, self._run = self._run, None
        assert run
        view = steps[i].view
        fading = bool(view.blank) or not _is_risen(steps, i, run.colour, 0.25)
        start = _index(steps, run.start)
        if run.entry == "cut" and not run.said and start > 0 and any(same(steps[start - 1], s) for s in steps[i:]):
            return []  # the camera was covered, blinded or switched: the same shot goes on
        if fading:
            self._rising = run.colour
            return self._fade_in(steps, i, run)
        if run.said or run.entry == "start":
            return [Border(view.at, "cut", 1.0)]
        short = view.at - run.start < SHORTEST_BLANK and run.entry == "cut"
        return [*([] if short else self._say_beginning(run, fade_ends=True)), Border(view.at, "cut", 1.0)]

    def _fade_in(self, steps: Sequence[Step], i: int, run: _Run) -> list[Found]:
        view = steps[i].view
        if run.entry in ("fade", "faded") and not run.said:
            middle = steps[_index(steps, (run.start + view.at) / 2)].view.at
            begins = [FadeBegins(run.start, 1.0)] if run.entry == "faded" else []
            return [*begins, Border(middle, "fade", 1.0)]
        said = [] if run.said else self._say_beginning(run, fade_ends=False)
        own = run.said or view.at - run.start >= LONGEST_BLANK
        begins = [FadeBegins(steps[_rise_from(steps, i, run)].view.at, 1.0)]
        return [*said, *begins, *([Border(view.at, "fade", 1.0)] if own else [])]

    def _say_beginning(self, run: _Run, fade_ends: bool) -> list[Found]:
        if run.entry == "start":
            return []
        ends: list[Found] = [FadeEnds(run.start)] if run.entry == "fade" and fade_ends else []
        return [*ends, Border(run.start, "cut" if run.entry == "cut" else "fade", 1.0)]


def _depth(view: View, colour: str) -> float:
    """How far a view is from all black or all white, 0-1."""
    return view.brightness if colour == "black" else 1 - view.brightness


def _onset(steps: Sequence[Step], i: int, first: int) -> int | None:
    """The view with which the fade out began that ends in the blank view i; None where there was none, but a cut."""
    colour = steps[i].view.blank
    assert colour
    depths = [_depth(s.view, colour) for s in steps[: i + 1]]
    falls = [a - b for a, b in pairwise(depths)]
    j = i
    while j > first and falls[j - 1] > _RISE:
        j -= 1
    usual = median(falls[(i + j) // 2 : i]) if j < i else 0.0
    while j < i and falls[j] < 0.35 * usual:
        j += 1
    steady = [s for s, depth in zip(steps[j + 1 : i], depths[j + 1 : i], strict=True) if depth < 0.6 * depths[j] and _follows(s)]
    return j if steady else None


def _follows(step: Step) -> bool:
    return step.change is not None and (step.change.same_place or step.view.flat)


def _depth_lost(steps: Sequence[Step], onset: int, i: int) -> float:
    colour = steps[i].view.blank
    assert colour
    return 1 - _depth(steps[i].view, colour) / max(_depth(steps[onset].view, colour), 1e-6)


def _is_risen(steps: Sequence[Step], i: int, colour: str, slack: float) -> bool:
    """Whether a picture that came out of `colour` is at full strength with view i: what follows is not stronger by more than `slack`."""
    strongest = (1 + slack) * _depth(steps[i].view, colour) + _RISE
    return all(_depth(s.view, colour) <= strongest and s.view.blank in (None, colour) for s in steps[i + 1 : i + 4])


def _rise_from(steps: Sequence[Step], i: int, run: _Run) -> int:
    j = i
    while j > 0 and steps[j - 1].view.at >= run.start and _depth(steps[j - 1].view, run.colour) < _depth(steps[j].view, run.colour) - 1e-3:
        j -= 1
    return j


def _index(steps: Sequence[Step], at: Fraction) -> int:
    return bisect_left(steps, at, key=lambda s: s.view.at)
