import json
from fractions import Fraction as F
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from test_timing import shots
from test_views import write_log

from operators.errors import ConfigError
from operators.facts import Word
from operators.subtitles import Cue, style
from operators.subtitles.checker import Shown, check
from operators.subtitles.formats import srt
from operators.subtitles.retiming import as_written, recut, retime, shown_again
from operators.subtitles.retiming.alignment import Pair, align
from operators.subtitles.retiming.clock import fit_clock
from operators.subtitles.retiming.text import keys_of, tokens_of
from operators.timeline import Span, from_ms
from pipeline.cli import execute
from pipeline.log import Header, LogWriter

TALE = (
    "It was late in the cold month of April, and every clock struck thirteen at noon. "
    "Margaret Miller, a scarf around her neck, walked slowly past the broken windows. "
    "Behind them, through curtains like cobwebs, somebody watched. "
    "On the square children threw yellow paper and little stones into a fountain. "
    "Neither of them asked why letters were never answered, or where all trains had gone since winter."
)
STORY = TALE.split(" ")


def spoken(words=STORY, start=F(0), each=F(2, 5), language="en"):
    """One word after the other, a pause behind each sentence."""
    said = []
    at = start
    for word in words:
        said.append(Word(at, at + each * F(3, 4), word, 0.9, language, "s"))
        at += each + (F(1) if word.endswith(".") else 0)
    return said


def lines_of(said, count=5):
    """Subtitles of so many words each, at their true times."""
    groups = [said[n : n + count] for n in range(0, len(said), count)]
    return [Cue(int(g[0].start * 1000), int(g[-1].end * 1000), (" ".join(w.text for w in g),)) for g in groups]


def shifted(cues, offset_ms=0, speed=F(1)):
    return [
        Cue(max(0, round(c.start_ms * speed) + offset_ms), max(1, round(c.end_ms * speed) + offset_ms), c.lines, speaker=c.speaker)
        for c in cues
    ]


def starts_of(retimed):
    return {n: w.span.start for w in reversed(retimed.words) for n in [w.token.cue]}


def test_words_get_the_times_at_which_they_are_said():
    said = spoken(start=F(20))
    retimed = retime(shifted(lines_of(said), 7300), said, "en")
    assert set(retimed.found) == {"found"}
    assert [(w.token.text, w.span) for w in retimed.words] == [(w.text, Span(w.start, w.end)) for w in said]
    assert retimed.clock.speed == 1
    assert float(retimed.clock.offset) == pytest.approx(-7.3, abs=0.001)


@pytest.mark.parametrize(
    ("speed", "name"),
    [
        (F(25, 24), "25 to 24 pictures a second"),
        (F(25025, 24000), "25 to 23.976 pictures a second"),
        (F(24000, 25025), "23.976 to 25 pictures a second"),
        (F(1001, 1000), "24 to 23.976 pictures a second"),
    ],
)
def test_a_clock_at_another_rate_of_pictures_is_found(speed, name):
    said = spoken(STORY * 8)
    fit = retime(shifted(lines_of(said), 2000, 1 / speed), said, "en").clock
    assert (fit.speed, fit.name) == (speed, name)
    assert float(fit.offset) == pytest.approx(-2 * float(speed), abs=0.01)


def test_a_clock_that_jumps_is_found_where_it_does():
    pairs = [(F(n), F(n) + (5 if n < 50 else 35) + F(n * 7 % 3, 20)) for n in range(0, 100, 2)]
    fit = fit_clock(pairs)
    assert fit.speed == 1
    assert [(s.since, round(float(s.offset), 1)) for s in fit.stretches] == [(0, 5.0), (50, 35.0)]
    assert fit_clock([(x, y if n != 20 else y + 40) for n, (x, y) in enumerate(pairs[:25])]).stretches[1:] == (), (
        "one that is wrong is none"
    )


def test_a_line_that_nobody_says_keeps_its_place_among_its_neighbours():
    said = spoken(start=F(10))
    lines = lines_of(said)
    before, after = lines[2], lines[3]
    extra = Cue(before.end_ms + 20, before.end_ms + 60, ("Zebras jumped unheard",))
    retimed = retime(shifted([*lines, extra], 4000), said, "en")
    number = 3
    assert retimed.cues[number].lines == extra.lines
    assert retimed.found[number] == "kept"
    assert [f for n, f in enumerate(retimed.found) if n != number] == ["found"] * len(lines)
    spans = [w.span for w in retimed.words if w.token.cue == number]
    assert from_ms(before.end_ms) <= spans[0].start <= spans[-1].end <= from_ms(after.start_ms)


