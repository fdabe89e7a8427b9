"""Signal features, the image encoder on tiny checkpoints of the true architectures, and the operator that asks it."""

import gc
import weakref
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from operators.errors import ConfigError, ModelError, ModelUnavailable
from operators.facts import Features
from operators.media import Pixels, image
from operators.protocols import Ask, Item
from operators.records import Gap
from operators.vision.features import (
    WIDTH,
    FrameEncoder,
    FrameEncoderOptions,
    FrameFeatures,
    FrameFeaturesOptions,
    SignalFeatures,
)
from operators.vision.preparing import Preparer
from tests.law import assert_law, outputs_of
from tests.vision.scenes import flat, frames, joined, lit, pan, scene, still

A, B = scene(1), scene(2)
TINY = {"hidden_size": 32, "intermediate_size": 37, "num_hidden_layers": 2, "num_attention_heads": 2}
TEXT, VISION = TINY | {"vocab_size": 50}, TINY | {"image_size": 32, "patch_size": 8}
BLOCKS = (slice(0, 28), slice(28, 55), slice(55, 87), slice(87, 96))


def rows(pictures: list[Pixels]) -> np.ndarray:
    found = outputs_of(SignalFeatures, frames(pictures, 2))
    assert [(f.index, f.rate) for f in found if isinstance(f, Features)] == [(n, 2) for n in range(len(pictures))]
    return np.stack([f.vector for f in found if isinstance(f, Features)])


def test_signal_rows_have_blocks_of_length_one_and_bounded_motion() -> None:
    found = rows(joined(still(A, 2), pan(3, 4, 8.0), still(flat(0, 0, 0), 1)))
    assert found.dtype == np.float32
    assert found.shape == (7, WIDTH)
    for block in BLOCKS[:2]:
        assert np.linalg.norm(found[:, block], axis=1) == pytest.approx(1, abs=1e-5)
    assert np.linalg.norm(found[:6, BLOCKS[2]], axis=1) == pytest.approx(1, abs=1e-5)
    assert not found[6, BLOCKS[2]].any(), "a flat picture has no edges"
    assert found[:, BLOCKS[3]].max() <= 1
    assert not found[1, BLOCKS[3]].any(), "nothing moved"
    assert found[3, BLOCKS[3]].min() > 0.05, "the camera moved"


def test_signal_rows_tell_pictures_apart() -> None:
    same, noisy, other, dark = rows(
        [A, np.clip(A + np.random.default_rng(0).normal(0, 6, A.shape), 0, 255).astype(np.uint8), B, lit(A, 0.5)]
    )
    seen = slice(0, 87)
    assert same[seen] @ noisy[seen] > 0.95 * 3
    assert same[seen] @ other[seen] < same[seen] @ noisy[seen] - 0.3
    assert same[BLOCKS[2]] @ dark[BLOCKS[2]] > 0.99, "edges do not depend on the light"


def test_edges_have_their_direction() -> None:
    upright = flat(0, 0, 0)
    upright[:, ::8] = 255
    level = flat(0, 0, 0)
    level[::8] = 255
    (a,), (b,) = rows([upright]), rows([level])
    assert a[BLOCKS[2]].reshape(4, 8).argmax(axis=1).tolist() != b[BLOCKS[2]].reshape(4, 8).argmax(axis=1).tolist()
    assert a[BLOCKS[2]] @ b[BLOCKS[2]] < 0.3


def test_motion_is_not_counted_over_a_gap() -> None:
    hole = Gap(Fraction(2), Fraction(20), "look", "discontinuity")
    found = outputs_of(SignalFeatures, [*frames(still(A, 4), 2), hole, *frames(still(B, 2), 2, first=40)])
    assert not any(f.vector[BLOCKS[3]].any() for f in found if isinstance(f, Features))


def test_signal_features_keep_the_law() -> None:
    hole = Gap(Fraction(10), Fraction(30), "look", "discontinuity")
    items: list[Item] = [*frames(pan(3, 20, 5.0), 2), hole, *frames(joined(still(A, 5), still(B, 5)), 2, first=60)]
    assert len(assert_law(SignalFeatures, items)) == 30


def test_frame_features_keep_the_law_whatever_the_order_of_answers() -> None:
    def model(pixels: Pixels) -> Any:
        mean = np.asarray(pixels.mean(axis=(0, 1)), np.float32)
        return ModelError("an odd picture") if mean[0] < 5 else mean

    items = frames(joined(pan(3, 12, 5.0), still(flat(0, 0, 0), 1), still(A, 3)), 2)
    outputs = assert_law(FrameFeatures, items, {"frames": model})
    assert [f.index for f in outputs if isinstance(f, Features)] == [*range(12), 13, 14, 15]
    assert [f.reason for f in outputs if isinstance(f, Gap)] == ["model_error"]


def test_pictures_are_scaled_down_before_they_are_asked() -> None:
    operator = FrameFeatures(FrameFeaturesOptions(size_px=80))
    (ask,) = operator.push(frames([A], 2)[0])
    assert isinstance(ask, Ask)
    assert (ask.model, ask.item.shape, ask.blocking) == ("frames", (45, 80, 3), False)


