import random
from fractions import Fraction as F
from itertools import pairwise

import pytest
from law import assert_law, outputs_of
from test_cutter import TALK, log, say, transcripts
from test_timing import shots

from operators.facts import Sound
from operators.protocols import Entry
from operators.records import Event
from operators.subtitles import SubtitleCutter, style


def sdh(**changes):
    return SubtitleCutter(style("netflix", sound=True, **changes))


def sound(start, end, kind="noise", level=-20.0, tags=(), scores=()):
    return Sound(F(start), F(end), kind, level, tags, scores)


def event(label, start, end, lifecycle="start"):
    return Event(F(start), F(end), f"listen.{label}-0", lifecycle, label, "audio", 0.8, 0.8)


def heard(words, *values):
    """Words and what else was heard, as narrators are given it; quiet goes on for a minute."""
    rest = [sound(t, t + 5, "quiet", -60.0) for t in range(0, 60, 5)]
    origins = [(f"listen.{v.label}", "record", v) if isinstance(v, Event) else ("listen.sound", "fact", v) for v in (*values, *rest)]
    told = [Entry(origin, kind, n, v) for n, (origin, kind, v) in enumerate(sorted(origins, key=lambda o: o[2].end))]
    return sorted(log(transcripts(words)) + told, key=lambda e: e.key)


def told(entries, make=sdh):
    return [(c.kind, c.text, float(c.start), float(c.end)) for c in outputs_of(make, entries)]


def test_a_siren_between_the_words_is_a_cue_of_its_own():
    words = say("What is that?") + say("Somebody has called for help.", F(12))
    got = told(heard(words, event("siren", 4, F("6.5")), event("siren", 4, 11, "end")))
    assert [(kind, text) for kind, text, *_ in got] == [
        ("subtitle", "What is that?"),
        ("sdh", "[siren]"),
        ("subtitle", "Somebody has called for help."),
    ]
    assert (got[1][2], got[1][3]) == (4.0, pytest.approx(4.833, abs=0.001))


def test_a_bang_while_somebody_speaks_stands_above_the_words():
    got = told(heard(say("They have been here all day long."), event("impulse", 1, F("1.4"))))
    assert got == [("sdh", "[loud noise] They have been here all day long.", 0.0, pytest.approx(got[0][3]))]
    (cue,) = outputs_of(sdh, heard(say("They have been here all day long."), event("impulse", 1, F("1.4"))))
    assert cue.lines == ("[loud noise]", "They have been here all day long.")
    assert cue.violations == ()


def test_sounds_without_any_words():
    values = [sound(0, 20, "music_like"), event("impulse", 30, F("30.4"))]
    assert [t[:2] for t in told(heard([], *values))] == [("sdh", "♪ music ♪"), ("sdh", "[loud noise]")]


def test_music_goes_on_in_parts_and_is_said_once():
    parts = [sound(n, n + 10, "music_like") for n in (0, 10, 20)] + [sound(50, 58, "music_like")]
    assert [t[1] for t in told(heard([], *parts))] == ["♪ music ♪", "♪ music ♪"]
    assert told(heard([], sound(0, 2, "music_like"))) == [], "too short to be told from a chord"


def test_silence_is_told_where_noise_ends_in_it():
    assert [t[1] for t in told(heard([], sound(0, 8), event("silence", 8, 10)))] == ["[silence]"]
    assert told(heard([], event("silence", 8, 10))) == []


def test_what_a_model_hears_is_told_in_its_words():
    values = [
        sound(0, 5, tags=("Applause", "Crowd"), scores=(0.8, 0.6)),
        sound(5, 10, tags=("Applause",), scores=(0.9,)),
        sound(20, 25, tags=("Speech",), scores=(0.9,)),
        sound(30, 35, tags=("Dog",), scores=(0.2,)),
    ]
    assert [t[1] for t in told(heard([], *values))] == ["[applause]"]


