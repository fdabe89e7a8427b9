"""Sound detectors on made sound: what each says, and what it must not say."""

import math
from fractions import Fraction

import numpy as np
import pytest

from operators.events import DETECTORS
from operators.events.impulse import ImpulseDetector
from operators.events.silence import SilenceDetector
from operators.events.siren import SirenDetector
from operators.media import SOUND_RATE_HZ, Pcm
from operators.protocols import Item
from operators.records import Event, Gap
from tests.events.footage import bang, hiss, mixed, packets, siren, spans, tone
from tests.law import assert_law, outputs_of


def chant(seconds: float, hertz: float = 140.0) -> Pcm:
    """Voice-like: a buzz with gliding pitch whose level swings four times a second, with a sharp attack on each syllable."""
    at = np.arange(round(seconds * SOUND_RATE_HZ)) / SOUND_RATE_HZ
    pitch = hertz * (1 + 0.15 * np.sin(2 * np.pi * 0.7 * at))
    phase = 2 * np.pi * np.cumsum(pitch) / SOUND_RATE_HZ
    buzz = sum(np.sin(k * phase) / k for k in range(1, 20))
    swell = np.clip((at * 4) % 1 / 0.03, 0, 1) * np.exp(-((at * 4) % 1) * 2)
    return (0.2 * buzz * swell).astype(np.float32)


def chords(seconds: float) -> Pcm:
    """A piano-like loop: chords that change every 0.5 s, each struck and ringing on."""
    at = np.arange(round(seconds * SOUND_RATE_HZ)) / SOUND_RATE_HZ
    beat = (at * 2).astype(int)
    root = np.array([262.0, 349.0, 392.0, 294.0])[beat % 4]
    wave = sum(np.sin(2 * np.pi * root * f * at) for f in (1, 1.26, 1.5, 2))
    return (0.1 * wave * (0.4 + 0.6 * np.exp(-(at * 2 % 1) * 3))).astype(np.float32)


class TestSilence:
    def test_where_no_sound_is(self) -> None:
        pcm = np.concatenate([hiss(2, 0.05), np.zeros(3 * SOUND_RATE_HZ), hiss(2, 0.05)])
        said = outputs_of(SilenceDetector, packets(pcm))
        assert spans(said) == [(2, 5)]
        assert said[0].score == 1  # type: ignore[union-attr]

    def test_a_faint_hiss_over_a_constant_offset_is_silence(self) -> None:
        pcm = np.concatenate([hiss(2, 0.05), hiss(3, 0.0005) + 0.1])
        assert spans(outputs_of(SilenceDetector, packets(pcm))) == [(2, 5)]

    @pytest.mark.parametrize("pcm", [hiss(6, 0.01), tone(6, 50, 0.01)], ids=["room", "hum"])
    def test_a_quiet_room_is_not(self, pcm: Pcm) -> None:
        assert outputs_of(SilenceDetector, packets(pcm)) == []

    def test_a_level_about_the_threshold_does_not_flicker(self) -> None:
        parts = [hiss(0.5, 10 ** ((-55 + (3 if k % 2 else -2)) / 20), k) for k in range(20)]
        pcm = np.concatenate([hiss(1, 0.05), hiss(3, 0.0005), *parts])
        assert len(spans(outputs_of(SilenceDetector, packets(pcm)))) == 1


class TestImpulse:
    @pytest.mark.parametrize("background", [hiss(4), hiss(4, 0.02), 0.05 * chords(4)], ids=["quiet", "noise", "soft music"])
    @pytest.mark.parametrize("sound", [bang(), bang(0.8, 0.01), bang(0.6, 0.02)], ids=["shot", "clap", "softer clap"])
    def test_a_bang_is_said_where_it_is(self, background: Pcm, sound: Pcm) -> None:
        (found,) = spans(outputs_of(ImpulseDetector, packets(mixed(background, sound, 2.123))))
        assert found[0] == pytest.approx(2.123, abs=0.01)
        assert found[1] - found[0] < 0.2

    def test_claps_are_counted(self) -> None:
        pcm = hiss(4)
        for k in range(6):
            pcm = mixed(pcm, bang(0.6, 0.01, k), 0.7 + k * 0.4)
        said = outputs_of(ImpulseDetector, packets(pcm))
        assert len(spans(said)) == 6
        assert [e.event_id for e in said[::2] if isinstance(e, Event)] == [f"listen.impulse-{k}" for k in range(6)]

    def test_a_struck_bell_is_one(self) -> None:
        at = np.arange(3 * SOUND_RATE_HZ) / SOUND_RATE_HZ
        partials = ((800, 0.3, 5), (2130, 0.6, 25), (3970, 0.6, 50))
        bell = sum(0.3 * a * np.sin(2 * np.pi * f * at) * np.exp(-at * decay) for f, a, decay in partials)
        assert len(spans(outputs_of(ImpulseDetector, packets(mixed(hiss(4, 0.001), bell.astype(np.float32), 1))))) == 1

    @pytest.mark.parametrize(
        "pcm",
        [
            hiss(5, 0.1),
            mixed(hiss(5), chant(4), 0.7),
            mixed(hiss(5), chords(4), 0.7),
            mixed(hiss(5), hiss(4, 0.2), 0.7),
            mixed(hiss(5), tone(3, 440), 0.7),
            mixed(hiss(5), (hiss(3, 0.2) * np.linspace(0, 1, 3 * SOUND_RATE_HZ) ** 2).astype(np.float32), 0.7),
        ],
        ids=["noise", "voice", "music", "noise that stays", "tone", "swell"],
    )
    def test_what_is_none(self, pcm: Pcm) -> None:
        assert outputs_of(ImpulseDetector, packets(pcm)) == []

    def test_it_is_said_soon(self) -> None:
        """Nothing later is needed than 400 ms, and the packet that holds them."""
        pcm = mixed(hiss(4), bang(), 2)
        detector = ImpulseDetector()
        said = [(p.end, detector.push(p)) for p in packets(pcm)]
        assert next(end for end, outputs in said if outputs) <= Fraction(26, 10)


