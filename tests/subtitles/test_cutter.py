import json
import random
from dataclasses import replace
from fractions import Fraction as F
from itertools import pairwise

import pytest
from law import assert_law, outputs_of

from operators.errors import ConfigError
from operators.facts import Sound, Word
from operators.protocols import Entry
from operators.records import Caption, End, Gap, Transcript
from operators.sentences import ends_sentence
from operators.subtitles import SubtitleCutter, style
from operators.subtitles.breaks import width
from operators.subtitles.cutter import MOST_WORDS

TALK = (
    "Good morning, Mr. Smith. We are gathered here today because the committee has decided that the new bridge, which was planned in 1987 "
    "by Professor John Baker, will be built after all. Yes. I know. It will cost a great deal of money, and many people in the old town of "
    "New York are not happy about it! But what can we do? Ask not what your country can do for you, ask what you can do for your country."
)


def cutter():
    return SubtitleCutter(style("netflix"))


def say(text, start=F(0), per_s=15, language="en", pause=F(3, 10), segment="s"):
    """Words at an even pace, with a pause after a sentence; and where they end."""
    words, t = [], F(start)
    for n, token in enumerate(text.split()):
        long = F(width(token) + 1, per_s)
        words.append(Word(t, t + long, token, 0.9, language, f"{segment}-{n}"))
        t += long + (pause if ends_sentence(token) else 0)
    return words


def transcripts(words, **changes):
    """One for each sentence, as a recogniser gives them."""
    sentences, out = [[]], []
    for word in words:
        sentences[-1].append(word)
        if ends_sentence(word.text):
            sentences.append([])
    for sentence in filter(None, sentences):
        name = f"{changes.get('speaker')}{sentence[0].segment_id}"
        own = tuple(replace(w, segment_id=name) for w in sentence)
        out.append(Transcript(own[0].start, own[-1].end, name, " ".join(w.text for w in own), own[0].language, own, **changes))
    return out


def log(said, *others):
    """Transcripts and their words, and values of other origins, as narrators are given them."""
    values = [("listen.words", "record", t) for t in said] + [("listen.words", "fact", w) for t in said for w in t.words]
    values += [("listen.sound", "fact", v) if isinstance(v, Sound) else (v.lane, "record", v) for v in others]
    counts: dict[tuple[str, str], int] = {}
    entries = []
    for origin, kind, value in sorted(values, key=lambda v: v[2].end):
        n = counts.get((origin, kind), 0)
        counts[origin, kind] = n + 1
        entries.append(Entry(origin, kind, n, value))
    return sorted(entries, key=lambda e: e.key)


def cues(text, rules=None, **kwargs):
    """Of a text that is said; `rules` other than the usual ones."""
    return outputs_of(lambda: SubtitleCutter(style("netflix", **rules or {})), log(transcripts(say(text, **kwargs))))


def noise(start, end):
    return Sound(F(start), F(end), "noise", -30.0)


def test_a_talk_becomes_cues_that_a_subtitler_would_sign():
    got = [" | ".join(c.lines) for c in cues(TALK, per_s=14)]
    assert got == [
        "Good morning, Mr. Smith.",
        "We are gathered here today | because the committee has decided",
        "that the new bridge, which was planned | in 1987 by Professor John Baker,",
        "will be built after all. Yes. I know.",
        "It will cost a great deal of money,",
        "and many people in the old town | of New York are not happy about it!",
        "But what can we do?",
        "Ask not what your country can do for you, | ask what you can do for your country.",
    ]


def check_rules(captions, words):
    """What every cue holds, whatever was said; a rule that it breaks is named."""
    assert " ".join(c.text for c in captions).split() == [w.text for w in words]
    assert [c.cue_id for c in captions] == [f"narrate.subtitles-{n}" for n in range(len(captions))]
    for c in captions:
        assert " ".join(c.lines) == c.text
        assert 1 <= len(c.lines) <= 2
        assert c.start < c.end
        broken = set()
        broken |= {"reading_speed"} if F(sum(map(width, c.lines)) + len(c.lines) - 1) / (c.end - c.start) > 20 else set()
        broken |= {"line_length"} if max(map(width, c.lines)) > 42 else set()
        broken |= {"min_duration"} if c.end - c.start < F(5, 6) else set()
        broken |= {"max_duration"} if c.end - c.start > 7 else set()
        assert set(c.violations) == broken
    for a, b in pairwise(captions):
        assert b.start - a.end >= F(2, 25)
        assert not F(2, 25) < b.start - a.end < F(1, 2) or a.end - a.start == 7


