"""Who speaks, by voices: memory, turns on words, and the law of the whole."""

import json
from dataclasses import replace
from fractions import Fraction as F
from typing import Any

import numpy as np
import pytest

from operators.errors import ConfigError, ModelError
from operators.facts import Speech, Word
from operators.media import PACKET_SAMPLES, SOUND_RATE_HZ, Samples
from operators.protocols import Item
from operators.records import Gap, Partial, Transcript
from operators.speech.clusters import SpeakerMemory, clusters
from operators.speech.options import SpeechOptions
from operators.speech.speakers import DiarisationOptions, SpeakerTranscriber
from operators.speech.turns import Turn, named, parted
from operators.speech.voices import VoiceItem
from operators.speech.words import SpeechTranscriber
from pipeline.operator_run import OperatorRun
from tests.law import assert_law, outputs_of
from tests.speech.test_words_law import MODELS, SMALL, talk


def voices(*near: int, spread: float = 0.1, seed: int = 0) -> np.ndarray:
    """Vectors near to axes."""
    noise = np.random.default_rng(seed).standard_normal((len(near), 16)) * spread
    made = np.eye(16)[list(near)] + noise
    return (made / np.linalg.norm(made, axis=1, keepdims=True)).astype(np.float32)


def voice_model(item: VoiceItem) -> np.ndarray:
    """The voice of noise: whether its samples follow each other smoothly."""
    axes = [0 if float(np.mean(w[1:] * w[:-1])) > 0 else 1 for w in item.windows]
    return voices(*axes, spread=0.0)


