import json
from dataclasses import replace
from fractions import Fraction as F

import pytest
from test_timing import shots
from test_views import write_log

from operators.records import Caption
from operators.subtitles import style
from operators.subtitles.checker import RULES, Shown, check
from operators.timeline import Span, from_ms
from pipeline.cli import execute

FAULTLESS = "1\n00:00:01,000 --> 00:00:03,000\nThis is said.\n\n2\n00:00:03,080 --> 00:00:05,000\nSo is this.\n"


def cue(start_ms, end_ms, *lines, language="en"):
    return Shown(Span(from_ms(start_ms), from_ms(end_ms)), lines, language)


@pytest.mark.parametrize(
    ("rule", "cues"),
    [
        ("line_length", [cue(0, 4000, "x" * 43)]),
        ("lines", [cue(0, 4000, "one", "two", "three")]),
        ("reading_speed", [cue(0, 1000, "x" * 21)]),
        ("min_duration", [cue(0, 800, "No.")]),
        ("max_duration", [cue(0, 7100, "No.")]),
        ("overlap", [cue(0, 2000, "one"), cue(1900, 4000, "two")]),
        ("gap", [cue(0, 2000, "one"), cue(2020, 4000, "two")]),
        ("loose_gap", [cue(0, 2000, "one"), cue(2400, 4000, "two")]),
        ("shot_cut", [cue(10_300, 12_000, "late")]),
        ("shot_cut", [cue(8000, 9700, "not up to it")]),
        ("phrase_split", [cue(0, 2000, "I saw the", "house.")]),
        ("empty", [cue(0, 2000)]),
    ],
)
def test_each_rule_is_seen_when_it_is_broken(rule, cues):
    findings = check(cues, style("netflix"), [F(10)])
    assert [[*f.rules] for f in findings] == [[rule]]
    assert findings[0].number == len(cues)
    assert rule in RULES


@pytest.mark.parametrize(
    "cues",
    [
        [cue(0, 7000, "x" * 42, "y" * 42)],
        [cue(0, 1000, "x" * 20)],
        [cue(0, 2000, "one"), cue(2080, 4000, "two")],  # 2 frames at 25 a second
        [cue(0, 2000, "one"), cue(2067, 4000, "two")],  # at 30
        [cue(0, 2000, "one"), cue(2083, 4000, "two")],  # at 24
        [cue(0, 2000, "one"), cue(2500, 4000, "two")],
        [cue(10_000, 12_000, "with the cut"), cue(18_000, 19_920, "up to the next")],
        [cue(0, 2000, "I saw", "the house.")],
    ],
)
def test_what_keeps_the_rules_is_let_be(cues):
    assert check(cues, style("netflix"), [F(10), F(20)]) == []


def test_wide_characters_count_as_the_style_has_it():
    def long(language):
        return [cue(0, 6000, "字" * 14, language=language)]

    assert [f.rules for f in check(long("ja"), style("netflix"))] == [{"line_length": "28 of 26 columns"}]
    assert check(long("zh"), style("netflix")) == check(long("yue"), style("netflix")) == []


def test_each_cue_is_checked_by_the_rules_of_its_language():
    both = [cue(0, 1000, "x" * 20), cue(4000, 5000, "x" * 20, language="de")]
    assert [(f.number, f.rules) for f in check(both, style("netflix"))] == [(2, {"reading_speed": "1.00 of 1.18 s"})]


@pytest.mark.parametrize(
    ("rate", "gap_ms", "broken"),
    [
        (24, 42, "gap"), (24, 83, None), (24, 125, "loose_gap"), (25, 40, "gap"), (25, 80, None), (25, 120, "loose_gap"),
        (29.97, 33, "gap"), (29.97, 67, None), (29.97, 100, "loose_gap"), (50, 20, "gap"), (50, 40, None), (50, 60, "loose_gap"),
        (60, 33, None), (0, 20, "gap"), (0, 33, None), (0, 83, None), (0, 100, "loose_gap"),
    ],
)  # fmt: skip
def test_a_gap_is_counted_in_the_frames_of_the_video(rate, gap_ms, broken):
    cues = [cue(0, 2000, "one"), cue(2000 + gap_ms, 4000, "two")]
    assert [[*f.rules] for f in check(cues, style("netflix", frames_per_s=float(rate)))] == ([[broken]] if broken else [])


def test_cues_are_taken_in_their_order_of_time():
    assert [f.rules for f in check([cue(3000, 5000, "b"), cue(0, 2990, "a")], style("netflix"))] == [{"gap": "0.01 of 0.08 s"}]


def test_the_command_says_what_is_broken_where_and_how_often(tmp_path, capsys, monkeypatch):
    path = tmp_path / "a.srt"
    monkeypatch.setattr("pipeline.check_command.WIDE", 300)
    path.write_text(
        FAULTLESS.replace(
            "So is this.", "So is [red]this[/red]\x1b, and\na great deal more than anybody could read in a second or two, all of it."
        )
    )
    assert execute(["check", str(path), "--style", "netflix"]) == 1
    told = capsys.readouterr().out
    assert "0:00:03.080  0:00:05.000" in told
    assert "line_length (72 of 42 columns), reading_speed (1.92 of 5.00 s), phrase_split" in told
    assert "1 x reading_speed: shown for less time than it takes to read" in told
    assert "1 of 2 cues break rules of netflix" in told
    assert "[red]" in told
    assert "\x1b" not in told


