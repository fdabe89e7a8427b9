"""`capstream run` for real, in this process or a child of it, with the models that need no fetch."""

import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest

from pipeline import cli

pytestmark = pytest.mark.ffmpeg
QUICK = ["--profile", "offline", "--runtime", "local", "--set", "look.text=false"]


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two seconds black and still, two seconds of a moving picture; a tone in the second half."""
    path = tmp_path_factory.mktemp("clip") / "Test Clip.mp4"
    pictures = "color=black:size=160x120:rate=10:duration=2[a];testsrc2=size=160x120:rate=10:duration=2[b];[a][b]concat"
    sound = "sine=frequency=440:duration=2,adelay=2000"
    subprocess.run(["ffmpeg", "-v", "error", "-f", "lavfi", "-i", pictures, "-f", "lavfi", "-i", sound, path], check=True)
    return path


@pytest.fixture
def capstream(capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., SimpleNamespace]:
    monkeypatch.chdir(tmp_path)

    def run(*arguments: str | Path) -> SimpleNamespace:
        code = cli.execute(["run", *map(str, arguments), *QUICK])
        out, err = capsys.readouterr()
        return SimpleNamespace(code=code, out=out, err=err)

    return run


def test_records_on_stdout_and_views_on_disk(capstream: Callable[..., SimpleNamespace], clip: Path, tmp_path: Path) -> None:
    done = capstream(clip, "--json")
    assert done.code == 0, done.err
    records = [json.loads(line) for line in done.out.splitlines()]
    assert {r["stream_id"] for r in records} == {"test-clip"}
    assert "black" in {r["label"] for r in records if r["type"] == "event"}
    assert sorted(r["origin"] for r in records if r["type"] == "end") == ["listen", "look", "narrate"]
    folder = tmp_path / "out/test-clip"
    assert done.out == (folder / "test-clip.jsonl").read_text()
    assert (folder / "test-clip.vtt").read_text().startswith("WEBVTT")
    assert (folder / "test-clip.srt").exists()
    assert cli.execute(["export", "out", "test-clip", "descriptions", "told.vtt"]) == 0
    assert "black" in (tmp_path / "told.vtt").read_text()


def test_run_again_resume_and_fresh(capstream: Callable[..., SimpleNamespace], clip: Path, tmp_path: Path) -> None:
    assert capstream(clip).code == 0
    again = capstream(clip)
    assert again.code == 0
    assert "complete before (--fresh runs it anew)" in again.out
    other = capstream(clip, "--from", "1")
    assert other.code == 2
    assert "made with other settings" in other.err
    assert "--fresh" in other.err
    fresh = capstream(clip, "--from", "1", "--to", "0:03", "--fresh", "--json")
    assert fresh.code == 0
    records = [json.loads(line) for line in fresh.out.splitlines()]
    assert {r["generation"] for r in records} == {2}
    assert all(1000 <= r["start_ms"] <= r["end_ms"] <= 3000 for r in records)


def test_one_bad_source_does_not_stop_the_others(capstream: Callable[..., SimpleNamespace], clip: Path, tmp_path: Path) -> None:
    (tmp_path / "empty.mp4").touch()
    done = capstream("empty.mp4", f"film={clip}", "missing.mp4")
    assert done.code == 3
    assert done.out.startswith("film: complete")
    assert sum(line.startswith("capstream: ") for line in done.err.splitlines()) == 2
    assert "empty.mp4: the file is empty" in done.err
    assert "missing.mp4: there is no such file" in done.err


def test_ctrl_c_keeps_what_is_known(clip: Path, tmp_path: Path) -> None:
    subprocess.run(["ffmpeg", "-v", "error", "-stream_loop", "900", "-i", clip, "-c", "copy", tmp_path / "long.mkv"], check=True)
    command = [sys.executable, "-m", "pipeline.cli", "run", "long.mkv", *QUICK]
    child = subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    log = tmp_path / "out/long/1/look.jsonl"
    deadline = time.monotonic() + 60
    while not (log.exists() and "commit" in log.read_text()):
        assert child.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.1)
    child.send_signal(signal.SIGINT)
    out, err = child.communicate(timeout=60)
    assert child.returncode == 130, err
    assert "Traceback" not in err
    assert out.startswith("long: interrupted (run it again to go on), 0:")
    assert (tmp_path / "out/long/long.jsonl").exists()
