"""CTC models and Moonshine: their rules, and the contract of recognisers on tiny checkpoints of their architectures."""

import itertools
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from speech.tiny_recognisers import tiny_moonshine, tiny_moonshine_streaming, tiny_parakeet, tiny_wav2vec2

from operators.errors import ModelError, ModelUnavailable
from operators.media import SOUND_RATE_HZ
from operators.speech.ctc import CtcOptions, CtcRecogniser, Token, collapse
from operators.speech.moonshine import MoonshineOptions, MoonshineRecogniser
from operators.speech.pieces import sentences
from operators.speech.recognition import HeardWord, Recognition, SpeechItem

MADE: dict[str, tuple[Callable[[Path], Path], Callable[..., Any]]] = {
    "wav2vec2": (tiny_wav2vec2, lambda folder: CtcRecogniser(CtcOptions(model=folder))),
    "wav2vec2 without masks": (lambda p: tiny_wav2vec2(p, masks=False), lambda folder: CtcRecogniser(CtcOptions(model=folder))),
    "parakeet": (tiny_parakeet, lambda folder: CtcRecogniser(CtcOptions(model=folder))),
    "moonshine": (tiny_moonshine, lambda folder: MoonshineRecogniser(MoonshineOptions(model=folder))),
    "moonshine streaming": (tiny_moonshine_streaming, lambda folder: MoonshineRecogniser(MoonshineOptions(model=folder))),
}


@pytest.fixture(scope="module", params=MADE)
def recogniser(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Any:
    make, opened = MADE[request.param]
    made = opened(str(make(tmp_path_factory.mktemp("tiny"))))
    made.open("cpu", 1)
    yield made
    made.close()
    made.close()


def noise(seconds: float, seed: int = 0) -> SpeechItem:
    return SpeechItem(np.random.default_rng(seed).normal(0, 0.1, round(seconds * SOUND_RATE_HZ)).astype(np.float32))


def test_the_contract(recogniser: Any) -> None:
    items = [noise(3.0), noise(0.4, 1), SpeechItem(np.zeros(1, np.float32)), SpeechItem(noise(3.0).pcm, "en-GB")]
    results = recogniser([*items, SpeechItem(noise(1.0).pcm, "tlh")])
    assert isinstance(results[4], ModelError)
    assert "'tlh'" in results[4].message
    for item, result in zip(items, results, strict=False):
        assert isinstance(result, Recognition)
        assert result.language == "en"
        assert all(result.segments)
        words = [word for segment in result.segments for word in segment]
        assert all(0 <= w.start <= w.end <= Fraction(len(item.pcm), SOUND_RATE_HZ) for w in words)
        assert all(a.start <= b.start for a, b in itertools.pairwise(words))
        assert all(0 <= w.confidence <= 1 and w.text.strip() for w in words)
    assert results[0].segments, "a model that says nothing keeps every rule"
    assert results[0] == results[3]
    assert recogniser([]) == []


def test_company_in_a_batch_changes_no_word(recogniser: Any) -> None:
    alone = [recogniser([noise(seconds, seed)])[0] for seed, seconds in enumerate((3.0, 1.3, 2.2))]
    together = recogniser([noise(seconds, seed) for seed, seconds in enumerate((3.0, 1.3, 2.2))])
    assert [words_of(r) for r in together] == [words_of(r) for r in alone]


def words_of(recognition: Recognition) -> list[tuple[str, Fraction, Fraction]]:
    return [(w.text, w.start, w.end) for segment in recognition.segments for w in segment]


@pytest.mark.parametrize("make", [lambda f: CtcRecogniser(CtcOptions(model=f)), lambda f: MoonshineRecogniser(MoonshineOptions(model=f))])
def test_a_folder_without_a_model_says_so(make: Callable[[str], Any], tmp_path: Path) -> None:
    with pytest.raises(ModelUnavailable, match=tmp_path.name):
        make(str(tmp_path)).open("cpu", 1)


def test_pickled_weights_are_not_loaded(tmp_path: Path) -> None:
    import torch
    from safetensors.torch import load_file

    tiny_wav2vec2(tmp_path)
    torch.save(load_file(tmp_path / "model.safetensors"), tmp_path / "pytorch_model.bin")
    (tmp_path / "model.safetensors").unlink()
    with pytest.raises(ModelUnavailable, match="safetensors"):
        CtcRecogniser(CtcOptions(model=str(tmp_path))).open("cpu", 1)


BLANK, A, B = 0, 1, 2


def path(*tokens: int) -> Any:
    chances = np.full((len(tokens), 3), 0.1, np.float32)
    for frame, token in enumerate(tokens):
        chances[frame, token] = 0.6 + 0.01 * frame
    return chances


def test_runs_become_tokens_and_a_blank_parts_two_of_a_kind() -> None:
    found = collapse(path(BLANK, A, A, BLANK, A, B, BLANK), BLANK)
    assert [(t.id, t.first, t.last) for t in found] == [(A, 1, 3), (A, 4, 5), (B, 5, 6)]
    assert [round(t.confidence, 2) for t in found] == [0.62, 0.64, 0.65]
    assert collapse(path(BLANK, BLANK), BLANK) == []


def test_letters_become_words_in_lower_case(tmp_path: Path) -> None:
    words = _said(tiny_wav2vec2(tmp_path), ["H", "I", "|", "|", "M", "<unk>", "A"])
    assert [(w.text, w.start, w.end) for w in words] == [
        (" hi", Fraction(1, 50), Fraction(4, 50)),
        (" ma", Fraction(9, 50), Fraction(14, 50)),
    ]


def test_pieces_become_words(tmp_path: Path) -> None:
    assert [w.text for w in _said(tiny_parakeet(tmp_path), ["▁a", "k", ".", "▁b", "l"])] == [" ak.", " bl"]


def _said(folder: Path, pieces: list[str]) -> list[HeardWord]:
    """Each piece has a frame, and one of blank before it."""
    recogniser = CtcRecogniser(CtcOptions(model=str(folder)))
    recogniser.open("cpu", 1)
    vocabulary = recogniser._vocabulary
    assert vocabulary is not None
    ids = vocabulary._tokenizer.convert_tokens_to_ids(pieces)
    tokens = [Token(n, 2 * at + 1, 2 * at + 2, 0.5) for at, n in enumerate(ids)]
    return vocabulary.words(tokens, Fraction(1, 50), Fraction(9))


def test_sentences_end_at_punctuation_and_at_pauses() -> None:
    timed = [(0, 1, " Yes."), (1, 2, " so"), (2, 3, " it"), (4, 5, " is")]
    words = [HeardWord(Fraction(start), Fraction(end), text, 0.5) for start, end, text in timed]
    assert [[w.text for w in s] for s in sentences(words)] == [[" Yes."], [" so", " it"], [" is"]]
    assert sentences([]) == ()