def tiny_siglip(folder: Path) -> int:
    from transformers import SiglipConfig, SiglipImageProcessorPil, SiglipModel

    SiglipModel(SiglipConfig(text_config=TEXT, vision_config=VISION)).save_pretrained(folder)
    SiglipImageProcessorPil(size={"height": 32, "width": 32}).save_pretrained(folder)
    return 32


def tiny_clip(folder: Path) -> int:
    from transformers import CLIPConfig, CLIPImageProcessorPil, CLIPModel

    CLIPModel(CLIPConfig(text_config=TEXT, vision_config=VISION, projection_dim=24)).save_pretrained(folder)
    CLIPImageProcessorPil(size={"shortest_edge": 32}, crop_size={"height": 32, "width": 32}).save_pretrained(folder)
    return 24


@pytest.mark.parametrize("make", [tiny_siglip, tiny_clip])
def test_the_encoder_gives_what_the_checkpoint_gives(make: Callable[[Path], int], tmp_path: Path) -> None:
    import torch
    from transformers import AutoImageProcessor, AutoModel

    torch.manual_seed(0)
    width = make(tmp_path)
    encoder = FrameEncoder(FrameEncoderOptions(model=str(tmp_path)))
    encoder.open("cpu", 1)
    pictures = [A, scene(5, 64, 48), lit(B, 0.5)]
    batch = encoder(pictures)
    assert all(isinstance(v, np.ndarray) and v.shape == (width,) and v.dtype == np.float32 for v in batch)
    assert [float(np.linalg.norm(v)) for v in batch] == pytest.approx([1, 1, 1], abs=1e-5)
    for picture, vector in zip(pictures, batch, strict=True):
        assert encoder([picture])[0] == pytest.approx(vector, abs=1e-5)

    inputs = AutoImageProcessor.from_pretrained(tmp_path, backend="pil")(images=[A], return_tensors="pt")
    with torch.inference_mode():
        direct = AutoModel.from_pretrained(tmp_path).eval().get_image_features(**inputs).pooler_output[0]
    assert batch[0] @ (direct / direct.norm()).numpy() > 0.9999

    weights = weakref.ref(encoder._model)
    encoder.close()
    encoder.close()
    gc.collect()
    assert weights() is None


@pytest.mark.parametrize("make", [tiny_siglip, tiny_clip])
def test_pictures_are_prepared_as_the_checkpoint_s_own_processor_does(make: Callable[[Path], int], tmp_path: Path) -> None:
    import torch
    from transformers import AutoImageProcessor

    make(tmp_path)
    processor = AutoImageProcessor.from_pretrained(tmp_path, backend="pil")
    pictures = [A, scene(5, 64, 48), scene(6, 50, 91), A[:, ::-1].copy()]
    made = Preparer(processor, "cpu", torch.float32)(pictures)
    given = processor(images=[image(p) for p in pictures], return_tensors="pt")["pixel_values"]
    level = processor.rescale_factor / min(processor.image_std)
    assert made.shape == given.shape
    assert float((made - given).abs().mean()) < level / 4
    assert float((made - given).abs().max()) < 2.1 * level


def test_a_processor_that_does_more_is_refused() -> None:
    from transformers import SiglipImageProcessorPil

    with pytest.raises(ValueError, match="SiglipImageProcessor"):
        Preparer(SiglipImageProcessorPil(resample=0), "cpu", None)


def test_a_smaller_number_format_gives_nearly_the_same(tmp_path: Path) -> None:
    import torch

    torch.manual_seed(0)
    tiny_siglip(tmp_path)
    vectors = []
    for dtype in ("float32", "bfloat16"):
        encoder = FrameEncoder(FrameEncoderOptions(model=str(tmp_path), dtype=dtype))
        encoder.open("cpu", 1)
        vectors += encoder([A])
    assert vectors[1].dtype == np.float32
    assert float(vectors[0] @ vectors[1]) > 0.99
    assert not np.array_equal(vectors[0], vectors[1])


@pytest.mark.parametrize("name", ["no/such/folder", "/nowhere/at/all", ""])
def test_a_checkpoint_that_is_not_there_is_model_unavailable(name: str) -> None:
    with pytest.raises(ModelUnavailable, match=r"no image encoder in .*look\.features\.use=signal"):
        FrameEncoder(FrameEncoderOptions(model=name)).open("cpu", 1)


def test_a_folder_of_another_kind_of_model_is_model_unavailable(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text('{"model_type": "bert"}')
    with pytest.raises(ModelUnavailable):
        FrameEncoder(FrameEncoderOptions(model=str(tmp_path))).open("cpu", 1)


def test_pickled_weights_are_not_loaded(tmp_path: Path) -> None:
    import torch
    from safetensors.torch import load_file

    tiny_clip(tmp_path)
    torch.save(load_file(tmp_path / "model.safetensors"), tmp_path / "pytorch_model.bin")
    (tmp_path / "model.safetensors").unlink()
    with pytest.raises(ModelUnavailable):
        FrameEncoder(FrameEncoderOptions(model=str(tmp_path))).open("cpu", 1)


def test_an_unknown_number_format_is_told_with_the_known_ones() -> None:
    with pytest.raises(ConfigError, match=r"int3.*float32, bfloat16, float16"):
        FrameEncoderOptions(dtype="int3")
