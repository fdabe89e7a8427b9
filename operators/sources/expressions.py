"""Filter expressions for ffmpeg, made of numbers only: text never goes into a filter."""

from collections.abc import Sequence
from fractions import Fraction

from operators.sources.scan import JUMP_AHEAD, JUMP_BACK


def first_of_each_cell(rate: int, zero: Fraction, base: Fraction) -> str:
    """For `select`: true for the first picture of each cell of the grid of `rate` cells a second, counted from `zero`.

    Cells are computed in whole numbers, which doubles hold exactly: with `t` a picture on the border of two cells may fall
    into the wrong one.
    """
    whole, part = divmod(zero / base, 1)
    numerator, denominator = rate * base.numerator, base.denominator * part.denominator

    def cell(ticks: str) -> str:
        return f"floor((({ticks}-({int(whole)}))*{part.denominator}-{part.numerator})*{numerator}/{denominator})"

    return f"isnan(prev_selected_pts)+gt({cell('pts')},{cell('prev_selected_pts')})"


def on_timeline(offsets: Sequence[Fraction], lift: int) -> str:
    """For `setpts`: timestamps that go on where the track's clock jumps, `lift` seconds later than they are.

    offsets: added after the first, second, … jump.
    """
    if not offsets:
        return f"PTS+{lift}/TB"
    jump = f"lt((PTS-PREV_INPTS)*TB,-{_number(JUMP_BACK)})+gt((PTS-PREV_INPTS)*TB,{_number(JUMP_AHEAD)})"
    steps = [b - a for a, b in zip([Fraction(0), *offsets], offsets, strict=False)]
    added = "+".join(f"gte(ld(0),{n})*({_number(step)})" for n, step in enumerate(steps, 1))
    return f"st(0,ld(0)+{jump});PTS+round(({lift}+{added})/TB)"


def _number(value: Fraction) -> str:
    return f"{value.numerator}/{value.denominator}"
