"""Which pictures of a scanned file are shown first in the cells of a grid, by their number, without decoding any."""

from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from itertools import groupby
from math import ceil

from operators.sources.scan import TrackScan


@dataclass(frozen=True, slots=True)
class Pick:
    number: int
    """Which picture of the file, in the order of showing."""
    at: Fraction
    """Its instant on the timeline."""


class PictureIndex:
    def __init__(self, scan: TrackScan, zero: Fraction) -> None:
        self._ticks, self._keys = scan.ticks, scan.keys
        self._base, self._zero = scan.time_base, zero
        self.count = len(scan.ticks)

    def at(self, number: int) -> Fraction:
        return self._ticks[number] * self._base - self._zero

    def since(self, instant: Fraction) -> int:
        """The number of the first picture at or after `instant`."""
        return bisect_left(self._ticks, ceil((instant + self._zero) / self._base))

    def chunks(self, first: int, stop: int, rate: int, most: int) -> Iterator[list[Pick]]:
        """The first pictures of the cells [first, stop), at most `most` together, apart at key frames where that goes: a chunk is
        decoded from the key frame before it."""
        chunk: list[Pick] = []
        for _, group in groupby(self._first_of_cells(first, stop, rate), key=self._key_of):
            run = list(group)
            if chunk and len(chunk) + len(run) > most:
                yield chunk
                chunk = []
            chunk += run
            while len(chunk) > most:
                yield chunk[:most]
                chunk = chunk[most:]
        if chunk:
            yield chunk

    def _first_of_cells(self, first: int, stop: int, rate: int) -> Iterator[Pick]:
        number = self.since(Fraction(first, rate))
        while number < self.count and (at := self.at(number)) < Fraction(stop, rate):
            yield Pick(number, at)
            number = self.since(Fraction(at * rate // 1 + 1, rate))

    def _key_of(self, pick: Pick) -> int:
        return bisect_right(self._keys, self._ticks[pick.number])
