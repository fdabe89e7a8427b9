from dataclasses import fields
from fractions import Fraction as F
from importlib.resources import files

import pytest
from law import assert_law, outputs_of
from test_cutter import TALK, babble, log, say, transcripts

from operators.errors import ConfigError
from operators.subtitles import SubtitleCutter, style
from operators.subtitles.breaks import width
from operators.subtitles.checker import Shown, check
from operators.subtitles.styles import NAMES, Style
from operators.timeline import Span
from pipeline.cli import execute
from pipeline.config import load
from pipeline.settings import choose_operators
from pipeline.styles import load_style


def cut(name, words, **changes):
    return outputs_of(lambda: SubtitleCutter(style(name, **changes)), log(transcripts(words)))


@pytest.mark.parametrize("name", NAMES)
def test_every_rule_of_a_shipped_style_has_its_source(name):
    assert load_style(name) == style(name)
    text = files("operators.subtitles.styles").joinpath(f"{name}.toml").read_text(encoding="utf-8")
    head = text.partition("\n[")[0].splitlines()
    assert head[0].startswith("# ")
    said = {line.partition(" = ")[0]: line for line in head if " = " in line}
    assert set(said) == {f.name for f in fields(Style)} - {"languages", "frames_per_s"}
    unsourced = {key for key, line in said.items() if "#" not in line}
    assert unsourced <= {"style", "sound", "words_per_min", "longest_s"}


@pytest.mark.parametrize("name", NAMES)
def test_a_talk_at_an_easy_pace_keeps_every_rule(name):
    got = cut(name, say(TALK, per_s=10))
    words = " ".join(c.text for c in got).split()
    assert words == TALK.split()
    assert [(c.text, c.violations) for c in got if set(c.violations) - {"phrase_split"}] == []
    spans = [Shown(Span(c.start, c.end), c.lines, c.language) for c in got]
    assert [f.rules for f in check(spans, style(name)) if set(f.rules) - {"phrase_split"}] == []


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("seed", range(2))
def test_the_law_in_every_style_and_violations_are_those_that_the_checker_finds(name, seed):
    outputs = assert_law(lambda: SubtitleCutter(style(name)), log(transcripts(babble(seed))), seeds=range(4))
    findings = check([Shown(Span(c.start, c.end), c.lines, c.language) for c in outputs], style(name))
    assert {f.cue.span.start: (*f.rules,) for f in findings} == {c.start: c.violations for c in outputs if c.violations}
    assert [len(c.reasons) for c in outputs] == [len(c.violations) for c in outputs]


def test_rules_are_broken_only_when_nothing_else_is_possible():
    """Speech too fast for any cut: every cue says so; the same at a pace that can be read: none does."""
    text = "These people speak without any pause whatsoever because nobody ever asked them to wait for those who read. " * 3
    fast, slow = (cut("netflix", say(text, per_s=pace, pause=F(0))) for pace in (30, 16))
    assert all("reading_speed" in c.violations for c in fast[:-1])
    assert not any("reading_speed" in c.violations for c in slow)


def test_words_that_belong_together_are_parted_only_where_they_must():
    got = cut("netflix", say(TALK * 3, per_s=16), lines=1)
    assert max(len(c.lines) for c in got) == 1
    ends = [c.text.split()[-1].lower() for c in got]
    assert not {"the", "a", "of", "to", "mr.", "professor"} & set(ends)


def test_styles_differ_as_their_rules_do():
    words = say(TALK * 2, per_s=15)
    narrow, wide, live = cut("bbc", words), cut("netflix", words), cut("live", words)
    assert max(width(line) for c in narrow for line in c.lines) <= 37 < max(width(line) for c in wide for line in c.lines)
    assert max(c.end - c.start for c in live) <= 4
    slow = cut("ebu", say("Yes.", F(1)))
    assert slow[0].end - slow[0].start == F(3, 2)


def test_words_a_minute_are_counted():
    words = say("I am in on it as we go up to it.", per_s=14)
    (by_words,) = cut("bbc", words, characters_per_s=40.0)
    (by_characters,) = cut("bbc", words, characters_per_s=40.0, words_per_min=0.0)
    assert by_words.end - by_words.start == F(11, 3)
    assert by_characters.end - by_characters.start < 3