def test_other_words_are_put_where_others_are_heard():
    said = spoken()
    lines = lines_of(said)
    lines[4] = Cue(lines[4].start_ms, lines[4].end_ms, ("A total paraphrase of that",))
    retimed = retime(shifted(lines, 60_000), said, "en")
    assert retimed.found[4] == "near"
    assert abs(starts_of(retimed)[4] - from_ms(lines[4].start_ms)) < F(1, 5)


def test_sounds_and_names_are_not_looked_for_and_go_with_their_neighbours():
    said = spoken()
    lines = lines_of(said)
    lines[1] = Cue(lines[1].start_ms, lines[1].end_ms, ("WINSTON: " + lines[1].lines[0],))
    sound = Cue(lines[2].end_ms - 1, lines[2].end_ms + 300, ("[a door slams]",))
    retimed = retime(shifted([*lines, sound], 9000), said, "en")
    assert sorted(retimed.found) == ["found"] * len(lines) + ["unspoken"]
    made = recut(retimed, style("netflix"), "en")
    assert [c.lines for c in made if "door" in " ".join(c.lines)] == [("[a door slams]",)]
    assert "WINSTON: " in " ".join(line for c in made for line in c.lines)


def test_another_text_is_refused():
    with pytest.raises(ConfigError, match=r"0 of 25 words of the subtitles are heard: is it the text of this sound"):
        retime(lines_of(spoken(["ein", "völlig", "anderer", "Satz"] * 6 + ["zuletzt"])), spoken(), "en")


def test_cues_stay_as_they_are_without_a_style():
    said = spoken(start=F(3))
    lines = [Cue(c.start_ms, c.end_ms + 200, c.lines, speaker="Ann") for c in lines_of(said)]
    again = shown_again(retime(shifted(lines, 5000), said, "en"))
    assert [c.lines for c in again] == [c.lines for c in lines]
    assert [c.start_ms for c in again] == [c.start_ms for c in lines]
    assert all(c.end_ms == o.end_ms or c.end_ms == n.start_ms for c, o, n in zip(again, lines, lines[1:], strict=False))


def test_cut_anew_to_a_style_the_text_is_the_same_and_keeps_its_rules():
    said = spoken(STORY * 3)
    for name in ("netflix", "bbc", "web"):
        made = recut(retime(shifted(lines_of(said, 3), 5000), said, "en"), style(name), "en", shots(F(30), end=600))
        assert " ".join(line for c in made for line in c.lines).split() == [w.text for w in said]
        shown = [Shown(Span(from_ms(c.start_ms), from_ms(c.end_ms)), c.lines, c.language or "en") for c in made]
        assert check(shown, style(name), [F(30)]) == [], name


def test_two_speakers_of_one_cue_get_a_cue_each():
    cues = [Cue(0, 4000, ("-Are you coming with us?", "-In a minute, perhaps.")), Cue(4500, 7000, ("I hope she is.",))]
    made = recut(as_written(cues, "en"), style("netflix"), "en")
    assert [c.lines for c in made] == [("Are you coming with us?",), ("In a minute, perhaps.",), ("I hope she is.",)]
    assert all(c.speaker is None for c in made)


def test_text_without_spaces_is_compared_by_characters():
    said = [
        Word(F(n), F(n) + F(1, 2), w, 0.9, "zh", "s") for n, w in enumerate(["今天", "天气", "很好，", "我们", "去", "公园", "散步。"], 5)
    ]
    cues = [Cue(0, 3000, ("今天天气很好，",)), Cue(3000, 6000, ("我们去公园散步。",))]
    retimed = retime(cues, said, "zh")
    assert retimed.found == ("found", "found")
    assert [int(s) for s in (starts_of(retimed)[0], starts_of(retimed)[1])] == [5, 8]
    made = recut(retimed, style("netflix"), "zh")
    assert "".join(line for c in made for line in c.lines) == "今天天气很好，我们去公园散步。"


@pytest.mark.parametrize(
    ("text", "keys"),
    [
        ("Don’t", ("dont",)),
        ("self-driving", ("self", "driving")),
        ("naïve,", ("naive",)),
        ("10%", ("10",)),
        ("—", ()),
        ("STRASSE Straße", ("strasse", "strasse")),
    ],
)
def test_words_are_compared_without_case_accents_and_marks(text, keys):
    assert keys_of(text, "en") == keys


