import io

import pysubs2
import pytest
import webvtt as webvtt_py

from operators.subtitles.formats import Cue, srt, webvtt

TEXTS = [
    ("Hello.",),
    ("Two lines,", "balanced."),
    ("a < b & c > d &amp; <i>not italic</i>",),
    ("مرحبا بالعالم", "שלום עולם"),
    ("字幕は二行まで", "读得来"),
    ("2024",),
    ("—Who?", "—Me."),
    ("NOTE this is no comment",),
    ("STYLE", "REGION"),
    ("👩‍🚀 naïve café", "\u200fעברית"),
    ("{\\an8} braces", "back\\slash"),
    ("{not a tag} [brackets]",),
]
CUES = [Cue(n * 2000 + 7, n * 2000 + 1931, lines, f"narrate.subtitles-{n}") for n, lines in enumerate(TEXTS)]


def read_vtt(text):
    return list(webvtt_py.from_buffer(io.StringIO(text)))


def ms(stamp):
    hours, minutes, seconds = stamp.split(":")
    return (int(hours) * 60 + int(minutes)) * 60_000 + round(float(seconds.replace(",", ".")) * 1000)


def test_webvtt_is_read_back_with_the_same_text_times_and_names():
    got = read_vtt("".join(webvtt(CUES)))
    unescaped = [c.text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&") for c in got]
    assert unescaped == ["\n".join(c.lines) for c in CUES]
    assert [(ms(c.start), ms(c.end)) for c in got] == [(c.start_ms, c.end_ms) for c in CUES]
    assert [c.identifier for c in got] == [c.cue_id for c in CUES]


def test_srt_is_read_back_with_the_same_text_and_times():
    got = pysubs2.SSAFile.from_string("".join(srt(CUES)), format_="srt", keep_unknown_html_tags=True)
    assert [(e.start, e.end) for e in got] == [(c.start_ms, c.end_ms) for c in CUES]
    plain = [e.text.replace("{\\i1}", "<i>").replace("{\\i0}", "</i>").replace("\\N", "\n") for e in got]
    assert plain == ["\n".join(c.lines) for c in CUES]


def test_pysubs2_and_webvtt_agree_on_what_both_can_hold():
    cues = [Cue(c.start_ms, c.end_ms, c.lines) for c in CUES if not set("<>&{}\\") & set("".join(c.lines))]
    got = pysubs2.SSAFile.from_string("".join(webvtt(cues)), format_="vtt")
    assert [(e.start, e.end, e.plaintext) for e in got] == [(c.start_ms, c.end_ms, "\n".join(c.lines)) for c in cues]


@pytest.mark.parametrize("write", [webvtt, srt])
def test_no_empty_line_and_no_control_character_inside_a_cue(write):
    nasty = Cue(0, 1000, ("one\n\n\ntwo", "  ", "three\u2028four\x00\x85", "\x0b", "five\r\nsix \ud800"), "a\n-->\nb")
    text = "".join(write([nasty, Cue(2000, 3000, ("next",))]))
    text.encode()
    body = [block for block in text.strip().split("\n\n") if block != "WEBVTT"]
    assert len(body) == 2
    assert body[0].split("\n")[-6:] == ["one", "two", "three", "four", "five", "six"]


def test_an_arrow_in_the_text_is_no_timing():
    cue = Cue(1000, 2000, ("00:00:05.000 --> 00:00:09.000", "a --> b"))
    (got,) = read_vtt("".join(webvtt([cue])))
    assert got.text == "00:00:05.000 --&gt; 00:00:09.000\na --&gt; b"
    (event,) = pysubs2.SSAFile.from_string("".join(srt([Cue(1000, 2000, ("1 --> 2",))])), format_="srt")
    assert event.plaintext == "1 → 2"


def test_more_than_99_hours():
    start = (123 * 3600 + 4 * 60 + 5) * 1000 + 6
    cue = Cue(start, start + 1500, ("late",))
    assert "\n123:04:05.006 --> 123:04:06.506\n" in "".join(webvtt([cue]))
    assert "\n123:04:05,006 --> 123:04:06,506\n" in "".join(srt([cue]))
    (got,) = read_vtt("".join(webvtt([cue])))
    assert ms(got.start) == start


def test_cues_are_sorted_may_overlap_and_last():
    cues = [Cue(5000, 9000, ("b",)), Cue(1000, 7000, ("a",)), Cue(9000, 9000, ("instant",)), Cue(9500, 9600, (" ",))]
    got = read_vtt("".join(webvtt(cues)))
    assert [(ms(c.start), ms(c.end), c.text) for c in got] == [(1000, 7000, "a"), (5000, 9000, "b"), (9000, 9001, "instant")]
    assert [e.plaintext for e in pysubs2.SSAFile.from_string("".join(srt(cues)), format_="srt")] == ["a", "b", "instant"]


def test_a_speaker_is_a_voice():
    (got,) = read_vtt("".join(webvtt([Cue(0, 1000, ("Hello", "there."), speaker="Ann <1>\n")])))
    assert got.voice == "Ann &lt;1&gt;"
    assert got.text == "Hello\nthere."


def test_no_cues_is_a_whole_file():
    assert "".join(webvtt([])) == "WEBVTT\n"
    assert read_vtt("WEBVTT\n") == []
    assert "".join(srt([])) == ""