def test_three_lines_where_the_style_has_them():
    words = say("The committee of the old town has decided that the bridge will be built after all next year.", per_s=15, pause=F(0))
    (cue,) = cut("netflix", words, lines=3, line_characters=37)
    assert len(cue.lines) == 3
    assert max(map(width, cue.lines)) <= 37
    assert cue.violations == ()


def test_lines_are_as_long_as_the_language_allows():
    text = " ".join("字幕は一行に十三文字、二行までが読みやすいとされています。それでも長い文はあります。")
    got = cut("netflix", say(text, language="ja", per_s=6))
    assert max(width(line) for c in got for line in c.lines) <= 26
    assert style("netflix").rules("ja-JP").characters_per_s == 8
    assert style("netflix").rules("pt").characters_per_s == 20


def test_a_profile_a_change_and_a_file_choose_the_style(tmp_path):
    def options(*changes):
        (chosen,) = (c for c in choose_operators(load("cpu", changes))["narrate"] if c.place == "narrate.subtitles")
        return chosen.options

    own = tmp_path / "ours.toml"
    own.write_text('base = "bbc"\nline_characters = 30\n[languages.fi]\nline_characters = 28\n')
    assert options() == style("netflix")
    assert options("narrate.subtitles.style=bbc") == style("bbc")
    assert options("narrate.subtitles.style=bbc", "narrate.subtitles.lines=3") == style("bbc", lines=3)
    assert options(f"narrate.subtitles.style={own}") == load_style(str(own))
    assert (load_style(str(own)).style, load_style(str(own)).rules("fi").line, load_style(str(own)).rules("en").line) == ("ours", 28, 30)
    own.write_text('base = "netflix"\n[languages.ja]\ncharacters_per_s = 14.0\n')
    assert (load_style(str(own)).rules("ja").line, load_style(str(own)).rules("ja").characters_per_s) == (26, 14)
    live = choose_operators(load("cpu", live=True))["narrate"]
    assert next(c.options for c in live if c.place == "narrate.subtitles") == style("live")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('base = "bbc"\ngap_s = 2.0', r"gap_s < closed_s < pause_s does not hold for 2.0"),
        ('base = "bbc"\nlines = "two"', r"lines: Input should be a valid integer"),
        ('base = "bbc"\ncolour = 1', r"colour: Unexpected keyword argument"),
        ("lines = 2", r"line_characters: Field required"),
        ("lines = ", r"is no TOML"),
        ("base = 1", r"base is the name of a style or its file, not 1"),
        ('base = "mine.toml"', r"is based on itself: mine.toml -> mine.toml"),
        ('base = "bbc"\nlanguages.ja = 3', r"languages is a table of tables"),
        ('base = "nbc"', r"no style 'nbc': name one of netflix, bbc"),
        ('base = "bbc"\nline_characters = 1', r"line_characters is 2 or more"),
    ],
)
def test_a_style_that_is_wrong_is_said(tmp_path, text, said):
    path = tmp_path / "mine.toml"
    path.write_text(text)
    with pytest.raises(ConfigError, match=said):
        load_style(str(path))


def test_an_unknown_style_of_a_profile_is_said():
    with pytest.raises(ConfigError, match="no style 'nbc': name one of netflix, bbc, ebu, web, live, or a TOML file"):
        load("cpu", ["narrate.subtitles.style=nbc"])
    with pytest.raises(ConfigError, match=r"0 <= gap_s < closed_s < pause_s does not hold for 3\.0"):
        load("cpu", ["narrate.subtitles.gap_s=3.0"])


def test_run_says_which_styles_there_are_before_it_does_anything(tmp_path, capsys):
    assert execute(["run", str(tmp_path / "film.mp4"), "--style", "nbc", "--out", str(tmp_path / "out")]) == 2
    assert "no style 'nbc': name one of netflix, bbc, ebu, web, live, or a TOML file" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
