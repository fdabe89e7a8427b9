"""The rules of live sources, with the clock in the test's hand."""

from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from operators.media import PictureTrack, SoundTrack
from operators.records import Gap
from operators.sources.live import admit_live, receiver_command
from operators.sources.live_clock import MPEG_TURN, Jump, LiveClock, Timed, next_beginning
from operators.sources.live_grid import FrameGrid, SampleGrid
from operators.sources.manifest import (
    Down,
    Ended,
    Evicted,
    ManifestFollower,
    Missing,
    Resumed,
    SegmentBegin,
    SegmentEnd,
    Session,
    from_line,
    now,
    to_line,
)
from operators.sources.spool_view import Run, SpoolView
from operators.sources.spooled import Overload
from operators.sources.tracks import SourceOptions
from operators.sources.ts_tables import TableWatch
from operators.timeline import ZERO, Span
from pipeline import spool_manifest
from pipeline.spool_manifest import ManifestWriter
from pipeline.spool_watch import Backoff, MissingParts, Pace, SpoolOptions, StallWatch

FRAME = Fraction(1, 25)
ALL = Span(ZERO, Fraction(10**9))


class TestClock:
    def play(self, clock: LiveClock[int], raws: list[Fraction], now_s: float = 0.0) -> list[Fraction]:
        shown: list[Fraction] = []
        for n, raw in enumerate(raws):
            placed = clock.place("picture", Timed(n, raw, raw, FRAME), now_s + n / 25)
            assert not isinstance(placed, Jump)
            shown += [p.showing for p in placed]
        return shown

    def test_it_turns_over_twice(self) -> None:
        clock: LiveClock[int] = LiveClock(MPEG_TURN)
        begin = MPEG_TURN - 4
        clock.begin(ZERO, begin, 0.0)
        step = Fraction(9)
        raws = [(begin + n * step) % MPEG_TURN for n in range(int(2 * MPEG_TURN / step) + 3)]
        shown = [clock.place("picture", Timed(n, raw, raw, FRAME), float(n * step)) for n, raw in enumerate(raws)]
        assert [p[0].showing for p in shown if not isinstance(p, Jump)] == [n * step for n in range(len(raws))]

    @pytest.mark.parametrize("step", [Fraction(3600), Fraction(-3600), Fraction(-1)])
    def test_a_jump_is_believed_at_its_second_packet(self, step: Fraction) -> None:
        clock: LiveClock[int] = LiveClock()
        clock.begin(ZERO, Fraction(5000), 0.0)
        assert self.play(clock, [5000 + n * FRAME for n in range(100)]) == [n * FRAME for n in range(100)]
        there = [5000 + step + n * FRAME for n in range(100, 102)]
        assert clock.place("picture", Timed(100, there[0], there[0], FRAME), 4.0) == []
        jump = clock.place("picture", Timed(101, there[1], there[1], FRAME), 4.04)
        assert isinstance(jump, Jump)
        assert [t.packet for _, t in clock.doubtful()] == [100]

    def test_one_damaged_timestamp_moves_nothing(self) -> None:
        clock: LiveClock[int] = LiveClock()
        clock.begin(ZERO, ZERO, 0.0)
        raws = [n * FRAME for n in range(20)]
        raws[10] = Fraction(77_777)
        assert self.play(clock, raws) == [n * FRAME for n in range(20) if n != 10]

    def test_a_pause_as_long_as_the_clock_says_is_no_jump(self) -> None:
        clock: LiveClock[int] = LiveClock()
        clock.begin(ZERO, ZERO, 0.0)
        self.play(clock, [ZERO])
        [placed] = clock.place("picture", Timed(1, Fraction(600), Fraction(600), FRAME), 595.0)  # type: ignore[misc]
        assert placed.showing == 600

    def test_after_a_jump_the_track_behind_may_end_by_the_old_clock(self) -> None:
        clock: LiveClock[int] = LiveClock()
        clock.begin(ZERO, ZERO, 0.0)
        self.play(clock, [n * FRAME for n in range(50)])
        clock.place("sound", Timed(0, Fraction(3, 2), Fraction(3, 2), FRAME), 2.0)
        clock.begin(Fraction(21, 10), Fraction(9000), 2.0, jumped=True)
        assert clock.place("sound", Timed(1, Fraction(31, 20), Fraction(31, 20), FRAME), 2.0) == []
        [placed] = clock.place("sound", Timed(2, Fraction(9001), Fraction(9001), FRAME), 2.1)  # type: ignore[misc]
        assert placed.showing == Fraction(31, 10)

    def test_where_sessions_begin(self) -> None:
        end, clock = Fraction(100), Fraction(130)
        assert next_beginning(end, clock, None, ZERO) == (130, 0)
        assert next_beginning(end, clock, Fraction(128), ZERO) == (128, 0)
        assert next_beginning(end, clock, Fraction(3), ZERO) == (130, 0)
        assert next_beginning(end, clock, Fraction(9000), ZERO) == (130, 0)
        assert next_beginning(end, Fraction(90), None, ZERO) == (100, 0)
        assert next_beginning(end, Fraction(90), Fraction(99), Fraction(10)) == (100, 1)