def packets(pcm: np.ndarray, first: int = 0) -> list[Item]:
    return [Samples(first + n, pcm[n * PACKET_SAMPLES : (n + 1) * PACKET_SAMPLES]) for n in range(-(-len(pcm) // PACKET_SAMPLES))]


def spoken(seed: int, who: int, seconds: float) -> np.ndarray:
    """Noise of one of two colours."""
    noise = np.random.default_rng(seed).uniform(-0.5, 0.5, round(seconds * SOUND_RATE_HZ) + 1)
    return (0.5 * (noise[1:] + (1 - 2 * who) * noise[:-1])).astype(np.float32)


def conversation(seed: int) -> np.ndarray:
    pause = np.zeros(SOUND_RATE_HZ // 2, np.float32)
    return np.concatenate([p for n in range(6) for p in (spoken(seed + n, n % 2, 1.7 + 0.3 * (n % 3)), pause)])


ALL = MODELS | {"voice": voice_model}


def transcriber(options: SpeechOptions = SMALL) -> SpeakerTranscriber:
    return SpeakerTranscriber(DiarisationOptions(), lambda: SpeechTranscriber(options))


def test_clusters_hold_what_is_alike() -> None:
    assert clusters(voices(0, 1, 0, 2, 1, 0), 0.8) == [[0, 2, 5], [1, 4], [3]]
    assert clusters(voices(), 0.8) == []


def test_a_speaker_is_known_again_days_later() -> None:
    memory = SpeakerMemory(0.8, 8)
    assert memory.tell(voices(0, 0, 1, 1)) == [0, 0, 1, 1]
    for n in range(300):
        assert memory.tell(voices(1, 1, 1, seed=n)) == [1, 1, 1]
    assert memory.tell(voices(0, 2, 2, 0, seed=9)) == [0, 2, 2, 0]
    assert len(json.dumps(memory.snapshot())) < 300


def test_the_memory_stays_bounded_and_a_single_odd_window_is_nobody_new() -> None:
    memory = SpeakerMemory(0.8, 3)
    assert memory.tell(voices(0, 0, 1, 1)) == [0, 0, 1, 1]
    assert set(memory.tell(voices(5))) <= {0, 1}
    for axis in range(2, 12):
        memory.tell(voices(axis, axis, axis))
    assert len(memory.snapshot()) == 3


def test_a_memory_goes_on_where_it_was() -> None:
    one, other = SpeakerMemory(0.8, 8), SpeakerMemory(0.8, 8)
    one.tell(voices(0, 0, 1, 1, 2, 2))
    other.restore(json.loads(json.dumps(one.snapshot())))
    later = voices(2, 1, 1, 3, 3, 0, spread=0.2, seed=4)
    assert one.tell(later) == other.tell(later)
    assert one.snapshot() == other.snapshot()


def words(*spans: tuple[str, str]) -> tuple[Word, ...]:
    return tuple(Word(F(a), F(b), f"w{n}", 0.9, "en", "s") for n, (a, b) in enumerate(spans))


def test_a_transcript_is_parted_where_another_one_speaks() -> None:
    said = words(("0", "1"), ("1", "2"), ("2", "3"), ("3", "4"))
    whole = Transcript(F(0), F(4), "s", "w0 w1 w2 w3", "en", said)
    parts = list(parted(whole, named(said, [Turn(F(0), F(2), 0), Turn(F(2), F(4), 1)])))
    assert [(p.text, p.speaker, p.segment_id, p.start, p.end) for p in parts] == [
        ("w0 w1", "Speaker 1", "s", 0, 2),
        ("w2 w3", "Speaker 2", "s.1", 2, 4),
    ]
    assert all(w.speaker == p.speaker and w.segment_id == p.segment_id for p in parts for w in p.words)


def test_a_moment_of_another_voice_parts_nothing_and_without_turns_nobody_is_named() -> None:
    said = words(("0", "1"), ("1", "1.3"), ("1.3", "3"))
    whole = Transcript(F(0), F(3), "s", "w0 w1 w2", "en", said)
    (part,) = parted(whole, named(said, [Turn(F(0), F(1), 0), Turn(F(1), F("1.3"), 1), Turn(F("1.3"), F(3), 0)]))
    assert (part.text, part.speaker) == (whole.text, "Speaker 1")
    assert list(parted(whole, named(said, []))) == [whole]
    silent = replace(whole, words=())
    assert list(parted(silent, [])) == [silent]


def test_who_takes_turns_is_told_apart_and_known_again() -> None:
    outputs = outputs_of(transcriber, packets(conversation(1)), ALL)
    told = [o for o in outputs if isinstance(o, Transcript)]
    assert {t.speaker for t in told} == {"Speaker 1", "Speaker 2"}
    turns, at = [], F(0)
    for n in range(6):
        length = F(17 + 3 * (n % 3), 10)
        turns.append((at, at + length, f"Speaker {n % 2 + 1}"))
        at += length + F(1, 2)
    right = [any(a <= (w.start + w.end) / 2 < b and w.speaker == who for a, b, who in turns) for t in told for w in t.words]
    assert sum(right) >= 0.8 * len(right)
    assert [(w.text, w.speaker, w.segment_id) for t in told for w in t.words] == [
        (o.text, o.speaker, o.segment_id) for o in outputs if isinstance(o, Word)
    ]


@pytest.mark.parametrize("options", [SMALL, SpeechOptions(step_s=0.5)], ids=["packs", "live"])
def test_any_chunking_any_delay_and_any_cut_tell_the_same_speakers(options: SpeechOptions) -> None:
    before = packets(conversation(1), first=13)
    after = packets(talk(1, 6.03, 3.0), first=before[-1].index + 301)  # type: ignore[union-attr]
    items = [*before, Gap(before[-1].end, after[0].start, "listen", "discontinuity"), *after]
    outputs = assert_law(lambda: transcriber(options), items, ALL, seeds=range(5))
    assert {type(o) for o in outputs} - {Partial} == {Speech, Transcript, Word}
    told = [(w.start, w.end, w.text) for o in outputs if isinstance(o, Transcript) for w in o.words]
    assert sorted(told) == sorted((o.start, o.end, o.text) for o in outputs if isinstance(o, Word)), "each word is told once"


def test_the_law_holds_where_the_voice_model_fails() -> None:
    def bad(item: VoiceItem) -> Any:
        return ModelError("no") if len(item.windows) % 2 else voice_model(item)

    outputs = assert_law(transcriber, packets(conversation(3)), ALL | {"voice": bad}, seeds=range(4))
    assert any(isinstance(o, Gap) for o in outputs)
    assert any(isinstance(o, Transcript) for o in outputs)


def test_a_blip_before_a_long_silence_keeps_no_sound() -> None:
    """Voiced, but too short for the gate, or too faint: nobody asks about it."""
    faint = np.concatenate([1e-4 * spoken(1, 0, 3), np.zeros(150 * SOUND_RATE_HZ, np.float32)])

    def vad(item: Any) -> Any:
        heard = MODELS["vad"](item)
        return type(heard)(np.where(np.abs(item.pcm.reshape(-1, 512)).max(axis=1) > 0, 0.9, 0.0).astype(np.float32), heard.state)

    run = OperatorRun(transcriber(), "listen")
    for item in packets(faint):
        asks = run.feed(item)
        while asks:
            asked = asks.pop(0)
            asks += run.answer(asked, (ALL | {"vad": vad})[asked.ask.model](asked.ask.item))
        run.take()
    assert F(run.checkpoint()["needs_from"]) > 150


def test_options_that_tell_nothing_apart_are_refused() -> None:
    for options in ({"alike": 1.0}, {"most": 0}):
        with pytest.raises(ConfigError):
            DiarisationOptions(**options)  # type: ignore[arg-type]
