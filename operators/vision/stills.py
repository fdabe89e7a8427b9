"""Which pictures of a shot are kept."""

from dataclasses import dataclass, field
from fractions import Fraction

import cv2

from operators.facts import Still
from operators.media import Frame, Pixels
from operators.protocols import State
from operators.timeline import exact
from operators.vision.sizes import fit

_CANDIDATES = 8
_FIRST_SLOT = Fraction(1, 2)
_TWO_FROM = Fraction(4)
_THREE_FROM = Fraction(12)
_QUALITY = 85


@dataclass(frozen=True, slots=True, eq=False)
class _Candidate:
    at: Fraction
    cell: Fraction
    """Start of its grid cell: where it is read again."""
    sharpness: float
    pixels: Pixels | None = field(repr=False)
    """None only between `restore` and `refill`."""


class StillChooser:
    """Keeps the sharpest picture of each slot of a shot's part: at most `_CANDIDATES`, for slots double in length when there are more.

    Of a part's pictures one to three are kept, by its length: each the best of its stretch, near the middle of it and sharp.
    """

    def __init__(self, size_px: int) -> None:
        self._size_px = size_px
        self._start = Fraction(0)
        self._slot = _FIRST_SLOT
        self._slots: dict[int, _Candidate] = {}

    def begin(self, at: Fraction) -> None:
        self._start, self._slot, self._slots = at, _FIRST_SLOT, {}

    def add(self, frame: Frame, sharpness: float) -> None:
        self._keep(_Candidate(frame.at, frame.start, sharpness, frame.picture.pixels))
        while len(self._slots) > _CANDIDATES:
            self._slot *= 2
            candidates, self._slots = list(self._slots.values()), {}
            for c in candidates:
                self._keep(c)

    def choose(self, end: Fraction) -> list[Still]:
        """The stills of the part that ends at `end`, in order."""
        length = end - self._start
        count = 1 if length < _TWO_FROM else 2 if length < _THREE_FROM else 3
        chosen: dict[Fraction, _Candidate] = {}
        for n in range(count):
            middle = self._start + length * Fraction(2 * n + 1, 2 * count)
            best = max(self._slots.values(), key=lambda c: _worth(c, middle, length / count))
            chosen[best.at] = best
        return [Still(at, _jpeg(c.pixels, self._size_px)) for at, c in sorted(chosen.items()) if c.pixels is not None]

    def needs_from(self) -> Fraction | None:
        return min((c.cell for c in self._slots.values()), default=None)

    def snapshot(self) -> State:
        return {
            "start": exact(self._start),
            "slot": exact(self._slot),
            "candidates": [[exact(c.at), exact(c.cell), c.sharpness] for c in self._slots.values()],
        }

    def restore(self, state: State) -> None:
        self._start, self._slot = Fraction(state["start"]), Fraction(state["slot"])
        for at, cell, sharpness in state["candidates"]:
            self._keep(_Candidate(Fraction(at), Fraction(cell), sharpness, None))

    def refill(self, frame: Frame) -> None:
        n = self._number(frame.at)
        held = self._slots.get(n)
        if held is not None and held.at == frame.at:
            self._slots[n] = _Candidate(held.at, held.cell, held.sharpness, frame.picture.pixels)

    def _keep(self, candidate: _Candidate) -> None:
        n = self._number(candidate.at)
        held = self._slots.get(n)
        if held is None or candidate.sharpness > held.sharpness:
            self._slots[n] = candidate

    def _number(self, at: Fraction) -> int:
        return int((at - self._start) // self._slot)


def _worth(candidate: _Candidate, middle: Fraction, length: Fraction) -> tuple[float, Fraction]:
    away = abs(float((candidate.at - middle) / length)) if length else 0.0
    return (candidate.sharpness**0.5 * max(0.0, 1 - away), -candidate.at)


def _jpeg(pixels: Pixels, size_px: int) -> bytes:
    done, data = cv2.imencode(".jpg", cv2.cvtColor(fit(pixels, size_px), cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, _QUALITY])
    assert done
    return bytes(data.tobytes())
