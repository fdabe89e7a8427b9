"""VoiceEncoder on tiny checkpoints of the true architectures."""

from pathlib import Path

import numpy as np
import pytest

from operators.errors import ConfigError, ModelError, ModelUnavailable
from operators.speech.voices import LEAST_SAMPLES, VoiceEncoder, VoiceEncoderOptions, VoiceItem
from tests.speech.tiny_voice_models import tiny_voice_model


def sound(seed: int, samples: int = 24_000) -> np.ndarray:
    return np.random.default_rng(seed).uniform(-0.3, 0.3, samples).astype(np.float32)


def opened(folder: Path, **options: object) -> VoiceEncoder:
    encoder = VoiceEncoder(VoiceEncoderOptions(model=str(folder), **options))  # type: ignore[arg-type]
    encoder.open("cpu", 1)
    return encoder


@pytest.mark.parametrize("kind", ["WavLM", "UniSpeechSat", "Wav2Vec2"])
def test_it_says_what_transformers_itself_says(kind: str, tmp_path: Path) -> None:
    import torch
    import transformers

    folder = tiny_voice_model(tmp_path, kind)
    pcm = sound(1)
    inputs = transformers.AutoFeatureExtractor.from_pretrained(folder)(pcm, sampling_rate=16_000, return_tensors="pt")
    with torch.inference_mode():
        expected = getattr(transformers, f"{kind}ForXVector").from_pretrained(folder)(**inputs).embeddings[0].numpy()
    (voices,) = opened(folder)([VoiceItem((pcm,))])
    assert isinstance(voices, np.ndarray)
    assert voices.shape == (1, 24)
    assert np.linalg.norm(voices[0]) == pytest.approx(1, abs=1e-5)
    assert float(voices[0] @ expected) / np.linalg.norm(expected) > 0.9999


def test_a_voice_does_not_depend_on_its_company(tmp_path: Path) -> None:
    encoder = opened(tiny_voice_model(tmp_path, "WavLM"), batch=2)
    items = [VoiceItem((sound(1), sound(2, 9_000), sound(3))), VoiceItem(()), VoiceItem((sound(4, LEAST_SAMPLES),))]
    together = encoder([items[0], items[2]])
    alone = [encoder([i])[0] for i in (items[0], items[2])]
    for a, b in zip(together, alone, strict=True):
        assert np.allclose(a, b, atol=1e-4)  # type: ignore[arg-type]
    assert together[0].shape == (3, 24)  # type: ignore[union-attr]


def test_a_window_that_is_too_short_spoils_no_other(tmp_path: Path) -> None:
    encoder = opened(tiny_voice_model(tmp_path, "WavLM"))
    good, bad = encoder([VoiceItem((sound(1),)), VoiceItem((sound(2, 100),))])
    assert isinstance(good, np.ndarray)
    assert isinstance(bad, ModelError)


def test_what_is_no_voice_model_is_refused(tmp_path: Path) -> None:
    import transformers

    from tests.speech.tiny_voice_models import SMALL

    with pytest.raises(ModelUnavailable, match=r"listen\.speakers=false"):
        opened(tmp_path / "nothing")
    transformers.WavLMModel(transformers.WavLMConfig(**SMALL)).save_pretrained(tmp_path)
    transformers.Wav2Vec2FeatureExtractor().save_pretrained(tmp_path)
    with pytest.raises(ModelUnavailable, match="ForXVector"):
        opened(tmp_path)
    with pytest.raises(ConfigError):
        VoiceEncoderOptions(dtype="int3")
