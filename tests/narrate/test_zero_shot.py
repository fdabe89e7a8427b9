"""Encoders of pictures and sound and a large captioner in a pipeline: tiny checkpoints of their true architectures, in both runtimes."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from tiny_captioners import save_idefics3, save_qwen3_vl

from pipeline.cli import execute
from tests.sound.tiny_sound_models import tiny_ast, tiny_clap
from tests.vision.test_features import tiny_clip, tiny_siglip

CLIP = Path(__file__).parents[2] / "pipeline" / "demo" / "clip.mp4"
PROFILE = """
[look]
shots = true
features.use = "encoder"

[listen]
sound.use = "tagger"
features.use = "encoder"

[narrate]
captions = true

[models.frames]
use = "transformers"
transformers.model = "{frames}"

[models.sound]
use = "transformers"
transformers.model = "{sound}"

[models.captioner]
use = "image_text"
image_text.model = "{captioner}"
image_text.max_new_tokens = 6
"""


def smolvlm(folder: Path) -> Path:
    return save_idefics3(folder, "SmolVLM")


@pytest.mark.filterwarnings("ignore:At least one mel filter")  # AST's own filters
@pytest.mark.parametrize("runtime", ["local", pytest.param("ray", marks=pytest.mark.ray)])
@pytest.mark.parametrize(
    "makers",
    [(tiny_siglip, tiny_ast, smolvlm), (tiny_clip, tiny_clap, save_qwen3_vl)],
    ids=["siglip ast smolvlm", "clip clap qwen3_vl"],
)
def test_a_clip_is_told_by_large_models(makers: tuple[Callable[[Path], object], ...], runtime: str, tmp_path: Path) -> None:
    names = ("frames", "sound", "captioner")
    folders = {name: tmp_path / name for name in names}
    for name, make in zip(names, makers, strict=True):
        folders[name].mkdir()
        make(folders[name])
    profile = tmp_path / "zero_shot.toml"
    profile.write_text(PROFILE.format(**folders))
    out = tmp_path / "out"
    assert execute(["run", str(CLIP), "--profile", str(profile), "--to", "8", "--out", str(out), "--runtime", runtime]) == 0
    records = [json.loads(line) for line in (out / "clip" / "clip.jsonl").read_text().splitlines()]
    assert not [r for r in records if r["type"] == "gap"]
    captions = [r for r in records if r["origin"] == "narrate.captions"]
    assert captions
    assert {m["name"] for c in captions for m in c["models"]} == {"captioner"}
    assert all(c["text"] and 0 < c["confidence"] < 1 for c in captions)
    for track in ("look", "listen"):
        rows = np.fromfile(out / "clip" / "1" / f"{track}.features.f32", "<f4")
        assert rows.any()
        assert np.isfinite(rows).all()
