"""A fleet of files and live streams under faults, through Ray and Kafka: nothing is lost, nothing comes twice."""

import subprocess
import sys
from pathlib import Path

import pytest

SEED = 11
FAULTS = 6

pytestmark = [pytest.mark.ray, pytest.mark.kafka, pytest.mark.ffmpeg, pytest.mark.timeout(900)]


def test_a_fleet_under_faults_says_everything_once_and_in_order(real_kafka: object, tmp_path: Path) -> None:
    """`real_kafka` is asked for its jars: the fleet has a broker of its own, which is killed."""
    script = Path(__file__).with_name("fleet_chaos.py")
    command = [sys.executable, str(script), "--seed", str(SEED), "--faults", str(FAULTS), "--folder", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=840, check=False)
    assert done.returncode == 0, (done.stdout + done.stderr)[-4000:]
    assert f"{FAULTS} faults" in done.stdout
