"""Subtitles in other languages, with a translator that is a plain function."""

from dataclasses import replace
from fractions import Fraction as F
from itertools import pairwise

import pytest
from law import assert_law, outputs_of
from subtitles.test_cutter import TALK, babble, log, say, transcripts

from operators.errors import ConfigError, ModelError
from operators.facts import Word
from operators.records import Caption, Gap
from operators.sentences import Sentence, Term, Translation
from operators.subtitles import SubtitleTranslator, style
from operators.subtitles.translated import TranslationOptions
from operators.subtitles.translated.collecting import MOST_WORDS, Said
from operators.subtitles.translated.timing import timed


def mirrored(sentence: Sentence) -> Translation | ModelError:
    """A language whose words are the other way round and longer."""
    if "Yes." in sentence.text:
        return ModelError("no")
    return Translation(" ".join(f"{w[:-1][::-1]}en{w[-1]}" for w in sentence.text.split()), 0.5)


def translator(*languages, rules="netflix", glossary=None):
    return lambda: SubtitleTranslator(TranslationOptions(languages or ("de",), glossary or {}), style(rules))


def run(entries, *languages, model=mirrored, **kwargs):
    outputs = outputs_of(translator(*languages, **kwargs), entries, {"translation": model})
    return [o for o in outputs if isinstance(o, Caption)]


def segments(words, every):
    """Transcripts that end where a recogniser's window does, in the middle of sentences."""
    said = []
    for n in range(0, len(words), every):
        own = tuple(replace(w, segment_id=f"seg-{n}") for w in words[n : n + every])
        first = transcripts(list(own))[0]
        text = " ".join(w.text for w in own)
        said.append(replace(first, start=own[0].start, end=own[-1].end, segment_id=f"seg-{n}", text=text, words=own))
    return said


def asked(entries, **kwargs):
    sentences = []
    run(entries, model=lambda sentence: sentences.append(sentence) or mirrored(sentence), **kwargs)
    return [s.text for s in sentences]


def test_a_translator_is_asked_for_whole_sentences_wherever_transcripts_end():
    words = say(TALK, per_s=14)
    whole = asked(log(transcripts(words)))
    assert whole[:2] == ["Good morning, Mr. Smith.", " ".join(TALK.split()[4:32])]
    for every in (1, 7, 50):
        assert asked(log(segments(words, every))) == whole


def test_live_nothing_is_waited_for_but_the_transcript():
    said = segments(say("We saw the old bridge. It is the one that they want to tear down."), 7)
    assert asked(log(said), rules="live") == ["We saw the old bridge.", "It is", "the one that they want to tear", "down."]


def test_what_has_no_end_is_parted_at_a_comma_or_after_so_many_words():
    words = say(" ".join(["one, two", *["on"] * 45, "off,", *["on"] * 100]), per_s=90)
    parts = [len(text.split()) for text in asked(log(segments(words, 20)))]
    assert parts == [48, MOST_WORDS, 40]


def test_silence_ends_a_sentence():
    words = say("and then he said") + say("nothing more", start=F(8))
    assert asked(log(segments(words, 4))) == ["and then he said", "nothing more"]


def test_translated_cues_hold_the_style_and_stand_where_their_sentence_is_said():
    words = say(TALK, per_s=10)
    got = run(log(transcripts(words)), "de", "fr")
    assert {c.language for c in got} == {"de", "fr"}
    for language in ("de", "fr"):
        own = [c for c in got if c.language == language]
        said = [mirrored(Sentence(t.text, "en", language)) for t in transcripts(words)]
        assert " ".join(c.text for c in own) == " ".join(t.text for t in said if isinstance(t, Translation))
        assert [c.cue_id for c in own] == [f"narrate.translations-{language}-{n}" for n in range(len(own))]
        assert all(b.start - a.end >= F(2, 25) for a, b in pairwise(own))
        assert all(c.confidence == 0.5 and c.kind == "subtitle" and max(map(len, c.lines)) <= 42 for c in own)
    assert (got[0].start, got[0].text) == (words[0].start, "ooGend gninromen, rMen. htimSen.")


