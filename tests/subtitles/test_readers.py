"""Subtitles that nobody here wrote are read, or refused as they should be: the lists say which, and why."""

import pytest

from operators.errors import ConfigError
from operators.subtitles.formats import READERS, Cue, imsc, read_subtitles

WEBVTT = {
    "arrows": (6, 9),  # lines that hold --> and are no times end a cue; what follows is one again where its times are whole
    "comment-in-cue-text": (2, 0),  # NOTE within a cue is text
    "header-garbage": (1, 0),
    "header-regions": (9, 0),
    "header-space": (1, 0),
    "header-tab": (1, 0),
    "header-timings": (1, 0),  # a cue right below the signature
    "ids": (5, 0),
    "newlines": (4, 0),  # CR, LF and CRLF
    "nulls": (7, 55),  # NUL is U+FFFD, which spoils times but no text
    "regions-edge-case": (4, 4),
    "regions-id": (4, 0),
    "regions-lines": (13, 0),
    "regions-old": (2, 0),
    "regions-regionanchor": (20, 0),
    "regions-scroll": (6, 0),
    "regions-viewportanchor": (20, 0),
    "settings-align": (13, 0),
    "settings-line": (46, 0),
    "settings-multiple": (2, 0),
    "settings-position": (22, 0),
    "settings-region": (9, 0),
    "settings-size": (16, 0),
    "settings-vertical": (8, 0),
    "signature-bom": (0, 0),
    "signature-no-newline": (0, 0),
    "signature-space": (0, 0),
    "signature-space-no-newline": (0, 0),
    "signature-tab": (0, 0),
    "signature-tab-no-newline": (0, 0),
    "signature-timings": (0, 0),  # times behind the signature are part of its line
    "stylesheets": (2, 0),
    "timings-60": (2, 4),  # there are 60 minutes only in 59 and less; hours are without bound
    "timings-eof": (0, 1),
    "timings-garbage": (0, 58),
    "timings-negative": (0, 4),  # a cue that ends before it begins is never shown: told
    "timings-omitted-hours": (3, 0),
    "timings-too-long": (2, 13),
    "timings-too-short": (2, 30),
    "whitespace-chars": (3, 1),  # a vertical tab is no white space between times
}
"""Of web-platform-tests: cues that are read, lines that are told as faults."""
OTHERS = {
    "ttconv_srt/alignment.srt": 9,
    "ttconv_srt/extended-tags.srt": 1,
    "moviepy_subtitles.srt": 5,
    "moviepy_subtitles-unicode.srt": 1,
    "shaka_chapters.srt": 3,  # times without hours
    "shaka_text-clip.vtt": 16,
    "ttconv_scc/pop-on.scc": 3,
    "ttconv_scc/paint-on.scc": 18,  # each state of the screen
    "ttconv_scc/mix-rows-roll-up.scc": 16,
    "pysubs2/ttml_example.ass": 11,
    "pysubs2/ttml_example.ttml": 11,
    "pysubs2/ttml_example2.ttml": 10,
    "pysubs2/subtitle_with_attached_images_aegisub.ass": 0,  # pictures and no dialogue
    "imsc1_document/DocumentExample120.ttml": 11,
    "imsc1_timing/BasicTiming011.ttml": 13,  # words that come one by one
    "imsc1_timing/TimeExpressions001.ttml": 11,
}
STL = {
    "br_new_colors": [(40, 3000, ("Blue On Yellow", "Yellow On Blue"))],
    "br_same_colors": [(40, 3000, ("Yellow On Magenta", "Yellow On Magenta"))],
    "br_style_reset": [(40, 3000, ("Blue On Yellow", "White On Black"))],
    "multi_tti_subtitle": [(920, 2920, ("Foo Bar Baz",))],
    "overlapping_tti": [(1000, 5000, ("Subtitle One",)), (5000, 7000, ("Subtitle Two",))],
    "setting_background_before_startbox": [(920, 2920, ("Background is yellow.",))],
    "test_tcp_processing": [(0, 2000, ("Metadata not for display.",)), (36_000_000, 36_001_960, ("Start of the program.",))],
    "vp18_3_lines": [(40, 3000, ("This", "is", "row 18"))],
    "vp20_2_newlines": [(40, 3000, ("This is row 20", "This is row 22"))],
}
TIMES = {
    "BasicTiming010": [(10_000, 24_400), (25_000, 35_000)],
    "BasicTimeContainment001": [(0, 5000), (5000, 10_000)],  # within a paragraph: states of the screen
    "BeginEnd002": [(0, 10_000), (1000, 11_000), (2000, 12_000)],  # overlapping paragraphs stay apart
    "MediaParTiming003": [(0, 5000), (5000, 10_000)],
    "MediaSeqTiming001": [(5000, 10_000), (15_000, 20_000)],
}