class TestWatch:
    def test_silence_stalls_and_media_does_not(self) -> None:
        watch = StallWatch(SpoolOptions())
        watch.start(0.0)
        assert not watch.stalled(4.9)
        assert watch.stalled(5.1)
        watch.start(10.0)
        watch.bytes_came(12.0)
        assert not watch.stalled(21.0)
        watch.packet_came(21.0)
        assert not watch.stalled(31.0)
        assert watch.stalled(31.1)

    def test_a_source_that_sends_seldom_is_not_connected_to_for_ever(self) -> None:
        watch = StallWatch(SpoolOptions())
        at, stalls = 0.0, 0
        watch.start(at)
        # One picture when it is connected to, and then one in ten minutes.
        for _ in range(40):
            watch.bytes_came(at)
            watch.packet_came(at)
            came = at + 600
            while at < came and not watch.stalled(at):
                at += 1.0
            if at < came:
                stalls += 1
                watch.start(at)
        assert stalls <= 6

    def test_one_that_lived_long_is_judged_as_at_first(self) -> None:
        watch = StallWatch(SpoolOptions())
        watch.start(0.0)
        for second in range(1000):
            watch.packet_came(float(second))
        assert watch.stalled(1010.0)
        watch.start(1010.0)
        watch.packet_came(1011.0)
        assert not watch.stalled(1020.0)
        assert watch.stalled(1022.0)

    def test_pauses_grow_and_are_never_the_same(self) -> None:
        low, high = Backoff(SpoolOptions(), lambda: 0.0), Backoff(SpoolOptions(), lambda: 1.0)
        assert [high.next_s() for _ in range(7)] == [0.5, 1.0, 2.0, 4.0, 8.0, 10.0, 10.0]
        assert [low.next_s() for _ in range(3)] == [0.25, 0.5, 1.0]
        high.reset()
        assert high.next_s() == 0.5

    @given(st.lists(st.fractions(0, 100), max_size=60), st.fractions(0, 5000))
    def test_parts_tile_what_is_missing(self, steps: list[Fraction], rest: Fraction) -> None:
        parts, told, at = MissingParts(Fraction(7), Fraction(10)), [], Fraction(7)
        for step in steps:
            at += step
            while part := parts.due(at):
                told.append(part)
        if last := parts.rest(at + rest):
            told.append(last)
        assert all(a[1] == b[0] for a, b in pairwise(told))
        assert [p[0] for p in told[:1]] in ([], [7])
        assert all(end <= at + rest for _, end in told)
        assert at + rest == 7 or told[-1][1] == at + rest

    def test_parts_double_up_to_ten_minutes(self) -> None:
        parts = MissingParts(ZERO, Fraction(10))
        told = [parts.due(Fraction(5000)) for _ in range(9)]
        assert [p and p[1] - p[0] for p in told] == [10, 20, 40, 80, 160, 320, 600, 600, 600]

    def test_the_timeline_goes_on_as_late_as_its_packets_came(self) -> None:
        pace = Pace()
        for n in range(100):
            pace.came(Fraction(n), n + 1000.25 + (2 if n % 6 == 0 else 0))
        assert pace.at(1200.0) == Fraction(1200) - Fraction(100225, 100)

    def test_a_moment_without_time_does_not_move_the_timeline(self) -> None:
        pace = Pace()
        for n in range(1000):
            pace.came(Fraction(n, 10), n / 10 + 1000.25 + (5 if 600 < n < 800 else 0))
        assert pace.at(1200.0) == Fraction(1200) - Fraction(100025, 100)

    def test_a_session_tells_of_the_pace_until_its_packets_do(self) -> None:
        pace = Pace()
        assert pace.at(1200.0) == 0
        pace.begins(Fraction(5), 1007.0)
        assert pace.at(1012.0) == 10
        pace.came(Fraction(10), 1010.5)
        assert pace.at(1020.5) == 20

    def test_the_timeline_follows_a_clock_that_moves_for_good(self) -> None:
        pace = Pace()
        for n in range(2400):
            pace.came(Fraction(n, 10), n / 10 + 1000.25 + (5 if n > 1200 else 0))
        assert pace.at(1500.0) == Fraction(1500) - Fraction(100525, 100)


