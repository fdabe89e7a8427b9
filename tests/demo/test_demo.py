"""The demo as a person runs it."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import pipeline.demo.__main__ as demo
from operators.errors import ConfigError, ModelUnavailable
from operators.records import Wire
from pipeline.demo import CLIP, EXPECTED
from pipeline.demo.judge import read_expected

END: Wire = {"type": "end", "origin": "look", "sequence": 0, "start_ms": 34_000, "end_ms": 34_000}
GAP: Wire = {"type": "gap", "origin": "look", "sequence": 0, "start_ms": 0, "end_ms": 1500, "lane": "look", "reason": "decode_error"}


@pytest.fixture
def profiles(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[str]:
    """The profiles that were run, in place of running them; of `cpu` the speech model can not be had."""
    ran: list[str] = []

    def run(clip: str, profile: str, out: Path, within: demo.Within) -> demo.Run:
        ran.append(profile)
        if profile == "cpu":
            raise ModelUnavailable("whisper-base can not be had")
        return demo.Run(profile, 1.0, tmp_path, [GAP, END])

    monkeypatch.setattr(demo, "_run", run)
    return ran


def test_without_the_speech_model_it_says_so_and_goes_on(profiles: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert demo.main(["other.mp4"]) == 0
    shown = capsys.readouterr()
    assert profiles == ["cpu", "offline"]
    assert "whisper-base can not be had" in shown.err
    assert "offline" in shown.err
    assert "look: decode_error" in shown.out


def test_on_our_clip_what_is_missing_fails_it(profiles: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert demo.main([]) == 1
    shown = capsys.readouterr().out
    assert f"0 of {len(read_expected(EXPECTED))} as expected" in shown
    assert "NORTH HARBOUR" in shown


def test_what_can_not_be_run_is_one_line(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def refuse(clip: str, profile: str, out: Path, within: demo.Within) -> demo.Run:
        raise ConfigError(f"{clip} is not there")

    monkeypatch.setattr(demo, "_run", refuse)
    assert demo.main(["none.mp4"]) == 2
    assert capsys.readouterr().err == "capstream: none.mp4 is not there\n"


@pytest.mark.ray
@pytest.mark.whisper
@pytest.mark.usefixtures("whisper_base")
def test_all_that_the_clip_contains_is_found(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "pipeline.demo", "--json"], cwd=tmp_path, capture_output=True, text=True, timeout=240, check=False
    )
    found = json.loads(done.stdout)
    assert [f for f in found["findings"] if not f["right"]] == []
    assert found["surplus"] == []
    assert found["profile"] == "cpu"
    assert done.returncode == 0


@pytest.mark.ray
@pytest.mark.whisper
@pytest.mark.usefixtures("whisper_base")
def test_any_clip_is_shown(tmp_path: Path) -> None:
    shutil.copy(CLIP, tmp_path / "holiday.mp4")
    done = subprocess.run(
        [sys.executable, "-m", "pipeline.demo", "holiday.mp4"], cwd=tmp_path, capture_output=True, text=True, timeout=240, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "lights of the city" in done.stdout
    assert "expected" not in done.stdout
    assert (tmp_path / "out" / "demo" / "holiday" / "holiday.vtt").is_file()


@pytest.mark.ray
@pytest.mark.whisper
@pytest.mark.kafka
@pytest.mark.usefixtures("whisper_base", "real_kafka")
def test_what_comes_out_of_kafka_is_shown(tmp_path: Path) -> None:
    """In a checkout, as `make demo KAFKA=1` does it; `real_kafka` has brought the broker's jars."""
    command = [sys.executable, "-m", "pipeline.demo", "--kafka", str(CLIP)]
    root = Path(demo.__file__).parents[2]
    with subprocess.Popen(command, cwd=root, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        out, err = process.communicate(timeout=240)
    assert process.returncode == 0, err
    assert "records came out of Kafka, each once and in order" in err
    assert "13 of 13 as expected" in out
