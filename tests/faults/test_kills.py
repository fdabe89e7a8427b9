"""Kill -9 of anything at random moments: resumed, the run says what an unbroken run says; and it says it under both runtimes."""

import json
from importlib.resources import files
from pathlib import Path

import pytest
from chaos import Chaos, said, start

CLIP = Path(str(files("pipeline"))) / "demo" / "clip.mp4"
SEED = 7
KILLS = 20

pytestmark = [pytest.mark.ray, pytest.mark.ffmpeg, pytest.mark.whisper, pytest.mark.timeout(900)]


@pytest.fixture(scope="module")
def unbroken(tmp_path_factory: pytest.TempPathFactory, whisper_base: Path) -> Path:
    out = tmp_path_factory.mktemp("unbroken")
    process = start(CLIP, out, "cpu")
    output = process.communicate()[0]
    assert process.returncode == 0, output
    return out


def test_a_run_under_kills_says_what_an_unbroken_run_says(unbroken: Path, tmp_path: Path) -> None:
    chaos = Chaos(CLIP, tmp_path, "cpu", SEED, KILLS)
    for generation, records in enumerate(chaos.run(), 1):
        assert records == [{**r, "generation": generation} for r in said(unbroken)], chaos.done
    assert len(chaos.done) == KILLS


def test_local_says_what_ray_says(unbroken: Path, tmp_path: Path) -> None:
    process = start(CLIP, tmp_path, "cpu", "--runtime", "local")
    output = process.communicate()[0]
    assert process.returncode == 0, output
    assert said(tmp_path) == said(unbroken)


def test_several_streams_share_the_speech_model_and_say_the_same(unbroken: Path, tmp_path: Path) -> None:
    process = start(CLIP, tmp_path, "cpu", f"other={CLIP}")
    output = process.communicate()[0]
    assert process.returncode == 0, output
    views = sorted(tmp_path.glob("*/*.jsonl"))
    assert len(views) == 2
    for view in views:
        records = [json.loads(line) for line in view.read_text().splitlines()]
        assert [{**r, "produced_at": 0, "stream_id": 0} for r in records] == [
            {**r, "produced_at": 0, "stream_id": 0} for r in said(unbroken)
        ]