class TestOverload:
    def test_a_reader_that_falls_behind_skips(self) -> None:
        rule = Overload(Fraction(30))
        assert not any(rule.skips(Fraction(lag)) for lag in (1, 5, 20, 30))
        assert rule.skips(Fraction(32))

    def test_a_reader_that_was_opened_far_behind_catches_up(self) -> None:
        rule = Overload(Fraction(30))
        assert not any(rule.skips(Fraction(lag)) for lag in (500, 510, 400, 300, 100, 10, 39))
        assert rule.skips(Fraction(41))


SEGMENT = Fraction(2)


def session(number: int, at: int, sound: bool = True) -> Session:
    track = SoundTrack(1, "aac", 48_000, 2, None, Fraction(at)) if sound else None
    picture = PictureTrack(0, "h264", 64, 64, 0, None, Fraction(at))
    return Session(number, Fraction(at), "start", now(), "2026-01-01T00:00:00+00:00", "mpegts", picture, track, {})


class TestView:
    def view(self, folder: Path, *said: object, track: str = "sound") -> SpoolView:
        (folder / "manifest.jsonl").write_bytes(b"".join(to_line(line) for line in said))  # type: ignore[arg-type]
        return SpoolView(folder, track)  # type: ignore[arg-type]

    def test_lines_are_read_back(self) -> None:
        all_kinds = [
            session(0, 0), SegmentBegin(0, 0, ZERO, True, now()), Missing(ZERO, FRAME, "source_down", "sound"), Resumed("sound", FRAME),
            SegmentEnd(0, {"sound": ZERO}, {"sound": FRAME}, {"sound": 1}, {"sound": 9}, {"sound": "0"}), Down("why", False), Evicted(3),
            Ended(FRAME, "stopped"),
        ]  # fmt: skip
        assert [from_line(to_line(line)) for line in all_kinds] == all_kinds

    def test_half_a_line_is_waited_for(self, tmp_path: Path) -> None:
        follower = ManifestFollower(tmp_path / "m")
        assert follower.poll() == []
        line = to_line(Evicted(1))
        (tmp_path / "m").write_bytes(line + line[:9])
        assert follower.poll() == [Evicted(1)]
        with open(tmp_path / "m", "ab") as file:
            file.write(line[9:])
        assert follower.poll() == [Evicted(1)]

    def test_pieces_follow_each_other(self, tmp_path: Path) -> None:
        gap = Missing(Fraction(4), Fraction(9), "source_down", None)
        silent = Missing(Fraction(12), Fraction(15), "source_down", "sound")
        view = self.view(tmp_path, first := session(0, 0), gap, second := session(1, 9), silent, Resumed("sound", Fraction(15)))
        assert view.piece(ZERO) == Run(first, ZERO, Fraction(4))
        assert view.piece(Fraction(4)) == gap
        assert view.piece(Fraction(9)) == Run(second, Fraction(9), Fraction(12))
        assert view.piece(Fraction(13)) == silent
        assert view.piece(Fraction(15)) == Run(second, Fraction(15), None)
        pictures = self.view(tmp_path, first, gap, second, silent, track="picture")
        assert pictures.piece(Fraction(13)) == Run(second, Fraction(9), None)

    def test_what_was_deleted_is_missing(self, tmp_path: Path) -> None:
        begins = [SegmentBegin(n, 0, n * SEGMENT, True, now()) for n in range(6)]
        view = self.view(tmp_path, first := session(0, 0), *begins, Evicted(4))
        assert view.piece(Fraction(3)) == Missing(Fraction(3), Fraction(8), "spool_evicted", None)
        assert view.piece(Fraction(8)) == Run(first, ZERO, None)
        assert view.segment_before(0, Fraction(3)) == 4

    def test_decoding_begins_at_key_frames(self, tmp_path: Path) -> None:
        begins = [SegmentBegin(n, 0, n * SEGMENT, n in (0, 2, 5), now()) for n in range(7)]
        view = self.view(tmp_path, session(0, 0), *begins, track="picture")
        assert [view.segment_before(0, Fraction(at)) for at in (-1, 1, 3, 4, 9, 10)] == [0, 0, 0, 2, 2, 5]
        assert view.key_after(Fraction(3)) == 10
        assert view.key_after(Fraction(10)) is None


