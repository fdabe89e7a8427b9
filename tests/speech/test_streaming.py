"""Words one by one: `listen.words` with `step_s`, with models that are plain functions of their item."""

import itertools
from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest

from operators.errors import ModelError
from operators.facts import Speech, Word
from operators.media import SOUND_RATE_HZ, Pcm
from operators.protocols import Output
from operators.records import Gap, Partial, Transcript
from operators.speech.recognition import HeardWord, Recognition, SpeechItem
from operators.speech.words import SpeechOptions, SpeechTranscriber
from pipeline.operator_run import OperatorRun
from tests.law import assert_law, outputs_of
from tests.speech.test_words_law import packets, stream, vad

STREAMING = SpeechOptions(min_silence_ms=200, step_s=0.5, buffer_s=5.0)
LOUD = 0.1
"""A second of sound says the word of its loudness."""


def loudness(word: int) -> float:
    return 0.2 + word / 1000


def saying(*words: int | None) -> Pcm:
    """A second a word; None is a pause."""
    noise = np.where(np.arange(SOUND_RATE_HZ) % 2, 1.0, -1.0)
    return np.concatenate([noise * (0.0 if w is None else loudness(w)) for w in words]).astype(np.float32)


def recogniser(item: SpeechItem) -> Recognition:
    """The words whose sound is wholly there; the last one, where it is not, is heard wrongly. Each tenth word ends a sentence."""
    level = np.abs(item.pcm)
    changes = np.flatnonzero(np.diff(level, prepend=-1.0, append=-1.0))
    words = []
    for first, last in itertools.pairwise(changes.tolist()):
        if level[first] < LOUD:
            continue
        number = round((float(level[first]) - 0.2) * 1000)
        whole = last - first == SOUND_RATE_HZ
        text = f" w{number}{'.' if number % 10 == 9 else ''}" if whole else f" cut{last - first}"
        words.append(HeardWord(Fraction(first, SOUND_RATE_HZ), Fraction(last, SOUND_RATE_HZ), text, 0.9))
    return Recognition("en", (tuple(words),) if words else ())


MODELS = {"vad": vad, "speech": recogniser}


def of(kind: type, outputs: list[Output]) -> list:  # type: ignore[type-arg]
    return [o for o in outputs if isinstance(o, kind)]


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_any_chunking_any_delay_and_any_cut_give_the_same_words_and_partials(seed: int) -> None:
    from tests.speech.test_words_law import recogniser as per_second

    outputs = assert_law(lambda: SpeechTranscriber(STREAMING), stream(seed), {"vad": vad, "speech": per_second}, seeds=range(4))
    assert {type(o) for o in outputs} == {Speech, Transcript, Word, Partial}


def test_the_law_holds_where_models_fail_and_where_optional_asks_are_not_answered() -> None:
    def bad(item: SpeechItem) -> Recognition | ModelError | None:
        return ModelError("no") if len(item.pcm) % 3 == 0 else recogniser(item)

    outputs = assert_law(lambda: SpeechTranscriber(STREAMING), packets(saying(*range(1, 8), None, 3, 4, None)), {"vad": vad, "speech": bad})
    assert of(Word, outputs)


def test_every_word_is_told_once_and_in_order() -> None:
    words = [*range(1, 25), None, *range(30, 47), None, None, 50]
    outputs = outputs_of(lambda: SpeechTranscriber(STREAMING), packets(saying(*words)), MODELS)
    told = [int(w.text.strip(".w")) for w in of(Word, outputs)]
    assert told == [w for w in words if w is not None]
    transcripts = of(Transcript, outputs)
    assert [w for t in transcripts for w in t.words] == of(Word, outputs)
    assert all(a.end <= b.end and a.start <= b.start for a, b in itertools.pairwise(of(Word, outputs)))
    assert len({t.segment_id for t in transcripts}) == len(transcripts)
    assert all(t.text == " ".join(w.text for w in t.words) for t in transcripts)