def babble(seed, count=60):
    """Words of all lengths and paces, pauses, sentences, and words that overlap a little."""
    chance = random.Random(seed)
    words, t = [], F(chance.randint(0, 5))
    for n in range(count):
        text = "x" * chance.choice([1, 2, 3, 4, 5, 7, 9, 13, 50 if n % 40 == 7 else 6]) + chance.choice(["", "", "", "", ",", ".", "?"])
        long = F(len(text) + 1, chance.choice([6, 12, 15, 20, 30]))
        words.append(Word(t, t + long, text, chance.random(), "en", f"s-{n}"))
        t += long + F(chance.choice([-1, -1, -1, 0, 0, 0, 1, 4, 12, 30]), 20)
    return words


@pytest.mark.parametrize("seed", range(5))
def test_the_law_and_the_rules_on_anything_that_may_be_said(seed):
    words = babble(seed)
    end = max(w.end for w in words) + 5
    sounds = [noise(t, t + 7) for t in range(0, int(end) - 7, 7)]
    gaps = [Gap(F(30), F(31), "listen", "decode_error"), Gap(F(33), F(35), "look", "decode_error")]
    ends = [End(end, end, "listen", None, 0, {}), End(F(0), F(0), "look", None, 0, {})]
    outputs = assert_law(cutter, log(transcripts(words), *sounds, *gaps, *ends), seeds=range(8))
    check_rules(outputs, words)


def test_cues_are_cut_the_same_whether_transcripts_are_short_or_long():
    words = say(TALK * 2, per_s=17)
    by_sentence = outputs_of(cutter, log(transcripts(words)))
    own = tuple(replace(w, segment_id="all") for w in words)
    at_once = outputs_of(cutter, log([Transcript(own[0].start, own[-1].end, "all", "", "en", own)]))
    # the borders of sentences end in full stops anyway, so that they are segments too changes nothing
    assert [(c.lines, c.start, c.end) for c in by_sentence] == [(c.lines, c.start, c.end) for c in at_once]


def test_cues_come_while_the_talk_goes_on():
    operator = cutter()
    for entry in log(transcripts(say(TALK * 5))):
        operator.push(entry)
        assert len(operator.snapshot()[1]["words"]) < MOST_WORDS


def test_live_a_transcript_is_shown_as_soon_as_it_is_there():
    live, said, shown = SubtitleCutter(style("live")), "", []
    for entry in log(transcripts(say("We are here. And then we went on, as far as the sea and further still. No."))):
        shown += live.push(entry)
        if isinstance(entry.value, Transcript):
            said = f"{said} {entry.value.text}".strip()
            assert " ".join(c.text for c in shown) == said
    assert live.finish(entry.end) == []


def test_a_sentence_without_end_is_cut_all_the_same():
    words = [replace(w, segment_id=f"{n // 30}") for n, w in enumerate(say("word " * 400))]
    said = [Transcript(p[0].start, p[-1].end, p[0].segment_id, "", "en", tuple(p)) for p in (words[n : n + 30] for n in range(0, 400, 30))]
    operator = cutter()
    longest = 0
    for entry in log(said):
        operator.push(entry)
        longest = max(longest, len(operator.snapshot()[1]["words"]))
    assert longest <= MOST_WORDS + 30
    check_rules(outputs_of(cutter, log(said)), words)


def test_a_cue_stays_as_long_as_it_takes_to_read_but_not_into_the_next():
    (alone,) = cues("Incomprehensibilities everywhere.", per_s=22)
    assert alone.end - alone.start == F(width("Incomprehensibilities everywhere."), 20)
    (fast,) = cues("Incomprehensibilities everywhere.", per_s=60)
    spoken = say("Incomprehensibilities everywhere.", per_s=60)[-1].end
    assert (fast.end, fast.violations) == (spoken + F(1, 2), ("reading_speed",)), "half a second after the sound"
    assert fast.reasons == ("said at 58 characters a second, and a cue stays 0.5 s behind its last word",)
    first, second = outputs_of(cutter, log(transcripts(say("No.")) + transcripts(say("Wait, that is not what I have said at all.", F(2)))))
    assert first.end - first.start == F(5, 6)
    first, second = outputs_of(cutter, log(transcripts(say("This has been decided already.", per_s=40) + say("Yes!", F(17, 10)))))
    assert first.end == second.start - F(2, 25)


def test_a_pause_ends_a_cue_and_the_cue_does_not_wait_for_the_next_words():
    said = transcripts(say("This is") + say("all there is.", F(4)))
    assert [c.text for c in outputs_of(cutter, log(said))] == ["This is", "all there is."]
    operator = cutter()
    told = [
        (o.text, e.end) for e in log(transcripts(say("That was all.")), noise(0, 4), noise(4, 30), noise(30, 60)) for o in operator.push(e)
    ]
    assert told == [("That was all.", 30)]