WITH_FAULTS = {"contained_tti.stl", "two_contained_tti.stl", "ttml_example_apple.ttml"}
"""Cues in them have no times, or end before they begin: told, and the rest is read."""
WITHOUT_TEXT = {"subtitle_with_attached_images_aegisub.ass", "subtitle_with_attached_images_pysubs2_ref.ass"}
REFUSED = {"bad-signature.vtt"}


@pytest.mark.media
def test_every_sample_is_read_or_refused(media):
    files = [f for f in media("subtitles").rglob("*") if f.suffix in READERS and f.parent.name != "webvtt_wpt_file_parsing"]
    assert len(files) > 100
    found: dict[str, set[str]] = {"faults": set(), "no text": set(), "refused": set()}
    for path in files:
        try:
            read = read_subtitles(path)
        except ConfigError:
            found["refused"].add(path.name)
            continue
        assert all(0 <= c.start_ms <= c.end_ms for c in read.cues), path
        found["faults"] |= {path.name} if read.faults else set()
        found["no text"] |= {path.name} if not any(c.lines for c in read.cues) else set()
    assert found == {"faults": WITH_FAULTS, "no text": WITHOUT_TEXT, "refused": REFUSED}


@pytest.mark.media
@pytest.mark.parametrize("name", WEBVTT)
def test_the_webvtt_suite(media, name):
    read = read_subtitles(media(f"subtitles/webvtt_wpt_file_parsing/{name}.vtt"))
    assert (len(read.cues), len(read.faults)) == WEBVTT[name]


@pytest.mark.media
def test_the_webvtt_suite_is_whole(media):
    there = {path.stem for path in media("subtitles/webvtt_wpt_file_parsing").glob("*.vtt")}
    assert there == set(WEBVTT)


@pytest.mark.media
@pytest.mark.parametrize("name", OTHERS)
def test_samples_of_every_format_are_read(media, name):
    read = read_subtitles(media(f"subtitles/{name}"))
    assert (len(read.cues), read.faults) == (OTHERS[name], ())
    assert all(c.end_ms > c.start_ms and c.lines for c in read.cues)


@pytest.mark.media
@pytest.mark.parametrize("name", STL)
def test_ebu_stl(media, name):
    read = read_subtitles(media(f"subtitles/ttconv_stl_sandflow/{name}.stl"))
    assert [(c.start_ms, c.end_ms, c.lines) for c in read.cues] == STL[name]


@pytest.mark.media
def test_what_is_wrong_in_an_stl_is_told_and_the_rest_is_read(media):
    for name in ("contained_tti", "two_contained_tti"):
        read = read_subtitles(media(f"subtitles/ttconv_stl_sandflow/{name}.stl"))
        assert [c.lines for c in read.cues] == [("Subtitle One",)]
        assert read.faults == ("Subtitle TCO is less than or equal to TCI; omitting subtitle",)


@pytest.mark.media
@pytest.mark.parametrize("name", TIMES)
def test_times_of_imsc_are_those_of_its_containers(media, name):
    cues = read_subtitles(media(f"subtitles/imsc1_timing/{name}.ttml")).cues
    assert [(c.start_ms, c.end_ms) for c in cues][: len(TIMES[name])] == TIMES[name]


