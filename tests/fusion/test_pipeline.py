"""A checkpoint in the pipeline: made media in, captions and events of the fusion model out."""

import json
from pathlib import Path

import numpy as np
import pytest
from tiny_fusion import checkpoint

from operators.fusion.corpus import Corpus, CorpusOptions
from pipeline.cli import execute
from pipeline.corpus_media import write_media

PROFILE = """
[look]
shots = true
features.use = "fusion"

[listen]
sound.use = "signal"
features.use = "fusion"

[narrate]
fused_captions.least_confidence = 0.0
fused_captions.frames_width = 32
fused_captions.sound_width = 32
fused.labels = []
fused.frames_width = 32
fused.sound_width = 32

[models.fusion]
use = "fusion"
fusion.model = "{model}"
"""


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    write_media(tmp_path, Corpus(CorpusOptions(clips=1, voices=False)))
    return tmp_path / "train-000000.mkv"


@pytest.mark.ffmpeg
@pytest.mark.parametrize("runtime", ["local", pytest.param("ray", marks=pytest.mark.ray)])
def test_a_clip_is_told_by_the_model(clip: Path, tmp_path: Path, runtime: str) -> None:
    # Of an untrained model every score is about the label's share.
    folder = checkpoint(tmp_path / "tiny", shares=[0.5] * 33, thresholds=[0.4] * 33)
    profile = tmp_path / "fusion.toml"
    profile.write_text(PROFILE.format(model=folder))
    assert execute(["run", str(clip), "--profile", str(profile), "--out", str(tmp_path / "out"), "--runtime", runtime]) == 0
    stream = tmp_path / "out" / clip.stem
    records = [json.loads(line) for line in (stream / f"{clip.stem}.jsonl").read_text().splitlines()]
    captions = [r for r in records if r["origin"] == "narrate.fused_captions"]
    assert captions
    assert {m["name"] for c in captions for m in c["models"]} == {"tiny"}
    assert all(c["text"] and c["kind"] == "description" for c in captions)
    assert any(r["origin"] == "narrate.fused" and r["source"] == "fused" for r in records)
    rows = np.fromfile(stream / "1" / "look.features.f32", "<f4").reshape(-1, 32)
    assert (np.abs(rows).sum(axis=1) > 0).mean() > 0.9


@pytest.mark.ffmpeg
def test_a_model_that_is_none_is_one_line(clip: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    profile = tmp_path / "fusion.toml"
    (tmp_path / "empty").mkdir()
    profile.write_text(PROFILE.format(model=tmp_path / "empty"))
    assert execute(["run", str(clip), "--profile", str(profile), "--out", str(tmp_path / "out"), "--runtime", "local"]) == 1
    assert "no weights in safetensors" in capsys.readouterr().err
