"""Who speaks, in cues: order, breaks at a change, two in one cue, and how each style and format shows it."""

from fractions import Fraction as F
from itertools import pairwise

import pytest
from law import assert_law, outputs_of
from test_cutter import TALK, log, say, transcripts

from operators.records import Caption
from operators.subtitles import FORMATS, SubtitleCutter, style
from operators.subtitles.formats import Cue, read_subtitles
from operators.subtitles.styles import NAMES, SPEAKERS


def said(*turns):
    """(speaker, start, text) as transcripts."""
    return [t for n, (name, start, text) in enumerate(turns) for t in transcripts(say(text, F(start), segment=f"s{n}"), speaker=name)]


def shown(turns, name="netflix", **changes):
    outputs = outputs_of(lambda: SubtitleCutter(style(name, **changes)), log(said(*turns)))
    return [o for o in outputs if isinstance(o, Caption)]


ASKED = [("Ann", 0, "Do you know what she told him?"), ("Bo", "2.3", "No."), ("Ann", "2.7", "She told him that he was to go.")]
LONG = [("Ann", 0, "Good morning to everybody here."), ("Bo", 4, "And a good morning to you."), ("Bo", 8, "I am glad.")]


def test_a_change_of_speaker_ends_a_cue():
    assert [(c.text, c.speaker) for c in shown(LONG)] == [(text, name) for name, _, text in LONG]


def test_two_speakers_without_time_for_two_cues_share_one():
    first, second = shown(ASKED)
    assert first.lines == ("-Do you know what she told him?", "-No.")
    assert (first.speaker, first.speakers) == (None, ("Ann", "Bo"))
    assert (second.lines, second.speaker) == (("She told him that he was to go.",), "Ann")


def test_who_talks_meanwhile_is_shown_after_who_began():
    turns = [
        ("Ann", 0, "He began a confused complaint against the wizard who had vanished."),
        ("Bo", 1, "The horizon seems extremely distant."),
    ]
    cues = shown(turns)
    assert " ".join(c.text for c in cues).replace("-", "") == f"{turns[0][2]} {turns[1][2]}"
    assert all(a.end <= b.start for a, b in pairwise(cues))


@pytest.mark.parametrize(
    ("how", "lines"),
    [
        ("none", ["Good morning to everybody here.", "And a good morning to you.", "I am glad."]),
        ("dashes", ["Good morning to everybody here.", "And a good morning to you.", "I am glad."]),
        ("arrows", [">> Good morning to everybody here.", ">> And a good morning to you.", "I am glad."]),
        ("names", ["Ann: Good morning to everybody here.", "Bo: And a good morning to you.", "I am glad."]),
    ],
)
def test_a_new_speaker_is_shown_as_the_style_has_it(how, lines):
    assert [" ".join(c.lines) for c in shown(LONG, speakers=how)] == lines


def test_colours_are_given_in_the_order_of_appearance():
    cues = shown([*LONG, ("Cy", 12, "So am I."), ("Ann", 15, "Let us begin.")], "bbc")
    assert [c.colours for c in cues] == [("white",), ("yellow",), ("yellow",), ("cyan",), ("white",)]
    assert next(c.colours for c in shown(ASKED, "bbc")) == ("white", "yellow")


def test_nothing_is_marked_where_nobody_is_known():
    for name in NAMES:
        cues = outputs_of(lambda name=name: SubtitleCutter(style(name)), log(transcripts(say(TALK))))
        assert " ".join(c.text for c in cues).split() == TALK.split()
        assert not any(c.speaker or c.speakers or c.colours for c in cues)


@pytest.mark.parametrize("how", SPEAKERS)
def test_the_law_with_speakers_who_talk_at_once(how):
    turns = [(name, F(n) + (F(1, 3) if name == "Bo" else 0), TALK[n * 9 : n * 9 + 40]) for n in range(0, 24, 3) for name in ("Ann", "Bo")]
    for name in ("netflix", "live"):
        outputs = assert_law(lambda name=name: SubtitleCutter(style(name, speakers=how)), log(said(*turns)), seeds=range(3))
        assert {name for c in outputs if isinstance(c, Caption) for name in (c.speaker, *c.speakers) if name} == {"Ann", "Bo"}


@pytest.mark.parametrize("name", FORMATS)
def test_every_format_is_read_back(name, tmp_path):
    cues = [
        Cue(0, 1000, ("Hello.",), speaker="Ann", colours=("white",)),
        Cue(1500, 3000, ("-Is it <you>?", "-It is."), speakers=("Ann", 'Bo & "Cy"'), colours=("white", "yellow")),
    ]
    path = tmp_path / f"cues.{'ttml' if name == 'ebuttd' else name}"
    path.write_text("".join(FORMATS[name](cues)), encoding="utf-8")
    got = read_subtitles(path).cues
    assert [c.lines for c in got] == [c.lines for c in cues]
    if name in ("vtt", "json"):
        assert [(c.speaker, c.speakers) for c in got] == [(c.speaker, c.speakers) for c in cues]
    text = path.read_text(encoding="utf-8")
    told = {
        "vtt": ["<v Ann><c.white>Hello.</c>", '<v Bo &amp; "Cy"><c.yellow>-It is.</c></v>'],
        "srt": ['<font color="yellow">-It is.</font>'],
        "ttml": ['style="box yellow" ttm:agent="speaker2"'],
        "ebuttd": ['style="box yellow" ttm:agent="speaker2"'],
        "ass": [r"{\c&H00FFFF&}-It is."],
        "json": ['"speakers": ["Ann"'],
    }[name]
    assert all(t in text for t in told), text