class TestSiren:
    @pytest.mark.parametrize("kind", ["wail", "yelp", "two-tone"])
    @pytest.mark.parametrize("snr_db", [20, 10, 5])
    def test_a_siren_over_noise(self, kind: str, snr_db: int) -> None:
        sound = siren(kind, 8)
        noise = float(sound.std()) * 10 ** (-snr_db / 20)
        pcm = mixed(hiss(14, noise), sound, 3)
        ((start, end),) = spans(outputs_of(SirenDetector, packets(pcm)))
        assert start == pytest.approx(3, abs=0.1)
        assert end == pytest.approx(11, abs=0.6)

    def test_its_onset_is_not_that_of_the_rumble_before_it(self) -> None:
        rumble = np.cumsum(hiss(14, 0.01))
        rumble = (0.02 * (rumble - np.convolve(rumble, np.ones(800) / 800, "same")) / rumble.std()).astype(np.float32)
        ((start, _),) = spans(outputs_of(SirenDetector, packets(mixed(rumble, siren("wail", 8), 3))))
        assert start == pytest.approx(3, abs=0.1)

    @pytest.mark.parametrize("kind", ["wail", "yelp"])
    def test_a_siren_over_a_voice(self, kind: str) -> None:
        voice = chant(12)
        sound = siren(kind, 8)
        pcm = mixed(voice * (float(sound.std()) / float(voice.std()) / 3), sound, 2)
        assert len(spans(outputs_of(SirenDetector, packets(pcm)))) == 1

    @pytest.mark.parametrize(
        "pcm",
        [
            chant(8, 220),
            chords(8),
            tone(8, 880),
            hiss(8, 0.1),
            np.concatenate([tone(0.5, f) for f in (440, 494, 523, 587, 659, 698, 784, 880) * 2]),
            np.concatenate([np.append(tone(0.3, 1000), np.zeros(SOUND_RATE_HZ // 5)) for _ in range(16)]),
            np.concatenate([tone(3, 440), tone(3, 585), tone(3, 440)]),
        ],
        ids=["voice", "music", "tone", "noise", "scale", "beeps", "two long notes"],
    )
    def test_what_is_none(self, pcm: Pcm) -> None:
        assert outputs_of(SirenDetector, packets(pcm)) == []

    def test_it_lives_with_updates(self) -> None:
        said = outputs_of(SirenDetector, packets(mixed(hiss(20), siren("wail", 16), 2)))
        steps = [e.lifecycle for e in said if isinstance(e, Event)]
        assert steps == ["start", "update", "update", "end"]
        assert all(0.5 <= e.score <= 1 for e in said if isinstance(e, Event))


def eventful() -> list[Item]:
    """40 s with silence, bangs and a siren, a packet that is missing, a short and a long gap, and a short last packet."""
    pcm = mixed(mixed(hiss(40), bang(), 3.21), bang(0.5, 0.01), 11.05)
    pcm[5 * SOUND_RATE_HZ : 8 * SOUND_RATE_HZ] = 0
    pcm = mixed(mixed(pcm, siren("wail", 10), 14), bang(), 29.93)[: math.floor(39.97 * SOUND_RATE_HZ)]
    items: list[Item] = [p for p in packets(pcm) if not 9 <= p.start < 10 and not 30 <= p.start < 34 and p.index != 122]
    for start, end in ((9, 10), (30, 34)):
        gap = Gap(Fraction(start), Fraction(end), "listen", "decode_error")
        items.insert(next(k for k, i in enumerate(items) if i.start >= end), gap)
    return items


@pytest.mark.parametrize("origin", [o for o in DETECTORS if o.startswith("listen.")])
def test_the_law(origin: str) -> None:
    assert assert_law(DETECTORS[origin], eventful(), seeds=range(12))
