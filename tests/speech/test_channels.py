"""A speaker in each channel: who says what, what is cross-talk, and the law."""

from fractions import Fraction

import numpy as np
import pytest

from operators.errors import ConfigError
from operators.facts import Speech, Word
from operators.media import PACKET_SAMPLES, SOUND_RATE_HZ, Samples
from operators.protocols import Item, Output
from operators.records import Gap, Partial, Transcript
from operators.sources import SourceOptions
from operators.speech.channels import ChannelTranscriber
from operators.speech.crosstalk import CrosstalkGate
from operators.speech.options import SpeechOptions
from operators.speech.words import SpeechTranscriber
from tests.law import assert_law, outputs_of
from tests.speech.test_words_law import MODELS, SMALL, talk

NAMES = ("Interviewer", "Guest")


def voice(seed: int, seconds: float) -> np.ndarray:
    """Noise whose loudness and colour change as those of speech do."""
    noise = np.random.default_rng(seed)
    parts = [noise.uniform(0.1, 1) * np.convolve(noise.standard_normal(1800), noise.uniform(-1, 1, 9), "valid") for _ in range(99)]
    pcm = np.concatenate(parts)[: round(seconds * SOUND_RATE_HZ)]
    return (0.1 * pcm / np.sqrt(np.mean(np.square(pcm)))).astype(np.float32)


def packets(channels: np.ndarray, first: int = 0) -> list[Item]:
    cuts = (channels[:, n : n + PACKET_SAMPLES] for n in range(0, channels.shape[1], PACKET_SAMPLES))
    return [Samples(first + n, cut.mean(axis=0), cut) for n, cut in enumerate(cuts)]


def between(first: np.ndarray, second: np.ndarray, leak: float = 0.0, delay: int = 40) -> np.ndarray:
    """Both, each in a channel of its own, and quieter and later in the other one."""
    late = [np.concatenate([np.zeros(delay, np.float32), pcm[:-delay]]) for pcm in (first, second)]
    return np.stack([first + leak * late[1], second + leak * late[0]])


def in_turn(seconds: float = 2.0) -> tuple[np.ndarray, np.ndarray]:
    quiet = np.zeros(round(seconds * SOUND_RATE_HZ), np.float32)
    return np.concatenate([voice(1, seconds), quiet]), np.concatenate([quiet, voice(2, seconds)])


def gated(channels: np.ndarray) -> np.ndarray:
    gate = CrosstalkGate()
    return np.concatenate([gate(i.channels) for i in packets(channels) if isinstance(i, Samples) and i.channels is not None], axis=1)


def said(outputs: list[Output], kind: type) -> list[tuple[str | None, Fraction, Fraction]]:
    return [(o.speaker, o.start, o.end) for o in outputs if isinstance(o, kind)]


def test_cross_talk_is_left_to_its_own_channel() -> None:
    first, second = in_turn()
    kept = gated(between(first, second, leak=0.25))
    half = len(first) // 2
    assert kept[0, :half].any()
    assert not kept[1, 2 * PACKET_SAMPLES : half].any()
    assert kept[1, half:].any()
    assert not kept[0, half + 2 * PACKET_SAMPLES :].any()


def test_people_who_talk_at_once_are_both_kept_as_they_are() -> None:
    both = between(voice(1, 3), voice(2, 3), leak=0.25)
    assert np.array_equal(gated(both), both)


def test_one_sound_in_two_channels_is_that_of_the_first() -> None:
    """Also where a lossy codec makes one or the other a little louder."""
    sound = voice(1, 3)
    kept = gated(np.stack([sound, sound * np.where(np.arange(len(sound)) // 1600 % 2, 1.2, 0.8).astype(np.float32)]))
    assert not kept[1, PACKET_SAMPLES:].any()
    assert np.array_equal(kept[0], sound)


def test_a_channel_that_drops_out_takes_nothing_from_the_other() -> None:
    second = voice(2, 3)
    first = voice(1, 3)
    first[SOUND_RATE_HZ : 2 * SOUND_RATE_HZ] = 0
    kept = gated(np.stack([first, second]))
    assert np.array_equal(kept, np.stack([first, second]))


def test_words_carry_the_name_of_their_channel() -> None:
    outputs = outputs_of(
        lambda: ChannelTranscriber(lambda: SpeechTranscriber(SMALL), NAMES), packets(between(*in_turn(4.0), leak=0.1)), MODELS
    )
    words = said(outputs, Word)
    assert {w[0] for w in words} == set(NAMES)
    assert all(end <= Fraction(9, 2) for name, _, end in words if name == "Interviewer")
    assert all(start >= Fraction(7, 2) for name, start, _ in words if name == "Guest")
    transcripts = [o for o in outputs if isinstance(o, Transcript)]
    assert {(t.speaker, t.channel) for t in transcripts} == {("Interviewer", 0), ("Guest", 1)}
    assert {w.segment_id for t in transcripts for w in t.words} == {t.segment_id for t in transcripts}
    assert all(w.speaker == t.speaker for t in transcripts for w in t.words)


def test_both_are_written_down_where_they_talk_at_once() -> None:
    outputs = outputs_of(
        lambda: ChannelTranscriber(lambda: SpeechTranscriber(SMALL), NAMES), packets(between(voice(1, 5), voice(2, 5))), MODELS
    )
    lasted = {name: sum(end - start for n, start, end in said(outputs, Word) if n == name) for name in NAMES}
    assert all(seconds > 4 for seconds in lasted.values())


def test_a_channel_without_a_name_is_not_listened_to() -> None:
    three = np.stack([voice(1, 3), voice(2, 3), voice(3, 3)])
    outputs = outputs_of(lambda: ChannelTranscriber(lambda: SpeechTranscriber(SMALL), ("A", "", "C")), packets(three), MODELS)
    assert {o.channel for o in outputs if isinstance(o, Transcript)} == {0, 2}


@pytest.mark.parametrize("options", [SMALL, SpeechOptions(step_s=0.5)], ids=["packs", "live"])
def test_any_chunking_any_delay_and_any_cut_give_the_same_words(options: SpeechOptions) -> None:
    def conversation(n: int) -> np.ndarray:
        first, second = (talk(1 + n + k, 6.03, 3.0) for k in (0, 10))
        return between(first, second, leak=0.2)

    before = packets(conversation(0), first=13)
    after = packets(conversation(1), first=before[-1].index + 301)  # type: ignore[union-attr]
    items = [*before, Gap(before[-1].end, after[0].start, "listen", "discontinuity"), *after]
    outputs = assert_law(lambda: ChannelTranscriber(lambda: SpeechTranscriber(options), NAMES), items, MODELS, seeds=range(4))
    assert {type(o) for o in outputs} - {Partial} == {Speech, Transcript, Word}
    assert {o.speaker for o in outputs if isinstance(o, Word)} == set(NAMES)


@pytest.mark.parametrize("names", [("one",), ("", "one"), ("one", "one")])
def test_names_that_tell_nobody_apart_are_refused(names: tuple[str, ...]) -> None:
    with pytest.raises(ConfigError, match="at least two channels"):
        SourceOptions(speakers=names)
