"""Every odd file ends in records with right times or in one clear line; none hangs, crashes the run, or harms another."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

CAPSTREAM = str(Path(sys.executable).with_name("capstream"))
# What costs time and is tested elsewhere: recognition and reading.
QUICK = ["--profile", "offline", "--set", "look.text=false", "--set", "listen.words=false"]
SLACK_MS = 600
"""The last cell of the grid may reach over the end, and an edit list may hide the beginning."""

pytestmark = [pytest.mark.ffmpeg, pytest.mark.media, pytest.mark.timeout(900)]


@pytest.fixture(scope="module")
def odd() -> Path:
    from conftest import MEDIA

    return MEDIA / "odd_media"


def test_the_whole_folder_at_once(odd: Path, tmp_path: Path) -> None:
    done = subprocess.run(
        [CAPSTREAM, "run", str(odd), "--out", str(tmp_path), "--runtime", "local", *QUICK], capture_output=True, text=True, timeout=840
    )
    assert done.returncode == 3, done.stderr[-3000:]
    assert "Traceback" not in done.stderr
    complaints = [line for line in done.stderr.splitlines() if line.startswith("capstream: ")]
    durations = _durations(odd.parent)
    views = {p.parent.name: p for p in tmp_path.glob("*/*.jsonl")}
    assert len(views) > 80
    assert len(views) + len(complaints) >= len(durations)
    for view in views.values():
        records = [json.loads(line) for line in view.read_text().splitlines()]
        ends = {r["lane"]: r["duration_ms"] for r in records if r["type"] == "end"}
        assert set(ends) == {"look", "listen", "narrate"}, view
        for r in records:
            assert 0 <= r["start_ms"] <= r["end_ms"] <= max(ends.values()) + SLACK_MS, (view, r)


@pytest.mark.parametrize(
    ("name", "duration_ms"),
    [
        ("androidx/mp4__edit_list_positive_shift.mp4", 10006),
        ("androidx/mp4__bbb_800x640_768kbps_30fps_avc_2b_firstpts_10_sec.mp4", 4000),
        ("androidx/ts__bbb_2500ms.ts", 2513),
        ("shaka/id3-metadata.ts", 4992),
        ("shaka/hls-ts-rollover/playlist.m3u8", 20000),
        ("pyscenedetect/delayed_start.mp4", 1000),
        ("moviepy/smpte-2997.mp4", 10048),
        ("ax_frames_23976.mkv", 20857),
        ("lhotse/big_buck_bunny_6ch.mp4", 5312),
    ],
)
def test_times_are_right(media: Callable[[str], Path], tmp_path: Path, name: str, duration_ms: int) -> None:
    file = media(f"odd_media/{name}")
    command = [CAPSTREAM, "run", f"one={file}", "--out", str(tmp_path), "--runtime", "local", *QUICK, "--json"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    ends = [r["duration_ms"] for line in done.stdout.splitlines() if (r := json.loads(line))["type"] == "end"]
    assert abs(max(ends) - duration_ms) <= SLACK_MS


def _durations(media: Path) -> dict[str, float]:
    listed = json.loads((media / "MANIFEST.json").read_text())["files"]
    return {f["path"]: f["duration"] for f in listed if f["path"].startswith("odd_media/") and f.get("duration")}
