"""What time a live source says that it is, and how its records are dated by it."""

import os
import signal
import struct
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Any

import av
import numpy as np
import psutil
import pytest
from broadcasts import lines, recorded, wait_until, watched
from rolling_hls import RollingHls
from test_transports import rtsp_server

from operators.media import Frame
from operators.protocols import FramesNeed
from operators.sources.manifest import ClockLine, Session
from operators.sources.source_clock import ClockReading, PlaylistClock, ReportClock, believed
from operators.sources.spooled import SpooledSource
from operators.timeline import ZERO, Span
from pipeline.spool_clock import ClockKeeper
from pipeline.spool_watch import SpoolOptions
from pipeline.spool_writer import SpoolWriter

FIRST = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
NTP_2026 = 2_208_988_800 + round(FIRST.timestamp())
WHOLE = Span(ZERO, Fraction(10**6))


def playlist(*entries: str) -> str:
    return "\n".join(["#EXTM3U", "#EXT-X-TARGETDURATION:4", *entries])


def dated(at: datetime) -> str:
    return f"#EXT-X-PROGRAM-DATE-TIME:{at.isoformat()}"


class TestPlaylists:
    def test_the_first_segment_that_is_fetched_tells_the_time(self) -> None:
        clock = PlaylistClock()
        clock.read(
            "https://a.example/x/live.m3u8?t=1",
            playlist(dated(FIRST), "#EXTINF:4.0,", "1.ts", "#EXTINF:2.5,", "/y/2.ts", "#EXTINF:4,", "3.ts"),
        )
        clock.fetch("https://a.example/x/init.mp4", 0)
        assert clock.first is None
        clock.fetch("https://a.example/x/3.ts", 0)
        clock.fetch("https://a.example/y/2.ts", 0)
        assert clock.first == FIRST + timedelta(seconds=6.5)

    def test_pieces_of_one_file(self) -> None:
        clock = PlaylistClock()
        pieces = ["#EXTINF:4,", "#EXT-X-BYTERANGE:100@50", "a.ts", "#EXTINF:4,", "#EXT-X-BYTERANGE:100", "a.ts"]
        clock.read("http://a/l.m3u8", playlist(dated(FIRST), *pieces))
        clock.fetch("http://a/a.ts", 150)
        assert clock.first == FIRST + timedelta(seconds=4)

    @pytest.mark.parametrize(
        "text", ["2026-01-02T03:04:05Z", "2026-01-02T04:04:05.000+01:00", "2026-01-02T03:04:05", "2026-01-02T04:04:05+0100"]
    )
    def test_every_way_to_write_it(self, text: str) -> None:
        clock = PlaylistClock()
        clock.read("http://a/l.m3u8", playlist(f"#EXT-X-PROGRAM-DATE-TIME:{text}", "#EXTINF:4,", "1.ts"))
        clock.fetch("http://a/1.ts", 0)
        assert clock.first == FIRST

    @pytest.mark.parametrize("text", ["", "yesterday", "2026-13-01T00:00:00Z", "0001-01-01T00:00:00+14:00"])
    def test_nonsense_is_no_time(self, text: str) -> None:
        clock = PlaylistClock()
        clock.read(
            "http://a/l.m3u8",
            playlist(f"#EXT-X-PROGRAM-DATE-TIME:{text}", "#EXTINF:nan,", "#EXT-X-BYTERANGE:x@y", "1.ts", "#EXTINF:", "2.ts"),
        )
        clock.fetch("http://a/1.ts", 0)
        assert clock.first is None

    def test_its_clock_is_set(self) -> None:
        clock, hour = PlaylistClock(), timedelta(hours=1)
        listed = [dated(FIRST), "#EXTINF:4,", "1.ts", dated(FIRST + timedelta(seconds=4.4)), "#EXTINF:4,", "2.ts"]
        clock.read("http://a/l.m3u8", playlist(*listed))
        clock.fetch("http://a/1.ts", 0)
        clock.read("http://a/l.m3u8", playlist(*listed, dated(FIRST + hour + timedelta(seconds=8)), "#EXTINF:4,", "3.ts"))
        stepped = clock.first
        assert stepped is not None
        assert abs(stepped - FIRST - hour) < timedelta(seconds=0.5)
        joint = ["#EXT-X-DISCONTINUITY", dated(FIRST), "#EXTINF:4,", "4.ts"]
        clock.read("http://a/l.m3u8", playlist(*listed, *joint))
        assert clock.first == stepped


