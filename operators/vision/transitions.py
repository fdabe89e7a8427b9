"""Where one shot goes over into the next: hard cuts, fades through black or white, and dissolves.

A view is decided on once the views of the next `LOOK` seconds are there. So a flash, a passing object or a camera that switches
between day and night is not taken for another shot: what was there before is there again.
"""

from bisect import bisect_left
from fractions import Fraction

from operators.protocols import State
from operators.timeline import exact
from operators.vision.changes import Change, Step
from operators.vision.cuts import cut_score, interrupted
from operators.vision.dissolves import find_dissolve, ramp_middle
from operators.vision.fades import Border, FadeBegins, FadeEnds, Fades, Found
from operators.vision.views import View

LOOK = Fraction(1, 2)
CUT = 0.5
_KEPT = 40
"""Views kept: a fade's history, the longest dissolve, and what is not decided yet."""


class Transitions:
    """Takes the views of a stream without holes, in order, and says what it finds a little later."""

    def __init__(self) -> None:
        self._steps: list[Step] = []
        self._fades = Fades()
        self._decided = -1
        """Index in `_steps` of the last view that was decided on."""
        self._clear: Fraction | None = None
        """The first view after the last border or fade."""
        self._settled: Fraction | None = None

    def push(self, view: View) -> list[Found]:
        self._append(view)
        if self._clear is None:
            self._clear = view.at
        found: list[Found] = []
        while view.at - self._steps[self._decided + 1].view.at >= LOOK:
            found += self._decide_next()
        self._settle()
        return found

    def close(self) -> list[Found]:
        """Nothing follows: decide with what is there."""
        found: list[Found] = []
        while self._decided + 1 < len(self._steps):
            found += self._decide_next()
        return found + self._note(self._fades.close(self._steps))

    @property
    def horizon(self) -> Fraction | None:
        """No border will be found before this instant, and no fade will end before it; None before the first view. Never goes back."""
        return self._settled

    def step_at(self, at: Fraction) -> tuple[Step, View | None]:
        """The step of the view at `at`, and the view before it."""
        i = self._index(at)
        return self._steps[i], self._steps[i - 1].view if i else None

    def snapshot(self) -> tuple[Fraction | None, State]:
        """The start of the cell of the oldest view that is to be made again, and the rest."""
        steps = self._steps
        state: State = {
            "decided": self._decided,
            "clear": _exact(self._clear),
            "settled": _exact(self._settled),
            "fades": self._fades.snapshot(),
        }
        return (steps[0].view.cell if steps else None), state

    def restore(self, state: State) -> None:
        self._decided = state["decided"]
        self._clear, self._settled = _fraction(state["clear"]), _fraction(state["settled"])
        self._fades.restore(state["fades"])

    def refill(self, view: View) -> None:
        previous = self._steps[-1].view if self._steps else None
        self._steps.append(Step(view, Change.between(previous, view) if previous else None))

    def _append(self, view: View) -> None:
        self.refill(view)
        if len(self._steps) > _KEPT:
            del self._steps[0]
            self._decided -= 1

    def _settle(self) -> None:
        held = [self._steps[self._decided + 1].view.at]
        if (dark := self._fades.since) is not None:
            held.append(dark)
        if self._decided >= 0 and (middle := ramp_middle(self._steps, self._decided, self._first())) is not None:
            held.append(middle)
        self._settled = min(held) if self._settled is None else max(self._settled, min(held))

    def _decide_next(self) -> list[Found]:
        self._decided += 1
        i, steps, first = self._decided, self._steps, self._first()
        found = self._fades.decide(steps, i, first)
        if found or self._fades.goes_on or i == 0 or steps[i - 1].view.blank:
            return self._note(found)
        if self._fades.rising and steps[i].view.flat:  # hues come up with the light
            return []
        score = cut_score(steps, i)
        if score >= CUT and not interrupted(steps, i, first):
            return self._note([*self._fades.cut_off(steps[i].view.at), Border(steps[i].view.at, "cut", score)])
        dissolve = None if self._fades.rising else find_dissolve(steps, i, first)
        if dissolve is None:
            return []
        at = max(dissolve.middle, self._settled or dissolve.middle)
        return self._note([FadeBegins(dissolve.start, dissolve.score), Border(at, "fade", dissolve.score), FadeEnds(dissolve.end)])

    def _note(self, found: list[Found]) -> list[Found]:
        over = [f.at for f in found if not isinstance(f, FadeBegins)]
        if self._clear is not None and over:
            self._clear = max(self._clear, *over)
        return found

    def _first(self) -> int:
        return 0 if self._clear is None else self._index(self._clear)

    def _index(self, at: Fraction) -> int:
        return bisect_left(self._steps, at, key=lambda s: s.view.at)


def _exact(at: Fraction | None) -> str | None:
    return None if at is None else exact(at)


def _fraction(text: str | None) -> Fraction | None:
    return None if text is None else Fraction(text)
