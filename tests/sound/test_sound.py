"""SoundMeasurer, LogMelFeatures, SoundTagger and SoundFeatures on made sound, and the law."""

from collections.abc import Callable
from fractions import Fraction
from itertools import pairwise

import numpy as np
import pytest

from operators.errors import ModelError
from operators.facts import Features, Sound
from operators.media import SOUND_RATE_HZ, Pcm, Samples
from operators.protocols import Ask, Item, Output, StreamOperator
from operators.records import Gap
from operators.sound import LogMelFeatures, SoundFeatures, SoundMeasurer, SoundTagger
from operators.sound.encoder import SoundTags
from operators.sound.mel import log_mel
from tests.events.footage import bang, hiss, mixed, packets, siren, tone
from tests.events.test_listen import chant, chords
from tests.law import assert_law, outputs_of


def model(pcm: Pcm) -> SoundTags:
    """Stands in for a sound model: what it says depends on every sample."""
    loud = float(np.abs(pcm).mean())
    return SoundTags(("loud", "long", "none"), (min(1.0, 5 * loud), len(pcm) / 160_000, 0.01), np.array([loud, len(pcm)], np.float32))


MODELS = {"sound": model}


def sounds(make: Callable[[], StreamOperator], pcm: Pcm) -> list[Sound]:
    return [o for o in outputs_of(make, packets(pcm), MODELS) if isinstance(o, Sound)]


def kinds(pcm: Pcm) -> list[tuple[str, float, float]]:
    return [(s.kind, float(s.start), float(s.end)) for s in sounds(SoundMeasurer, pcm)]


class TestMeasurer:
    @pytest.mark.parametrize(
        ("pcm", "kind"),
        [
            (np.zeros(8 * SOUND_RATE_HZ, np.float32), "silence"),
            (hiss(8, 0.003), "quiet"),
            (hiss(8, 0.1), "noise"),
            (chant(8), "speech_like"),
            (chords(8), "music_like"),
            (tone(8, 500) + tone(8, 1210, 0.1), "tonal"),
            (siren("wail", 8), "siren_like"),
        ],
    )
    def test_one_kind_is_one_stretch(self, pcm: Pcm, kind: str) -> None:
        told = kinds(pcm)
        assert (kind, sum(e - s for k, s, e in told if k == kind)) == (kind, pytest.approx(8, abs=2.6))
        assert max(told, key=lambda t: t[2] - t[1])[0] == kind

    def test_stretches_tile_the_sound_and_change_where_it_does(self) -> None:
        pcm = np.concatenate([np.zeros(5 * SOUND_RATE_HZ, np.float32), hiss(6.03, 0.1), np.zeros(4 * SOUND_RATE_HZ, np.float32)])
        told = sounds(SoundMeasurer, pcm)
        assert told[0].start == 0
        assert told[-1].end == Fraction(len(pcm), SOUND_RATE_HZ)
        assert all(a.end == b.start for a, b in pairwise(told))
        assert [s.kind for s in told] == ["silence", "noise", "silence"]
        assert float(told[1].start) == pytest.approx(5, abs=0.5)
        assert told[1].level_dbfs == pytest.approx(-20, abs=0.5)
        assert told[0].level_dbfs == -120

    def test_no_part_is_longer_than_30_s(self) -> None:
        assert kinds(hiss(70, 0.1)) == [("noise", 0, 30), ("noise", 30, 60), ("noise", 60, 70)]

    def test_a_gap_breaks_off_and_nothing_is_told_of_it(self) -> None:
        items: list[Item] = [p for p in packets(hiss(20, 0.1)) if not 6 <= p.start < 11.2]
        items.insert(60, Gap(Fraction(6), Fraction(56, 5), "listen", "decode_error"))
        told = outputs_of(SoundMeasurer, items)
        assert [(o.start, o.end) for o in told if isinstance(o, Sound)] == [(0, 6), (Fraction(56, 5), 20)]

    def test_the_watermark_keeps_up_with_a_steady_sound(self) -> None:
        measurer = SoundMeasurer()
        for packet in packets(hiss(20, 0.1)):
            measurer.push(packet)
            held = measurer.hold()
            assert held is not None
            assert packet.end - held <= 2