class TestManifestWrittenAnew:
    def test_readers_go_on_where_it_was_written_anew(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(spool_manifest, "LONGEST", 30)
        writer = ManifestWriter(tmp_path)
        view = SpoolView(tmp_path, "sound")
        writer.say(session(0, 0))
        runs = []
        for n in range(40):
            if n == 10:
                writer.say(Missing(Fraction(20), Fraction(22), "source_down", None))
                writer.say(session(1, 22))
            at = n * SEGMENT + (2 if n >= 10 else 0)
            writer.say(SegmentBegin(n, int(n >= 10), at, True, now()))
            if n > 5:
                writer.say(Evicted(n - 5))
            view.poll()
            runs.append(view.piece(at))
        assert all(isinstance(run, Run) for run in runs)
        assert {run.session.number for run in runs[10:] if isinstance(run, Run)} == {1}
        assert len((tmp_path / "manifest.jsonl").read_bytes().splitlines()) < 40
        assert view.piece(Fraction(21)) == Missing(Fraction(21), Fraction(22), "spool_evicted", None)
        assert view.piece(Fraction(22)) == Missing(Fraction(22), Fraction(70), "spool_evicted", None)
        fresh = SpoolView(tmp_path, "sound")
        assert fresh.piece(Fraction(81)) == view.piece(Fraction(81))
        assert fresh.segments == view.segments
        writer.close()


class TestGrids:
    def test_a_break_within_a_cell_gives_no_second_picture(self) -> None:
        grid, pixels = FrameGrid(2, ALL), np.zeros((2, 2, 3), np.uint8)
        frames = [*grid.take(Fraction(1, 10), pixels, False), *grid.missing(Fraction(4, 10), "source_down", start=Fraction(2, 10))]
        frames += [*grid.take(Fraction(45, 100), pixels, False), *grid.missing(Fraction(3), "source_down", start=Fraction(6, 10))]
        assert [(f.start, f.end) for f in frames] == [(0, Fraction(1, 2)), (1, 3)]

    def test_sound_is_counted_not_timed(self) -> None:
        grid, block = SampleGrid(ALL), np.ones(1600, np.float32)
        grid.start(None)
        given = [p for n in range(10) for p in grid.take(Fraction(n, 10) + Fraction(n % 3, 1000), block, False)]
        assert [p.index for p in given] == list(range(10))
        assert all(p.pcm.all() for p in given)

    @pytest.mark.parametrize("ppm", [200, -200])
    def test_sound_whose_samples_run_away_from_its_instants_stays_with_the_pictures(self, ppm: int) -> None:
        """L10: for an hour, samples come 200 ppm too fast or too slow for what the source says of their instants."""
        grid, pcm = SampleGrid(ALL), np.ones(16_000, np.float32)
        grid.start(None)
        furthest = 0.0
        for n in range(3600):
            at = Fraction(n) * (1_000_000 - ppm) / 1_000_000
            for _ in grid.take(at, pcm, False):
                pass
            furthest = max(furthest, abs(float(grid.position - at - 1)))
        assert furthest < 0.3

    def test_a_decoder_counts_up_to_where_the_next_one_does(self) -> None:
        grid = SampleGrid(ALL)
        grid.start(Fraction(1))
        first = [*grid.take(ZERO, np.full(16_500, 0.5, np.float32), False)]
        assert len(first) == 10
        grid.start(None)
        [packet] = grid.take(Fraction(95, 100), np.full(2400, 0.25, np.float32), False)
        assert packet.index == 10
        assert set(packet.pcm) == {0.25}

    def test_gaps_of_sound_fill_up_the_packet_before(self) -> None:
        grid = SampleGrid(ALL)
        grid.start(None)
        items = [*grid.take(ZERO, np.ones(2000, np.float32), False), *grid.missing(Fraction(1), "source_down", start=Fraction(1, 8))]
        assert [(i.start, i.end) for i in items] == [(0, Fraction(1, 10)), (Fraction(1, 10), Fraction(2, 10)), (Fraction(2, 10), 1)]
        assert isinstance(items[2], Gap)


class TestTables:
    def packet(self, pid: int, table: bytes) -> bytes:
        value = 0xFFFFFFFF
        for byte in table:
            value ^= byte << 24
            for _ in range(8):
                value = (value << 1) ^ (0x04C11DB7 if value & 0x80000000 else 0)
                value &= 0xFFFFFFFF
        payload = b"\0" + table + value.to_bytes(4, "big")
        return (bytes([0x47, 0x40 | pid >> 8, pid & 255, 0x10]) + payload).ljust(188, b"\xff")

    def pat(self) -> bytes:
        return self.packet(0, bytes([0, 0xB0, 13, 0, 1, 0xC1, 0, 0, 0, 1, 0xF0, 0x00]))

    def pmt(self, *tracks: tuple[int, int]) -> bytes:
        entries = b"".join(bytes([kind, 0xE0 | pid >> 8, pid & 255, 0xF0, 0]) for pid, kind in tracks)
        return self.packet(0x1000, bytes([2, 0xB0, 13 + len(entries), 0, 1, 0xC1, 0, 0, 0xE1, 0, 0xF0, 0]) + entries)

    def media(self, count: int) -> bytes:
        return (bytes([0x47, 0x01, 0x00, 0x10]) + b"\x47" * 184) * count

    @pytest.mark.parametrize("piece", [1, 100, 188, 1000, 10_000])
    def test_another_table_is_where_the_stream_is_split(self, piece: int) -> None:
        video, sound = (0x100, 0x1B), (0x101, 0x0F)
        before = self.pat() + self.pmt(video) + self.media(5) + self.pat() + self.pmt(video) + self.media(3)
        after = self.pmt(video, sound) + self.media(4)
        watch, stream, kept = TableWatch(), before + after, b""
        for at in range(0, len(stream), piece):
            whole, other = watch.split(stream[at : at + piece])
            kept += whole
            if other:
                break
        assert before.startswith(kept[: len(before)])
        assert other == self.pat() + after[: len(other) - 188]
        # What is split off is no change the second time.
        assert watch.split(other)[1] == b""

    def test_a_damaged_table_is_none(self) -> None:
        watch = TableWatch()
        watch.split(self.pat() + self.pmt((0x100, 0x1B)))
        watch.split(self.pat() + self.pmt((0x100, 0x1B)))
        damaged = bytearray(self.pmt((0x100, 0x1B), (0x101, 0x0F)))
        damaged[25] ^= 4
        assert watch.split(bytes(damaged)) == (bytes(damaged), b"")


def test_secrets_of_an_address_are_in_no_message() -> None:
    address = admit_live("srt://viewer:pass%20word@127.0.0.1:9000?passphrase=sesame-open&mode=caller")
    assert address.name == "srt://127.0.0.1:9000"
    said = address.clean(f"can not open {address.uri}: viewer pass word sesame-open srt://viewer:other@127.0.0.1")
    assert not any(secret in said for secret in ("pass word", "pass%20word", "sesame", "other@"))


def test_what_is_given_to_ffmpeg_is_a_list_with_its_protocols() -> None:
    command = receiver_command(admit_live("http://127.0.0.1:1/a.m3u8"), SourceOptions(), again=True, relay_port=1234)
    assert command[command.index("-protocol_whitelist") + 1] == "http,tcp,crypto,data"
    assert command[command.index("-http_proxy") + 1] == "http://127.0.0.1:1234"
    assert "file" not in command[command.index("-protocol_whitelist") + 1]
    assert command[command.index("-live_start_index") + 1] == "0"
