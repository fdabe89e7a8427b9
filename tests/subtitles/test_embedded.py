import re
from fractions import Fraction as F

import pytest
from broadcast import captioned_video, ffmpeg, teletext

from operators.errors import ConfigError, SourceUnavailable
from operators.subtitles.formats import Cue, read_subtitles
from operators.subtitles.formats.rolling import unrolled
from pipeline.cli import execute
from pipeline.embedded_subtitles import read_track, tracks_of

SRT = "1\n00:00:01,250 --> 00:00:02,500\n<i>One</i> & {two}\n\n2\n00:00:03,000 --> 00:00:04,000\nsecond line\nthird\n\n"
VTT = "WEBVTT\n\n00:01.250 --> 00:02.500 line:0\n<v Ann>One &amp; {two}\n\n00:03.000 --> 00:04.000\nsecond line\nthird\n"
ASS = (
    "[Script Info]\nScriptType: v4.00+\n\n[V4+ Styles]\nFormat: Name, Fontname\nStyle: Default,Arial\n\n[Events]\n"
    "Format: Layer, Start, End, Style, Name, MarginL, MarginR, MarginV, Effect, Text\n"
    "Dialogue: 0,0:00:01.25,0:00:02.50,Default,Ann,0,0,0,,{\\i1}One & two\n"
    "Dialogue: 0,0:00:03.00,0:00:04.00,Default,,0,0,0,,second line\\Nthird\n"
)
POP_ON = (
    "Scenarist_SCC V1.0\n\n00:00:01:00\t9420 9420 9470 9470 c8e5 ecec ef20 f4e8 e5f2 e5ae 942c 942c 942f 942f\n\n00:00:03:00\t942c 942c\n"
)
SHOWN = [(1250, 2500, "One & {two}"), (3000, 4000, "second line|third")]


def said(read):
    return [(c.start_ms, c.end_ms, "|".join(c.lines)) for c in read.cues]


def film(folder, name, text=None, *arguments):
    """Five seconds of picture that begin at 2 s of the container's clock, and a track of subtitles."""
    subtitles = []
    if text is not None:
        kind = "vtt" if text.startswith("WEBVTT") else "ass" if text.startswith("[") else "srt"
        (folder / f"text.{kind}").write_text(text)
        subtitles = ["-i", folder / f"text.{kind}", "-map", 1]
    shown = ["-f", "lavfi", "-i", "color=size=64x64:rate=25:duration=5"]
    made = ["-map", 0, "-c:v", "mpeg4", "-output_ts_offset", 2, *arguments, f"file:{folder / name}"]
    ffmpeg(*shown, *subtitles, *made)
    return folder / name


@pytest.mark.ffmpeg
@pytest.mark.parametrize(
    ("name", "text", "codec"),
    [
        ("film.mkv", SRT, "subrip"),
        ("film.mp4", SRT, "mov_text"),
        ("it's [a] film,with:all; of\\it.mkv", VTT, "webvtt"),
        ("film.mkv", ASS, "ass"),
    ],
)
def test_tracks_of_text_are_read_on_the_clock_of_the_stream(tmp_path, name, text, codec):
    media = film(
        tmp_path, name, text, "-c:s", {"subrip": "srt", "mov_text": "mov_text"}.get(codec, "copy"), "-metadata:s:s:0", "language=ger"
    )
    (track,) = tracks_of(str(media))
    assert (track.codec, track.language) == (codec, "ger")
    read = read_track(str(media), None)
    expected = SHOWN if codec != "ass" else [(a, b, t.replace("{two}", "two")) for a, b, t in SHOWN]
    assert said(read) == expected
    assert read.faults == ()
    if codec in ("ass", "webvtt"):
        assert read.cues[0].speaker == "Ann"
    if codec == "webvtt":
        assert read.cues[0].settings == "line:0"


@pytest.mark.ffmpeg
def test_captions_in_the_pictures_are_those_of_the_scc(tmp_path, capsys):
    media = captioned_video(tmp_path, POP_ON, 5)
    assert [str(t) for t in tracks_of(str(media))] == ["cc1 eia_608", "cc3 eia_608"]
    (tmp_path / "same.scc").write_text(POP_ON)
    (ours,), (theirs,) = read_track(str(media), None).cues, read_subtitles(tmp_path / "same.scc").cues
    assert ours.lines == theirs.lines == ("Hello there.",)
    assert abs(ours.start_ms - theirs.start_ms) <= 34
    assert abs(ours.end_ms - theirs.end_ms) <= 34
    assert read_track(str(media), "cc3").cues == ()
    assert execute(["convert", str(media), "-o", str(tmp_path / "made.srt"), "--track", "cc1"]) == 0
    assert "Hello there." in (tmp_path / "made.srt").read_text()


@pytest.mark.ffmpeg
def test_captions_of_the_second_field(tmp_path):
    media = captioned_video(tmp_path, POP_ON, 5, second_field=True)
    assert [c.lines for c in read_track(str(media), "cc3").cues] == [("Hello there.",)]


