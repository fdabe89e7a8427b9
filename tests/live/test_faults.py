"""What live sources do, each as it was seen to happen, and what is recorded and read of it."""

import os
import shutil
import signal
from dataclasses import replace
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from time import monotonic, sleep
from typing import Any

import psutil
import pytest
from broadcasts import H264, QUICK, clip, free_port, lines, reader, recorded, sender, wait_until, watched
from conftest import missing
from faulty import FaultProxy, LossyUdp, TsServer

from operators.media import Frame, Samples
from operators.records import Gap
from operators.sources.manifest import Down, Missing, SegmentBegin, Session
from operators.sources.spooled import SpooledOptions, SpooledSource
from operators.timeline import Span
from pipeline.spool_watch import SpoolOptions

pytestmark = pytest.mark.ffmpeg


def gaps(items: list[Any]) -> list[Gap]:
    return [i for i in items if isinstance(i, Gap)]


def assert_tiled(samples: list[Any]) -> None:
    """Sound and Gaps follow each other without hole or overlap."""
    for a, b in pairwise(samples):
        assert a.end == b.start, (a, b)


def url(port: int) -> str:
    return f"http://127.0.0.1:{port}/live"


@pytest.mark.parametrize("fault", ["stall", "reset", "close"])
def test_a_connection_that_breaks_is_made_again_and_the_gap_is_stated(fault: str, tmp_path: Path) -> None:
    with TsServer(clip(14).read_bytes(), 14) as server, FaultProxy(server.port) as proxy, watched(url(proxy.port), tmp_path) as watching:
        live = watching.live
        wait_until(lambda: len(live.samples) > 25)
        if fault == "stall":
            proxy.mode = "stall"
            wait_until(lambda: lines(tmp_path, Down), 6)
            proxy.mode = "pass"
        else:
            getattr(proxy, fault)()
        wait_until(lambda: len(lines(tmp_path, Session)) == 2, 10)
        wait_until(lambda: live.samples[-1].end > lines(tmp_path, Session)[1].at + 1)
        watching.end()
    [first, second] = lines(tmp_path, Session)
    assert second.why == "source_down"
    lost = [m for m in lines(tmp_path, Missing) if m.end <= second.at]
    # Where little is lost, one track may have come up to where the other goes on.
    assert {m.why for m in lost} == {"source_down"} or fault == "close"
    assert sum(m.end - m.start for m in lost) < (6 if fault == "stall" else 3)
    told = [g for g in gaps(live.samples) if g.end <= second.at]
    assert sum(g.end - g.start for g in told) > sum(m.end - m.start for m in lost) - Fraction(3, 10)
    assert any(isinstance(f, Frame) and f.at > second.at for f in live.frames)
    assert_tiled(live.samples)
    # The timeline goes on by the clock.
    passed = second.arrival.monotonic_s - first.arrival.monotonic_s
    assert abs(float(second.at) - passed) < 1


def test_datagrams_that_are_lost_are_sent_again_or_a_gap_is_stated(tmp_path: Path) -> None:
    port = free_port()
    with (
        sender(clip(30), f"srt://127.0.0.1:{port}?mode=listener"),
        LossyUdp(port, 0.1) as proxy,
        watched(f"srt://127.0.0.1:{proxy.port}?mode=caller", tmp_path, SpoolOptions()) as watching,
    ):
        live = watching.live
        wait_until(lambda: live.samples[-1:] and live.samples[-1].end > 6, 40)
        few = proxy.lost
        # Shorter than what SRT takes for the end of a connection.
        proxy.share = 1.0
        sleep(3)
        proxy.share = 0.1
        wait_until(lambda: live.samples[-1].end > 12, 40)
        watching.end()
    assert few > 20
    assert len(lines(tmp_path, Session)) == 1
    assert_tiled(live.samples)
    told = gaps(live.samples)
    assert {g.reason for g in told} <= {"source_down", "decode_error"}
    assert any(g.end - g.start > 1 and g.start > 4 for g in told)


def test_nobody_at_the_other_end_of_srt(tmp_path: Path) -> None:
    with recorded(f"srt://127.0.0.1:{free_port()}?mode=caller", tmp_path):
        [down, *_] = wait_until(lambda: lines(tmp_path, Down), 10)
    assert down.why.startswith("does not answer")