def test_no_sound_is_told_where_the_style_tells_none():
    entries = heard(say("What is that?"), event("siren", 4, F("6.5")))
    assert [t[0] for t in told(entries, lambda: SubtitleCutter(style("netflix")))] == ["subtitle"]


def test_words_come_first_where_there_is_no_place_for_a_sound():
    words = say(TALK * 2, per_s=18, pause=F(0))
    entries = heard(words, *[event("impulse", F(n * 12), F(n * 12) + F(2, 5)) for n in range(1, 4)])
    got = outputs_of(sdh, entries)
    said = " ".join(line for c in got for line in c.lines if not line.startswith("["))
    assert said == " ".join(w.text for w in words)
    plain = outputs_of(lambda: SubtitleCutter(style("netflix")), entries)
    spoken = [c for c in got if any(not line.startswith("[") for line in c.lines)]
    assert [(c.start, c.violations) for c in spoken] == [(c.start, c.violations) for c in plain], "sounds break no rule"


def cut(*instants):
    return [Entry("look.shots", "fact", n, shot) for n, shot in enumerate(shots(*instants, end=60))]


def test_a_label_comes_with_the_cut_that_its_sound_begins_at():
    (cue,) = outputs_of(sdh, sorted(heard([], event("siren", F("10.3"), 12)) + cut(F(10)), key=lambda e: e.key))
    assert (cue.start, cue.violations) == (10, ())


def test_a_label_is_in_the_language_of_the_words():
    words = say("Wo ist er denn nur?", F(8), language="de") + say("Hier ist er ja.", F(30), language="de")
    got = outputs_of(sdh, heard(words, event("siren", 1, 3), event("impulse", 20, F("20.4"))))
    assert [(c.text, c.language) for c in got if c.kind == "sdh"] == [("[siren]", "en"), ("[lauter Knall]", "de")]


def test_no_small_gap_is_left_between_a_label_and_the_words():
    words = say("Has somebody called for help?", F("11.4"))
    got = outputs_of(sdh, heard(words, event("impulse", F("10.3"), F("10.5"))))
    assert [c.lines[0] for c in got] == ["[loud noise]", "Has somebody called for help?"]
    assert got[1].start - got[0].end == F(2, 25)
    assert [c.violations for c in got] == [(), ()]


@pytest.mark.parametrize("seed", range(12))
def test_a_label_breaks_no_rule_and_makes_no_words_break_more(seed):
    chance = random.Random(seed)
    words = [w for n in range(5) for w in say("It is late, and nobody has come.", F(n * 11) + F(chance.randint(0, 40), 10), per_s=12)]
    values = [event("impulse", at := F(chance.randint(0, 580), 10), at + F(2, 5)) for _ in range(7)]
    rest = cut(*sorted({F(chance.randint(0, 600), 10) for _ in range(5)}))
    entries = sorted(heard(words, *values) + rest, key=lambda e: e.key)
    plain = outputs_of(lambda: SubtitleCutter(style("netflix")), entries)
    got = outputs_of(sdh, entries)
    labels = [c for c in got if c.text == "[loud noise]"]
    spoken = [c for c in got if c not in labels]
    assert any(c.kind == "sdh" for c in got)
    assert [c.violations for c in labels] == [()] * len(labels)
    assert [set(a.violations) - set(b.violations) for a, b in zip(spoken, plain, strict=True)] == [set()] * len(plain)


@pytest.mark.parametrize("seed", range(4))
def test_the_law_with_sounds(seed):
    chance = random.Random(seed)
    words = say(TALK, per_s=14, pause=F(9, 10)) + say("And now?", F(45))
    values = [event(chance.choice(["siren", "impulse"]), F(t), F(t) + F(chance.randint(4, 25), 10)) for t in range(2, 55, 5)]
    values += [sound(30, 38, "music_like"), sound(38, 44), event("silence", 44, 46)]
    outputs = assert_law(sdh, heard(words, *values), seeds=range(6))
    assert {c.kind for c in outputs} == {"subtitle", "sdh"}
    assert all(a.end < b.start for a, b in pairwise(outputs))
