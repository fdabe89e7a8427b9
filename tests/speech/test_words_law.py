"""The law of `listen.words`, with models that are plain functions of their item."""

import itertools
import json
import random
from fractions import Fraction

import numpy as np
import pytest

from operators.errors import ModelError
from operators.facts import Speech, Word
from operators.media import PACKET_SAMPLES, SOUND_RATE_HZ, Samples
from operators.protocols import Item, Output
from operators.records import Gap, Transcript
from operators.speech.recognition import HeardWord, Recognition, SpeechItem
from operators.speech.vad import STATE_BYTES, WINDOW_SAMPLES, VadItem, VadResult
from operators.speech.words import SpeechOptions, SpeechTranscriber
from pipeline.operator_run import Asked, OperatorRun
from tests.law import assert_law, outputs_of


def vad(item: VadItem) -> VadResult:
    """Loud is voice; the state counts the windows heard, so that a state lost or used twice shows."""
    windows = item.pcm.reshape(-1, WINDOW_SAMPLES)
    count = np.frombuffer(item.state or bytes(STATE_BYTES), np.int64).copy()
    count[0] += len(windows)
    wobble = (count[0] % 7) / 1000
    return VadResult(np.where(np.abs(windows).max(axis=1) > 0.1, 0.9 + wobble, 0.1).astype(np.float32), count.tobytes())


def recogniser(item: SpeechItem) -> Recognition:
    """A word in each second, named by the loudness there; sentences of three words."""
    words = []
    for start in range(0, len(item.pcm), SOUND_RATE_HZ):
        second = item.pcm[start : start + SOUND_RATE_HZ]
        loud = int(1e6 * float(np.abs(second).mean()))
        end = Fraction(start + len(second), SOUND_RATE_HZ)
        words.append(HeardWord(Fraction(start, SOUND_RATE_HZ), end, f" w{loud}", 0.5))
    return Recognition("en", tuple(tuple(words[n : n + 3]) for n in range(0, len(words), 3)))


