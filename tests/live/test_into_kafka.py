"""Files and live streams of every kind in one command, through Ray into a real broker: each complete, each record once and in order."""

import json
import subprocess
import sys
from collections import defaultdict
from contextlib import ExitStack
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
from broadcasts import clip, free_port, sender
from rolling_hls import RollingHls
from test_transports import rtmp_server, rtsp_server

from pipeline.demo.through_kafka import consume

CAPSTREAM = str(Path(sys.executable).with_name("capstream"))
CLIP = Path(str(files("pipeline"))) / "demo" / "clip.mp4"
CHANGES = ("look.text=false", "listen.words=false", "spool.give_up_s=4", "spool.stall_s=3", "spool.answer_s=10")

pytestmark = [pytest.mark.ray, pytest.mark.kafka, pytest.mark.ffmpeg, pytest.mark.timeout(300)]


def test_two_files_and_five_live_streams_in_one_command(kafka: Any, tmp_path: Path) -> None:
    srt, udp, rtmp = (free_port() for _ in range(3))
    with ExitStack() as stack:
        stack.enter_context(sender(clip(15), f"srt://127.0.0.1:{srt}?mode=listener"))
        stack.enter_context(sender(clip(15), f"udp://127.0.0.1:{udp}?pkt_size=1316", speed=("-re", "-stream_loop", "-1")))
        stack.enter_context(rtmp_server(rtmp))
        hls = stack.enter_context(RollingHls(tmp_path / "hls", 20))
        rtsp = stack.enter_context(rtsp_server())
        sources = {
            "film": CLIP, "again": CLIP, "srt": f"srt://127.0.0.1:{srt}", "udp": f"udp://127.0.0.1:{udp}",
            "rtmp": f"rtmp://127.0.0.1:{rtmp}/live/test", "hls": hls.url, "rtsp": rtsp,
        }  # fmt: skip
        command = [CAPSTREAM, "run", *(f"{name}={uri}" for name, uri in sources.items()), "--to", "10", "--profile", "offline"]
        command += ["--out", str(tmp_path / "out"), "--kafka", kafka.options.bootstrap, "--set", f"kafka.prefix={kafka.options.prefix}"]
        command += [word for change in CHANGES for word in ("--set", change)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=240, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    told: dict[str, list[Any]] = defaultdict(list)
    for record in consume(kafka):
        told[record["stream_id"]].append(record)
    assert set(told) == set(sources)
    for name, records in told.items():
        view = (tmp_path / "out" / name / f"{name}.jsonl").read_text().splitlines()
        assert records == [json.loads(line) for line in view], name
        ends = {r["lane"]: r["duration_ms"] for r in records if r["type"] == "end"}
        assert set(ends) == {"look", "listen", "narrate"}, name
        assert 7000 < ends["look"] <= 10_125, (name, ends)
        assert (records[0]["clock"] is None) == (name in ("film", "again")), name
    assert _plain(told["film"]) == _plain(told["again"])


def _plain(records: list[Any]) -> list[Any]:
    return [{**r, "produced_at": 0, "stream_id": 0} for r in records]