def test_a_server_that_never_answers_is_left_soon(tmp_path: Path) -> None:
    with TsServer(clip(8).read_bytes(), 8) as server, FaultProxy(server.port) as proxy:
        proxy.mode = "black_hole"
        with recorded(url(proxy.port), tmp_path):
            [down] = wait_until(lambda: lines(tmp_path, Down), 5)
            assert down.why == "does not answer"
            wait_until(lambda: proxy.connections > 1, 5)
            proxy.mode = "pass"
            wait_until(lambda: lines(tmp_path, Session), 10)


def test_a_slow_link_is_told_by_the_lag_and_loses_nothing(tmp_path: Path) -> None:
    media = clip(6).read_bytes()
    with TsServer(media, 6) as server, FaultProxy(server.port) as proxy, recorded(url(proxy.port), tmp_path) as recording:
        proxy.mode, proxy.bytes_per_s = "slow", int(len(media) / 6 * 0.8)
        with reader(tmp_path) as live:
            wait_until(lambda: len(live.samples) > 50, 20)
            recording.stop()
            live.finish()
    assert not gaps(live.samples[:50])


def test_corrupt_bytes_stop_nothing(tmp_path: Path) -> None:
    with TsServer(clip(10).read_bytes(), 10) as server, FaultProxy(server.port) as proxy, watched(url(proxy.port), tmp_path) as watching:
        live = watching.live
        wait_until(lambda: len(live.samples) > 15)
        proxy.mode, proxy.share = "corrupt", 0.0002
        wait_until(lambda: live.samples[-1].end > 7)
        watching.end()
    assert_tiled(live.samples)
    # No damaged timestamp has moved the timeline.
    assert live.samples[-1].end < 13
    assert sum(isinstance(i, Samples) for i in live.samples) > 40


def joined(*parts: Path) -> bytes:
    return b"".join(p.read_bytes() for p in parts)


OTHER_SIZE = "-c:v libx264 -preset ultrafast -g 25 -pix_fmt yuv420p -vf scale=320:240 -c:a aac -b:a 64k -output_ts_offset 5"
OTHER_CODEC = "-c:v mpeg2video -g 25 -c:a mp2 -output_ts_offset 5"


@pytest.mark.parametrize("other", [OTHER_SIZE, OTHER_CODEC], ids=["size", "codec"])
def test_another_size_or_codec_goes_on_with_it(other: str, tmp_path: Path) -> None:
    with TsServer(joined(clip(5), clip(5, other)), 10) as server, watched(url(server.port), tmp_path) as watching:
        live = watching.live
        wait_until(lambda: live.samples and live.samples[-1].end > Fraction(19, 2) and live.frames[-1].end > 9, 25)
        watching.end()
    frames = [f for f in live.frames if isinstance(f, Frame)]
    assert [f.index for f in frames][:38] == list(range(38))
    assert {f.picture.pixels.shape for f in frames} <= {(54, 96, 3), (72, 96, 3)}
    assert_tiled(live.samples)
    assert not gaps(live.samples[:90])


def test_the_clock_of_mpeg_turns_over_unseen(tmp_path: Path) -> None:
    media = clip(10, f"{H264} -output_ts_offset 95438").read_bytes()
    with TsServer(media, 10) as server, recorded(url(server.port), tmp_path) as recording, reader(tmp_path) as live:
        wait_until(lambda: live.samples and live.samples[-1].end > 9, 20)
        recording.stop()
        live.finish()
    assert [f.index for f in live.frames[:37]] == list(range(37))
    assert not gaps(live.samples[:90])
    assert len(lines(tmp_path, Session)) == 1


@pytest.mark.parametrize("offset", [3600, -3600])
def test_a_jump_of_the_clock_is_stated_and_the_timeline_goes_on(offset: int, tmp_path: Path) -> None:
    here = clip(5, f"{H264} -output_ts_offset 4000")
    there = clip(5, f"{H264} -output_ts_offset {4005 + offset}")
    with TsServer(joined(here, there), 10) as server, recorded(url(server.port), tmp_path) as recording, reader(tmp_path) as live:
        wait_until(lambda: live.samples and live.samples[-1].end > 9 and live.frames[-1].end > 9, 20)
        recording.stop()
        live.finish()
    [jump] = [m for m in lines(tmp_path, Missing) if m.why == "discontinuity"]
    assert jump.detail is not None
    assert abs(float(jump.detail.split()[-2]) - offset) < 1
    assert 5 <= jump.start < jump.end < Fraction(11, 2)
    [gap] = gaps(live.samples[:95])
    assert gap.reason == "discontinuity"
    assert_tiled(live.samples)
    assert len([f for f in live.frames if isinstance(f, Frame) and f.at < 9]) >= 34


