"""The judge of the demo: right where it is right, wrong where it is wrong."""

from typing import Any

import pytest

from operators.records import Wire
from pipeline.demo.judge import Expectation, Finding, judge, surplus

SAID = Expectation("speech", "Good evening. All is quiet.", 1000, 3000)
SHOWN = Expectation("text", "NORTH HARBOUR", 1000, 5000)
CUT = Expectation("event", "shot_cut", 11_000, 11_000)
BLACK = Expectation("event", "black", 21_500, 24_500)
SIREN = Expectation("sound", "siren", 12_000, 18_000)
PAN = Expectation("caption", "pans right", 0, 11_000)


def transcript(*words: tuple[str, int, int]) -> Wire:
    spoken = [{"text": text, "start_ms": start, "end_ms": end} for text, start, end in words]
    return {"type": "transcript", "origin": "listen.words", "sequence": 0, "words": spoken, "text": " ".join(w[0] for w in words)}


def event(label: str, start_ms: int, end_ms: int, *, number: int = 0, lifecycle: str = "end", **more: Any) -> Wire:
    origin = f"look.{label}"
    return {
        "type": "event", "origin": origin, "sequence": 2 * number + (lifecycle == "end"), "event_id": f"{origin}-{number}",
        "lifecycle": lifecycle, "label": label, "start_ms": start_ms, "end_ms": end_ms, "top_score": 0.9, "source": "picture",
        "text": None, **more,
    }  # fmt: skip


def verdict(expected: Expectation, *records: Wire, exact_words: bool = True) -> Finding:
    (finding,) = judge([expected], records, exact_words)
    return finding


RIGHT = transcript(("Good", 1100, 1300), ("evening,", 1300, 1700), ("all", 1900, 2100), ("is", 2100, 2300), ("quiet", 2300, 2900))


def test_words_are_held_to_be_exact_but_for_case_and_punctuation() -> None:
    assert verdict(SAID, RIGHT).right
    wrong = transcript(("Good", 1100, 1300), ("evening", 1300, 1700), ("all", 1900, 2100), ("is", 2100, 2300), ("quite", 2300, 2900))
    assert not verdict(SAID, wrong).right
    assert verdict(SAID, wrong, exact_words=False).right


def test_words_elsewhere_are_not_these_words() -> None:
    later = transcript(("Good", 5100, 5300), ("evening", 5300, 5700))
    assert verdict(SAID, later) == Finding(SAID, None, None, None, False)
    assert not verdict(SAID, later, exact_words=False).right


def test_right_words_at_the_wrong_time_are_wrong() -> None:
    early = transcript(("Good", 250, 270), ("evening", 280, 300), ("all", 600, 700), ("is", 700, 800), ("quiet", 800, 900))
    assert not verdict(SAID, early).right


def test_text_on_the_screen() -> None:
    seen = event("text", 1200, 4800, source="text", text="North Harbour")
    assert verdict(SHOWN, seen).right
    assert not verdict(SHOWN, {**seen, "text": "NORTH HARBOR"}).right
    assert not verdict(SHOWN, {**seen, "start_ms": 2001}).right


@pytest.mark.parametrize(("start_ms", "right"), [(11_000, True), (10_700, True), (11_301, False)])
def test_a_cut_is_where_it_is(start_ms: int, right: bool) -> None:
    assert verdict(CUT, event("shot_cut", start_ms, start_ms)).right is right


def test_of_many_events_the_nearest_is_taken_and_its_last_word_counts() -> None:
    records = [
        event("black", 3000, 3500, number=0),
        event("black", 21_400, 21_800, number=1, lifecycle="start"),
        event("black", 21_400, 24_600, number=1),
    ]
    finding = verdict(BLACK, *records)
    assert (finding.right, finding.start_ms, finding.end_ms, finding.record) == (True, 21_400, 24_600, "look.black/3")


def test_an_event_that_ends_too_late_is_wrong() -> None:
    assert not verdict(BLACK, event("black", 21_500, 25_500)).right


def test_a_sound_may_be_noticed_late_but_under_its_name() -> None:
    assert verdict(SIREN, event("siren", 12_900, 18_900, source="audio")).right
    assert not verdict(SIREN, event("siren", 13_100, 18_000, source="audio")).right
    assert not verdict(SIREN, event("silence", 12_000, 18_000, source="audio")).right


def test_the_description_of_the_scene_must_tell_it() -> None:
    told = {
        "type": "caption",
        "kind": "description",
        "cue_id": "narrate.captions-1",
        "origin": "narrate.captions",
        "sequence": 1,
        "text": "A dark picture; the view pans right.",
    }
    other = {**told, "sequence": 2, "cue_id": "narrate.captions-2", "text": "A street.", "start_ms": 10_000, "end_ms": 21_000}
    assert verdict(PAN, {**told, "start_ms": 0, "end_ms": 10_000}, other).right
    assert not verdict(PAN, {**told, "start_ms": 11_000, "end_ms": 21_000}).right
    assert not verdict(PAN, other).right


def test_what_was_found_and_is_not_there_is_surplus() -> None:
    records = [event("shot_cut", 11_000, 11_000), event("shot_cut", 15_000, 15_000, number=1), event("motion", 15_000, 16_000)]
    findings = judge([CUT], records, exact_words=True)
    assert [r["start_ms"] for r in surplus([CUT], findings, records)] == [15_000]
