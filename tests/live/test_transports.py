"""Live sources of every kind, from real servers on loopback, and playlists that misbehave."""

import os
import re
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Thread
from time import sleep
from typing import Any

import pytest
from broadcasts import QUICK, clip, free_port, lines, reader, recorded, wait_until, watched
from conftest import missing
from rolling_hls import RollingHls

from operators.errors import ConfigError, LiveUnavailable
from operators.media import Frame, Samples
from operators.records import Gap
from operators.sources.live import admit_live
from operators.sources.manifest import Down, Ended, Missing, Session
from operators.sources.spooled import SpooledOptions, SpooledSource
from pipeline.spool import start_recording

pytestmark = pytest.mark.ffmpeg
RTSP_SERVER = Path(__file__).parent / "rtsp_server.py"
SYSTEM_PYTHON = "/usr/bin/python3"
RTSP_PACKAGES = "python3-gi gir1.2-gst-rtsp-server-1.0 gstreamer1.0-plugins-good gstreamer1.0-plugins-bad gstreamer1.0-plugins-ugly"


def frames_of(items: list[Any]) -> list[Frame]:
    return [i for i in items if isinstance(i, Frame)]


def heard_s(items: list[Any]) -> float:
    return sum(float(i.end - i.start) for i in items if isinstance(i, Samples))


def shown_s(items: list[Any]) -> float:
    """Cells with pictures, in seconds."""
    return len(frames_of(items)) / 4