def frame(channel: int, packet: bytes) -> bytes:
    return struct.pack(">BBH", 0x24, channel, len(packet)) + packet


def media(sender: int, timestamp: int, kind: int = 96, channel: int = 0) -> bytes:
    return frame(channel, struct.pack(">BBHII", 0x80, kind, 1, timestamp % 2**32, sender) + b"RTSP/1.0 302\r\n\r\n")


def report(sender: int, ntp_s: int, timestamp: int, channel: int = 1) -> bytes:
    return frame(channel, struct.pack(">BBHIIIIII", 0x80, 200, 6, sender, ntp_s, 2**31, timestamp % 2**32, 0, 0))


SDP = b"v=0\r\nm=video 0 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\n"
ANSWER = b"RTSP/1.0 200 OK\r\nCSeq: 2\r\nContent-Length: %d\r\n\r\n" % len(SDP) + SDP
HALF = timedelta(seconds=0.5)


class TestReports:
    @pytest.mark.parametrize("piece", [1, 7, 64, 10_000])
    def test_in_any_pieces(self, piece: int) -> None:
        begin = 2**32 - 90_000
        sent = ANSWER + media(5, begin) + media(5, begin + 3600) + report(5, NTP_2026 + 3, begin + 270_000) + media(5, begin + 7200)
        clock = ReportClock()
        for at in range(0, len(sent), piece):
            clock.take(sent[at : at + piece])
        assert clock.zero == FIRST + HALF
        assert not clock.leads_elsewhere

    def test_of_one_track_the_latest_report_counts_of_several_the_first(self) -> None:
        for tracks, shown in ((1, 60), (2, 0)):
            clock = ReportClock()
            clock.take(ANSWER + media(1, 0) + (media(2, 0, 8, channel=2) if tracks == 2 else b""))
            clock.take(report(1, NTP_2026, 0))
            clock.take(report(1, NTP_2026 + 65, 5 * 90_000))
            assert clock.zero == FIRST + HALF + timedelta(seconds=shown)

    def test_a_redirection_is_known_before_it_is_whole(self) -> None:
        clock = ReportClock()
        clock.take(ANSWER + b"RTSP/1.0 302 Found\r\nCSeq: 3\r\nLocation: rtsp://")
        assert clock.leads_elsewhere

    def test_what_is_no_rtsp_is_let_go(self) -> None:
        clock = ReportClock()
        for _ in range(40):
            clock.take(b"\xff" * 65_536)
        assert len(clock._held) <= 1 << 20