def test_a_word_is_told_while_the_speech_goes_on() -> None:
    """A word is wholly heard at the next step after its end, and certain at the one after that."""
    told: dict[str, Fraction] = {}
    shown: dict[str, Fraction] = {}
    run = OperatorRun(SpeechTranscriber(STREAMING), "listen")
    for item in packets(saying(*range(1, 20))):
        settle(run, run.feed(item))
        for output in run.take():
            if isinstance(output, Word):
                told.setdefault(output.text, item.end - output.end)
            for word in output.words if isinstance(output, Partial) else ():
                shown.setdefault(word.text, item.end - word.end)
    step = Fraction(1, 2) + Fraction(256, 1000)
    assert len(told) >= 15
    assert max(late for text, late in shown.items() if text.startswith("w")) <= step
    assert max(told.values()) <= 2 * step


def test_certain_words_never_change_and_partials_say_so() -> None:
    outputs = outputs_of(lambda: SpeechTranscriber(STREAMING), packets(saying(*range(1, 14), None, 3, 4)), MODELS)
    latest: dict[str, Partial] = {}
    for output in outputs:
        if isinstance(output, Partial):
            before = latest.get(output.segment_id)
            if before is not None:
                assert output.revision > before.revision
                assert output.words[: before.stable] == before.words[: before.stable]
            latest[output.segment_id] = output
        if isinstance(output, Transcript) and output.segment_id in latest:
            stable = latest[output.segment_id]
            assert output.words[: stable.stable] == stable.words[: stable.stable]
    assert len(latest) >= 2
    assert any(p.stable < len(p.words) for p in latest.values())
    assert sum(p.erased for p in of(Partial, outputs)) > 0


def test_the_buffer_is_cut_at_sentences_and_speech_is_told_in_parts() -> None:
    lengths = []

    def watched(item: SpeechItem) -> Recognition:
        lengths.append(len(item.pcm) / SOUND_RATE_HZ)
        return recogniser(item)

    outputs = outputs_of(lambda: SpeechTranscriber(STREAMING), packets(saying(*range(1, 60))), {"vad": vad, "speech": watched})
    assert max(lengths) < 5 + 3
    speech = of(Speech, outputs)
    assert len(speech) > 5
    assert all(a.end == b.start for a, b in itertools.pairwise(speech))
    assert (speech[0].start, speech[-1].end) == (0, 59)


def test_speech_in_which_nothing_is_ever_certain_is_cut_and_told_all_the_same() -> None:
    count = itertools.count()

    def fickle(item: SpeechItem) -> Recognition:
        assert len(item.pcm) <= 30 * SOUND_RATE_HZ
        word = HeardWord(Fraction(0), Fraction(len(item.pcm), SOUND_RATE_HZ), f" x{next(count)}", 0.5)
        return Recognition("en", ((word,),))

    outputs = outputs_of(lambda: SpeechTranscriber(STREAMING), packets(saying(*range(1, 100))), {"vad": vad, "speech": fickle})
    assert len(of(Word, outputs)) >= 3
    assert all(s.end - s.start <= 30 for s in of(Speech, outputs))


def test_what_was_shown_and_came_to_nothing_is_taken_back() -> None:
    def unsure(item: SpeechItem) -> Recognition:
        return Recognition("en") if len(item.pcm) > 1.4 * SOUND_RATE_HZ else recogniser(item)

    outputs = outputs_of(lambda: SpeechTranscriber(STREAMING), packets(saying(None, 1, 2, None, None)), {"vad": vad, "speech": unsure})
    partials = of(Partial, outputs)
    assert not of(Transcript, outputs)
    assert partials[0].words
    assert (partials[-1].text, partials[-1].words) == ("", ())
    assert partials[-1].segment_id == partials[0].segment_id


def test_a_lost_hypothesis_costs_nothing_and_a_lost_end_is_a_gap() -> None:
    def never(item: SpeechItem) -> None:
        return None

    run = OperatorRun(SpeechTranscriber(STREAMING), "listen")
    outputs = list[Output]()
    for item in packets(saying(1, 2, 3, 4, None, 5, None)):
        settle(run, run.feed(item), late=True)
        outputs += run.take()
    settle(run, run.finish(Fraction(7)), late=True)
    outputs += run.take()
    assert [w.text for w in of(Word, outputs)] == ["w1", "w2", "w3", "w4", "w5"]
    assert not of(Gap, outputs)