@pytest.mark.ffmpeg
def test_teletext_is_shown_from_when_it_is_sent_until_it_is_taken_away(tmp_path, capsys):
    shown = [(F(12), ["Hello there.", "How are you?"]), (F(13), ["Hello there.", "How are you?"]), (F(14), []), (F(15), ["The last line"])]
    text = teletext(tmp_path / "text.ts", shown)
    ffmpeg(
        "-f",
        "lavfi",
        "-i",
        "color=size=64x64:rate=25:duration=9",
        "-output_ts_offset",
        9,
        "-muxdelay",
        0,
        "-c:v",
        "mpeg4",
        tmp_path / "video.ts",
    )
    media = tmp_path / "both.ts"
    ffmpeg("-copyts", "-i", tmp_path / "video.ts", "-i", text, "-map", 0, "-map", 1, "-c", "copy", "-copyts", "-muxdelay", 0, media)
    try:
        read = read_track(str(media), None)
    except ConfigError as e:
        pytest.skip(f"this ffmpeg reads no teletext: {e}")
    assert said(read)[0] == (3000, 5000, "Hello there.|How are you?")
    assert read.language == "en"
    assert said(read_track(str(text), "0.888"))[0] == (12_000, 14_000, "Hello there.|How are you?"), "alone it is on its own clock"
    assert read_track(str(text), "0.777").cues == ()


@pytest.mark.ffmpeg
def test_what_is_not_read_is_said(tmp_path, capsys):
    silent = film(tmp_path, "silent.mkv")
    assert execute(["tracks", str(silent)]) == 0
    assert capsys.readouterr().out == f"{silent} has no subtitles in it\n"
    with pytest.raises(ConfigError, match=r"silent.mkv has no subtitles in it"):
        read_track(str(silent), None)
    two = film(tmp_path, "two.mkv", SRT, "-map", 1, "-c:s:0", "srt", "-c:s:1", "ass")
    assert execute(["check", str(two)]) == 2
    assert re.search(r"has several tracks of subtitles, name one with --track: \d subrip; \d ass", capsys.readouterr().err)
    with pytest.raises(ConfigError, match=r"has no track of subtitles '9': \d subrip"):
        read_track(str(two), "9")
    (tmp_path / "a.mp4").write_bytes(b"\x00\x01nothing" * 100)
    with pytest.raises(SourceUnavailable, match="no media of a kind known here"):
        read_track(str(tmp_path / "a.mp4"), None)
    with pytest.raises(SourceUnavailable, match="there is no such file"):
        tracks_of(str(tmp_path / "gone.mp4"))


@pytest.mark.media
@pytest.mark.ffmpeg
def test_real_media(media):
    assert said(read_track(str(media("video_speech/nasa_13013.mp4")), "2"))[0] == (
        210, 4260, "NAR: This is the optical and science segment of the Webb",
    )  # fmt: skip
    captions = read_track(str(media("odd_media/shaka/captions-test.ts")), "cc1")
    assert [c.lines[1] for c in captions.cues] == ["(top left)", "(middle)", "(bottom left)"]
    listed = read_track(str(media("odd_media/androidx/hls_cea608/sd-hls.m3u8")), None)
    assert said(listed) == [(0, 875, "First subtitle"), (1167, 1459, "Second subtitle")]
    overlapping = read_track(str(media("odd_media/androidx/mkv__sample_with_overlapping_srt.mkv")), None)
    assert len(overlapping.cues) == 3
    assert said(read_track(str(media("odd_media/androidx/mkv__sample_with_ass_subtitles.mkv")), None)) == [
        (0, 433, "This is the first subtitle.")
    ]
    with pytest.raises(ConfigError, match=r"track 2 holds pictures of text \(PGS\): ask for a track of text"):
        read_track(str(media("odd_media/androidx/mkv__sample_with_pgs_subtitles.mkv")), None)


@pytest.mark.media
def test_a_track_of_captions(media, tmp_path):
    parts = [media(f"odd_media/shaka/cea608-track-{part}.mp4").read_bytes() for part in ("init", "segment")]
    (tmp_path / "whole.mp4").write_bytes(b"".join(parts))
    read = read_track(str(tmp_path / "whole.mp4"), None)
    assert said(read) == [
        (806, 3303, "[woman narrating]|There are days|in every child’s life"),
        (3303, 4883, "that change who they are|forever."),
    ]


@pytest.mark.media
@pytest.mark.ffmpeg
def test_what_rolls_up_says_each_line_once(media, tmp_path):
    scc = media("subtitles/ttconv_scc/mix-rows-roll-up.scc")
    states = read_subtitles(scc).cues
    lines = [line for cue in unrolled(states) for line in cue.lines]
    assert len(lines) < sum(len(c.lines) for c in states)
    assert [n for n in ("HELPING THE LOCAL NEIGHBORHOODS", "WE SERVE.") if lines.count(n) != 1] == []


def test_lines_that_are_still_written_are_one():
    states = [Cue(0, 100, ("Lo",)), Cue(100, 200, ("Lorem",)), Cue(200, 900, ("Lorem", "ip")), Cue(900, 2000, ("Lorem", "ipsum"))]
    states += [Cue(2000, 3000, ("ipsum", "dolor")), Cue(5000, 6000, ("dolor",))]
    assert unrolled(states) == (
        Cue(0, 200, ("Lorem",)), Cue(200, 2000, ("ipsum",)), Cue(2000, 3000, ("dolor",)), Cue(5000, 6000, ("dolor",)),
    )  # fmt: skip
