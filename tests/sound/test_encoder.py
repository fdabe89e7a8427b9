"""SoundEncoder on tiny checkpoints of the true architectures: AST and CLAP."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from operators.errors import ConfigError, ModelError, ModelUnavailable
from operators.sound.encoder import SoundEncoder, SoundEncoderOptions, SoundTags, upsampled
from tests.events.footage import hiss, siren, tone
from tests.sound.tiny_sound_models import LABELS, tiny_ast, tiny_clap

pytestmark = pytest.mark.filterwarnings("ignore:At least one mel filter:UserWarning")


def opened(folder: Path, **options: object) -> SoundEncoder:
    encoder = SoundEncoder(SoundEncoderOptions(model=str(folder), **options))  # type: ignore[arg-type]
    encoder.open("cpu", 1)
    return encoder


@pytest.fixture(scope="module")
def ast(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_ast(tmp_path_factory.mktemp("ast"))


@pytest.fixture(scope="module", params=[False, True], ids=["unfused", "fused"])
def clap(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_clap(tmp_path_factory.mktemp("clap"), fused=request.param)


def alike(a: SoundTags, b: SoundTags) -> bool:
    return a.labels == b.labels and np.allclose(a.scores, b.scores, atol=1e-3) and np.allclose(a.embedding, b.embedding, atol=1e-4)


def test_a_classifier_scores_each_of_its_labels(ast: Path) -> None:
    tags = opened(ast)([siren("wail", 10)])[0]
    assert isinstance(tags, SoundTags)
    assert sorted(tags.labels) == ["Dog", "Music", "Siren", "Speech"]
    assert list(tags.scores) == sorted(tags.scores, reverse=True)
    assert all(0 <= s <= 1 for s in tags.scores)
    assert sum(tags.scores) != pytest.approx(1, abs=0.01), "several may be heard at once"
    assert tags.embedding.shape == (32,)
    assert tags.embedding.dtype == np.float32
    assert np.linalg.norm(tags.embedding) == pytest.approx(1, abs=1e-5)


def test_it_says_what_transformers_itself_says(ast: Path) -> None:
    import torch
    from transformers import ASTFeatureExtractor, ASTForAudioClassification

    pcm = siren("yelp", 3)
    inputs = ASTFeatureExtractor.from_pretrained(ast)(pcm, sampling_rate=16_000, return_tensors="pt")
    with torch.inference_mode():
        logits = ASTForAudioClassification.from_pretrained(ast)(**inputs).logits[0]
    expected = dict(zip(LABELS, logits.sigmoid().tolist(), strict=True))
    tags = opened(ast)([pcm])[0]
    assert isinstance(tags, SoundTags)
    assert dict(zip(tags.labels, tags.scores, strict=True)) == pytest.approx(expected, abs=1e-3)


def test_classes_that_exclude_each_other_share_one(tmp_path: Path) -> None:
    tags = opened(tiny_ast(tmp_path, exclusive=True))([hiss(2)])[0]
    assert isinstance(tags, SoundTags)
    assert sum(tags.scores) == pytest.approx(1, abs=1e-3)


def test_a_zero_shot_model_is_asked_for_the_labels(clap: Path) -> None:
    tags = opened(clap, labels=("siren", "dog", "rain"), top=2)([siren("wail", 4)])[0]
    assert isinstance(tags, SoundTags)
    assert len(tags.labels) == 2
    assert set(tags.labels) < {"siren", "dog", "rain"}
    assert 0.3 < sum(tags.scores) <= 1
    assert tags.embedding.shape == (24,)


def test_a_zero_shot_model_hears_48_khz(clap: Path) -> None:
    """The same sound made at 48 kHz and given to transformers directly."""
    import torch
    from transformers import ClapFeatureExtractor, ClapModel

    seconds, rate_hz = 3, 48_000
    at = np.arange(seconds * rate_hz) / rate_hz
    pcm = (0.3 * np.sin(2 * np.pi * 700 * at) + 0.2 * np.sin(2 * np.pi * 3100 * at)).astype(np.float32)
    inputs = ClapFeatureExtractor.from_pretrained(clap)(pcm, sampling_rate=rate_hz, return_tensors="pt")
    inputs["is_longer"] = torch.tensor([[False]])
    with torch.inference_mode():
        expected = ClapModel.from_pretrained(clap).get_audio_features(**inputs).pooler_output[0].numpy()
    tags = opened(clap)([tone(seconds, 700, 0.3) + tone(seconds, 3100, 0.2)])[0]
    assert isinstance(tags, SoundTags)
    assert float(expected @ tags.embedding) > 0.999


@pytest.mark.parametrize("make", [tiny_ast, tiny_clap])
def test_a_batch_says_what_single_items_do_every_time(make: Callable[[Path], Path], tmp_path: Path) -> None:
    encoder = opened(make(tmp_path))
    items = [siren("wail", 10), hiss(2.5), tone(0.3, 500)]
    batch = encoder(items)
    for together, again, alone in zip(batch, encoder(items), [encoder([i])[0] for i in items], strict=True):
        assert isinstance(together, SoundTags)
        assert isinstance(again, SoundTags)
        assert isinstance(alone, SoundTags)
        assert alike(together, again)
        assert alike(together, alone)


def test_what_can_not_be_heard_is_an_error_in_its_place(ast: Path) -> None:
    none, tags, long = opened(ast)([np.zeros(0, np.float32), hiss(1), np.zeros(160_001, np.float32)])
    assert isinstance(none, ModelError)
    assert isinstance(tags, SoundTags)
    assert isinstance(long, ModelError)


def test_a_model_that_is_not_there_is_said_so(tmp_path: Path) -> None:
    with pytest.raises(ModelUnavailable, match="no sound model in"):
        opened(tmp_path / "nothing")
    (tmp_path / "config.json").write_text('{"model_type": "bert"}')
    with pytest.raises(ModelUnavailable, match="no sound model in"):
        opened(tmp_path)


def test_options_are_checked() -> None:
    with pytest.raises(ConfigError, match="float8"):
        SoundEncoderOptions(dtype="float8")
    with pytest.raises(ConfigError, match="top=0"):
        SoundEncoderOptions(top=0)


@pytest.mark.parametrize("hertz", [50, 440, 3000, 7000])
def test_upsampling_is_that_of_the_sound_itself(hertz: int) -> None:
    at = np.arange(48_000) / 48_000
    expected = 0.5 * np.sin(2 * np.pi * hertz * at)
    got = upsampled(tone(1, hertz, 0.5), 3)
    assert got.shape == (48_000,)
    assert np.abs(got - expected)[200:-200].max() < 1e-3