def test_a_sender_that_is_replaced_moves_no_date(tmp_path: Path) -> None:
    """No connection tells that it went: another clock comes after a while in which nothing came."""
    port, options = free_port(), SpoolOptions()
    first, second = clip(14), clip(8, f"{H264} -output_ts_offset 4000")
    target = f"udp://127.0.0.1:{port}"
    with recorded(f"{target}?fifo_size=100000", tmp_path, options):
        with sender(first, target) as sending:
            wait_until(lambda: lines(tmp_path, Session), 10)
            sending.wait()
        gone = monotonic()
        sleep(4)
        with sender(second, target, "-copyts") as sending:
            began = wait_until(lambda: len(lines(tmp_path, Session)) == 2 and monotonic(), 10)
    [jump] = [m for m in lines(tmp_path, Missing) if m.why == "discontinuity"]
    assert abs(float(jump.end - jump.start) - (began - gone)) < 1


def test_sound_that_comes_later_and_goes_again(tmp_path: Path) -> None:
    silent = "-map 0:v -c:v libx264 -preset ultrafast -g 25 -pix_fmt yuv420p"
    parts = clip(4, silent), clip(5, f"{H264} -output_ts_offset 4"), clip(5, f"{silent} -output_ts_offset 9")
    options = replace_options(silent_s=2.0)
    with TsServer(joined(*parts), 14) as server, recorded(url(server.port), tmp_path, options) as recording:
        wait_until(lambda: len(lines(tmp_path, Session)) == 2, 15)
        with reader(tmp_path) as live:
            wait_until(lambda: live.frames and live.frames[-1].end > 13, 25)
            recording.stop()
            live.finish()
    first, second, third = lines(tmp_path, Session)
    assert (first.sound, third.sound) == (None, None)
    assert second.sound is not None
    assert [f.index for f in live.frames[:52]] == list(range(52))
    heard = [s for s in live.samples if isinstance(s, Samples)]
    assert 4 <= heard[0].start < 5
    assert heard[-1].end > 8
    silent = [g for g in gaps(live.samples) if g.start > heard[-1].start]
    assert silent[0].start < 10
    assert silent[-1].end > 11
    assert_tiled(live.samples)


def replace_options(**changes: Any) -> Any:
    return replace(QUICK, **changes)


def test_a_killed_recorder_is_followed_by_another_on_the_same_timeline(tmp_path: Path) -> None:
    with TsServer(clip(14).read_bytes(), 14) as server, watched(url(server.port), tmp_path) as watching:
        live = watching.live
        wait_until(lambda: len(live.samples) > 30)
        process = watching.recording.process
        assert process is not None
        children = psutil.Process(process).children()
        os.kill(process, signal.SIGKILL)
        psutil.wait_procs(children, timeout=5)
        assert not any(c.is_running() for c in children)
        wait_until(lambda: len(lines(tmp_path, Session)) == 2, 10)
        wait_until(lambda: live.samples[-1].end > lines(tmp_path, Session)[1].at + 1)
        watching.end()
    first, second = lines(tmp_path, Session)
    assert second.why == "recorder_restart"
    [gap, *_] = gaps(live.samples)
    assert gap.reason == "recorder_restart"
    assert gap.end - gap.start < Fraction(7, 2)
    passed = second.arrival.monotonic_s - first.arrival.monotonic_s
    assert abs(float(second.at) - passed) < 1
    assert_tiled(live.samples)
    numbers = [b.number for b in lines(tmp_path, SegmentBegin)]
    assert numbers == list(range(len(numbers)))
    # Read again, across the break.
    with reader(tmp_path) as again_live:
        again_live.finish()
    span = Span(Fraction(0), lines(tmp_path, Session)[1].at)
    assert [i.start for i in again_live.samples if i.start in span] == [i.start for i in live.samples if i.start in span]


SELDOM = "-map 0 -map 1 -r 1/4 -c:v libx264 -preset ultrafast -g 1000 -pix_fmt yuv420p -c:a aac -b:a 64k"


def test_pictures_that_are_seldom_are_no_stall(tmp_path: Path) -> None:
    with (
        TsServer(clip(14, SELDOM).read_bytes(), 14) as server,
        watched(url(server.port), tmp_path, replace_options(stall_s=5.0)) as watching,
    ):
        live = watching.live
        wait_until(lambda: live.samples and live.samples[-1].end > 10, 25)
        watching.end()
    assert not lines(tmp_path, Down)
    # The second begins where the first picture says what it is.
    assert len(lines(tmp_path, Session)) <= 2
    assert not gaps(live.samples[:100])
    assert len([f for f in live.frames if isinstance(f, Frame)]) >= 2


