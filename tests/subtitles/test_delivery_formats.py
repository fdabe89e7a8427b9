"""Every format read back by readers that nobody here wrote: webvtt-py, pysubs2, ttconv and ffmpeg."""

import io
import subprocess
import xml.etree.ElementTree as ElementTree

import pysubs2
import pytest
import webvtt as webvtt_py
from bench.read_back import by_ttconv
from test_formats import CUES, ms

from operators.subtitles.formats import FORMATS, READERS, TIMECODED, Cue, Timecode, ass, cues_json, ebu_tt_d, imsc, read_subtitles, smpte

TEXT = [(c.start_ms, c.end_ms, "\n".join(c.lines)) for c in CUES]
LATE = Cue((123 * 3600 + 4 * 60 + 5) * 1000 + 6, (123 * 3600 + 4 * 60 + 6) * 1000 + 500, ("late",))
SUFFIX = {"ebuttd": "xml"}
TT = "{http://www.w3.org/ns/ttml}"


def written(tmp_path, name, cues):
    path = tmp_path / f"cues.{SUFFIX.get(name, name)}"
    path.write_text("".join(FORMATS[name](cues)), encoding="utf-8")
    return path


@pytest.mark.parametrize("write", [imsc, ebu_tt_d])
def test_ttml_by_ttconv(write):
    assert by_ttconv("".join(write(CUES))) == TEXT


def test_ttml_by_pysubs2():
    plain = [c for c in CUES if not set("{}\\") & set("".join(c.lines))]  # it takes these for commands of its own
    got = pysubs2.SSAFile.from_string("".join(imsc(plain)), format_="ttml")
    assert [(e.start, e.end, e.plaintext) for e in got] == [(c.start_ms, c.end_ms, "\n".join(c.lines)) for c in plain]


def test_ttml_says_languages_speakers_and_directions():
    cues = [
        Cue(0, 900, ("Hello.",), speaker='Ann & "Bo"', language="en"),
        Cue(1000, 1900, ("مرحبا",), speaker="Ann", language="ar"),
        Cue(2000, 2900, ("Bye.",), speaker='Ann & "Bo"', language="en"),
    ]
    for write in (imsc, ebu_tt_d):
        root = ElementTree.fromstring("".join(write(cues)))
        paragraphs = root.findall(f".//{TT}p")
        names = {a.get("{http://www.w3.org/XML/1998/namespace}id"): a[0].text for a in root.iter() if a.tag.endswith("}agent")}
        assert [names[p.get("{http://www.w3.org/ns/ttml#metadata}agent")] for p in paragraphs] == ['Ann & "Bo"', "Ann", 'Ann & "Bo"']
        assert [p.get("{http://www.w3.org/XML/1998/namespace}lang") for p in paragraphs] == [None, "ar", None]
        assert root.get("{http://www.w3.org/XML/1998/namespace}lang") == "en"
        assert [p.get("style") for p in paragraphs] == [None, "rtl", None]


def test_what_is_said_can_not_become_a_command_of_ass():
    nasty = [
        Cue(0, 1000, (r"{\an8\fs200}big", r"C:\Nowhere \h \n", "{\\p1}m 0 0 l 9 9"), speaker="Ann,{\\b1}"),
        Cue(2000, 3000, ("one\nDialogue: 0,0:00:00.00,0:00:09.00,Default,,0,0,0,,forged",)),
    ]
    text = "".join(ass(nasty))
    assert text.count("\nDialogue: ") == len(nasty)
    said = text.partition("[Events]")[2]
    assert "{" not in said
    assert set(said.split("\\")[1:]) == {part for part in said.split("\\")[1:] if part.startswith("N")}, "only our own line breaks"
    got = pysubs2.SSAFile.from_string(text, format_="ass")
    assert [e.plaintext.count("\n") for e in got] == [2, 1]
    assert got[0].plaintext.startswith("｛＼an8＼fs200｝big")


def test_ass_by_pysubs2():
    plain = [c for c in CUES if not set("{}\\") & set("".join(c.lines))]
    got = pysubs2.SSAFile.from_string("".join(ass(plain)), format_="ass")
    assert [e.plaintext for e in got] == ["\n".join(c.lines) for c in plain]
    assert all(abs(e.start - c.start_ms) <= 5 and abs(e.end - c.end_ms) <= 5 for e, c in zip(got, plain, strict=True))


