"""A resident capstream follows its fleet file, says how its streams stand, and stops in order."""

import json
import os
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Callable, Iterator
from importlib.resources import files
from pathlib import Path
from time import monotonic, sleep
from typing import Any

import pytest

CAPSTREAM = str(Path(sys.executable).with_name("capstream"))
CLIP = Path(str(files("pipeline"))) / "demo" / "clip.mp4"
HEAD = 'profile = "offline"\nmetrics = "127.0.0.1:0"\nset = ["look.text=false", "listen.words=false"]\n'

pytestmark = [pytest.mark.ffmpeg, pytest.mark.timeout(180)]


class Served:
    def __init__(self, folder: Path) -> None:
        self.folder, self.fleet, self.out = folder, folder / "fleet.toml", folder / "out"
        self.said = folder / "said"

    def want(self, **sources: Path | str) -> None:
        text = HEAD + "".join(f'[streams.{name}]\nsource = "{source}"\n' for name, source in sources.items())
        replacement = self.fleet.with_suffix(".new")
        replacement.write_text(text)
        os.replace(replacement, self.fleet)

    def start(self) -> None:
        command = [CAPSTREAM, "serve", str(self.fleet), "--out", str(self.out), "--runtime", "local"]
        with self.said.open("w") as said:
            self.process = subprocess.Popen(command, stderr=said)

    def status(self) -> dict[str, dict[str, Any]]:
        done = subprocess.run([CAPSTREAM, "status", "--out", str(self.out), "--json"], capture_output=True, text=True)
        return {s["stream_id"]: s for s in json.loads(done.stdout)["streams"]} if done.stdout else {}

    def metrics(self) -> str:
        address = next(line for line in self.said.read_text().splitlines() if "metrics at" in line).split()[-1]
        return str(urllib.request.urlopen(address, timeout=10).read().decode())

    def until(self, holds: Callable[[dict[str, dict[str, Any]]], bool]) -> dict[str, dict[str, Any]]:
        end = monotonic() + 90
        while not holds(status := self.status()):
            assert self.process.poll() is None, self.said.read_text()
            assert monotonic() < end, (status, self.said.read_text())
            sleep(0.2)
        return status


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    served = Served(tmp_path)
    yield served
    served.process.kill()
    served.process.wait()


def test_streams_come_and_go_with_the_fleet_file(served: Served) -> None:
    served.want(one=CLIP, missing="nowhere.mp4")
    served.start()
    status = served.until(lambda s: s.get("one", {}).get("state") == "complete" and "missing" in s)
    assert status["missing"]["state"] == "failed"
    assert "there is no such file" in status["missing"]["error"]
    assert (served.out / "one" / "one.jsonl").exists()
    page = served.metrics()
    assert 'capstream_streams{state="complete"} 1.0' in page
    assert 'capstream_streams{state="failed"} 1.0' in page

    served.want(two=CLIP)
    status = served.until(lambda s: s.get("two", {}).get("state") == "complete")
    assert list(status) == ["two"]

    served.fleet.write_text("[streams")
    end = monotonic() + 60
    while "the fleet stays as it was" not in served.said.read_text():
        assert monotonic() < end
        sleep(0.1)
    page = served.metrics()
    assert 'capstream_streams{state="failed"} 0.0' in page
    assert 'capstream_records_total{lane="look",stream="two",type="event"}' in page

    shown = subprocess.run([CAPSTREAM, "status", "--out", str(served.out)], capture_output=True, text=True)
    assert shown.returncode == 0
    assert shown.stdout.split()[:2] == ["stream", "state"]
    assert "two" in shown.stdout

    served.process.send_signal(signal.SIGTERM)
    assert served.process.wait(timeout=60) == 0
    assert "Traceback" not in served.said.read_text()


def test_a_fleet_that_can_not_begin_is_one_line(tmp_path: Path) -> None:
    done = subprocess.run([CAPSTREAM, "serve", str(tmp_path / "fleet.toml")], capture_output=True, text=True, cwd=tmp_path)
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    done = subprocess.run([CAPSTREAM, "status"], capture_output=True, text=True, cwd=tmp_path)
    assert (done.returncode, done.stderr) == (2, "capstream: nothing serves into out: start capstream serve, or name its --out\n")
