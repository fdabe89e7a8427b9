"""What the tests of sources compare: items as plain values, and the decoding in order that says what is right."""

from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np

from operators.media import PACKET_RATE, Frame, Samples, StreamInfo
from operators.protocols import FramesNeed, Source
from operators.records import Gap
from operators.timeline import ZERO, Span, cell

ALL = Span(ZERO, Fraction(10**9))


def value(item: Frame | Samples | Gap) -> tuple[Any, ...]:
    match item:
        case Frame():
            return "frame", item.index, item.at, item.picture.pixels.tobytes()
        case Samples():
            return "samples", item.index, item.pcm.tobytes()
        case Gap():
            return "gap", item.start, item.end, item.reason


def frames(source: Source, info: StreamInfo, rate: int = 4, size: int = 96, span: Span = ALL) -> list[Frame | Gap]:
    return list(source.frames(info, FramesNeed(rate, size), span))


def samples(source: Source, info: StreamInfo, span: Span = ALL) -> list[Samples | Gap]:
    return list(source.samples(info, span))


def sound_of(items: list[Samples | Gap]) -> np.ndarray:
    """All samples on the timeline, Gaps as NaN."""
    parts = [i.pcm if isinstance(i, Samples) else np.full(round((i.end - i.start) * 16_000), np.nan, np.float32) for i in items]
    return np.concatenate(parts) if parts else np.zeros(0, np.float32)


def within(values: list[tuple[Any, ...]], span: Span, rate: int) -> list[tuple[Any, ...]]:
    """What of an unbroken reading a reading of `span` must give: the cells that begin in it."""
    first, stop = (Fraction(-cell(-instant, rate), rate) for instant in (span.start, span.end))
    kept: list[tuple[Any, ...]] = []
    for kind, *rest in values:
        if kind != "gap":
            kept += [(kind, *rest)] if first <= Fraction(rest[0], rate) < stop else []
        elif max(rest[0], first) < min(rest[1], stop):
            kept.append((kind, max(rest[0], first), min(rest[1], stop), rest[2]))
    return kept


def decoded_in_order(file: Path, track: int) -> list[tuple[Fraction, np.ndarray]]:
    """Every picture of the track: its timestamp in the container, and its pixels, unscaled and unturned."""
    with av.open(f"file:{file}") as container:
        stream = container.streams[track]
        return [(f.pts * f.time_base, f.to_ndarray(format="rgb24")) for f in container.decode(stream)]


def first_instants(pictures: list[tuple[Fraction, np.ndarray]], zero: Fraction, rate: int) -> list[Fraction]:
    """Of the first picture of each cell."""
    firsts: dict[int, Fraction] = {}
    for at, _ in pictures:
        firsts.setdefault(cell(at - zero, rate), at - zero)
    return [firsts[index] for index in sorted(firsts)]


__all__ = ["ALL", "PACKET_RATE", "decoded_in_order", "first_instants", "frames", "samples", "sound_of", "value", "within"]