def test_what_can_not_be_translated_is_left_out_and_stated():
    outputs = outputs_of(translator(), log(transcripts(say(TALK))), {"translation": mirrored})
    assert [o.reason for o in outputs if isinstance(o, Gap)] == ["model_error"]


def test_what_is_said_in_the_language_that_is_wanted_is_taken_as_it_is():
    entries = log(transcripts(say("Guten Morgen, Herr Schmidt.", language="de-AT") + say("It is late.", start=F(5))))
    assert [(c.text, c.language) for c in run(entries)] == [("Guten Morgen, Herr Schmidt.", "de"), ("Ient iens etalen.", "de")]


def test_terms_go_with_the_sentences_that_have_them_and_a_lost_one_is_named():
    sentences = []

    def losing(sentence):
        sentences.append(sentence)
        return replace(mirrored(sentence), lost=sentence.terms)

    entries = log(transcripts(say("The bridge is old. So am I.")))
    got = run(entries, model=losing, glossary={"de": {"Bridge": "Brücke", "bridges": "Brücken"}})
    assert [s.terms for s in sentences] == [(Term("Bridge", "Brücke"),), ()]
    assert [c.degraded for c in got] == ["glossary not kept: Bridge = Brücke", None]


def test_clauses_stay_with_theirs_and_pauses_are_left_out():
    heard = say("If it rains,") + say("we stay at home.", start=F(4))
    said = Said(0, "en", None, None, None, tuple(heard))
    words = timed(said, Translation("Wenn es einmal regnen sollte, bleiben wir.", 0.5), "de")
    assert [w.text for w in words if w.end <= heard[2].end] == ["Wenn", "es", "einmal", "regnen", "sollte,"]
    assert (words[5].start, words[-1].end) == (heard[3].start, heard[-1].end)
    [one] = timed(said, Translation("Ja.", 0.5), "de")
    assert (one.start, one.end) == (heard[0].start, heard[-1].end)
    japanese = timed(said, Translation("雨なら、家にいます。", 0.5), "ja")
    assert "".join(w.text for w in japanese) == "雨なら、家にいます。"
    assert len(japanese) > 4


@pytest.mark.parametrize("rules", ["netflix", "web", "live"])
def test_law(rules):
    first = transcripts(babble(0, 16), speaker="A")
    second = segments([replace(w, start=w.start + 1, end=w.end + 1) for w in babble(50, 10)], 4)
    items = log([*first, *(replace(t, speaker="B") for t in second)])

    def model(sentence):
        if len(sentence.text) % 7 == 0:
            return ModelError("no")
        return Translation(" ".join(sentence.text[n : n + 3].strip() or "x" for n in range(0, len(sentence.text), 4)), 0.5)

    captions = [o for o in assert_law(translator("de", "fr", rules=rules), items, {"translation": model}) if isinstance(o, Caption)]
    assert len(captions) > 4


def test_a_long_first_word_is_no_cue_that_ends_before_it_was_heard():
    word = Word(F(0), F(3), "Donaudampfschiff.", 0.9, "en", "s-0")
    noise = say("hm", start=F(2))
    items = log([*transcripts([word]), *transcripts(noise, speaker="B")])
    assert_law(translator(), items, {"translation": lambda sentence: Translation("a b c d e f g h", 0.5)})


@pytest.mark.parametrize(
    ("options", "why"),
    [
        ({"languages": ()}, "names each language once"),
        ({"languages": ("de", "de-AT")}, "names each language once"),
        ({"languages": ("de",), "glossary": {"fr": {"a": "b"}}}, "glossary is for fr"),
        ({"languages": ("de",), "glossary": {"de": {"a": " "}}}, "empty term"),
    ],
)
def test_options_that_do_not_hold_together_are_told(options, why):
    with pytest.raises(ConfigError, match=why):
        TranslationOptions(**options)
