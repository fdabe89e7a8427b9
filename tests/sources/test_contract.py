"""The contract of sources, which each reader passes on the same media: right instants, right pictures, the same again from anywhere."""

import random
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from made_media import made
from reading import ALL, decoded_in_order, first_instants, frames, samples, sound_of, value, within

from operators.errors import SourceUnavailable
from operators.media import LONGEST_HOLE, Frame, Samples, StreamInfo
from operators.protocols import Source
from operators.records import Gap
from operators.sources import SOURCES, open_source
from operators.timeline import Span

pytestmark = pytest.mark.ffmpeg
Make = Callable[[str], Path]

INDEXED = (
    "cfr.mp4", "ntsc.mp4", "film.mkv", "vfr.mp4", "b-frames.mp4", "start.mp4", "late-clock.mkv", "late-sound.mp4", "late-pictures.mp4",
    "rotated.mp4", "wide-pixels.mp4", "odd.webm", "vp8.webm", "hevc.mp4", "silent.mp4",
)  # fmt: skip
NOT_FOR_DECORD = ("stream.ts", "hole.mkv", "open-groups.mp4", "refresh.mp4", "cut.mp4", "fragments.mp4", "list.m3u8")
REAL = (
    "video_speech/nasa_13013.mp4", "video_events/frigate_cctv_3.mp4", "odd_media/ax_frames_23976.mkv", "odd_media/decord/video_90.mov",
    "odd_media/androidx/mp4__bbb_800x640_768kbps_30fps_avc_2b_firstpts_10_sec.mp4", "odd_media/androidx/vp9__bear-vp9-odd-dimensions.webm",
    "video_speech/ai_campus_16s.webm", "odd_media/shaka/hls-ts-rollover/playlist.m3u8",
    "odd_media/androidx/mp4__sample_rotate_and_reflect.mp4",
)  # fmt: skip
BY_FFMPEG = [("ffmpeg", name) for name in (*INDEXED, *NOT_FOR_DECORD)]
BY_DECORD = [("decord", name) for name in INDEXED]


def opened(reader: str, file: Path) -> tuple[Source, StreamInfo]:
    source = SOURCES[reader](str(file))
    return source, source.probe()


@pytest.mark.parametrize(("reader", "name"), BY_FFMPEG + BY_DECORD)
def test_instants_are_those_of_decoding_in_order(reader: str, name: str) -> None:
    file = made(name)
    source, info = opened(reader, file)
    assert info.picture is not None
    pictures = decoded_in_order(file, info.picture.index)
    for rate in (2, 4, 8) if reader == "ffmpeg" else (4,):
        given = [f for f in frames(source, info, rate) if isinstance(f, Frame)]
        assert [f.at for f in given] == first_instants(pictures, info.zero, rate)