def test_a_sound_in_brackets_stays_whole():
    assert [t.text for t in tokens_of([Cue(0, 9000, ("[音楽]",)), Cue(9000, 9900, ("はい。",))], "ja")] == ["[音楽]", "は", "い。"]
    made = recut(
        as_written([Cue(0, 9000, ("[loud", "music]")), Cue(9000, 9900, ("Yes [a door slams] no.",))], "en"), style("netflix"), "en"
    )
    assert "Yes [a door slams] no." in [" ".join(c.lines) for c in made]
    assert [t.text for t in tokens_of([Cue(0, 9000, ("[loud music]",))], "en")] == ["[loud music]"]


def test_every_mark_of_the_text_is_kept():
    cues = [Cue(0, 1000, ("♪ La la la ♪", "...")), Cue(1000, 2000, (">> HI. — (laughs) Bye!",)), Cue(2000, 3000, ("...",))]
    assert [t.text for t in tokens_of(cues, "en")] == ["♪ La", "la", "la ♪ ...", ">> HI.", "— (laughs)", "Bye!", "..."]


WORDS = st.lists(st.sampled_from([f"word{c}{d}" for c in "abcdefgh" for d in "ijklmnop"]), max_size=40)


@given(WORDS, WORDS)
@settings(max_examples=60, deadline=None)
def test_pairs_are_in_order_and_are_pairs(written, said):
    pairs = align(written, said)
    for before, after in pairwise(pairs):
        assert before.written < after.written
        assert before.said < after.said
    assert all(written[p.written][:4] == said[p.said][:4] for p in pairs)


def test_in_the_memory_of_two_rows_it_is_as_in_a_whole_table(monkeypatch):
    import random

    chance = random.Random(5)
    written = [f"{chance.randrange(400)}x" for _ in range(300)]
    said = [w for w in written if chance.random() > 0.2]
    whole = align(written, said)
    monkeypatch.setattr("operators.subtitles.retiming.alignment.WHOLE", 200)
    parts = align(written, said)
    assert len(whole) > 200
    assert sum(p.trust for p in parts) == sum(p.trust for p in whole)
    assert len(set(_places(parts)) & set(_places(whole))) > 0.98 * len(whole)


def _places(pairs):
    return [(p.written, p.said) for p in pairs]


def test_single_words_that_happen_to_be_the_same_are_not_believed():
    written = [f"alpha{n}" for n in range(30)] + ["the"] + [f"beta{n}" for n in range(30)]
    said = [f"0{n}" for n in range(40)] + ["the"] + [f"1{n}" for n in range(40)]
    assert align(written, said) == []
    assert align(["good", "morning"], ["good", "morning"]) == [Pair(0, 0, 8), Pair(1, 1, 8)]


@st.composite
def damaged(draw):
    """Subtitles of a talk, moved, stretched, shaken, with lines left out and lines nobody says; and what is said."""
    words = [f"{w.strip('.,')}{n}" for n, w in enumerate(STORY)]
    said = spoken(words, F(draw(st.integers(0, 50))))
    lines = shifted(lines_of(said, draw(st.integers(2, 8))), draw(st.integers(0, 100_000)), F(1) / draw(st.sampled_from([F(1), F(25, 24)])))
    shaken = draw(st.lists(st.integers(-900, 900), min_size=len(lines), max_size=len(lines)))
    kept = draw(st.lists(st.sampled_from([True, True, True, False]), min_size=len(lines), max_size=len(lines)))
    kept[0] = True
    cues = [Cue(max(0, c.start_ms + d), max(1, c.end_ms + d), c.lines) for c, d, k in zip(lines, shaken, kept, strict=True) if k]
    ordered = sorted(cues, key=lambda c: c.start_ms)
    extra = [Cue(c.end_ms, c.end_ms + 50, ("unheard zebras",)) for c in ordered[1 :: draw(st.integers(2, 5))]]
    return said, [*ordered, *extra], [c.lines for c in ordered] == [c.lines for c in cues]