class TestKeeper:
    @pytest.fixture
    def keeper(self, tmp_path: Path) -> Iterator[ClockKeeper]:
        writer = SpoolWriter(tmp_path, SpoolOptions())
        yield ClockKeeper(writer)
        writer.close()

    def begin(self, keeper: ClockKeeper, wall: datetime | None, at: Fraction = ZERO) -> None:
        reading = ClockReading(Fraction(100), wall) if wall else None
        keeper.begin((at, Fraction(102)), FIRST, lambda: reading, 10.0)

    def test_the_own_clock_is_waited_for_and_decided_once(self, keeper: ClockKeeper, tmp_path: Path) -> None:
        self.begin(keeper, None)
        keeper.tick(9.0)
        assert keeper.writer.clock is None
        self.begin(keeper, FIRST)
        keeper.tick(9.5)
        assert keeper.writer.clock == ClockLine("source", "2026-01-02T03:04:07.000+00:00")
        # The recorder after this one, and an hour later.
        after = ClockKeeper(SpoolWriter(tmp_path, SpoolOptions()))
        assert after.writer.clock == keeper.writer.clock
        self.begin(after, FIRST + timedelta(hours=1), Fraction(3600))
        after.tick(20.0)
        assert lines(tmp_path, ClockLine) == [keeper.writer.clock]
        reading = ClockReading(Fraction(100), FIRST + timedelta(hours=1))
        assert after.instant(Fraction(104), lambda: reading, Fraction(3605), Fraction(3600)) == 3602
        after.writer.close()

    def test_the_own_clock_places_what_can_be(self, keeper: ClockKeeper) -> None:
        self.begin(keeper, FIRST)
        keeper.tick(0.0)

        def at(raw: int, newest_s: int | None, end: int) -> Fraction | None:
            newest = None if newest_s is None else FIRST + timedelta(seconds=2 + newest_s)
            return keeper.instant(
                Fraction(raw), lambda: ClockReading(Fraction(102), FIRST + timedelta(seconds=2), newest), Fraction(60), Fraction(end)
            )

        assert at(162, None, 50) == 60
        # What was told already, what is not there yet.
        assert at(142, None, 50) is None
        assert at(182, None, 50) is None
        # A playlist lists again what it listed; but not if all of it is from an hour ago.
        assert at(142, 63, 50) == 40
        assert at(142, 63 - 3600, 50) is None

    def test_without_one_it_is_by_arrival(self, keeper: ClockKeeper, tmp_path: Path) -> None:
        self.begin(keeper, None)
        keeper.tick(10.0)
        self.begin(keeper, FIRST)
        keeper.tick(11.0)
        assert lines(tmp_path, ClockLine) == [ClockLine("arrival", "2026-01-02T03:04:05.000+00:00")]

    @pytest.mark.parametrize("wall", [datetime(1970, 1, 1, 0, 5, tzinfo=UTC), datetime.now(UTC) + timedelta(days=2)])
    def test_nonsense_is_not_believed_and_told(self, wall: datetime, keeper: ClockKeeper, tmp_path: Path) -> None:
        self.begin(keeper, wall)
        keeper.tick(0.0)
        [told] = lines(tmp_path, ClockLine)
        assert told.kind == "arrival"
        assert told.why is not None
        assert str(wall.year) in told.why
        assert not believed(wall, datetime.now(UTC))

    def test_a_clock_that_is_set_is_told_and_the_dates_go_on(self, keeper: ClockKeeper, tmp_path: Path) -> None:
        self.begin(keeper, FIRST)
        keeper.tick(0.0)
        self.begin(keeper, FIRST + timedelta(seconds=3603), Fraction(3))
        for _ in range(3):
            keeper.tick(3.0)
        first, second = lines(tmp_path, ClockLine)
        assert (second.kind, second.zero, second.moved_s) == (first.kind, first.zero, 3600.0)
        reading = ClockReading(Fraction(100), FIRST + timedelta(seconds=3603))
        assert keeper.instant(Fraction(102), lambda: reading, Fraction(4), Fraction(2)) == 3

    @pytest.mark.parametrize("ppm", [200, -200])
    def test_media_that_runs_faster_or_slower_than_our_clock_is_told(self, ppm: int, keeper: ClockKeeper, tmp_path: Path) -> None:
        self.begin(keeper, None)
        keeper.tick(10.0)
        for second in range(2 * 3600):
            # Late by up to a second, as networks are.
            keeper.came(Fraction(second) * (1_000_000 + ppm) / 1_000_000, second + 0.2 + second % 7 / 7)
        told = [line.moved_s for line in lines(tmp_path, ClockLine)]
        assert abs(told[-1] + 2 * 3600 * ppm / 1e6) < 0.55
        assert all(0.4 < abs(b - a) < 0.6 for a, b in pairwise(told))