class TestLogMel:
    def test_two_rows_a_second_on_the_grid(self) -> None:
        rows = [o for o in outputs_of(LogMelFeatures, packets(hiss(3.25, 0.1))) if isinstance(o, Features)]
        assert [(r.index, r.rate) for r in rows] == [(n, 2) for n in range(7)]
        assert all(r.vector.shape == (64,) and r.vector.dtype == np.float32 for r in rows)

    def test_a_full_tone_is_1_in_its_band_and_silence_is_minus_1(self) -> None:
        row = log_mel(tone(0.5, 1000, 1.0))
        assert row.max() == pytest.approx(1, abs=0.1)
        assert np.count_nonzero(row > 0.5) < 8
        assert log_mel(np.zeros(8000, np.float32)) == pytest.approx(-1)

    def test_it_rises_with_pitch(self) -> None:
        peaks = [int(log_mel(tone(0.5, f)).argmax()) for f in (200, 400, 800, 1600, 3200, 6400)]
        assert peaks == sorted(set(peaks))

    def test_a_row_is_of_its_own_half_second_only(self) -> None:
        pcm = hiss(2, 0.1)
        whole = [o.vector for o in outputs_of(LogMelFeatures, packets(pcm)) if isinstance(o, Features)]
        assert np.array_equal(whole[2], log_mel(pcm[16_000:24_000]))

    def test_a_cell_is_given_once_and_a_hole_gives_none(self) -> None:
        items: list[Item] = [p for p in packets(hiss(6, 0.1)) if not 1.2 <= p.start < 1.4 and not 2.3 <= p.start < 4.1]
        items.insert(12, Gap(Fraction(6, 5), Fraction(7, 5), "listen", "decode_error"))
        items.insert(22, Gap(Fraction(23, 10), Fraction(41, 10), "listen", "decode_error"))
        rows = [o.index for o in outputs_of(LogMelFeatures, items) if isinstance(o, Features)]
        assert rows == [0, 1, 2, 3, 4, 8, 9, 10, 11]


class TestTagger:
    def test_it_asks_of_ten_seconds_around_each_five(self) -> None:
        asked: list[int] = []

        def count(pcm: Pcm) -> SoundTags:
            asked.append(len(pcm))
            return model(pcm)

        told = [o for o in outputs_of(SoundTagger, packets(hiss(23, 0.1)), {"sound": count}) if isinstance(o, Sound)]
        assert [(s.start, s.end) for s in told] == [(0, 5), (5, 10), (10, 15), (15, 20), (20, 23)]
        assert [n / SOUND_RATE_HZ for n in asked] == [7.5, 10, 10, 10, 5.5]
        assert told[1].tags == ("loud", "long"), "a tag below the least score is not told"
        assert {s.kind for s in told} == {"noise"}

    def test_silence_is_not_asked_of(self) -> None:
        def never(pcm: Pcm) -> SoundTags:
            raise AssertionError("asked")

        told = [o for o in outputs_of(SoundTagger, packets(np.zeros(160_000)), {"sound": never}) if isinstance(o, Sound)]
        assert [(s.kind, s.level_dbfs, s.tags) for s in told] == [("silence", -120, ()), ("silence", -120, ())]

    def test_a_model_that_fails_leaves_the_stretch_out(self) -> None:
        tagger = SoundTagger()
        (ask,) = [o for packet in packets(hiss(9, 0.1)) for o in tagger.push(packet)]
        assert isinstance(ask, Ask)
        assert tagger.answer(ask, ModelError("no")) == []


class TestSoundFeatures:
    def test_a_row_for_each_second(self) -> None:
        rows = [o for o in outputs_of(SoundFeatures, packets(hiss(12.5, 0.1)), MODELS) if isinstance(o, Features)]
        assert [(r.index, r.rate) for r in rows] == [(n, 1) for n in range(13)]
        assert np.array_equal(rows[0].vector, rows[4].vector)
        assert not np.array_equal(rows[4].vector, rows[5].vector)

    def test_a_second_is_given_once_where_a_gap_cuts_it(self) -> None:
        items: list[Item] = [p for p in packets(hiss(16, 0.1)) if not 6.3 <= p.start < 6.6]
        items.insert(63, Gap(Fraction(63, 10), Fraction(66, 10), "listen", "decode_error"))
        rows = [o.index for o in outputs_of(SoundFeatures, items, MODELS) if isinstance(o, Features)]
        assert rows == list(range(16))


def eventful() -> list[Item]:
    """Sound of all kinds with a missing packet, a short and a long gap, and a short last packet."""
    parts = [np.zeros(3 * SOUND_RATE_HZ), hiss(4, 0.1), chant(6), siren("wail", 6), chords(6), tone(4, 600), hiss(6.47, 0.002)]
    pcm = mixed(np.concatenate(parts).astype(np.float32), bang(), 30)
    items: list[Item] = [p for p in packets(pcm) if not 8 <= p.start < 8.2 and not 20 <= p.start < 22.3 and p.index != 122]
    for start, end in ((Fraction(8), Fraction(82, 10)), (Fraction(20), Fraction(223, 10))):
        items.insert(next(k for k, i in enumerate(items) if i.start >= end), Gap(start, end, "listen", "decode_error"))
    return items


@pytest.mark.parametrize("make", [SoundMeasurer, LogMelFeatures, SoundTagger, SoundFeatures])
def test_the_law(make: Callable[[], StreamOperator]) -> None:
    outputs: list[Output] = assert_law(make, eventful(), MODELS, seeds=range(5))
    assert len(outputs) > 5
    assert isinstance(eventful()[0], Samples)
