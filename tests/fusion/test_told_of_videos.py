"""What no single modality shows, told of made videos, in which nothing of the training is: by real speech and text recognition, and the
model that comes with the package."""

import json
from pathlib import Path

import pytest

from operators.fusion.corpus import Corpus, CorpusOptions
from operators.fusion.corpus.truth import events
from pipeline.cli import execute
from pipeline.corpus_media import write_clip

PROFILE = """
base = "cpu"

[look]
features.use = "fusion"

[listen]
features.use = "fusion"

[narrate]
fused = true

[models.fusion]
use = "fusion"
"""
CLIPS = {16: "alarm_unseen", 26: "read_aloud", 35: "pointed_out", 42: "strike"}
"""Of the test split without sources, with what is to be told of each."""


@pytest.mark.ffmpeg
@pytest.mark.whisper
def test_what_no_single_modality_shows_is_told(tmp_path: Path, whisper_base: Path) -> None:
    corpus = Corpus(CorpusOptions(split="test", clips=100))
    scripts = {label: corpus.script(n) for n, label in CLIPS.items()}
    for script in scripts.values():
        write_clip(tmp_path / f"{script.key}.mkv", script)
    videos = [str(tmp_path / f"{script.key}.mkv") for script in scripts.values()]
    profile = tmp_path / "fusion.toml"
    profile.write_text(PROFILE)
    assert execute(["run", *videos, "--profile", str(profile), "--out", str(tmp_path / "out"), "--runtime", "local"]) == 0
    for label, script in scripts.items():
        lines = (tmp_path / "out" / script.key / f"{script.key}.jsonl").read_text().splitlines()
        told = [r for r in map(json.loads, lines) if r["origin"] == "narrate.fused" and r["lifecycle"] == "end"]
        [true] = [e.span for e in events(script) if e.label == label]
        assert {r["label"] for r in told} == {label}, script.key
        assert any(r["start_ms"] < true.end * 1000 and r["end_ms"] > true.start * 1000 for r in told), script.key