def pictures_of(server: RollingHls) -> list[tuple[float, Any]]:
    """(seconds since the first segment began, picture)."""
    found = []
    for number in range(server.seconds):
        with av.open(str(server.folder / f"{number}.ts")) as container:
            stream = container.streams.video[0]
            frames = [(f.time, f.reformat(96, 54, "rgb24").to_ndarray()) for f in container.decode(stream)]
        first = frames[0][0]
        found += [(number + at - first, pixels.astype(int)) for at, pixels in frames]
    return found


def when(frame: Frame, pictures: list[tuple[float, Any]]) -> float:
    return min(pictures, key=lambda p: float(np.abs(p[1] - frame.picture.pixels).mean()))[0]


@pytest.mark.ffmpeg
def test_a_playlist_dates_its_stream_across_recorders(tmp_path: Path) -> None:
    server, spool = RollingHls(tmp_path / "hls", 30, clock=FIRST), tmp_path / "spool"
    with server, watched(server.url, spool) as watching:
        live = watching.live
        wait_until(lambda: len(live.frames) > 8)
        process = watching.recording.process
        assert process is not None
        children = psutil.Process(process).children()
        os.kill(process, signal.SIGKILL)
        psutil.wait_procs(children, timeout=5)
        wait_until(lambda: len(lines(spool, Session)) == 2, 20)
        wait_until(lambda: isinstance(live.frames[-1], Frame) and live.frames[-1].at > lines(spool, Session)[1].at + 2)
        watching.end()
    [told] = lines(spool, ClockLine)
    assert live.info.clock is not None
    assert live.info.clock.kind == told.kind == "source"
    pictures = pictures_of(server)
    shown = [f for f in live.frames if isinstance(f, Frame)]
    for f in [*shown[1:8], *(f for f in shown if f.at > lines(spool, Session)[1].at)]:
        said = (live.info.clock.zero_time - FIRST).total_seconds() + float(f.at)
        assert abs(said - when(f, pictures)) < 0.1


@pytest.mark.ffmpeg
def test_a_playlist_whose_clock_was_never_set(tmp_path: Path) -> None:
    server, spool = RollingHls(tmp_path / "hls", 8, clock=datetime(1970, 1, 1, tzinfo=UTC)), tmp_path / "spool"
    with server, watched(server.url, spool) as watching:
        wait_until(lambda: watching.live.frames)
        watching.end()
    info = watching.live.info
    assert info.clock is not None
    assert info.clock.kind == "arrival"
    assert abs((info.clock.zero_time - datetime.now(UTC)).total_seconds()) < 60
    assert "says that it is 1970-01-01" in info.reader_reason


@pytest.mark.ffmpeg
def test_an_rtsp_server_that_reports_its_clock(tmp_path: Path) -> None:
    with rtsp_server() as uri, recorded(uri, tmp_path, SpoolOptions()) as recording:
        source = SpooledSource("test", tmp_path)
        info = source.probe()
        reading = source.frames(info, FramesNeed(25, 32), WHOLE)
        shown = [f for _, f in zip(range(120), reading, strict=False) if isinstance(f, Frame)]
        source.close()
        reading.close()
        recording.stop()
    assert info.clock is not None
    assert info.clock.kind == "source"
    # It turns white and black with the seconds.
    turns = [b.at for a, b in pairwise(shown) if abs(a.picture.luma.mean() - b.picture.luma.mean()) > 100]
    assert len(turns) >= 3
    for at in turns:
        moment = (info.clock.zero_time + timedelta(seconds=float(at))).timestamp()
        assert abs(moment - round(moment)) < 0.1
    white = next(f for f in shown if f.picture.luma.mean() > 128)
    assert int((info.clock.zero_time + timedelta(seconds=float(white.at) + 0.2)).timestamp()) % 2 == 0
