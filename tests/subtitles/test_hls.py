import re
from fractions import Fraction as F

import pytest
import webvtt as webvtt_py
from test_formats import ms
from test_video_export import ffmpeg
from test_views import cue, write_log

from operators.subtitles.formats import Cue, hls
from pipeline.cli import execute
from pipeline.views import Finished, export_hls

CUES = [Cue(1000, 2000, ("one",), "c0"), Cue(5500, 6500, ("over the border",), "c1"), Cue(19_000, 20_000, ("last",), "c2")]


def segments(cues=CUES, duration_ms=22_000, zero=F(10)):
    *parts, (name, playlist) = hls(cues, duration_ms, 6000, zero)
    assert name == "subtitles.m3u8"
    return dict(parts), playlist


def test_each_segment_is_a_whole_file_with_its_map():
    parts, _ = segments()
    assert list(parts) == ["000000.vtt", "000001.vtt", "000002.vtt", "000003.vtt"]
    for n, text in enumerate(parts.values()):
        assert text.startswith(f"WEBVTT\nX-TIMESTAMP-MAP=MPEGTS:{900000 + n * 540000},LOCAL:00:00:{6 * n:02}.000\n")


def test_a_cue_over_a_border_stands_in_both_and_an_empty_segment_is_written():
    parts, _ = segments()
    said = [re.findall(r"^(one|over the border|last)$", text, re.M) for text in parts.values()]
    assert said == [["one", "over the border"], ["over the border"], [], ["last"]]
    assert all("00:00:05.500 --> 00:00:06.500" in parts[name] for name in ("000000.vtt", "000001.vtt"))


def test_the_playlist_is_that_of_a_finished_programme():
    _, playlist = segments()
    lines = playlist.splitlines()
    assert lines[0] == "#EXTM3U"
    assert lines[-1] == "#EXT-X-ENDLIST"
    lengths = [float(line.split(":")[1].rstrip(",")) for line in lines if line.startswith("#EXTINF")]
    assert lengths == [6, 6, 6, 4]
    target = int(next(line for line in lines if line.startswith("#EXT-X-TARGETDURATION")).split(":")[1])
    assert target >= max(lengths)
    assert [line for line in lines if not line.startswith("#")] == list(segments()[0])


def test_the_clock_of_the_media_is_taken_to_33_bits():
    parts, _ = segments(zero=F(1 << 33, 90_000) + F(1, 2))
    assert "MPEGTS:45000," in parts["000000.vtt"]


def test_a_cue_that_outlasts_the_media_is_whole():
    parts, _ = segments([Cue(5000, 13_000, ("one",))], 5500)
    assert len(parts) == 3
    assert segments([], 0)[0] == {}


@pytest.mark.ffmpeg
def test_cues_lie_on_the_clock_that_the_transport_stream_has(tmp_path, capsys):
    write_log(tmp_path / "out" / "film" / "0", "narrate", [("narrate.subtitles", cue(0, 1, 2, text="One."))])
    media = tmp_path / "film.ts"
    ffmpeg("-f", "lavfi", "-i", "color=black:s=320x180:r=25:d=3", "-c:v", "mpeg2video", "-bf", "0", "-output_ts_offset", "100", media)
    export_hls(Finished(tmp_path / "out", "film"), media, tmp_path / "hls")
    text = (tmp_path / "hls" / "000000.vtt").read_text()
    mapped = int(re.search(r"MPEGTS:(\d+)", text)[1])
    first = ffmpeg("-copyts", "-i", media, "-map", "0:v", "-frames:v", "1", "-c", "copy", "-f", "framecrc", "-").decode().splitlines()[-1]
    assert mapped == int(first.split(",")[2]), "the first picture's own timestamp"
    (got,) = webvtt_py.read(tmp_path / "hls" / "000000.vtt")
    assert (ms(got.start), ms(got.end), got.text) == (1000, 2000, "One.")
    assert execute(["export", str(tmp_path / "out"), "film", "hls", str(tmp_path / "hls")]) == 2
    assert "name it with --video FILE" in capsys.readouterr().err
