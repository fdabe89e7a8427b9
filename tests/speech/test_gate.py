"""Probabilities to stretches of speech."""

import itertools
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from operators.speech.gate import Gate, Stretch
from operators.speech.vad import WINDOW_SAMPLES

W = WINDOW_SAMPLES


def gate(min_silence: int = 4 * W, min_speech: int = 2 * W) -> Gate:
    return Gate(0.5, 0.3, min_silence, min_speech)


def heard(gate: Gate, probabilities: list[float], at: int = 0) -> list[Stretch]:
    return gate.hear(at, probabilities) + gate.close(at + len(probabilities) * W)


def test_a_stretch_is_from_the_first_voice_to_where_silence_began() -> None:
    assert heard(gate(), [0, 0, 0.9, 0.7, 0, 0, 0, 0, 0]) == [Stretch(2 * W, 4 * W, pytest.approx(0.8))]


def test_a_short_silence_and_doubt_between_the_thresholds_do_not_end_it() -> None:
    assert [(s.start, s.end) for s in heard(gate(), [0.9, 0.1, 0.1, 0.1, 0.9, 0.4, 0.4, 0.4, 0.4, 0.4, 0.9])] == [(0, 11 * W)]


def test_once_silent_doubt_does_not_bring_it_back() -> None:
    assert [(s.start, s.end) for s in heard(gate(), [0.9, 0.9, 0.1, 0.4, 0.4, 0.4, 0.4])] == [(0, 2 * W)]


def test_clicks_and_faint_stretches_are_passed_over() -> None:
    assert heard(gate(), [0.9, 0, 0, 0, 0, 0]) == []
    assert heard(gate(), [0.5, 0.3, 0.1, 0.1, 0.1, 0.9, 0, 0, 0, 0]) != []
    assert heard(Gate(0.5, 0.3, 8 * W, 2 * W), [0.5, 0.1, 0.1, 0.1, 0.1, 0.1, 0.5, 0, 0, 0, 0, 0, 0, 0, 0]) == []


def test_sound_that_ends_ends_it() -> None:
    assert gate().close(0) == []
    g = gate()
    g.hear(0, [0.9, 0.9, 0.9])
    assert g.since == 0
    assert [(s.start, s.end) for s in g.close(2 * W + 7)] == [(0, 2 * W + 7)]
    assert g.since is None


def test_split_parts_adjoin_and_none_of_them_is_passed_over() -> None:
    g = gate()
    g.hear(0, [0.9] * 6)
    first = g.split(5 * W)
    assert (first.start, first.end, g.since) == (0, 5 * W, 5 * W)
    assert [(s.start, s.end) for s in g.hear(6 * W, [0, 0, 0, 0])] == [(5 * W, 6 * W)]


def test_a_split_in_the_silence_leaves_nothing_to_say() -> None:
    g = gate()
    g.hear(0, [0.9, 0.9, 0.9, 0.1, 0.1])
    g.split(4 * W)
    assert g.hear(5 * W, [0, 0, 0, 0]) == []


@given(st.lists(st.floats(0, 1, width=32), max_size=80), st.integers(0, 80))
def test_a_state_that_went_through_json_goes_on_alike(probabilities: list[float], cut: int) -> None:
    cut = min(cut, len(probabilities))
    first, second = gate(), gate()
    before = first.hear(0, probabilities[:cut])
    second.restore(json.loads(json.dumps(first.snapshot())))
    assert before + heard(second, probabilities[cut:], cut * W) == heard(gate(), probabilities)


@given(st.lists(st.floats(0, 1, width=32), max_size=80))
def test_stretches_are_in_order_apart_and_scored_as_probabilities(probabilities: list[float]) -> None:
    stretches = heard(gate(), probabilities)
    assert all(a.end + 4 * W <= b.start for a, b in itertools.pairwise(stretches))
    assert all(s.end - s.start >= 2 * W and 0.3 <= s.score <= 1 for s in stretches)
