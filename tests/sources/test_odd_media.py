"""Every odd file ends in items with right times or in one line that says what is wrong; none hangs or crashes."""

import os
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import pytest
from reading import frames, samples

from operators.errors import DecodeError, SourceUnavailable
from operators.media import Frame, Samples, StreamInfo
from operators.records import Gap
from operators.sources import open_source
from operators.timeline import Span

pytestmark = [pytest.mark.ffmpeg, pytest.mark.media]
ODD = Path(os.environ.get("CAPSTREAM_MEDIA") or Path(__file__).parents[3] / "shared" / "media") / "odd_media"
REFUSED = {
    "zero_byte.wav": "empty",
    "text_as.wav": "text file",
    "pocketsphinx/bad.wav": "no media",
    "pocketsphinx/evil.wav": "no media",
    "pocketsphinx/null.wav": "none of its tracks",
    "androidx/mp4__sample_malformed_free_box.mp4": "moov",
    "androidx/mp3__play-trimmed.mp3": "no media",
    "androidx/vp9__invalid-bitstream.webm": "none of its tracks can be decoded: vp9",
    "androidx/mkv__full_blocks.mkv": "no track of pictures or sound",
    "shaka/cea608-track-segment.mp4": "moov",
}
ENOUGH = Span(Fraction(0), Fraction(30))
"""Longer files say no more."""


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "odd_file" in metafunc.fixturenames:
        names = sorted(str(p.relative_to(ODD)) for p in ODD.rglob("*") if p.is_file())
        metafunc.parametrize("odd_file", names or ["(none there)"])


def assert_in_order(items: list[Frame | Samples | Gap], info: StreamInfo) -> None:
    end = Fraction(0)
    for item in items:
        assert item.start >= end
        end = item.end
        if isinstance(item, Frame):
            assert item.start <= item.at < item.end
    if info.duration is not None:
        assert end <= info.duration + Fraction(1, 2), "beyond what the file is said to hold"


def read(file: Path) -> tuple[StreamInfo, list[Frame | Gap], list[Samples | Gap]] | str:
    """All that is in the file, or what is said of it."""
    try:
        source, info = open_source(str(file))
        return info, frames(source, info, 2, 64, ENOUGH), samples(source, info, ENOUGH)
    except (SourceUnavailable, DecodeError) as e:
        return e.message


def test_items_or_one_line(odd_file: str, media: Callable[[str], Path]) -> None:
    result = read(media(f"odd_media/{odd_file}"))
    if isinstance(result, str):
        assert "\n" not in result
        assert odd_file.rpartition("/")[2] in result
        assert REFUSED.get(odd_file, "") in result
        assert odd_file in REFUSED or odd_file.endswith((".vtt", ".m3u8", ".mp4")), result
        return
    info, pictures, sound = result
    assert odd_file not in REFUSED
    assert any(isinstance(item, Frame | Samples) for item in (*pictures, *sound)) or (info.duration or 1) < Fraction(1, 1000)
    assert_in_order(pictures, info)
    assert_in_order(sound, info)


def test_raw_sound_without_a_header_is_refused(media: Callable[[str], Path]) -> None:
    with pytest.raises(SourceUnavailable, match="no media of a kind known here"):
        open_source(str(media("speech/goforward.raw")))


def test_damaged_pictures_are_the_same_each_time(media: Callable[[str], Path]) -> None:
    source, info = open_source(str(media("odd_media/decord/corrupted.mp4")))
    first, second = ([f.picture.pixels.tobytes() for f in frames(source, info, 8) if isinstance(f, Frame)] for _ in range(2))
    assert len(first) == 40
    assert first == second


@pytest.mark.parametrize("keep", [0.5, 0.8])
def test_what_is_cut_off_is_stated(keep: float, media: Callable[[str], Path], tmp_path: Path) -> None:
    whole = media("video_speech/ai_campus_16s.webm").read_bytes()
    cut = tmp_path / "cut.webm"
    cut.write_bytes(whole[: int(len(whole) * keep)])
    source, info = open_source(str(cut))
    assert info.duration is not None
    for items in (frames(source, info, 2), samples(source, info)):
        *given, gap = items
        assert isinstance(gap, Gap)
        assert gap.reason == "decode_error"
        assert not any(isinstance(i, Gap) for i in given)
        assert gap.start == given[-1].end
        assert 2 < gap.end - gap.start < info.duration
        assert abs(gap.end - info.duration) <= Fraction(1, 2)