@pytest.mark.media
def test_every_imsc_sample_is_read(media):
    files = [path for folder in media("subtitles").glob("imsc1_*") for path in folder.glob("*.ttml")]
    assert len(files) > 40
    for path in files:
        read = read_subtitles(path)
        assert read.cues, path
        assert read.faults == (), path


@pytest.mark.media
def test_times_that_are_none_are_told(media):
    read = read_subtitles(media("subtitles/pysubs2/ttml_example_apple.ttml"))
    assert "Bad dur attribute value: 3:58.640" in read.faults


@pytest.mark.media
def test_what_is_none_is_refused(media):
    with pytest.raises(ConfigError, match="no WebVTT: it begins with 'vtt'"):
        read_subtitles(media("subtitles/webvtt_ttconv_invalid/bad-signature.vtt"))


@pytest.mark.parametrize(
    ("name", "data", "said"),
    [
        ("a.srt", b"hello", r"no SubRip: no line of it reads 00:00:01,000"),
        ("a.srt", b"1\n00:00:01,000 --> 00:00:02,000\n\xe9t\xe9\n", r"no text in utf-8: byte 32 is 0xe9; convert it to UTF-8"),
        ("a.ass", b"[Script Info]\n", r"no ASS: it has no \[Events\]"),
        ("a.json", b'{"cues": [{}]}', r"holds no cues: it is to be an object with cues of start_ms"),
        ("a.json", b"[]", r"holds no cues"),
        ("a.ttml", b"<tt", r"can not be read as TTML: unclosed token"),
        ("a.ttml", b"<html/>", r"can not be read as TTML"),
        ("a.ttml", b'<!DOCTYPE tt [<!ENTITY a "aaaa">]><tt xmlns="http://www.w3.org/ns/ttml"/>', r"declares a document type"),
        ("a.scc", b"00:00:01:00 9420", r"no SCC: it does not begin with Scenarist_SCC"),
        ("a.stl", b"$FontName = Arial", r"no EBU STL: its first block does not name a disk format"),
        ("a.docx", b"", r"no subtitles are known by that ending; one of .vtt, .srt"),
    ],
)
def test_what_can_not_be_read_is_said_with_what_to_do(tmp_path, name, data, said):
    path = tmp_path / name
    path.write_bytes(data)
    with pytest.raises(ConfigError, match=said):
        read_subtitles(path)


def test_a_file_that_is_not_there_is_said(tmp_path):
    with pytest.raises(ConfigError, match=r"gone.srt can not be read: No such file"):
        read_subtitles(tmp_path / "gone.srt")


def test_srt_as_people_write_it(tmp_path):
    path = tmp_path / "a.srt"
    text = "1\n0:00:01,5 --> 0:00:02.250 X1:10\n<i>Hello</i> &amp; <b>you</b>\n\nthere.\n\n\n7\n00:00:05,000 --> 00:00:04,000\nback\n2024\n"
    path.write_bytes(text.replace("\n", "\r\n").encode("utf-16"))
    read = read_subtitles(path)
    assert [(c.start_ms, c.end_ms, c.lines) for c in read.cues] == [(1500, 2250, ("Hello &amp; you", "there."))]
    assert read.faults == ("line 9: ends before it begins: '00:00:05,000 --> 00:00:04,000'",)


def test_ttml_in_utf_16_is_read_whatever_it_declares(tmp_path):
    path = tmp_path / "a.ttml"
    text = "".join(imsc([Cue(1000, 2000, ("Grüße",))])).replace('encoding="UTF-8"', 'encoding="UTF-16"')
    path.write_bytes(text.encode("utf-16"))
    assert [(c.start_ms, c.end_ms, c.lines) for c in read_subtitles(path).cues] == [(1000, 2000, ("Grüße",))]


def test_a_document_nested_without_end_is_refused(tmp_path):
    path = tmp_path / "a.ttml"
    spans = "<span>" * 5000 + "deep" + "</span>" * 5000
    path.write_text(f'<tt xmlns="http://www.w3.org/ns/ttml"><body><div><p begin="0s" end="1s">{spans}</p></div></body></tt>')
    with pytest.raises(ConfigError, match="can not be read as TTML"):
        read_subtitles(path)