def test_the_language_is_kept_once_it_is_known_and_heard_anew_in_the_next_utterance() -> None:
    asked = []

    def german(item: SpeechItem) -> Recognition:
        asked.append((len(item.pcm) / SOUND_RATE_HZ, item.language))
        return Recognition("de", recogniser(item).segments)

    outputs_of(lambda: SpeechTranscriber(STREAMING), packets(saying(1, 2, 3, 4, 5, 6, None, 7, None)), {"vad": vad, "speech": german})
    assert [language for _, language in asked[:3]] == [None] * 3
    assert "de" in {language for seconds, language in asked if seconds > 4}
    assert asked[-1][1] is None


def test_the_language_is_heard_anew_once_in_the_sound_behind_each_cut() -> None:
    """Two who speak without a pause, the second in another language: it begins with word 10."""
    asked: list[tuple[float, str | None]] = []

    def two(item: SpeechItem) -> Recognition:
        said = recogniser(item)
        asked.append((len(item.pcm) / SOUND_RATE_HZ, item.language))
        second = any(w.text.startswith(" w1") and len(w.text.strip(" w.")) == 2 for s in said.segments for w in s)
        return Recognition(item.language or ("fr" if second else "en"), said.segments)

    outputs = outputs_of(lambda: SpeechTranscriber(STREAMING), packets(saying(*range(1, 20))), {"vad": vad, "speech": two})
    spoken = {int(w.text.strip("w.")): w.language for w in of(Word, outputs)}
    assert {spoken[n] for n in range(1, 9)} == {"en"}
    assert {spoken[n] for n in range(14, 19)} == {"fr"}
    assert sum(1 for seconds, language in asked if seconds > 3.6 and language is None) <= 3


def test_a_title_ends_no_transcript() -> None:
    def titled(item: SpeechItem) -> Recognition:
        said = recogniser(item)
        return Recognition("en", tuple(tuple(replace(w, text=" Mr.") if w.text == " w3" else w for w in s) for s in said.segments))

    outputs = outputs_of(lambda: SpeechTranscriber(STREAMING), packets(saying(2, 3, 4, None)), {"vad": vad, "speech": titled})
    assert [t.text for t in of(Transcript, outputs)] == ["w2 Mr. w4"]


def test_a_long_buffer_is_not_cut_behind_a_word_that_no_other_follows() -> None:
    """Its end may come too early: what is left of it would be heard as a word of its own."""

    def hasty(item: SpeechItem) -> Recognition:
        noise = np.abs(np.abs(item.pcm) - loudness(700)) < 1e-3
        words = [w for s in recogniser(item).segments for w in s if not noise[int(w.start * SOUND_RATE_HZ)]]
        words[-1:] = [replace(w, end=max(w.start, w.end - Fraction(3, 10))) for w in words[-1:]]
        return Recognition("en", (tuple(words),) if words else ())

    sound = saying(1, 2, 3, 4, *[700] * 6, 5, 6, None)
    outputs = outputs_of(lambda: SpeechTranscriber(STREAMING), packets(sound), {"vad": vad, "speech": hasty})
    assert [w.text for w in of(Word, outputs) if "cut" in w.text and w.end < 5] == []
    assert [w.text for w in of(Word, outputs)][:4] == ["w1", "w2", "w3", "w4"]
    assert len(of(Speech, outputs)) >= 2


def settle(run: OperatorRun, asks: list, late: bool = False) -> None:  # type: ignore[type-arg]
    """late: no optional ask is answered."""
    models: dict[str, Callable] = MODELS  # type: ignore[type-arg]
    while asks:
        asked = asks.pop(0)
        asks += run.answer(asked, None if late and asked.ask.optional else models[asked.ask.model](asked.ask.item))
