"""Grids of frames and packets, and what is said of holes."""

from collections.abc import Iterator
from fractions import Fraction

import numpy as np

from operators.media import Frame, Pixels, Samples
from operators.records import Gap
from operators.sources.grid import Holes, first_cell, frames_on_grid, samples_on_grid
from operators.timeline import ZERO, Span

ALL = Span(ZERO, Fraction(1000))
PIXELS = np.zeros((2, 2, 3), np.uint8)


def holes(damaged: bool = False, stated_end: Fraction | None = None) -> Holes:
    def why(hole: Span) -> str | None:
        return "decode_error" if damaged else "discontinuity" if hole.duration > 10 else None

    return Holes("look", why, lambda: stated_end)


def pictures(*instants: str) -> Iterator[tuple[Fraction, Pixels]]:
    return iter([(Fraction(i), PIXELS) for i in instants])


def block(position: int, length: int, level: float = 1.0) -> tuple[int, np.ndarray]:
    return position, np.full(length, level, np.float32)


def shape(items: object) -> list[tuple[object, ...]]:
    return [
        (i.start, i.end, i.reason) if isinstance(i, Gap) else (i.index, i.at) if isinstance(i, Frame) else (i.index, len(i.pcm))
        for i in items  # type: ignore[attr-defined]
    ]


def test_cells_that_begin_in_the_span() -> None:
    assert [first_cell(Fraction(i), 2) for i in ("0", "1/3", "1/2", "-1")] == [0, 1, 1, 0]
    given = frames_on_grid(pictures("0", "0.4", "0.5", "1.2", "1.3", "2"), 2, Span(Fraction("0.4"), Fraction("1.5")), holes(), True)
    assert shape(given) == [(1, Fraction(1, 2)), (2, Fraction(6, 5))]


def test_pictures_before_the_beginning_are_left_out() -> None:
    assert shape(frames_on_grid(pictures("-0.1", "0.1", "0.05"), 2, ALL, holes(), True)) == [(0, Fraction(1, 10))]


def test_holes_between_pictures() -> None:
    assert shape(frames_on_grid(pictures("0", "10.2"), 1, ALL, holes(), True)) == [(0, 0), (10, Fraction(51, 5))]
    assert shape(frames_on_grid(pictures("0", "12"), 1, ALL, holes(), True)) == [(0, 0), (1, 12, "discontinuity"), (12, 12)]
    assert shape(frames_on_grid(pictures("0", "3"), 1, ALL, holes(damaged=True), True)) == [(0, 0), (1, 3, "decode_error"), (3, 3)]
    assert shape(frames_on_grid(pictures("12"), 1, ALL, holes(), True)) == [(0, 12, "discontinuity"), (12, 12)]


def test_holes_are_clipped_to_the_span_but_judged_whole() -> None:
    span = Span(Fraction(8), Fraction(11))
    assert shape(frames_on_grid(pictures("0", "12"), 1, span, holes(), True)) == [(8, 11, "discontinuity")]
    assert shape(frames_on_grid(pictures("5", "16"), 1, span, holes(), False)) == []
    assert shape(frames_on_grid(pictures("5", "17"), 1, span, holes(), False)) == [(8, 11, "discontinuity")]


def test_what_is_lost_after_the_last_picture() -> None:
    assert shape(frames_on_grid(pictures("0"), 2, ALL, holes(stated_end=Fraction("3.2")), True)) == [
        (0, 0),
        (Fraction(1, 2), Fraction(7, 2), "decode_error"),
    ]
    assert shape(frames_on_grid(pictures("0"), 2, ALL, holes(stated_end=Fraction("1.2")), True)) == [(0, 0)]


def test_samples_are_counted_where_timestamps_only_jitter() -> None:
    jittering = [block(0, 1000), block(1010, 1000), block(1990, 1000)]
    assert shape(samples_on_grid(iter(jittering), ALL, holes())) == [(0, 1600), (1, 1400)]


def test_drift_is_made_good() -> None:
    ahead = list(samples_on_grid(iter([block(0, 1600), block(1600 + 900, 1600)]), ALL, holes()))
    assert shape(ahead) == [(0, 1600), (1, 1600), (2, 900)]
    assert not ahead[1].pcm[:900].any()
    assert ahead[1].pcm[900:].all()
    behind = samples_on_grid(iter([block(0, 1600), block(600, 1600)]), ALL, holes())
    assert shape(behind) == [(0, 1600), (1, 600)]


def test_holes_in_sound() -> None:
    filled = list(samples_on_grid(iter([block(0, 1000), block(8 * 16_000, 800)]), ALL, holes()))
    assert shape(filled) == [*((i, 1600) for i in range(80)), (80, 800)]
    assert filled[0].pcm.sum() == 1000
    gapped = list(samples_on_grid(iter([block(0, 1000), block(20 * 16_000 + 100, 800)]), ALL, holes()))
    assert shape(gapped) == [(0, 1600), (Fraction(1, 10), 20, "discontinuity"), (200, 900)]
    assert gapped[0].pcm.sum() == 1000
    assert gapped[2].pcm.sum() == 800
    late = shape(samples_on_grid(iter([block(12 * 16_000, 1600)]), Span(Fraction(3), Fraction(100)), holes()))
    assert late == [(3, 12, "discontinuity"), (120, 1600)]


def test_sound_before_the_beginning_is_cut_off() -> None:
    given = list(samples_on_grid(iter([block(-100, 300)]), ALL, holes()))
    assert shape(given) == [(0, 200)]


def test_lost_sound_abuts_the_last_packet() -> None:
    given = list(samples_on_grid(iter([block(0, 2000)]), ALL, holes(stated_end=Fraction(3))))
    assert shape(given) == [(0, 1600), (1, 1600), (Fraction(1, 5), 3, "decode_error")]
    assert isinstance(given[1], Samples)
    assert given[1].pcm.sum() == 400