def test_speakers_languages_and_quality_do_not_share_a_cue():
    said = transcripts(say("I say"), speaker="A") + transcripts(say("you say", F(1)), speaker="B")
    said += transcripts(say("on dit", F(2), language="fr"), speaker="B") + transcripts(
        say("trop tard", F(3), language="fr"), degraded="late"
    )
    got = outputs_of(cutter, log(said))
    assert [(c.text, c.speaker, c.language, c.degraded) for c in got] == [
        ("I say", "A", "en", None),
        ("you say", "B", "en", None),
        ("on dit", "B", "fr", None),
        ("trop tard", None, "fr", "late"),
    ]


def test_words_ahead_of_their_transcript_are_not_shown():
    (transcript,) = transcripts(say("Soon to be known."))
    operator = cutter()
    facts = [Entry("listen.words", "fact", n, w) for n, w in enumerate(transcript.words)]
    assert [o for e in facts for o in operator.push(e)] == []
    assert operator.finish(F(9)) == []


def test_what_is_written_as_one_word_is_not_parted():
    words = [
        Word(F(n, 2), F(n + 1, 2), t, (n + 1) / 10, "en", "s") for n, t in enumerate(["A", "self", "-driving", "car,", "10", "%", "off."])
    ]
    own = Transcript(F(0), F(7, 2), "s", "A self-driving car, 10% off.", "en", tuple(words))
    (cue,) = outputs_of(cutter, log([own]))
    assert cue.text == "A self-driving car, 10% off."
    assert (cue.start, cue.end) == (0, F(7, 2))


def test_confidence_is_the_mean_of_its_letters():
    words = [replace(w, confidence=c) for w, c in zip(say("a bbb"), (0.1, 0.9), strict=True)]
    (cue,) = outputs_of(cutter, log(transcripts(words)))
    assert cue.confidence == pytest.approx((0.1 + 3 * 0.9) / 4)


@pytest.mark.parametrize(
    ("language", "text"),
    [
        (
            "ja",
            " ".join("字幕は一行に十三文字、二行までが読みやすいとされています。それでも長い文はあります。"),
        ),
        ("ar", "هذه جملة طويلة بعض الشيء، ولذلك يجب أن تقسم إلى سطرين أو أكثر حتى يستطيع الناس أن يقرؤوها بسهولة."),
        ("de", "Der Mann, der gestern in der alten Stadt war, hat den neuen Wagen nicht gekauft, weil er zu teuer war."),
    ],
)
def test_other_scripts_keep_their_words_and_their_width(language, text):
    got = cues(text, language=language, per_s=10)
    assert len(got) > 1
    assert max(width(line) for c in got for line in c.lines) <= 42
    joined = "".join(c.text for c in got) if language == "ja" else " ".join(c.text for c in got)
    assert joined == (text.replace(" ", "") if language == "ja" else text)


def test_a_german_line_is_not_broken_behind_an_article():
    got = cues(
        "Der Mann, der gestern in der alten Stadt war, hat den neuen Wagen nicht gekauft, weil er zu teuer war.", language="de", per_s=12
    )
    lines = [line for c in got for line in c.lines]
    assert not [line for line in lines if line.split()[-1] in ("der", "den", "in", "zu", "er", "weil")]


def test_other_rules_make_other_cues():
    narrow = cues(TALK, {"line_characters": 32, "characters_per_s": 17.0})
    assert max(width(line) for c in narrow for line in c.lines) <= 32
    with pytest.raises(ConfigError, match="gap_s < closed_s"):
        style("netflix", gap_s=2.0)
    with pytest.raises(ConfigError, match="above 0"):
        style("netflix", characters_per_s=0.0)


def test_nothing_said_is_nothing_shown():
    assert assert_law(cutter, log([], noise(0, 30), End(F(30), F(30), "listen", None, 0, {}))) == []
    assert all(isinstance(c, Caption) for c in cues(TALK))


def test_taken_up_after_any_cue_it_goes_on_alike():
    words = babble(4)
    entries = log(transcripts(words, speaker="A"))
    unbroken = outputs_of(cutter, entries)
    assert any(c.start not in {w.start for w in words} for c in unbroken), "words overlap, so that a cue may begin late"
    first, said = cutter(), []
    for n, entry in enumerate(entries, 1):
        new = first.push(entry)
        said += new
        if new:
            second = cutter()
            second.restore(json.loads(json.dumps(first.snapshot()[1])))
            rest = [cue for e in entries[n:] for cue in second.push(e)]
            assert said + rest + second.finish(F(99)) == unbroken
