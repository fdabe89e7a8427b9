"""`capstream corpus`, `train`, `evaluate` and `manifest`, as a user calls them, small."""

import json
from fractions import Fraction
from pathlib import Path

import pytest
import tiny_fusion

from pipeline.cli import execute
from pipeline.clip_cache import load_examples
from tests.fusion.test_pipeline import PROFILE


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("made")
    for split, clips in (("train", "4"), ("validation", "2")):
        assert execute(["corpus", str(out / split), "--split", split, "--clips", clips, "--no-voices"]) == 0
    return out


@pytest.fixture(scope="module")
def trained(corpus: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("trained")
    assert execute(train(out, corpus)) == 0
    return out


def train(out: Path, corpus: Path, *more: str) -> list[str]:
    data = ["--data", str(corpus / "train"), "--check", str(corpus / "validation")]
    return ["train", str(out), *data, "--steps", "2", "--batch", "2", "--width", "32", *more]


def test_a_corpus_is_made_once(corpus: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = {p: p.stat().st_mtime_ns for p in corpus.rglob("*.npy")}
    assert execute(["corpus", str(corpus / "train"), "--clips", "4", "--no-voices"]) == 0
    assert {p: p.stat().st_mtime_ns for p in corpus.rglob("*.npy")} == before
    assert execute(["corpus", str(corpus / "train"), "--clips", "4", "--seed", "7", "--no-voices"]) == 2
    assert "holds a corpus with another seed" in capsys.readouterr().err


def test_training_leaves_a_model_and_its_curves(trained: Path) -> None:
    assert (trained / "model" / "model.safetensors").is_file()
    assert (trained / "curves.png").read_bytes().startswith(b"\x89PNG")
    assert json.loads((trained / "history.jsonl").read_text().splitlines()[-1])["step"] == 2
    config = json.loads((trained / "model" / "config.json").read_text())
    assert len(config["thresholds"]) == len(config["labels"])


def test_training_again_does_nothing_and_with_other_settings_says_so(
    trained: Path, corpus: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = (trained / "history.jsonl").read_text()
    assert execute(train(trained, corpus)) == 0
    assert (trained / "history.jsonl").read_text() == before
    assert execute(train(trained, corpus, "--seed", "5")) == 2
    assert "other training" in capsys.readouterr().err


def test_a_trained_model_is_judged(trained: Path, corpus: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert execute(["evaluate", str(trained / "model"), "--data", str(corpus / "validation"), "--out", str(tmp_path)]) == 0
    told = capsys.readouterr().out
    assert "| CIDEr |" in told
    assert "R@10 text to moment" in told
    assert "<article>" in (tmp_path / "report.html").read_text()
    assert "cider" in json.loads((tmp_path / "measures.json").read_text())


def test_a_model_is_trained_further_with_frozen_encoders(trained: Path, corpus: Path, tmp_path: Path) -> None:
    further = ["--from", str(trained / "model"), "--steps", "2", "--frozen", "1", "--batch", "2"]
    assert execute(["train", str(tmp_path), "--data", str(corpus / "train"), *further]) == 0
    assert (tmp_path / "model" / "model.safetensors").is_file()


def test_what_is_missing_is_one_line(tmp_path: Path, trained: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert execute(["train", str(tmp_path / "t"), "--data", str(tmp_path / "none.jsonl")]) == 2
    assert execute(["train", str(tmp_path / "u"), "--data", str(tmp_path)]) == 2
    assert execute(["evaluate", str(tmp_path), "--data", str(tmp_path)]) == 1
    assert len(capsys.readouterr().err.splitlines()) == 3


@pytest.mark.ffmpeg
def test_clips_of_ones_own_train_end_to_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Made clips as videos with a manifest stand for anybody's. A manifest has milliseconds."""
    monkeypatch.setenv("CAPSTREAM_CACHE", str(tmp_path / "cache"))
    assert execute(["corpus", str(tmp_path / "own"), "--clips", "2", "--no-voices", "--media"]) == 0
    manifest = tmp_path / "own" / "manifest.jsonl"
    for own, made in zip(load_examples(manifest, None, print), tiny_fusion.examples(2), strict=True):
        assert own.questions == made.questions
        for mine, meant in zip(own.events or (), made.events or (), strict=True):
            assert mine.label == meant.label
            assert abs(mine.span.start - meant.span.start) < Fraction(1, 1000)
            assert abs(mine.span.end - meant.span.end) < Fraction(1, 1000)
        assert own.clip.frames is not None
        assert made.clip.frames is not None
        both = len(made.clip.frames.times)  # at the middles of cells; a video's are the first of theirs, of which one more may begin
        assert len(own.clip.frames.times) in (both, both + 1)
        assert abs(own.clip.frames.rows[:both].astype(int) - made.clip.frames.rows.astype(int)).mean() < 12
    for steps in ("2", "12"):
        assert execute(["train", str(tmp_path / "t"), "--data", str(manifest), "--steps", steps, "--batch", "2", "--width", "32"]) == 0
    history = [json.loads(told) for told in (tmp_path / "t" / "history.jsonl").read_text().splitlines()]
    assert history[-1]["captions"] < history[0]["captions"]
    profile = tmp_path / "own.toml"
    profile.write_text(PROFILE.format(model=tmp_path / "t" / "model"))
    film = tmp_path / "own" / "train-000000.mkv"
    assert execute(["run", str(film), "--profile", str(profile), "--out", str(tmp_path / "out"), "--runtime", "local"]) == 0
    records = [json.loads(told) for told in (tmp_path / "out" / film.stem / f"{film.stem}.jsonl").read_text().splitlines()]
    assert not [r for r in records if r["type"] == "gap"]
    told = [r for r in records if r["origin"] == "narrate.fused_captions"]
    assert {m["name"] for r in told for m in r["models"]} == {"model"}


@pytest.mark.ray
def test_two_workers_on_ray_train_one_model(corpus: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert execute(train(tmp_path / "t", corpus, "--workers", "2")) == 0
    assert (tmp_path / "t" / "model" / "model.safetensors").is_file()
    assert execute(train(tmp_path / "u", corpus, "--workers", "99")) == 2
    assert "99 workers need a CPU each" in capsys.readouterr().err