@contextmanager
def rtsp_server() -> Iterator[str]:
    try:
        server = subprocess.Popen([SYSTEM_PYTHON, str(RTSP_SERVER)], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    except FileNotFoundError:
        missing("ffmpeg", f"no RTSP server: apt-get install {RTSP_PACKAGES}")
        raise
    with server:
        assert server.stdout is not None
        port = server.stdout.readline().strip()
        if not port:
            missing("ffmpeg", f"no RTSP server: apt-get install {RTSP_PACKAGES}")
        try:
            yield f"rtsp://127.0.0.1:{port}/test"
        finally:
            server.kill()


@contextmanager
def rtmp_server(port: int) -> "Iterator[subprocess.Popen[bytes]]":
    """Sends to the one who plays it, and ends with him."""
    target = f"rtmp://127.0.0.1:{port}/live/test"
    command = ["ffmpeg", "-v", "error", "-nostdin", "-re", "-i", str(clip(12)), "-c", "copy", "-f", "flv", "-listen", "1", target]
    process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def test_rtsp_with_a_codec_of_cameras(tmp_path: Path) -> None:
    with rtsp_server() as uri, watched(uri, tmp_path) as watching:
        live = watching.live
        wait_until(lambda: len(live.samples) > 40 and len(live.frames) > 12)
        watching.end()
    assert live.info.sound is not None
    assert live.info.sound.codec == "pcm_alaw"
    assert not [g for g in live.samples[:40] if isinstance(g, Gap)]
    assert len(frames_of(live.frames[:12])) == 12
    assert max(abs(s.pcm).max() for s in live.samples[20:40]) > 0.1


def test_rtmp_whose_publisher_comes_and_goes(tmp_path: Path) -> None:
    port = free_port()
    uri = f"rtmp://127.0.0.1:{port}/live/test"
    with recorded(uri, tmp_path) as recording:
        with rtmp_server(port), reader(tmp_path, keep=recording.keep) as live:
            wait_until(lambda: len(live.samples) > 30)
            # A flap: the next publisher starts its clock again.
            with pytest.raises(AssertionError):
                wait_until(lambda: len(lines(tmp_path, Session)) > 1, 0.1)
        with rtmp_server(port):
            wait_until(lambda: len(lines(tmp_path, Session)) == 2)
            with reader(tmp_path) as live:
                wait_until(lambda: live.samples and live.samples[-1].end > lines(tmp_path, Session)[1].at + 2)
                recording.stop()
                live.finish()
    starts = [i.start for i in live.samples]
    assert starts == sorted(starts)
    [gap] = [g for g in live.samples if isinstance(g, Gap) and g.start < lines(tmp_path, Session)[1].at][:1]
    assert gap.reason == "source_down"
    assert len(frames_of(live.frames)) > 15


def test_standard_input_ends_where_it_ends(tmp_path: Path) -> None:
    taken = os.dup(0)
    source = subprocess.Popen(
        ["ffmpeg", "-v", "error", "-re", "-i", str(clip(4)), "-c", "copy", "-f", "mpegts", "-"], stdout=subprocess.PIPE
    )
    assert source.stdout is not None
    os.dup2(source.stdout.fileno(), 0)
    try:
        recording = start_recording("-", tmp_path, QUICK)
    finally:
        os.dup2(taken, 0)
        os.close(taken)
        source.stdout.close()
    with reader(tmp_path) as live:
        live.finish()
    source.wait()
    wait_until(lambda: not recording.running)
    [end] = lines(tmp_path, Ended)
    assert end.why == "standard input has ended"
    assert len(frames_of(live.frames)) == 16
    assert abs(heard_s(live.samples) - 4) < 0.1


class TestPlaylists:
    def play(self, server: RollingHls, folder: Path, until: int) -> Any:
        with server, watched(server.url, folder) as watching:
            wait_until(lambda: server.newest >= until and watching.live.frames[-1].end, 40)
            sleep(1)
            watching.end()
        return watching.live

    def test_live_edge(self, tmp_path: Path) -> None:
        server = RollingHls(tmp_path / "hls", 12)
        live = self.play(server, tmp_path / "spool", 9)
        assert len(frames_of(live.frames)) >= 20
        assert not [g for g in live.samples if isinstance(g, Gap)]

    def test_a_frozen_playlist_is_a_gap(self, tmp_path: Path) -> None:
        server = RollingHls(tmp_path / "hls", 20, frozen_at=6)
        with server, watched(server.url, tmp_path / "spool") as watching:
            live = watching.live
            down = wait_until(lambda: lines(tmp_path / "spool", Down), 15)
            assert down[0].why == "has stopped sending"
            wait_until(lambda: server.newest > 13, 20)
            server.frozen_at = None
            wait_until(lambda: len(lines(tmp_path / "spool", Session)) == 2, 20)
            sleep(2)
            watching.end()
        gaps = [g for g in live.samples if isinstance(g, Gap)]
        assert {g.reason for g in gaps} == {"source_down"}
        assert sum(g.end - g.start for g in gaps) > 3
        # What was listed all the time is not recorded again.
        assert heard_s(live.samples) < 6 - 3 + 4 + 5

    @pytest.mark.parametrize("fault", ["lost", "skipped"])
    def test_segments_that_are_not_there_are_passed_over(self, fault: str, tmp_path: Path) -> None:
        server = RollingHls(tmp_path / "hls", 14, **{fault: {7, 8}})
        live = self.play(server, tmp_path / "spool", 11)
        [lost, *_] = [g for g in live.samples if isinstance(g, Gap)]
        assert 1 < lost.end - lost.start < 4
        assert any(f.at > lost.end for f in frames_of(live.frames))
        assert [g for g in live.frames if isinstance(g, Gap)]

    def test_segments_listed_twice_are_recorded_once(self, tmp_path: Path) -> None:
        server = RollingHls(tmp_path / "hls", 14, twice={7})
        live = self.play(server, tmp_path / "spool", 11)
        # It began with the fourth.
        recorded_s = server.newest - 3 + 1
        assert shown_s(live.frames) <= recorded_s + 0.25
        assert heard_s(live.samples) <= recorded_s + 0.25

    def test_numbers_that_begin_again_are_a_break_that_ends(self, tmp_path: Path) -> None:
        server = RollingHls(tmp_path / "hls", 24, shift=lambda newest: -6 if newest > 7 else 0)
        with server, watched(server.url, tmp_path / "spool") as watching:
            wait_until(lambda: len(lines(tmp_path / "spool", Session)) == 2, 20)
            wait_until(lambda: frames_of(watching.live.frames)[-1].at > lines(tmp_path / "spool", Session)[1].at + 1)
            watching.end()
        assert {m.why for m in lines(tmp_path / "spool", Missing)} <= {"source_down", "discontinuity"}

    def test_a_playlist_that_goes_away_comes_back(self, tmp_path: Path) -> None:
        server = RollingHls(tmp_path / "hls", 20)
        with server, watched(server.url, tmp_path / "spool") as watching:
            wait_until(lambda: len(watching.live.frames) > 6)
            server.gone = True
            wait_until(lambda: [d for d in lines(tmp_path / "spool", Down) if "no such stream" in d.why], 15)
            server.gone = False
            wait_until(lambda: len(lines(tmp_path / "spool", Session)) == 2, 15)
            watching.end()


def answering(reply: bytes) -> int:
    """A server that answers everything with one reply; its port."""
    server = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        while True:
            client, _ = server.accept()
            with client:
                while asked := client.recv(4096):
                    number = re.search(rb"CSeq: *(\d+)", asked)
                    client.sendall(reply.replace(b"%d", number[1] if number else b""))
                    if not number:
                        break

    Thread(target=serve, daemon=True).start()
    return int(server.getsockname()[1])


REFUSALS = {
    "http": b"HTTP/1.0 401 Unauthorized\r\nWWW-Authenticate: Basic realm=x\r\nContent-Length: 0\r\n\r\n",
    "rtsp": b'RTSP/1.0 401 Unauthorized\r\nCSeq: %d\r\nWWW-Authenticate: Basic realm="x"\r\n\r\n',
}


@pytest.mark.parametrize("scheme", ["http", "rtsp"])
def test_wrong_credentials_are_told_and_never_shown(scheme: str, tmp_path: Path) -> None:
    uri = f"{scheme}://viewer:canary-4711@127.0.0.1:{answering(REFUSALS[scheme])}/x?token=canary-4712"
    with recorded(uri, tmp_path) as recording:
        source = SpooledSource(admit_live(uri).name, tmp_path, SpooledOptions(wait_s=6))
        wait_until(lambda: lines(tmp_path, Down))
        with pytest.raises(LiveUnavailable, match="refuses the user or password"):
            source.probe()
        process = recording.process
        shown = Path(f"/proc/{process}/cmdline").read_bytes()
    for place in [shown, *(p.read_bytes() for p in tmp_path.iterdir())]:
        assert b"canary" not in place


def test_nobody_there(tmp_path: Path) -> None:
    with recorded(f"http://127.0.0.1:{free_port()}/x", tmp_path):
        source = SpooledSource("http://there", tmp_path, SpooledOptions(wait_s=2))
        with pytest.raises(LiveUnavailable, match="http://there: refuses the connection") as told:
            source.probe()
    assert told.value.retriable


@pytest.mark.parametrize(
    "uri",
    ["ftp://127.0.0.1/x", "file:///etc/passwd", "concat:a|b", "http://169.254.169.254/latest", "udp://[fe80::1]:1", "rtsp://127.0.0.1:x/"],
)
def test_addresses_that_are_not_followed(uri: str) -> None:
    with pytest.raises(ConfigError):
        admit_live(uri)