@given(damaged())
@settings(max_examples=60, deadline=None)
def test_whatever_was_done_to_it_what_is_said_gets_its_time_and_the_rest_stays_in_order(case):
    said, cues, in_order = case
    retimed = retime(cues, said, "en")
    texts = [t for cue in sorted(cues, key=lambda c: (c.start_ms, c.end_ms)) for t in " ".join(cue.lines).split()]
    assert [w.token.text for w in retimed.words] == texts, "nothing is lost"
    for before, after in pairwise(retimed.words):
        assert before.span.start <= before.span.end <= max(before.span.end, after.span.start)
        assert before.span.start <= after.span.start
    if in_order:
        true = {w.text: w.start for w in said}
        for word in retimed.words:
            if word.token.text in true and retimed.found[word.token.cue] == "found":
                assert word.span.start == true[word.token.text]
    made = recut(retimed, style("netflix"), "en")
    assert [t for c in made for line in c.lines for t in line.split()] == texts


@given(damaged())
@settings(max_examples=20, deadline=None)
def test_retimed_again_nothing_moves(case):
    said, cues, _ = case
    once = retime(shown_again(retime(cues, said, "en")), said, "en")
    if once.clock.speed == 1:
        twice = retime(shown_again(once), said, "en")
        heard = [n for n, f in enumerate(once.found) if f == "found"]
        assert [starts_of(twice)[n] for n in heard] == [starts_of(once)[n] for n in heard]


@pytest.fixture
def stream(tmp_path):
    """A finished stream in which STORY is said."""
    folder = tmp_path / "out" / "film" / "0"
    write_log(folder, "listen", [("listen.words", w) for w in spoken(start=F(2))])
    return folder.parent


def test_the_command_retimes_by_the_log_of_a_stream(stream, tmp_path, capsys):
    lines = shifted(lines_of(spoken(start=F(2))), 1500)
    file = tmp_path / "late.srt"
    file.write_text("".join(srt([*lines, Cue(lines[-1].end_ms + 9000, lines[-1].end_ms + 10_000, ("Never\x1b said",))])))
    made = tmp_path / "made.vtt"
    assert execute(["retime", str(file), str(stream), "-o", str(made)]) == 0
    told = capsys.readouterr().out
    assert "1.500 s too late" in told
    count = len(lines)
    assert f"not heard: {count + 1}, kept at" in told
    assert "\x1b" not in told
    assert f"{made}: {count + 1} cues; {count} of {count + 1} cues heard, 0 in part or in other words, 1 not" in told
    assert "00:00:02.000 --> " in made.read_text()
    assert execute(["retime", str(file), str(stream), "-o", str(made), "--style", "bbc", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["offsets"] == [{"since_ms": 3500, "offset_ms": -1500}]
    assert told["found"] == {"found": count, "kept": 1}
    assert [n["number"] for n in told["not_heard"]] == [count + 1]
    assert execute(["check", str(made), "--style", "bbc"]) == 0


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["late.srt", "gone.mp4", "-o", "made.vtt"], "gone.mp4: there is no such file; name the media, or the folder of a stream"),
        (["late.srt", ".", "-o", "made.vtt"], "no stream"),
        (["late.srt", "out/film", "-o", "made.txt"], "subtitles are written to .vtt, .srt"),
        (["late.srt", "out/film", "-o", "made.vtt", "--track", "2"], "is a file of subtitles: leave --track out"),
        (["late.srt", "out/film", "-o", "made.vtt", "--rate", "25"], "vtt has no timecode: write ttml or json"),
        (["other.srt", "out/film", "-o", "made.vtt"], "words of the subtitles are heard: is it the text of this sound"),
        (["late.srt", "out/silent", "-o", "made.vtt"], "nothing that is said is known of"),
        (["late.srt", "out/broken", "-o", "made.vtt"], "was not listened to up to its end"),
    ],
)
def test_what_can_not_be_retimed_is_said(stream, tmp_path, monkeypatch, capsys, arguments, said):
    monkeypatch.chdir(tmp_path)
    write_log(tmp_path / "out" / "silent" / "0", "listen", [])
    broken = tmp_path / "out" / "broken" / "0" / "listen.jsonl"
    broken.parent.mkdir(parents=True)
    log = LogWriter(broken, Header("broken", 0, "listen", {}, "source", "settings"))
    log.append("listen.words", spoken()[0])
    log.commit(F(1), F(1), {})
    log.close()
    (tmp_path / "late.srt").write_text("1\n00:00:01,000 --> 00:00:02,000\nIt was late in the cold month\n")
    (tmp_path / "other.srt").write_text("1\n00:00:01,000 --> 00:00:02,000\nGanz etwas anderes.\n")
    assert execute(["retime", *arguments]) in (1, 2)
    assert said in capsys.readouterr().err
    assert not (tmp_path / "made.vtt").exists()
