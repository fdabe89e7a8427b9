"""`capstream run --kafka`, `topics` and `tail` as people use them, on the real broker and a clip that ffmpeg makes."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest
from kafka_streams import read, sequences

from pipeline.kafka_connection import Kafka

CAPSTREAM = str(Path(sys.executable).with_name("capstream"))
PROFILE = "[look]\nshots = true\nblack = true\n[listen]\nsilence = true\n[narrate]\n[models]\n"

pytestmark = [pytest.mark.kafka, pytest.mark.ffmpeg]


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """20 s in which the picture is black, and nothing is heard, every other second or two."""
    path = tmp_path_factory.mktemp("clip") / "clip.mp4"
    picture = "testsrc2=s=320x180:r=10:d=20,drawbox=t=fill:color=black:enable='lt(mod(t,4),2)'"
    sound = "sine=440:r=16000:d=20,volume=0:enable='lt(mod(t,4),2)'"
    inputs = ["-f", "lavfi", "-i", picture, "-f", "lavfi", "-i", sound]
    subprocess.run(["ffmpeg", "-v", "error", *inputs, "-c:v", "libx264", "-preset", "ultrafast", "-c:a", "aac", str(path)], check=True)
    return path


def run(clip: Path, kafka: Kafka, out: Path, *more: str, runtime: str = "local") -> subprocess.CompletedProcess[str]:
    profile = out.parent / "profile.toml"
    profile.write_text(PROFILE + f'[kafka]\nbootstrap = "{kafka.options.bootstrap}"\nprefix = "{kafka.options.prefix}"\n')
    command = [CAPSTREAM, "run", f"clip={clip}", "--profile", str(profile), "--out", str(out), "--runtime", runtime, *more]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=200)


def said(out: Path) -> Counter[tuple[str, int, str]]:
    lines = (out / "clip" / "clip.jsonl").read_text().splitlines()
    return Counter((r["stream_id"], r["generation"], r["origin"]) for r in map(json.loads, lines))


def assert_delivered(kafka: Kafka, expected: Counter[tuple[str, int, str]]) -> None:
    assert sequences(read(kafka)) == {name: list(range(n)) for name, n in expected.items()}


@pytest.mark.parametrize("runtime", ["local", pytest.param("ray", marks=pytest.mark.ray)])
def test_everything_that_a_run_says_is_delivered_once(runtime: str, clip: Path, kafka: Kafka, tmp_path: Path) -> None:
    done = run(clip, kafka, tmp_path / "out", runtime=runtime)
    assert done.returncode == 0, done.stderr
    first = said(tmp_path / "out")
    assert sum(first.values()) > 10
    assert_delivered(kafka, first)
    again = run(clip, kafka, tmp_path / "out", runtime=runtime)
    assert again.returncode == 0
    assert_delivered(kafka, first)
    fresh = run(clip, kafka, tmp_path / "out", "--fresh", runtime=runtime)
    assert fresh.returncode == 0
    assert_delivered(kafka, first + said(tmp_path / "out"))


def test_a_run_that_was_killed_with_its_folder_goes_on_from_what_kafka_has(clip: Path, kafka: Kafka, tmp_path: Path) -> None:
    """A node is lost, disk and all, and the stream runs on another."""
    reference = run(clip, kafka, tmp_path / "reference", "--set", f"kafka.prefix={kafka.options.prefix}-other", "--to", "8")
    assert reference.returncode == 0, reference.stderr
    expected = said(tmp_path / "reference")
    profile = tmp_path / "profile.toml"
    command = [CAPSTREAM, "run", f"clip={clip}", "--profile", str(profile), "--runtime", "local", "--to", "8"]
    command += ["--set", f"kafka.prefix={kafka.options.prefix}"]
    lost = subprocess.Popen([*command, "--out", str(tmp_path / "lost")], stderr=subprocess.DEVNULL, start_new_session=True)
    while lost.poll() is None and not read(kafka, "checkpoints"):
        time.sleep(0.05)
    os.killpg(lost.pid, signal.SIGKILL)
    lost.wait()
    time.sleep(1)  # its kafka_out ships what was committed, and ends
    shutil.rmtree(tmp_path / "lost")
    done = subprocess.run([*command, "--out", str(tmp_path / "found")], capture_output=True, text=True, check=False, timeout=200)
    assert done.returncode == 0, done.stderr
    assert_delivered(kafka, expected)


def test_a_broker_that_is_not_there_is_one_line(clip: Path, kafka: Kafka, tmp_path: Path) -> None:
    done = run(clip, kafka, tmp_path / "out", "--kafka", "127.0.0.1:1")
    assert done.returncode == 1
    [line] = done.stderr.splitlines()
    assert line.startswith("capstream: Kafka at 127.0.0.1:1 does not answer (")
    assert not list((tmp_path / "out").iterdir())


def test_topics_are_made_and_shown(kafka: Kafka) -> None:
    prefix = f"{kafka.options.prefix}-more"
    command = [CAPSTREAM, "topics", "--kafka", kafka.options.bootstrap, "--prefix", prefix]
    first, second = (subprocess.run(command, capture_output=True, text=True, check=True).stdout for _ in range(2))
    assert f"{prefix}.checkpoints.v1" in first
    assert "compact" in first
    assert second == first  # nothing is good on one broker: weak both times
    assert "replication 1, not 3: records go with a broker (all topics)" in first


def test_tail_prints_each_record_once(clip: Path, kafka: Kafka, tmp_path: Path) -> None:
    assert run(clip, kafka, tmp_path / "out").returncode == 0
    command = [CAPSTREAM, "tail", "--kafka", kafka.options.bootstrap, "--prefix", kafka.options.prefix, "--from-beginning", "clip"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as tail:
        assert tail.stdout is not None
        events = sum(n for (_, _, origin), n in said(tmp_path / "out").items() if origin in ("look.black", "listen.silence"))
        lines = [tail.stdout.readline() for _ in range(events)]
        tail.send_signal(signal.SIGINT)
        assert tail.wait(20) == 130
    assert len(lines) == len(set(lines)) == events
    assert any("event       black start (picture" in line for line in lines)
