"""How the clock of subtitles goes against that of the speech: by how much it is off, and whether it runs at the speed of another
rate of pictures."""

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise

import numpy as np
import numpy.typing as npt

Seconds = npt.NDArray[np.float64]
SPEEDS = {
    Fraction(1): "",
    Fraction(25, 24): "25 to 24 pictures a second",
    Fraction(24, 25): "24 to 25 pictures a second",
    Fraction(25025, 24000): "25 to 23.976 pictures a second",
    Fraction(24000, 25025): "23.976 to 25 pictures a second",
    Fraction(1001, 1000): "24 to 23.976 pictures a second",
    Fraction(1000, 1001): "23.976 to 24 pictures a second",
}
"""Seconds of the speech in one of the subtitles, where these were made for pictures at another speed; the likeliest first."""
NEAR = 0.003
"""Speeds that are compared by what they leave over: those at least that are so near to the one measured."""
BETTER = 0.8
"""What another speed than the normal one may leave at most of what that leaves."""
LAG_S = 60.0
"""Speeds are measured between cues at least so far apart, where the file is as long."""
MOST = 0.25
"""No clock is so far off: then the pairs are wrong."""
JUMP_S, UNSTEADY = 0.75, 3
"""An offset that is another by more is a jump; times what it is off from cue to cue, where that is more."""
STEADY = 5
"""Cues over which a jump has to last."""


@dataclass(frozen=True, slots=True)
class Stretch:
    """From an instant of the subtitles' own clock on they are off by this much: what is said at `since` + `offset` at normal speed."""

    since: Fraction
    offset: Fraction


@dataclass(frozen=True, slots=True)
class ClockFit:
    """Speech is heard at `speed` times the written instant plus the offset of its stretch."""

    speed: Fraction
    name: str
    """What that speed is known as; empty at normal speed, or where it is none of those known."""
    stretches: tuple[Stretch, ...]

    @property
    def offset(self) -> Fraction:
        return self.stretches[0].offset

    def at(self, written: Fraction) -> Fraction:
        stretch = next((s for s in reversed(self.stretches) if s.since <= written), self.stretches[0])
        return self.speed * written + stretch.offset


def fit_clock(pairs: Sequence[tuple[Fraction, Fraction]]) -> ClockFit:
    """`pairs`: written and spoken instants of the same cues, at least one, by the written. Single ones may be wrong."""
    written = np.array([float(x) for x, _ in pairs])
    spoken = np.array([float(y) for _, y in pairs])
    speed = _speed(written, spoken)
    off = spoken - float(speed) * written
    stretches = [
        Stretch(pairs[begin][0], Fraction(round(float(np.median(off[begin:end])) * 1000), 1000)) for begin, end in pairwise(_borders(off))
    ]
    return ClockFit(speed, SPEEDS.get(speed, ""), tuple(stretches))


def _borders(off: Seconds) -> list[int]:
    """Where stretches of one offset begin; last, where the last of them ends."""
    steps = np.abs(np.diff(off))
    jump = max(JUMP_S, UNSTEADY * float(np.median(steps))) if len(steps) else JUMP_S
    borders = [0]
    for n in range(1, len(off)):
        if _jumps(off, borders[-1], n, jump):
            borders.append(n)
    return [*borders, len(off)]


def _jumps(off: Seconds, begin: int, n: int, jump: float) -> bool:
    """Whether another offset holds from cue n on; it held since `begin`."""
    ahead = off[n : n + STEADY]
    if len(ahead) < STEADY or n - begin < STEADY:
        return False
    here = float(np.median(off[max(begin, n - 2 * STEADY) : n]))
    return bool(abs(off[n] - here) > jump and abs(float(np.median(ahead)) - here) > jump)


def _speed(written: Seconds, spoken: Seconds) -> Fraction:
    """The median of the speeds between cues that are some way apart: where the offset jumps, few of these go over the jump."""
    length = written[-1] - written[0]
    lag = int(np.searchsorted(written, written[0] + min(max(LAG_S, length / 8), length / 4)))
    if lag < 1 or len(written) - lag < 3:
        return Fraction(1)
    apart = written[lag:] - written[:-lag]
    sure = apart > 0
    speeds = (spoken[lag:] - spoken[:-lag])[sure] / apart[sure]
    if len(speeds) < 3:
        return Fraction(1)
    found = float(np.median(speeds))
    doubt = max(NEAR, 3 * 1.4826 * float(np.median(np.abs(speeds - found))) / len(speeds) ** 0.5)
    left = {speed: _left(spoken - float(speed) * written) for speed in SPEEDS if abs(float(speed) - found) <= doubt}
    if not left:
        return Fraction(found).limit_denominator(100_000) if abs(found - 1) < MOST else Fraction(1)
    best = min(left, key=lambda speed: left[speed])
    return Fraction(1) if left.get(Fraction(1), np.inf) * BETTER <= left[best] else best


def _left(off: Seconds) -> float:
    """By how much cues are off, in the mean, once each stretch is moved by its offset."""
    parts = [off[begin:end] for begin, end in pairwise(_borders(off))]
    return float(np.mean(np.concatenate([np.abs(part - np.median(part)) for part in parts])))