@pytest.mark.ffmpeg
@pytest.mark.parametrize("name", ["vtt", "srt", "ass"])
def test_ffmpeg_reads_the_same_text_and_times(tmp_path, name):
    plain = [c for c in CUES if not set("{}\\<>&") & set("".join(c.lines))]
    path = written(tmp_path, name, plain)
    done = subprocess.run(["ffmpeg", "-v", "error", "-i", path, "-f", "webvtt", "-"], capture_output=True, text=True, check=True)
    got = list(webvtt_py.from_buffer(io.StringIO(done.stdout)))
    assert done.stderr == ""
    assert [c.text for c in got] == ["\n".join(c.lines) for c in plain]
    near = 5 if name == "ass" else 0
    assert all(abs(ms(g.start) - c.start_ms) <= near and abs(ms(g.end) - c.end_ms) <= near for g, c in zip(got, plain, strict=True))


@pytest.mark.parametrize("name", [name for name in FORMATS if name != "ass"])
def test_our_own_readers_give_back_what_was_written(tmp_path, name):
    cues = [c for c in CUES if name != "srt" or not set("{<") & set("".join(c.lines))]  # SubRip has no escapes
    read = read_subtitles(written(tmp_path, name, cues))
    assert [(c.start_ms, c.end_ms, c.lines) for c in read.cues] == [(c.start_ms, c.end_ms, c.lines) for c in cues]
    assert read.faults == ()


def test_voices_and_settings_come_back_from_webvtt(tmp_path):
    cue = Cue(0, 1000, ("a < b",), "first", "Ann <1>", settings="line:0 align:start")
    (got,) = read_subtitles(written(tmp_path, "vtt", [cue])).cues
    assert got == cue


@pytest.mark.parametrize("name", list(FORMATS))
def test_more_than_a_hundred_hours(tmp_path, name):
    (got,) = read_subtitles(written(tmp_path, name, [LATE])).cues
    assert (abs(got.start_ms - LATE.start_ms) <= 5, abs(got.end_ms - LATE.end_ms) <= 5, got.lines) == (True, True, ("late",))


@pytest.mark.parametrize("name", list(FORMATS))
def test_no_control_character_reaches_a_file(tmp_path, name):
    nasty = Cue(0, 1000, ("one\x00\x1b[2J\x85", "two\u2028three\ud800\ufffe"), "a\nb", "An\x07n")
    path = written(tmp_path, name, [nasty, Cue(2000, 3000, ("next",))])
    text = path.read_text(encoding="utf-8")
    assert not set("\x00\x1b\x07\x85\u2028\ufffe") & set(text)
    lines = [tuple(" ".join(line.split()) for line in c.lines) for c in read_subtitles(path).cues]
    assert lines == [("one [2J", "two", "three"), ("next",)]


@pytest.mark.parametrize("name", list(FORMATS))
def test_nothing_said_is_a_whole_file(tmp_path, name):
    assert read_subtitles(written(tmp_path, name, [])).cues == ()


def test_smpte_timecode_stands_in_ttml_and_json():
    cues = [Cue(0, 1000, ("one",)), Cue(60_000, 61_000, ("two",))]
    root = ElementTree.fromstring("".join(smpte(cues, Timecode.of("29.97df", "01:00:00:00"))))
    assert [(p.get("begin"), p.get("end")) for p in root.iter(f"{TT}p")] == [("01:00:00:00", "01:00:01:00"), ("01:00:59:28", "01:01:01:00")]
    parameters = {key.rpartition("}")[2]: value for key, value in root.attrib.items()}
    assert (parameters["timeBase"], parameters["frameRate"], parameters["frameRateMultiplier"]) == ("smpte", "30", "1000 1001")
    assert parameters["dropMode"] == "dropNTSC"
    assert '"start_timecode": "10:01:00:00"' in "".join(cues_json(cues, Timecode.of("25", "10:00:00:00")))
    assert set(TIMECODED) <= set(FORMATS)
    assert {f".{SUFFIX.get(name, name)}" for name in FORMATS} <= set(READERS)
