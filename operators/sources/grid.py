"""Decoded pictures and sound put on the fixed grids of the timeline: frames by cells, packets of 100 ms, holes as Gaps.

The same media gives the same items wherever reading began; only what lies outside the span asked for is left out.
"""

from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from operators.media import PACKET_RATE, PACKET_SAMPLES, SOUND_RATE_HZ, Frame, Pcm, Picture, Pixels, Samples
from operators.records import Gap
from operators.timeline import Span, cell

SUSPECT_HOLE = Fraction(1)
"""A hole this long is looked into: packets in it that gave nothing make it a Gap, however short."""
DRIFT_SAMPLES = SOUND_RATE_HZ // 20
"""Many containers round the timestamps of sound: samples are counted, and the count is corrected only beyond this."""


def first_cell(instant: Fraction, rate: int) -> int:
    """The first cell of the timeline that begins at or after `instant`."""
    return max(0, -cell(-instant, rate))


@dataclass(frozen=True, slots=True)
class Holes:
    """What is to be said of stretches with nothing in them."""

    lane: str
    why: Callable[[Span], str | None]
    """The reason of Gap for a hole of at least SUSPECT_HOLE that media follows; None where it is to be filled."""
    lost: Callable[[], Fraction | None]
    """Asked when the media has ended: up to where more was promised that can not be decoded; None where nothing is missing."""

    def between(self, begin: int, end: int, rate: int) -> str | None:
        """The reason for the empty cells [begin, end), media on both sides."""
        if Fraction(end - begin, rate) < SUSPECT_HOLE:
            return None
        return self.why(Span(Fraction(begin, rate), Fraction(end, rate)))

    def after(self, begin: int, rate: int) -> int:
        """The cell at which what is missing after the last media ends; `begin` where nothing is."""
        end = self.lost()
        return begin if end is None or end - Fraction(begin, rate) < SUSPECT_HOLE else first_cell(end, rate)

    def gap(self, cells: tuple[int, int], bounds: tuple[int, int], rate: int, reason: str) -> Iterator[Gap]:
        begin, end = max(cells[0], bounds[0]), min(cells[1], bounds[1])
        if begin < end:
            yield Gap(Fraction(begin, rate), Fraction(end, rate), self.lane, reason)


def frames_on_grid(
    pictures: Iterator[tuple[Fraction, Pixels]], rate: int, span: Span, holes: Holes, from_start: bool
) -> Generator[Frame | Gap, None, None]:
    """The first picture of each cell that begins in `span`.

    pictures: instants and pixels, in order, from the beginning of the stream; not `from_start`: from some picture before `span` on.
    """
    bounds = first, stop = first_cell(span.start, rate), first_cell(span.end, rate)
    following = 0 if from_start else None
    for at, pixels in pictures:
        index = cell(at, rate)
        if index < (following or 0):
            continue
        if following is not None and (reason := holes.between(following, index, rate)):
            yield from holes.gap((following, index), bounds, rate, reason)
        following = index + 1
        if index >= stop:
            return
        if index >= first:
            yield Frame(index, rate, at, Picture(pixels))
    if following is not None:
        yield from holes.gap((following, holes.after(following, rate)), bounds, rate, "decode_error")


def samples_on_grid(blocks: Iterator[tuple[int, Pcm]], span: Span, holes: Holes) -> Generator[Samples | Gap, None, None]:
    """The packets that begin in `span`; a hole that is no Gap is filled with zeros.

    blocks: positions on the timeline, in samples, and the samples ([n] or [n, 1 + channels], as in `packet`), in order, from the beginning
    of the sound.
    """
    bounds = first_cell(span.start, PACKET_RATE), first_cell(span.end, PACKET_RATE)
    index, held, counting = 0, np.zeros(0, np.float32), False
    for position, pcm in blocks:
        missing = position - index * PACKET_SAMPLES - len(held)
        if counting and abs(missing) <= DRIFT_SAMPLES:
            missing = 0
        held, counting = held if counting else pcm[:0], True
        begin, end = index + bool(len(held)), position // PACKET_SAMPLES
        if reason := holes.between(begin, end, PACKET_RATE):
            yield from _packets(index, _whole(held), bounds)
            yield from holes.gap((begin, end), bounds, PACKET_RATE, reason)
            index, held, missing = end, held[:0], position - end * PACKET_SAMPLES
        held = np.concatenate([silent(held, missing), pcm[max(0, -missing) :]])
        ready = len(held) - len(held) % PACKET_SAMPLES
        yield from _packets(index, held[:ready], bounds)
        index, held = index + ready // PACKET_SAMPLES, held[ready:]
        if index >= bounds[1]:
            return
    begin = index + bool(len(held))
    end = holes.after(begin, PACKET_RATE)
    yield from _packets(index, held if end == begin else _whole(held), bounds)
    yield from holes.gap((begin, end), bounds, PACKET_RATE, "decode_error")


def _packets(index: int, pcm: Pcm, bounds: tuple[int, int]) -> Iterator[Samples]:
    for start in range(0, len(pcm), PACKET_SAMPLES):
        if bounds[0] <= index < bounds[1]:
            yield packet(index, pcm[start : start + PACKET_SAMPLES])
        index += 1


def packet(index: int, sound: Pcm) -> Samples:
    """sound: [n], or [n, 1 + channels]: the mix, then the channels that are kept apart."""
    if sound.ndim == 1:
        return Samples(index, sound)
    return Samples(index, np.ascontiguousarray(sound[:, 0]), np.ascontiguousarray(sound[:, 1:].T))


def silent(pcm: Pcm, samples: int) -> Pcm:
    """With so many zeros behind it."""
    return np.concatenate([pcm, np.zeros((max(0, samples), *pcm.shape[1:]), np.float32)])


def _whole(pcm: Pcm) -> Pcm:
    """With zeros up to the end of its last packet."""
    return silent(pcm, -len(pcm) % PACKET_SAMPLES)