@pytest.mark.parametrize(("reader", "name"), BY_FFMPEG)
def test_pictures_are_those_of_decoding_in_order(reader: str, name: str) -> None:
    file = made(name)
    source, info = opened(reader, file)
    assert info.picture is not None
    right = {at - info.zero: pixels for at, pixels in decoded_in_order(file, info.picture.index)}
    given = [f for f in frames(source, info, 2, 10_000) if isinstance(f, Frame)]
    for frame in given:
        pixels = frame.picture.pixels
        assert pixels.shape == (info.picture.height_px, info.picture.width_px, 3)
        upright = np.rot90(right[frame.at], -info.picture.rotation // 90)
        # Pixels that are not square are drawn wider.
        columns = np.arange(pixels.shape[1]) * upright.shape[1] // pixels.shape[1]
        assert np.abs(pixels.mean(axis=2) - upright[:, columns].mean(axis=2)).mean() <= (2 if len(columns) == upright.shape[1] else 6)


@pytest.mark.parametrize("name", INDEXED)
def test_both_readers_show_the_same(name: str) -> None:
    by_ffmpeg, by_decord = (frames(*opened(reader, made(name)), 8) for reader in ("ffmpeg", "decord"))
    assert [f.at for f in by_ffmpeg] == [f.at for f in by_decord]
    for a, b in zip(by_ffmpeg, by_decord, strict=True):
        assert np.abs(a.picture.pixels.mean(axis=2) - b.picture.pixels.mean(axis=2)).mean() <= 2


@pytest.mark.parametrize("name", NOT_FOR_DECORD)
def test_decord_is_not_trusted_with_what_it_reads_wrong(name: str) -> None:
    _, info = open_source(str(made(name)))
    assert info.reader == "ffmpeg"
    assert info.reader_reason
    with pytest.raises(SourceUnavailable, match="not by decord"):
        SOURCES["decord"](str(made(name))).probe()


@pytest.mark.parametrize(("reader", "name"), [*BY_FFMPEG, *BY_DECORD[2:6], ("ffmpeg", "very-late-sound.mkv"), ("ffmpeg", "sound.m4a")])
def test_read_again_from_anywhere_gives_the_same(reader: str, name: str) -> None:
    source, info = opened(reader, made(name))
    assert_same_again(source, info, random.Random(name))


def assert_same_again(source: Source, info: StreamInfo, chance: random.Random, times: int = 2) -> None:
    whole = [value(i) for i in frames(source, info)]
    sound = [value(i) for i in samples(source, info)]
    length = int(info.duration * 1000) if info.duration else 5000
    for _ in range(times):
        start = Fraction(chance.randint(0, length), 1000)
        span = Span(start, start + Fraction(chance.randint(1, 4000), 1000))
        assert [value(i) for i in frames(source, info, span=span)] == within(whole, span, 4)
        assert [value(i) for i in samples(source, info, span)] == within(sound, span, 10)


@pytest.mark.media
@pytest.mark.parametrize("name", REAL)
def test_real_media(name: str, media: Make) -> None:
    file = media(name)
    source, info = opened("ffmpeg", file)
    assert info.picture is not None
    given = [f for f in frames(source, info, 8) if isinstance(f, Frame)]
    assert [f.at for f in given] == first_instants(decoded_in_order(file, info.picture.index), info.zero, 8)
    chosen, chosen_info = open_source(str(file))
    if chosen_info.reader == "decord":
        by_decord = frames(chosen, chosen_info, 8)
        assert [f.at for f in by_decord] == [f.at for f in given]
        differences = [np.abs(a.picture.pixels.astype(int) - b.picture.pixels).mean() for a, b in zip(given, by_decord, strict=True)]
        assert max(differences) <= 2
    assert_same_again(chosen, chosen_info, random.Random(name), 1)


def test_a_clock_that_starts_late_costs_nothing() -> None:
    source, info = open_source(str(made("late-clock.mkv")))
    assert info.zero == 20_000
    assert info.duration == 3
    assert [f.index for f in frames(source, info, 2)] == list(range(6))
    assert len(sound_of(samples(source, info))) == 3 * 16_000


def test_sound_that_starts_late_keeps_its_offset() -> None:
    source, info = open_source(str(made("late-sound.mp4")))
    assert info.sound is not None
    # AAC begins with 1024 samples of run-up, which the muxer put before 1.3 s.
    assert abs(info.sound.start - Fraction(13, 10)) < Fraction(1024, 44_100) + Fraction(1, 1000)
    heard = sound_of(samples(source, info))
    onset = int(np.argmax(np.abs(heard) > 0.02))
    assert abs(onset / 16_000 - 1.3) < 0.005
    assert not heard[: int(1.27 * 16_000)].any()


def test_pictures_that_start_late_keep_their_offset() -> None:
    source, info = open_source(str(made("late-pictures.mp4")))
    assert info.picture is not None
    assert info.picture.start == Fraction(18, 25)
    assert frames(source, info, 2)[0].at == Fraction(18, 25)


def test_a_long_hole_is_a_gap_and_a_short_one_is_filled() -> None:
    source, info = open_source(str(made("very-late-sound.mkv")))
    items = samples(source, info)
    assert isinstance(items[0], Gap)
    assert (items[0].start, items[0].end, items[0].reason) == (0, 15, "discontinuity")
    assert items[1].start == 15
    assert not items[1].pcm[: int(0.05 * 16_000)].any()
    assert items[1].pcm[int(0.06 * 16_000) :].any()
    source, info = open_source(str(made("hole.mkv")))
    gaps = [i for i in frames(source, info, 8) if isinstance(i, Gap)]
    assert [(g.start, g.end, g.reason) for g in gaps] == [(2, 17, "discontinuity")]
    assert gaps[0].end - gaps[0].start > LONGEST_HOLE
    source, info = open_source(str(made("vfr.mp4")))
    assert all(isinstance(i, Frame) for i in frames(source, info, 8))


def test_one_late_picture_costs_nothing() -> None:
    items = frames(*open_source(str(made("ten-hours.mkv"))), 8)
    assert [(i.start, i.end) for i in items if isinstance(i, Gap)] == [(Fraction(1, 8), 36_000)]
    assert [i.at for i in items if isinstance(i, Frame)] == [0, 36_000]


def test_packets_are_whole_but_for_the_last() -> None:
    source, info = open_source(str(made("sound.wav")))
    packets = samples(source, info)
    assert all(isinstance(p, Samples) for p in packets)
    assert [len(p.pcm) for p in packets] == [1600] * 32 + [160]
    assert [p.index for p in packets] == list(range(33))
    assert frames(source, info) == []


def test_mono_is_the_mean_of_the_channels() -> None:
    heard = sound_of(samples(*open_source(str(made("stereo.wav")))))
    assert np.allclose(heard, 0.375, atol=1e-4)


def test_a_clock_that_starts_again_goes_on(tmp_path: Path) -> None:
    """Joined recordings: both tracks go on together, with what the recordings themselves say of sound against pictures."""
    joined = tmp_path / "joined.ts"
    joined.write_bytes(b"".join(made(n).read_bytes() for n in ("stream.ts", "short.ts", "stream.ts")))
    source, info = open_source(str(joined))
    assert info.duration is not None
    assert abs(info.duration - 15) < Fraction(1, 4)
    given = frames(source, info, 4)
    assert all(isinstance(f, Frame) for f in given)
    assert len(given) in (60, 61)
    first, second, third = (given[i].picture.pixels.astype(int) for i in (2, 26, 39))
    assert np.abs(first - third).mean() < np.abs(first - second).mean()
    heard = sound_of(samples(source, info))
    assert abs(len(heard) / 16_000 - 15) < 0.25
    assert not np.isnan(heard).any()


def test_a_span_beyond_the_end_gives_nothing() -> None:
    for reader in ("ffmpeg", "decord"):
        source, info = opened(reader, made("cfr.mp4"))
        beyond = Span(Fraction(100), Fraction(200))
        assert frames(source, info, span=beyond) == []
        assert samples(source, info, beyond) == []
        assert len(frames(source, info, 8, span=ALL)) == 48


def test_pictures_are_never_scaled_up() -> None:
    for reader in ("ffmpeg", "decord"):
        source, info = opened(reader, made("odd.webm"))
        assert frames(source, info, 2, 500)[0].picture.pixels.shape == (121, 161, 3)
        assert frames(source, info, 2, 77)[0].picture.pixels.shape == (58, 77, 3)