def packets(pcm: np.ndarray, first: int = 0) -> list[Item]:
    return [Samples(first + n, pcm[n * PACKET_SAMPLES : (n + 1) * PACKET_SAMPLES]) for n in range(-(-len(pcm) // PACKET_SAMPLES))]


def talk(seed: int, seconds: float, longest: float) -> np.ndarray:
    """Bursts of noise, some longer than a pack, with pauses of 0.1 s and more."""
    chance, noise = random.Random(seed), np.random.default_rng(seed)
    parts = []
    while sum(map(len, parts)) < seconds * SOUND_RATE_HZ:
        spoken = round(longest * chance.choice([0.01, 0.05, 0.1, 0.3, 1.0]) * SOUND_RATE_HZ)
        parts.append(noise.uniform(-0.5, 0.5, spoken) * np.linspace(1, 0.4, spoken))
        parts.append(noise.uniform(-0.01, 0.01, round(chance.choice([0.1, 0.3, 0.6, 2.2]) * SOUND_RATE_HZ)))
    return np.concatenate(parts)[: round(seconds * SOUND_RATE_HZ)].astype(np.float32)


def stream(seed: int, seconds: float = 12.0, longest: float = 5.0) -> list[Item]:
    """Late sound, a gap in speech, and an end inside a packet."""
    before = packets(talk(seed, seconds, longest), first=13)
    after = packets(talk(seed + 1, seconds + 0.03, longest), first=before[-1].index + 301)
    return [*before, Gap(before[-1].end, after[0].start, "listen", "discontinuity"), *after]


MODELS = {"vad": vad, "speech": recogniser}
SMALL = SpeechOptions(min_silence_ms=200, pause_ms=400, pack_s=2.0, pack_span_s=3.0)
"""Packs are small here, for a crash in each tenth step would never let a buffer of a minute be filled again."""


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_any_chunking_any_delay_and_any_cut_give_the_same_words(seed: int) -> None:
    outputs = assert_law(lambda: SpeechTranscriber(SMALL), stream(seed), MODELS, seeds=range(8))
    assert {type(o) for o in outputs} == {Speech, Transcript, Word}


def test_the_law_holds_where_models_fail() -> None:
    def bad_vad(item: VadItem) -> VadResult | ModelError:
        return ModelError("no") if float(np.abs(item.pcm).sum()) % 1 < 0.2 else vad(item)

    def bad_recogniser(item: SpeechItem) -> Recognition | ModelError:
        return ModelError("no") if len(item.pcm) % 3 == 0 else recogniser(item)

    outputs = assert_law(lambda: SpeechTranscriber(SMALL), stream(5), {"vad": bad_vad, "speech": bad_recogniser}, seeds=range(8))
    assert any(isinstance(o, Gap) for o in outputs)


def test_whole_packs_are_filled_again_after_a_restart() -> None:
    items = stream(1, seconds=130.0, longest=40.0)
    reference = outputs_of(SpeechTranscriber, items, MODELS)
    for cut in (250, 777, 1200, 1500, 2100):
        first = OperatorRun(SpeechTranscriber(), "listen")
        before = run(first, items[:cut])
        saved = json.dumps(first.checkpoint())
        assert len(saved) < 2800
        second = OperatorRun(SpeechTranscriber(), "listen", json.loads(saved))
        after = run(second, [i for i in items if i.end > second.reads_from])
        settle(second, second.finish(items[-1].end))
        assert before + after + second.take() == reference


def test_words_lie_in_speech_and_never_go_back() -> None:
    items = stream(2, seconds=130.0, longest=40.0)
    outputs = outputs_of(SpeechTranscriber, items, MODELS)
    speech = [o for o in outputs if isinstance(o, Speech)]
    words = [o for o in outputs if isinstance(o, Word)]
    assert len(words) > 100
    assert all(a.end <= b.start for a, b in itertools.pairwise(speech))
    assert all(a.start <= b.start for a, b in itertools.pairwise(words))
    near = Fraction(5, 2)
    assert all(any(s.start - near <= w.start and w.end <= s.end + near for s in speech) for w in words)
    gap = next(i for i in items if isinstance(i, Gap))
    assert not any(w.end > gap.start and w.start < gap.end for w in words)


def test_what_is_too_faint_is_no_speech_however_long() -> None:
    faint = packets(np.full(70 * SOUND_RATE_HZ, 1e-4, np.float32))
    always = {"vad": lambda item: VadResult(np.full(len(item.pcm) // WINDOW_SAMPLES, 0.9, np.float32), b""), "speech": recogniser}
    assert outputs_of(SpeechTranscriber, faint, always) == []


def test_long_speech_is_said_in_parts_that_adjoin() -> None:
    long = packets(np.random.default_rng(0).uniform(-0.5, 0.5, 100 * SOUND_RATE_HZ).astype(np.float32))
    outputs = outputs_of(SpeechTranscriber, long, MODELS)
    speech = [o for o in outputs if isinstance(o, Speech)]
    assert (speech[0].start, speech[-1].end) == (0, 100)
    assert all(a.end == b.start for a, b in itertools.pairwise(speech))
    assert all(o.end - o.start <= 30 for o in speech)
    words = [o for o in outputs if isinstance(o, Word)]
    assert (words[0].start, words[-1].end) == (0, 100)
    assert len({o.segment_id for o in outputs if isinstance(o, Transcript)}) == sum(isinstance(o, Transcript) for o in outputs)


def run(run: OperatorRun, items: list[Item]) -> list[Output]:
    for item in items:
        settle(run, run.feed(item))
    return run.take()


def settle(run: OperatorRun, asks: list[Asked]) -> None:
    while asks:
        asked = asks.pop(0)
        asks += run.answer(asked, MODELS[asked.ask.model](asked.ask.item))


@pytest.mark.parametrize("options", [SpeechOptions(), SpeechOptions(step_s=0.5)])
def test_an_hour_of_silence_says_nothing_and_keeps_nothing(options: SpeechOptions) -> None:
    run = OperatorRun(SpeechTranscriber(options), "listen")
    outputs = list[Output]()
    hour = 3600 * SOUND_RATE_HZ // PACKET_SAMPLES
    silence, burst = np.zeros(PACKET_SAMPLES, np.float32), np.full(PACKET_SAMPLES, 0.5, np.float32)
    for n in range(hour + 41):
        if n < hour + 40:
            todo: list[Asked] = run.feed(Samples(n, burst if hour <= n < hour + 20 else silence))
        else:
            todo = run.finish(Fraction(hour + 40, 10))
        while todo:
            asked = todo.pop(0)
            todo += run.answer(asked, MODELS[asked.ask.model](asked.ask.item))
        outputs += run.take()
        if n == hour - 1:
            assert outputs == []
            assert run.position[0] >= 3599
            assert len(json.dumps(run.checkpoint())) < 4000
    [speech] = [o for o in outputs if isinstance(o, Speech)]
    assert abs(speech.start - 3600) < 1
    assert {type(o) for o in outputs} >= {Speech, Word, Transcript}
