"""Pictures and sound of a live source put on the fixed grids of its timeline, as they come.

What is missing is told by the spool, not guessed from holes; a hole that nobody told of is filled, or lies where the decoder complained.
"""

from collections.abc import Iterator
from fractions import Fraction

import numpy as np

from operators.media import PACKET_RATE, PACKET_SAMPLES, SOUND_RATE_HZ, Frame, Pcm, Picture, Pixels, Samples
from operators.records import Gap
from operators.sources.grid import DRIFT_SAMPLES, SUSPECT_HOLE, first_cell, packet, silent
from operators.timeline import ZERO, Span, cell


class FrameGrid:
    """The first picture of each cell that begins in `span`."""

    lane = "look"

    def __init__(self, rate: int, span: Span) -> None:
        self.rate = rate
        self._first, self._stop = first_cell(span.start, rate), first_cell(span.end, rate)
        self._next = self._first
        """The first cell of which nothing is said yet."""
        self._missing_to = Fraction(-1)
        """Up to here the latest gap was told, exactly."""

    @property
    def position(self) -> Fraction:
        return Fraction(self._next, self.rate)

    @property
    def done(self) -> bool:
        return self._next >= self._stop

    def start(self, until: Fraction | None) -> None:
        """A decoder begins, whose pictures count up to `until`."""

    def take(self, at: Fraction, pixels: Pixels, damaged: bool) -> Iterator[Frame | Gap]:
        """The next picture. `damaged`: the decoder complained since the last one."""
        index = cell(at, self.rate)
        if index < self._next:
            return
        if damaged and Fraction(index - self._next, self.rate) >= SUSPECT_HOLE:
            yield from self.missing(Fraction(index, self.rate), "decode_error")
        if index < self._stop:
            yield Frame(index, self.rate, at, Picture(pixels))
        self._next = min(index + 1, self._stop)

    def missing(self, end: Fraction, reason: str, detail: str | None = None, start: Fraction | None = None) -> Iterator[Gap]:
        """Nothing comes up to `end`, from `start` or the position on."""
        goes_on = start is None or start <= self._missing_to
        begin = self._next if goes_on else max(self._next, first_cell(start or ZERO, self.rate))
        stop = min(cell(end, self.rate), self._stop)
        self._missing_to = end
        if begin < stop:
            yield Gap(Fraction(begin, self.rate), Fraction(stop, self.rate), self.lane, reason, detail)
            self._next = stop

    def finish(self) -> Iterator[Frame | Gap]:
        return iter(())


class SampleGrid:
    """The packets that begin in `span`."""

    lane = "listen"
    rate = PACKET_RATE

    def __init__(self, span: Span) -> None:
        self._next, self._stop = first_cell(span.start, PACKET_RATE), first_cell(span.end, PACKET_RATE)
        self._held = np.zeros(0, np.float32)
        self._counted: int | None = None
        self._until: int | None = None
        self._missing_to = Fraction(-1)

    @property
    def position(self) -> Fraction:
        return Fraction(self._next, PACKET_RATE)

    @property
    def done(self) -> bool:
        return self._next >= self._stop

    def start(self, until: Fraction | None) -> None:
        """A decoder begins: its first samples say where they are, the others follow. They count up to `until`."""
        self._held, self._counted = self._held[:0], None
        self._until = None if until is None else round(until * SOUND_RATE_HZ)

    def take(self, at: Fraction, pcm: Pcm, damaged: bool) -> Iterator[Samples | Gap]:
        position = round(at * SOUND_RATE_HZ)
        if self._counted is None or abs(position - self._counted) > DRIFT_SAMPLES:
            self._counted = position
        position, self._counted = self._counted, self._counted + len(pcm)
        missing = position - self._next * PACKET_SAMPLES - len(self._held)
        if damaged and Fraction(missing, SOUND_RATE_HZ) >= SUSPECT_HOLE:
            yield from self.missing(Fraction(position, SOUND_RATE_HZ), "decode_error")
            missing = position - self._next * PACKET_SAMPLES
        if self._until is not None:
            pcm = pcm[: max(0, self._until - position)]
            missing = min(missing, self._until - self._next * PACKET_SAMPLES - len(self._held))
        held = self._held if len(self._held) else pcm[:0]
        self._held = np.concatenate([silent(held, missing), pcm[max(0, -missing) :]])
        yield from self._whole_packets()

    def missing(self, end: Fraction, reason: str, detail: str | None = None, start: Fraction | None = None) -> Iterator[Samples | Gap]:
        """Nothing comes up to `end`, from `start` or the position on; a packet that was begun is filled up."""
        if start is not None and start > self._missing_to:
            empty = first_cell(start, PACKET_RATE) - self._next
            self._held = silent(self._held, empty * PACKET_SAMPLES - len(self._held))
        self._held = silent(self._held, -len(self._held) % PACKET_SAMPLES)
        self._missing_to = end
        yield from self._whole_packets()
        stop = min(cell(end, PACKET_RATE), self._stop)
        if self._next < stop:
            yield Gap(self.position, Fraction(stop, PACKET_RATE), self.lane, reason, detail)
            self._next = stop

    def finish(self) -> Iterator[Samples | Gap]:
        """The stream has ended: the last packet is shorter."""
        if len(self._held) and not self.done:
            yield packet(self._next, self._held)
            self._next += 1

    def _whole_packets(self) -> Iterator[Samples]:
        while len(self._held) >= PACKET_SAMPLES and not self.done:
            whole, self._held = self._held[:PACKET_SAMPLES], self._held[PACKET_SAMPLES:]
            yield packet(self._next, whole)
            self._next += 1
