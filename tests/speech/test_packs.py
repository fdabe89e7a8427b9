"""Stretches of speech to packs, and back to media time."""

import itertools
from fractions import Fraction

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from operators.media import PACKET_SAMPLES, SOUND_RATE_HZ
from operators.speech.packs import Pack, Packer, Packing, Range, Sound
from operators.speech.recognition import LONGEST_SAMPLES
from operators.timeline import Span

S = SOUND_RATE_HZ
PACKING = Packing(fill=28 * S, least=21 * S, span=60 * S, pause=3 * S)


def packer(*speech: Range, floor: int = 0) -> Packer:
    p = Packer(PACKING)
    p.floor = floor
    p.speech = list(speech)
    return p


def span(start: float, end: float) -> Span:
    return Span(Fraction(start), Fraction(end))


def test_pauses_stay_as_they_are_and_long_ones_are_shortened() -> None:
    p = packer((10 * S, 12 * S), (14 * S, 15 * S), (25 * S, 26 * S))
    pack = p.take(3, None, 40 * S)
    assert pack.pieces == ((17 * S // 2, 33 * S // 2), (47 * S // 2, 55 * S // 2))
    assert p.speech == []
    assert p.floor == 55 * S // 2


def test_no_sound_is_used_twice_or_before_the_floor_or_after_the_end() -> None:
    p = packer((S, 2 * S), (4 * S, 5 * S), floor=S // 2)
    assert p.take(1, None, 6 * S).pieces == ((S // 2, 3 * S),)
    assert p.take(1, None, 6 * S).pieces == ((3 * S, 6 * S),)


def test_a_pack_is_due_when_it_is_full_or_old() -> None:
    assert packer((0, 20 * S)).due(None, 30 * S) is None
    assert packer((0, 20 * S)).due(None, 60 * S) == 1
    assert packer((0, 10 * S), (11 * S, 22 * S), (24 * S, 29 * S)).due(None, 29 * S) == 2
    assert packer().due(0, 27 * S) is None
    assert packer().due(0, 29 * S) == 0
    assert packer((0, 5 * S)).due(6 * S, 60 * S) == 0


def test_a_full_pack_is_cut_at_a_long_late_pause() -> None:
    speech: list[Range] = [(0, 2 * S), (5 * S, 21 * S), (22 * S, 24 * S), (26 * S, 27 * S)]
    assert packer(*speech).due(int(27.5 * S), 29 * S) == 3
    speech = [(0, 12 * S), (16 * S, 23 * S), (24 * S, 27 * S)]
    assert packer(*speech).due(28 * S, 31 * S) == 3


def test_long_speech_is_split_where_a_pack_is_full() -> None:
    assert packer().room(0, 29 * S) == (21 * S, 28 * S)
    assert packer((0, 4 * S)).room(5 * S, 29 * S) == (21 * S, 28 * S)


def test_words_go_back_to_the_piece_that_holds_them() -> None:
    pack = Pack(((2 * S, 4 * S), (10 * S, 11 * S)), ((3 * S, 4 * S), (10 * S, 11 * S)))
    assert pack.place(span(0.5, 1)) == (0, span(2.5, 3))
    assert pack.place(span(1.5, 2.25)) == (0, span(3.5, 4))
    assert pack.place(span(1.75, 2.75)) == (1, span(10, 10.75))
    assert pack.place(span(2.5, 9)) == (1, span(10.5, 11))


def test_pauses_are_found_in_the_pack() -> None:
    pack = Pack(((2 * S, 8 * S), (20 * S, 24 * S)), ((3 * S, 4 * S), (6 * S, 7 * S), (21 * S, 22 * S), (22 * S, 23 * S)))
    assert pack.pauses == (3 * S, 6 * S, 8 * S)
    assert Pack(((0, S),), ((0, S),)).pauses == ()


def test_what_is_near_speech() -> None:
    pack = Pack(((2 * S, 8 * S),), ((3 * S, 4 * S), (6 * S, 7 * S)))
    assert pack.near_speech(span(3.5, 3.5), 0)
    assert pack.near_speech(span(4.25, 4.75), S // 2)
    assert not pack.near_speech(span(4.5, 4.75), S // 2)
    assert pack.near_speech(span(5.25, 5.75), S // 2)
    assert not pack.near_speech(span(7.5, 8), S // 2)


@given(st.lists(st.tuples(st.integers(0, 8 * S), st.integers(S // 5, 20 * S)), min_size=1, max_size=12))
def test_every_pack_fits_and_holds_all_speech_once(gaps: list[tuple[int, int]]) -> None:
    p, now, taken, meant = packer(), 0, list[Range](), list[Range]()
    for gap, length in gaps:
        start, now = now + gap, now + gap + length
        meant.append((start, now))
        p.speech.append((start, now))
        while (count := p.due(None, now)) is not None:
            taken += p.take(count, None, now).pieces
    while p.speech:
        taken += p.take(len(p.speech), None, now).pieces
    assert all(a[1] <= b[0] for a, b in itertools.pairwise(taken))
    assert all(any(a <= start and end <= b for a, b in taken) for start, end in meant)


def test_packs_never_hold_more_than_a_recogniser_hears() -> None:
    """Stretches that grow by a block at a time, as the gate gives them."""
    p, block = packer(), 16384
    for now in range(block, 200 * S, block):
        while (count := p.due(p.floor, now)) is not None:
            assert count == 0
            first, last = p.room(p.floor, now)
            cut = (first + last) // 2
            p.speech.append((p.floor, cut))
            pack = p.take(1, cut, now)
            assert 21 * S <= sum(b - a for a, b in pack.pieces) <= LONGEST_SAMPLES


def test_sound_is_read_across_packets_and_forgotten() -> None:
    pcm = np.arange(10 * PACKET_SAMPLES, dtype=np.float32)
    sound = Sound()
    for n in range(10):
        sound.append(n * PACKET_SAMPLES, pcm[n * PACKET_SAMPLES : (n + 1) * PACKET_SAMPLES])
    pieces = [(100, 2000), (5000, 5001), (14000, 16000)]
    assert np.array_equal(sound.read(pieces), np.concatenate([pcm[a:b] for a, b in pieces]))
    sound.forget(4800)
    assert sound.read([(4800, 4801)]) == [4800]
    assert sound.end == 16000


def test_the_quietest_place_is_found_and_levels_are_rms() -> None:
    sound = Sound()
    pcm = np.full(5 * S, 0.5, np.float32)
    pcm[3 * S : 3 * S + S // 4] = 0.001
    sound.append(0, pcm)
    assert 3 * S + S // 10 <= sound.quietest((S, 5 * S)) <= 3 * S + 3 * S // 20
    assert round(sound.level_dbfs((0, S)), 2) == -6.02
    assert _silence().level_dbfs((0, 10)) == -120


def _silence() -> Sound:
    sound = Sound()
    sound.append(0, np.zeros(10, np.float32))
    return sound


def test_a_word_is_kept_to_the_speech_that_it_overlaps() -> None:
    pack = Pack(((0, 20 * S),), ((2 * S, 4 * S), (10 * S, 12 * S)))
    assert pack.within_speech(span(1, 2.5), S // 4) == span(1.25, 2.5)
    assert pack.within_speech(span(1.875, 2.5), S // 4) == span(2, 2.5)
    assert pack.within_speech(span(3.5, 6), S // 4) == span(3.5, 5.75)
    assert pack.within_speech(span(3.5, 4.125), S // 4) == span(3.5, 4)
    assert pack.within_speech(span(2.5, 3), S // 4) == span(2.5, 3)
    assert pack.within_speech(span(3, 11), S // 4) == span(3, 11)
    assert pack.within_speech(span(5, 6), S // 4) == span(5, 6)
