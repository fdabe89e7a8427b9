"""Hard cuts: the structure of the picture is gone, wherever the camera may have moved, and that is unusual for its surroundings."""

from collections.abc import Sequence
from fractions import Fraction

from operators.vision.changes import Change, Step

_AROUND = 4
"""Views on each side that say what is usual."""
_INTERRUPTION = Fraction(3, 8)
"""What was there before and is there again within this long was only interrupted."""


def cut_score(steps: Sequence[Step], i: int) -> float:
    """How surely a shot begins with view i, 0-1.

    Both measures stand against their own surroundings (as in the adaptive detectors of scene detection), so lasting fast motion is
    no row of cuts: the colours change by more than they did, or the structure breaks where it was steady. Flat pictures have no
    structure: there the hue must jump, which no change of light does.
    """
    change = steps[i].change
    if change is None:
        return 0.0
    around = [s.change for s in [*steps[max(1, i - _AROUND) : i], *steps[i + 1 : i + 1 + _AROUND]] if s.change]
    if steps[i].view.flat and steps[i - 1].view.flat:
        jump = change.tint - 3 * _quantile([c.tint for c in around], 0.5)
        return _unit(jump / 0.08) * _unit(change.colour / 0.5)
    colour = (change.colour - 1.2 * _quantile([c.colour for c in around], 0.5)) / 0.15
    structure = change.broken - 2 * _quantile([c.broken for c in around], 0.75)
    return change.broken * max(_unit(colour), _unit(structure) * _unit((change.colour - 0.02) / 0.05))


def interrupted(steps: Sequence[Step], i: int, first: int) -> bool:
    """Whether a view soon before view i, of the shot that begins with view `first`, is seen again soon after."""
    for before in range(i - 1, first - 1, -1):
        for after in range(i, len(steps)):
            if steps[after].view.at - steps[before].view.at > _INTERRUPTION or after == before + 1:
                continue
            if same(steps[before], steps[after]):
                return True
    return False


def same(a: Step, b: Step) -> bool:
    """Whether two views show the same place; flat ones, the same colours."""
    if a.view.flat and b.view.flat:
        return Change.between(a.view, b.view).colour < 0.25
    return Change.between(a.view, b.view).same_place


def _quantile(values: Sequence[float], q: float) -> float:
    return sorted(values)[round(q * (len(values) - 1))] if values else 0.0


def _unit(value: float) -> float:
    return min(1.0, max(0.0, value))
