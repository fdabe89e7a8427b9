"""The measures, against what can be worked out by hand."""

from fractions import Fraction

import numpy as np
import pytest

from operators.fusion.clip import Labelled
from operators.fusion.measures import Dense, EventScores, cider, interval, meteor, onset_scores, recalls, segment_scores, segments, soda
from operators.timeline import Span


def span(start: float, end: float) -> Span:
    return Span(Fraction(str(start)), Fraction(str(end)))


REFERENCES = [["the camera pans left slowly"], ["a siren is heard in the dark"], ["two red balls move up while it rains"]]


class TestCaptions:
    def test_the_reference_itself_has_the_most_and_another_text_nothing(self) -> None:
        same = cider([r[0] for r in REFERENCES], REFERENCES)
        other = cider([REFERENCES[1][0], REFERENCES[2][0], REFERENCES[0][0]], REFERENCES)
        assert same == pytest.approx([10, 10, 10])
        assert max(other) < 0.1

    def test_rare_words_count_for_more(self) -> None:
        references = [["the camera pans left"], ["the camera tilts up"], ["the camera zooms in"]]
        rare, common = cider(["it pans left", "", ""], references)[0], cider(["the camera moves", "", ""], references)[0]
        assert rare > common

    def test_a_text_of_another_length_is_worth_less(self) -> None:
        long = "the camera pans left slowly and then and then and then and then"
        assert cider([long, "", ""], REFERENCES)[0] < cider(["the camera pans left slowly", "", ""], REFERENCES)[0] / 2

    def test_meteor_by_hand(self) -> None:
        assert meteor("a b c d", ["a b c d"]) == pytest.approx(1 - 0.5 * (1 / 4) ** 3)
        # Two of two words match in two chunks, of four in the reference.
        mean = 1 * 0.5 / (0.9 * 1 + 0.1 * 0.5)
        assert meteor("a d", ["a b c d"]) == pytest.approx(mean * (1 - 0.5 * (2 / 2) ** 3))
        assert meteor("x", ["a b"]) == 0


class TestDense:
    def test_matching_keeps_the_order(self) -> None:
        truth = [Dense(span(0, 5), ("a b c d",)), Dense(span(5, 10), ("e f g h",))]
        assert soda(truth, truth) == pytest.approx(meteor("a b c d", ["a b c d"]))
        assert soda(truth[::-1], truth) < 0.6
        assert soda([], truth) == 0
        assert soda([], []) == 1

    def test_a_stretch_that_is_half_right_is_worth_half(self) -> None:
        truth = [Dense(span(0, 10), ("a b c d",))]
        assert soda([Dense(span(0, 5), ("a b c d",))], truth) == pytest.approx(meteor("a b c d", ["a b c d"]) / 2)


class TestEvents:
    def test_cells_become_events_and_a_pause_of_a_cell_is_bridged(self) -> None:
        active = np.zeros((12, 2), bool)
        active[[1, 2, 4, 9], 0] = True
        assert segments(active, ("a", "b"), 5, Fraction(2)) == [Labelled(span(2.2, 3), "a"), Labelled(span(3.8, 4), "a")]

    def test_segments_count_by_the_second(self) -> None:
        said, true = np.zeros((15, 1), bool), np.zeros((15, 1), bool)
        said[0], said[11], true[4], true[7] = True, True, True, True
        assert segment_scores([said], [true]) == [EventScores(1, 2, 2)]
        assert EventScores(1, 2, 2).f1 == 0.5

    def test_onsets_pair_within_the_collar(self) -> None:
        true = [Labelled(span(1, 2), "a"), Labelled(span(5, 6), "a")]
        said = [Labelled(span(1.3, 2), "a"), Labelled(span(1.4, 2), "a"), Labelled(span(5.5, 6), "a")]
        assert onset_scores([said], [true], ("a", "b")) == [EventScores(1, 3, 2), EventScores(0, 0, 0)]


def test_recall_counts_those_that_can_not_be_told_apart_as_right() -> None:
    axes = np.eye(4, dtype=np.float32)
    assert recalls(axes, axes, "abcd") == {1: 1.0, 5: 1.0, 10: 1.0}
    swapped = axes[[1, 0, 2, 3]]
    assert recalls(axes, swapped, "abcd")[1] == 0.5
    assert recalls(axes, swapped, "aacd")[1] == 1.0
    assert recalls(np.ones_like(axes), np.ones_like(axes), "abcd")[1] == 0.0, "a model that can not tell them apart has found none"


def test_an_interval_of_three_runs() -> None:
    found = interval([1.0, 2.0, 3.0])
    assert found.mean == 2
    assert found.high - found.mean == pytest.approx(4.30 / 3**0.5, rel=1e-3)
    assert interval([0.5]).low == 0.5
