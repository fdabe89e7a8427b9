"""Items to windows and windows to recognitions, with an engine that needs no weights."""

from collections.abc import Sequence
from fractions import Fraction
from typing import Any

import numpy as np
import pytest

from operators.errors import ModelError
from operators.media import SOUND_RATE_HZ
from operators.speech.recognition import HeardWord, Recognition, SpeechItem
from operators.speech.whisper_text import TOKEN_RATE
from operators.speech.whisper_windows import LONGEST_CONTEXT, Heard, Window, recognise


def item(seconds: float, language: str | None = None, prompt: str = "", pauses: tuple[int, ...] = ()) -> SpeechItem:
    return SpeechItem(np.zeros(round(seconds * SOUND_RATE_HZ), np.float32), language, prompt, pauses)


def window(seconds: float, **changes: Any) -> Window:
    return Window(0, 0, item(seconds).pcm, None, **changes)


@pytest.mark.parametrize(
    ("seconds", "context_s"), [(0.1, 4), (2, 4), (2.1, 6), (5, 8), (10, 12), (15, 18), (27.9, 30), (28.1, 30), (30, 30)]
)
def test_what_is_encoded_is_the_sound_and_some_silence(seconds: float, context_s: int) -> None:
    assert window(seconds).context == context_s * TOKEN_RATE
    assert window(seconds, again=True).context == LONGEST_CONTEXT


def test_a_loop_in_short_sound_ends_early() -> None:
    assert window(2).most_tokens == 80
    assert window(30).most_tokens == 224


def test_parts_keep_their_place() -> None:
    part = Window(3, 100, item(10).pcm, None, "Ann", (200,), again=True).part(200, 400, "de")
    assert (part.item, part.start, part.ticks, part.language, part.prompt) == (3, 300, 200, "de", "Ann")
    assert (part.pauses, part.again) == ((), False)
    odd = Window(0, 0, item(1).pcm[:-5], None)
    assert len(odd.part(10, odd.ticks, "en").pcm) == SOUND_RATE_HZ - 5 - 10 * 320


def said(*starts: int) -> tuple[tuple[HeardWord, ...], ...]:
    return tuple((HeardWord(Fraction(s), Fraction(s), f" w{s}", 1.0),) for s in starts)


def test_only_windows_of_one_length_and_one_prompt_share_a_batch() -> None:
    batches = []

    def hear(windows: list[Window]) -> list[Heard]:
        batches.append([(w.item, w.context // TOKEN_RATE, w.prompt) for w in windows])
        return [Heard(w, "en") for w in windows]

    items = [item(3), item(9), item(3.5), item(3, prompt="Ann"), item(9.1), item(2.5, "tlh")]
    results = recognise(items, hear)
    assert batches == [[(0, 6, ""), (2, 6, "")], [(3, 6, "Ann")], [(1, 12, ""), (4, 12, "")]]
    assert all(r == Recognition("en") for r in results[:5])
    assert isinstance(results[5], ModelError)


def test_rests_are_heard_and_put_in_their_place() -> None:
    def hear(windows: list[Window]) -> list[Heard]:
        (w,) = windows
        if w.language is None:
            return [Heard(w, rest=(w.part(0, 200, "en"), w.part(200, 900, "de")))]
        if w.language == "de":
            return [Heard(w, "de", said(4, 5, 6))]
        return [Heard(w, "en", said(0), rest=(w.part(100, 200, "en"),) if not w.start else ())]

    assert recognise([item(18)], hear) == [Recognition("de", said(0, 0, 4, 5, 6), ("en", "en", "de", "de", "de"))]


def test_an_item_that_fails_takes_no_other_with_it() -> None:
    def hear(windows: list[Window]) -> Sequence[Heard | ModelError]:
        return [ModelError("no") if w.item else Heard(w, "jw", said(0)) for w in windows]

    first, second = recognise([item(1), item(1)], hear)
    assert first == Recognition("jv", said(0))
    assert isinstance(second, ModelError)