def test_the_wall_clock_may_jump(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if shutil.which("faketime") is None:
        missing("ffmpeg", "no faketime: apt-get install faketime")
    # Ten days on after two seconds; the monotonic clock is left alone.
    library = next(Path("/usr/lib").rglob("libfaketime.so.1"))
    jump = tmp_path / "clock"
    jump.write_text("+0")
    for name, value in {
        "LD_PRELOAD": str(library), "FAKETIME_TIMESTAMP_FILE": str(jump), "FAKETIME_NO_CACHE": "1", "DONT_FAKE_MONOTONIC": "1"
    }.items():  # fmt: skip
        monkeypatch.setenv(name, value)
    folder = tmp_path / "spool"
    with TsServer(clip(10).read_bytes(), 10) as server, recorded(url(server.port), folder) as recording:
        monkeypatch.undo()
        with reader(folder) as live:
            wait_until(lambda: live.samples and live.samples[-1].end > 3, 20)
            jump.write_text("+10d")
            wait_until(lambda: live.samples[-1].end > 8, 20)
            recording.stop()
            live.finish()
    arrivals = [b.arrival.wall_time for b in lines(folder, SegmentBegin)]
    assert (arrivals[-1] - arrivals[0]).days >= 9
    assert len(lines(folder, Session)) == 1
    assert not gaps(live.samples[:80])
    assert_tiled(live.samples)


def test_a_killed_decoder_is_replaced_and_nothing_is_lost(tmp_path: Path) -> None:
    with TsServer(clip(10).read_bytes(), 10) as server, watched(url(server.port), tmp_path) as watching:
        live = watching.live
        wait_until(lambda: len(live.samples) > 30 and len(live.frames) > 12, 20)
        decoders = [p for p in psutil.Process().children(recursive=True) if p.name() == "ffmpeg"]
        assert len(decoders) == 2
        for decoder in decoders:
            decoder.kill()
        wait_until(lambda: live.samples[-1].end > 8 and live.frames[-1].end > 8, 20)
        watching.end()
    assert not gaps(live.samples[:80])
    assert [f.index for f in live.frames[:32]] == list(range(32))
    assert_tiled(live.samples)


def test_the_spool_stays_within_its_bounds_and_what_was_deleted_is_a_gap(tmp_path: Path) -> None:
    options = replace_options(max_bytes=300_000, segment_s=1.0)
    with TsServer(clip(14).read_bytes(), 14) as server, watched(url(server.port), tmp_path, options) as watching:
        live = watching.live
        wait_until(lambda: live.samples and live.samples[-1].end > 12, 25)
        kept = sum(p.stat().st_size for p in tmp_path.glob("*.nut"))
        # The segment that grows is not counted.
        assert kept < 300_000 + 200_000
        with reader(tmp_path) as late:
            wait_until(lambda: any(isinstance(s, Samples) for s in late.samples))
            watching.end()
            late.finish()
    assert not gaps(live.samples[:110])
    assert (late.samples[0].start, late.samples[0].reason) == (0, "spool_evicted")
    assert (late.frames[0].start, late.frames[0].reason) == (0, "spool_evicted")
    assert_tiled(late.samples)


def test_a_reader_that_is_too_slow_skips_to_the_edge_and_says_so(tmp_path: Path) -> None:
    with TsServer(clip(14).read_bytes(), 14) as server, recorded(url(server.port), tmp_path) as recording:
        source = SpooledSource("test", tmp_path, SpooledOptions(bound=Fraction(3)))
        reading = source.samples(source.probe(), Span(Fraction(0), Fraction(10**6)))
        items = [next(reading) for _ in range(10)]
        wait_until(lambda: lines(tmp_path, SegmentBegin)[-1].first > 8, 20)
        items += [next(reading) for _ in range(20)]
        recording.stop()
        items += reading
    [skipped, *_] = gaps(items)
    assert skipped.reason == "dropped_overload"
    assert skipped.end - skipped.start > 2
    assert_tiled(items)


def test_closing_ends_readers_that_wait(tmp_path: Path) -> None:
    with TsServer(clip(8).read_bytes(), 8) as server, FaultProxy(server.port) as proxy, watched(url(proxy.port), tmp_path) as watching:
        wait_until(lambda: len(watching.live.samples) > 10)
        proxy.mode = "stall"
        watching.live.close()
    # It was closed and not ended.
    assert not gaps(watching.live.samples[:5])