def test_the_command_says_nothing_is_broken(tmp_path, capsys):
    path = tmp_path / "a.srt"
    path.write_text(FAULTLESS)
    assert execute(["check", str(path), "--style", "netflix"]) == 0
    assert capsys.readouterr().out.startswith(f"{path}: 2 cues keep the rules of netflix\n")


LONG = "1\n00:00:01,000 --> 00:00:06,000\n" + "字" * 20 + "\n"
GERMAN = "1\n00:00:01,000 --> 00:00:02,000\nDas sind zwanzig, ja\n"


@pytest.mark.parametrize(
    ("name", "text", "arguments", "broken", "told"),
    [
        ("a.srt", GERMAN, [], "", "what says no language is checked as English; say it by --language"),
        ("a.srt", GERMAN, ["--language", "de"], "reading_speed", ""),
        ("a.srt", GERMAN, ["--language", "fi"], "", "netflix has no rules of its own for fi: checked by its general ones"),
        ("a.de.srt", GERMAN, [], "reading_speed", ""),
        ("a.srt", LONG, [], "line_length", ""),
        ("a.srt", LONG.replace("字", "字の"), [], "reading_speed", ""),
    ],
)
def test_the_language_is_what_is_said_or_can_be_seen(name, text, arguments, broken, told, tmp_path, capsys):
    (tmp_path / name).write_text(text)
    assert execute(["check", str(tmp_path / name), *arguments]) == (1 if broken else 0)
    out = capsys.readouterr().out
    assert (broken in out) if broken else ("keep the rules" in out)
    assert (told in out) if told else ("checked" not in out)


def test_the_cues_of_a_stream_are_in_the_languages_that_its_log_says(tmp_path, capsys):
    caption = Caption(F(1), F(2), kind="subtitle", text="x", lines=("x",), language="de", confidence=1.0, cue_id="0")
    translated = replace(caption, language="en")
    write_log(tmp_path / "0", "narrate", [("narrate.subtitles", caption), ("narrate.translations", translated)])
    path = tmp_path / "film.srt"
    path.write_text(GERMAN)
    assert execute(["check", str(path)]) == 1
    assert "1 x reading_speed" in capsys.readouterr().out
    (tmp_path / "film.en.srt").write_text(GERMAN)
    assert execute(["check", str(tmp_path / "film.en.srt")]) == 0


def test_the_rate_of_the_video_is_given(tmp_path, capsys):
    path = tmp_path / "a.srt"
    path.write_text(FAULTLESS)
    assert execute(["check", str(path), "--rate", "25"]) == 0
    assert execute(["check", str(path), "--rate", "50"]) == 1
    assert "1 x loose_gap" in capsys.readouterr().out
    assert execute(["check", str(path), "--rate", "26"]) == 2


def test_the_command_says_it_as_json(tmp_path, capsys):
    path = tmp_path / "a.vtt"
    path.write_text("WEBVTT\n\n00:01.000 --> 00:01.500\nToo short.\n\nxx --> yy\nlost\n")
    assert execute(["check", str(path), "--json"]) == 1
    assert json.loads(capsys.readouterr().out) == {
        "file": str(path),
        "style": "netflix",
        "cues": 1,
        "faults": ["line 6: no times of a cue: 'xx --> yy'"],
        "findings": [{"number": 1, "start_ms": 1000, "end_ms": 1500, "rules": {"min_duration": "0.50 of 0.83 s"}, "lines": ["Too short."]}],
    }


def test_what_can_not_be_read_alone_fails_a_file(tmp_path, capsys):
    path = tmp_path / "a.vtt"
    path.write_text("WEBVTT\n\nxx --> yy\nlost\n")
    assert execute(["check", str(path)]) == 1
    assert "line 3: no times of a cue" in capsys.readouterr().err


def test_cuts_are_those_of_the_stream_that_the_file_lies_in(tmp_path, capsys):
    for generation, cut in (("0", F(30)), ("1", F("3.3"))):
        write_log(tmp_path / generation, "look", [("look.shots", shot) for shot in shots(cut, end=60)])
    path = tmp_path / "film.srt"
    path.write_text(FAULTLESS)
    assert execute(["check", str(path)]) == 1
    assert "2 x shot_cut" in capsys.readouterr().out
    elsewhere = tmp_path.parent / f"{tmp_path.name}.srt"
    elsewhere.write_text(FAULTLESS)
    assert execute(["check", str(elsewhere)]) == 0
    assert execute(["check", str(elsewhere), "--stream", str(tmp_path)]) == 1
    assert execute(["check", str(elsewhere), "--stream", str(tmp_path / "0")]) == 2
    assert "is no folder of a stream" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["a.srt", "--style", "nbc"], "no style 'nbc': name one of netflix, bbc, ebu, web, live, or a TOML file"),
        (["gone.srt"], "gone.srt can not be read: No such file or directory"),
        (["a.srt", "--language", "English"], "'English' is no language: write it as in en or pt-BR"),
        (["a.srt", "--track", "2"], "a.srt is a file of subtitles: leave --track out"),
    ],
)
def test_what_was_asked_wrongly_exits_2(arguments, said, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.srt").write_text(FAULTLESS)
    assert execute(["check", *arguments]) == 2
    assert said in capsys.readouterr().err


def test_a_file_that_is_neither_subtitles_nor_media_exits_1(tmp_path, capsys):
    (tmp_path / "notes.txt").write_text("nothing to see\n")
    assert execute(["check", str(tmp_path / "notes.txt")]) == 1
    assert "is a text file, not media; check that it is the file you meant; files of subtitles end in .vtt, .srt" in capsys.readouterr().err
