"""A fleet of files and live streams under faults, through Ray and Kafka: nothing is lost, nothing comes twice."""

from pathlib import Path

import pytest
from fleet_chaos import run

SEED = 11
FAULTS = 10

pytestmark = [pytest.mark.ray, pytest.mark.kafka, pytest.mark.ffmpeg, pytest.mark.timeout(900)]


def test_a_fleet_under_faults_says_everything_once_and_in_order(tmp_path: Path) -> None:
    kinds, counted = run(tmp_path, SEED, FAULTS)
    assert sum(len(k.seconds) for k in kinds) == FAULTS
    assert counted["records"] > 100
    assert counted["films"] >= 2
