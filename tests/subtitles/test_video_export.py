import subprocess

import numpy as np
import pysubs2
import pytest
from test_views import cue, write_log

from operators.errors import ConfigError, SourceUnavailable
from operators.subtitles.formats import Cue, ass
from pipeline.cli import execute
from pipeline.video_export import export_video, format_for
from pipeline.views import Finished, export, export_into

NAMES = ["plain.mp4", "it's [a] name,with:all; %d of\\it.mp4"]


def ffmpeg(*arguments):
    return subprocess.run(["ffmpeg", "-v", "error", "-nostdin", "-y", *map(str, arguments)], capture_output=True, check=True).stdout


def probe(path, *entries):
    arguments = ["ffprobe", "-v", "error", "-of", "csv=p=0", *entries, str(path)]
    return subprocess.run(arguments, capture_output=True, text=True, check=True).stdout.split()


@pytest.fixture
def film(tmp_path):
    cues = [cue(0, 1, 2, text="One."), cue(1, 3, 4, text="{\\fs99} <b>Two</b> \\N 'x':[y];")]
    write_log(tmp_path / "out" / "film" / "0", "narrate", [("narrate.subtitles", c) for c in cues])
    return tmp_path


def video(path):
    ffmpeg(
        "-f", "lavfi", "-i", "color=black:s=320x180:r=25:d=5", "-f", "lavfi", "-i", "sine=d=5", "-c:v", "mpeg4", "-shortest", f"file:{path}"
    )
    return path


@pytest.mark.ffmpeg
@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
def test_a_track_of_subtitles_beside_the_others(film, name, suffix):
    made = film / f"made{suffix}"
    export_into(Finished(film / "out", "film"), "mux", video(film / name), made)
    assert probe(made, "-show_entries", "stream=codec_type") == ["video", "audio", "subtitle"]
    assert probe(made, "-select_streams", "s", "-show_entries", "stream_tags=language") == ["eng"]
    got = pysubs2.SSAFile.from_string(ffmpeg("-i", made, "-map", "0:s", "-f", "srt", "-").decode(), format_="srt")
    begins = round(1000 * float(probe(made, "-select_streams", "v", "-show_entries", "stream=start_time")[0]))
    assert [(e.start - begins, e.end - begins) for e in got] == [(1000, 2000), (3000, 4000)], "on the clock of the picture"
    assert got[0].plaintext == "One."
    copied = ("-map", "0:v", "-c", "copy", "-f", "data", "-")
    assert ffmpeg("-i", made, *copied) == ffmpeg("-i", f"file:{film / name}", *copied), "the picture is not coded again"


@pytest.mark.ffmpeg
@pytest.mark.parametrize("name", NAMES)
def test_drawn_into_the_picture_while_it_is_said_and_not_else(film, name):
    made = film / "burnt.mp4"
    export_into(Finished(film / "out", "film"), "burn", video(film / name), made)
    assert probe(made, "-show_entries", "stream=codec_type") == ["video", "audio"]
    brightest = [
        max(ffmpeg("-ss", at, "-i", made, "-frames:v", "1", "-pix_fmt", "gray", "-f", "rawvideo", "-")) for at in (0.5, 1.5, 2.5, 3.5)
    ]
    assert [value > 150 for value in brightest] == [False, True, False, True]


@pytest.mark.ffmpeg
def test_what_is_written_from_right_to_left_ends_on_the_left(tmp_path):
    (tmp_path / "cues.ass").write_text("".join(ass([Cue(0, 2000, ("سسسسسسسسسس.",))])))
    source = ("-f", "lavfi", "-i", "color=black:s=960x540:d=1")
    data = ffmpeg(*source, "-vf", f"ass={tmp_path / 'cues.ass'}", "-frames:v", "1", "-pix_fmt", "gray", "-f", "rawvideo", "-")
    drawn = np.flatnonzero((np.frombuffer(data, np.uint8).reshape(540, 960) > 150).any(axis=0))
    signs = np.split(drawn, np.flatnonzero(np.diff(drawn) > 1) + 1)
    assert len(signs) > 1
    assert len(signs[0]) < len(signs[-1])


@pytest.mark.ffmpeg
def test_what_can_not_be_done_is_said(film, capsys):
    source = video(film / "a.mp4")
    with pytest.raises(ConfigError, match=r"a track of subtitles is written to .mp4, .m4v"):
        format_for("mux", film / "made.avi")
    with pytest.raises(ConfigError, match="is the video itself"):
        export_into(Finished(film / "out", "film"), "mux", source, source)
    with pytest.raises(SourceUnavailable, match="no such file"):
        export_into(Finished(film / "out", "film"), "mux", film / "gone.mp4", film / "made.mp4")
    (film / "text.mp4").write_text("no video")
    with pytest.raises(SourceUnavailable, match=r"can not be written with subtitles: .*Invalid data"):
        export_video("mux", iter(["1\n00:00:00,000 --> 00:00:01,000\nOne\n"]), film / "text.mp4", film / "made.mp4", "en")
    assert not (film / "made.mp4").exists()
    assert execute(["export", str(film / "out"), "film", "burn", str(film / "made.mp4")]) == 2
    assert "name it with --video FILE" in capsys.readouterr().err


def test_timecode_is_said_by_those_that_have_it(film, capsys):
    target = film / "film.json"
    arguments = ["export", str(film / "out"), "film", "json", str(target), "--rate", "25", "--first", "10:00:00:00"]
    assert execute(arguments) == 0
    assert '"start_timecode": "10:00:01:00"' in target.read_text()
    assert execute([*arguments[:3], "srt", *arguments[4:]]) == 2
    assert "srt has no timecode: export one of ttml, json" in capsys.readouterr().err
    assert execute([*arguments[:5], "--first", "10:00:00:00"]) == 2
    assert "say its frames a second too" in capsys.readouterr().err
    assert execute([*arguments[:6], "26"]) == 2
    assert "no timecode of 26 frames a second" in capsys.readouterr().err


def test_every_text_format_can_be_exported(film):
    for view in ("ttml", "ebuttd", "ass", "json"):
        export(Finished(film / "out", "film"), view, film / f"film.{view}")
        assert "One." in (film / f"film.{view}").read_text()
