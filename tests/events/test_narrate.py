"""Detectors on facts: speech, keywords spoken, text on the screen."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from fractions import Fraction

import pytest

from operators.events.keywords import KeywordOptions, KeywordSpotter
from operators.events.phrases import tokens
from operators.events.speech import SpeechOptions, SpeechPresence
from operators.events.text import TextOptions, TextWatcher
from operators.facts import Fact, SeenText, Sound, Speech, Word
from operators.protocols import Entry, Output, StreamOperator
from operators.records import End, Event, Gap, Record
from tests.events.footage import spans
from tests.law import assert_law, outputs_of


def seconds(value: float) -> Fraction:
    return Fraction(round(value * 1000), 1000)


def log(*values: tuple[str, Fact | Record]) -> list[Entry]:
    """Entries of several origins in the order in which a narrator is given them."""
    counts: dict[str, int] = {}
    entries = []
    for origin, value in values:
        kind = "record" if isinstance(value, Gap | End | Event) else "fact"
        entries.append(Entry(origin, kind, counts.setdefault(origin, 0), value))
        counts[origin] += 1
    return sorted(entries, key=lambda e: e.key)


def speech(start: float, end: float, score: float = 0.9) -> tuple[str, Fact]:
    return "listen.words", Speech(seconds(start), seconds(end), score)


def pace(until: float) -> list[tuple[str, Fact]]:
    """Sound facts that tile the stream, 5 s each."""
    return [("listen.sound", Sound(seconds(t), seconds(t + 5), "noise", -30.0)) for t in range(0, round(until), 5)]


def words(text: str, start: float = 0, segment: str = "s0", confidence: float = 0.9) -> list[tuple[str, Fact]]:
    """A word every half second."""
    return [
        ("listen.words", Word(seconds(start + n / 2), seconds(start + n / 2 + 0.4), w, confidence, "en", segment))
        for n, w in enumerate(text.split())
    ]


def seen(text: str, start: float, end: float, confidence: float = 0.95) -> tuple[str, Fact]:
    return "look.text", SeenText(seconds(start), seconds(end), text, confidence, (0.1, 0.8, 0.5, 0.1))


def gap(lane: str, start: float, end: float) -> tuple[str, Record]:
    return lane, Gap(seconds(start), seconds(end), lane, "source_down")


def labels(outputs: Sequence[Output]) -> list[tuple[str, str | None, float, float]]:
    return [(e.label, e.text, float(e.start), float(e.end)) for e in outputs if isinstance(e, Event) and e.lifecycle == "end"]


class TestSpeech:
    def test_it_goes_on_over_breaths_and_parts_with_pauses(self) -> None:
        items = log(speech(1, 3), speech(3.5, 6), speech(9, 10))
        assert spans(outputs_of(SpeechPresence, items)) == [(1, 6), (9, 10)]

    def test_parts_of_long_speech_are_one_event_with_updates(self) -> None:
        said = outputs_of(SpeechPresence, log(speech(0, 30), speech(30, 60), speech(60, 62)))
        assert [(e.lifecycle, float(e.end)) for e in said if isinstance(e, Event)] == [("start", 30), ("update", 60), ("end", 62)]

    def test_the_end_is_said_once_nothing_can_go_on(self) -> None:
        detector = SpeechPresence()
        times = [(e.end, detector.push(e)) for e in log(speech(1, 3), *pace(60))]
        assert [float(t) for t, outputs in times for o in outputs if isinstance(o, Event) and o.lifecycle == "end"] == [35]
        assert detector.hold() is None

    def test_a_gap_of_listen_ends_it_and_one_of_look_does_not(self) -> None:
        assert spans(outputs_of(SpeechPresence, log(speech(1, 3), gap("look", 3, 9), speech(3.5, 5)))) == [(1, 5)]
        assert spans(outputs_of(SpeechPresence, log(speech(1, 3), gap("listen", 3, 9), speech(9, 10)))) == [(1, 3), (9, 10)]

    def test_doubtful_speech_is_passed_over(self) -> None:
        assert outputs_of(lambda: SpeechPresence(SpeechOptions(least_score=0.6)), log(speech(1, 3, 0.5))) == []


class TestKeywords:
    def spot(self, keywords: tuple[str, ...], *facts: tuple[str, Fact | Record]) -> list[tuple[str, str | None, float, float]]:
        return labels(outputs_of(lambda: KeywordSpotter(KeywordOptions(keywords)), log(*facts)))

    def test_whole_words_whatever_case_and_punctuation(self) -> None:
        assert self.spot(("fire",), *words("Firemen said: Fire! Cease-fire, fired.")) == [
            ("keyword", "fire", 1.0, 1.4),
            ("keyword", "fire", 1.5, 1.9),
        ]

    @pytest.mark.parametrize(
        ("keyword", "spoken"),
        [("café", "CAFE"), ("Strasse", "Straße"), ("naïve", "naive,"), ("don't", "don’t"), ("Ёлка", "елка"), ("２５", "25")],
    )
    def test_accents_and_forms_do_not_matter(self, keyword: str, spoken: str) -> None:
        assert len(self.spot((keyword,), *words(f"so {spoken} then"))) == 1

    def test_a_phrase_across_segments(self) -> None:
        facts = [*words("call the", 0, "s0"), *words("fire brigade now", 1, "s1")]
        assert self.spot(("the fire brigade",), *facts) == [("keyword", "the fire brigade", 0.5, 1.9)]

    def test_a_phrase_is_said_by_one_speaker_whoever_else_talks_meanwhile(self) -> None:
        said = [("fire", "Ann"), ("no", "Bo"), ("brigade", "Ann"), ("fire", "Bo"), ("brigade", "Ann")]
        facts = [(origin, replace(f, speaker=said[n][1])) for n, (origin, f) in enumerate(words(" ".join(w for w, _ in said)))]
        assert self.spot(("fire brigade",), *facts) == [("keyword", "fire brigade", 0.0, 1.4)]

    def test_a_phrase_is_not_said_over_a_long_pause(self) -> None:
        assert self.spot(("fire brigade",), *words("fire", 0), *words("brigade", 9)) == []

    def test_a_script_without_spaces(self) -> None:
        assert len(self.spot(("火事",), *words("あそこ で 火 事 です"))) == 1

    def test_each_of_several_keywords_and_each_time(self) -> None:
        found = self.spot(("help", "help me", "me"), *words("help me help"))
        assert [text for _, text, *_ in found] == ["help", "help me", "me", "help"]

    def test_no_keywords_no_events(self) -> None:
        assert self.spot((), *words("fire fire")) == []
        assert self.spot(("", "  ", "!?"), *words("fire fire")) == []

    def test_the_score_is_the_least_sure_word(self) -> None:
        facts = [*words("fire", 0, confidence=0.9), *words("brigade", 0.5, confidence=0.4)]
        start = outputs_of(lambda: KeywordSpotter(KeywordOptions(("fire brigade",))), log(*facts))[0]
        assert isinstance(start, Event)
        assert (start.score, start.lifecycle, start.evidence[0].type, start.evidence[0].at) == (0.4, "start", "transcript", 0)

    def test_tokens(self) -> None:
        assert tokens("L’été, c'est-à-dire: 3,5 km!") == ("lete", "cest", "a", "dire", "3", "5", "km")
        assert tokens("東京へ行く") == ("東", "京", "へ", "行", "く")


class TestText:
    def watch(self, *facts: tuple[str, Fact | Record], keywords: tuple[str, ...] = ()) -> list[tuple[str, str | None, float, float]]:
        return labels(outputs_of(lambda: TextWatcher(TextOptions(keywords)), log(*facts)))

    def test_a_line_read_again_each_shot_is_one_event(self) -> None:
        found = self.watch(seen("BREAKING NEWS", 2, 8), seen("Breaking News", 8, 15), seen("COMING SOON", 3, 5))
        assert sorted(found) == [("text_on_screen", "Breaking News", 2, 15), ("text_on_screen", "COMING SOON", 3, 5)]

    def test_a_line_that_comes_back_is_another_event(self) -> None:
        assert self.watch(seen("EXIT", 2, 4), seen("EXIT", 9, 10)) == [
            ("text_on_screen", "EXIT", 2, 4),
            ("text_on_screen", "EXIT", 9, 10),
        ]

    def test_keywords_in_it(self) -> None:
        found = self.watch(seen("Fire Exit", 2, 4), seen("firewall", 5, 6), keywords=("fire",))
        assert [(label, text) for label, text, *_ in found] == [("keyword_on_screen", "Fire Exit"), ("text_on_screen", "firewall")]

    def test_what_is_hardly_read_is_passed_over(self) -> None:
        assert self.watch(seen("l1;", 2, 4, 0.3), seen("--", 2, 4)) == []

    def test_the_record(self) -> None:
        start = outputs_of(TextWatcher, log(seen("EXIT", 2, 4)))[0]
        assert isinstance(start, Event)
        assert (start.source, start.box, start.text, start.event_id) == ("text", (0.1, 0.8, 0.5, 0.1), "EXIT", "narrate.text-0")

    def test_an_end_does_not_wait_for_more_text(self) -> None:
        detector = TextWatcher()
        ends = [
            e.end for e in log(seen("EXIT", 2, 4), *pace(60)) for o in detector.push(e) if isinstance(o, Event) and o.lifecycle == "end"
        ]
        assert ends == [35]
        assert detector.hold() is None


CLOSING = ("listen", End(Fraction(100), Fraction(100), "listen", "ffmpeg", 100_000, {}))


def talk() -> list[Entry]:
    said = [f for n in range(4) for f in words("call the fire brigade now", 4 * n + (n % 4) / 8, f"s{n}", 0.5 + n / 10)]
    return log(*said, gap("listen", 8.9, 9), gap("listen", 13.5, 17), CLOSING)


def turns() -> list[Entry]:
    return log(*[speech(4 * n, 4 * n + 1.2 + (n % 3), 0.4 + n / 30) for n in range(16)], *pace(95), gap("listen", 40, 45), CLOSING)


def lines() -> list[Entry]:
    shown = [seen(f"LINE {n % 3} fire", 4 * n, 4 * n + 1 + n % 4, 0.5 + n / 50) for n in range(16)]
    return log(*shown, *pace(95), gap("look", 21, 22), gap("look", 60, 70), CLOSING)


@pytest.mark.parametrize(
    ("make", "items"),
    [
        (SpeechPresence, turns()),
        (lambda: KeywordSpotter(KeywordOptions(("fire", "the fire brigade", "now call"))), talk()),
        (lambda: TextWatcher(TextOptions(("fire",))), lines()),
    ],
    ids=["speech", "keywords", "text"],
)
def test_the_law(make: Callable[[], StreamOperator], items: list[Entry]) -> None:
    assert assert_law(make, items)
