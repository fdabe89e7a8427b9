"""The life of an event: confirmation, hysteresis, updates, gaps, ends, and its state."""

import json
from fractions import Fraction

import pytest

from operators.events.lifecycle import Detail, Kind, Lifecycle
from operators.records import Event, Gap
from operators.timeline import Span

KIND = Kind("look.test", "test", "picture", confirm=Fraction(1), release=Fraction(1))


def look(n: int, rate: int = 4) -> Span:
    return Span(Fraction(n, rate), Fraction(n + 1, rate))


def live(signs: str, kind: Kind = KIND, score: float = 0.5) -> list[Event]:
    """One look of 0.25 s a character: # is the sign, . its absence, a space a cell without a look."""
    life, said = Lifecycle(kind), []
    for n, sign in enumerate(signs):
        if sign != " ":
            said += life.on(look(n), score) if sign == "#" else life.off(look(n))
        state = json.loads(json.dumps(life.snapshot()))
        life = Lifecycle(kind)
        life.restore(state)
    return said + life.finish(Fraction(len(signs), 4))


def steps(events: list[Event]) -> list[tuple[str, float, float]]:
    return [(e.lifecycle, float(e.start), float(e.end)) for e in events]


def test_a_sign_becomes_an_event_once_it_has_lasted_and_keeps_its_true_onset() -> None:
    assert steps(live("..####....")) == [("start", 0.5, 1.5), ("end", 0.5, 1.5)]


def test_a_sign_too_short_is_none() -> None:
    assert live("..###.....###...") == []


def test_an_event_goes_on_over_a_pause_and_ends_where_the_last_one_began() -> None:
    assert steps(live("######...##....")) == [("start", 0, 1), ("end", 0, 2.75)]


def test_pauses_longer_than_release_part_events_that_count_on() -> None:
    events = live("####....####....")
    assert [(e.event_id, e.lifecycle) for e in events] == [
        ("look.test-0", "start"),
        ("look.test-0", "end"),
        ("look.test-1", "start"),
        ("look.test-1", "end"),
    ]


def test_updates_come_every_five_seconds() -> None:
    events = live("#" * 4 * 31)
    assert [float(e.end) for e in events if e.lifecycle == "update"] == [6, 11, 16, 21, 26, 31]
    assert steps(events)[-1] == ("end", 0, 31)


def test_a_clear_rise_is_said_at_once_and_the_top_is_kept() -> None:
    life = Lifecycle(Kind("look.test", "test", "picture"))
    said = [e for n, score in enumerate([0.4, 0.5, 0.7, 0.6]) for e in life.on(look(n), score)] + life.finish(Fraction(2))
    assert [(e.lifecycle, e.score, e.top_score) for e in said] == [("start", 0.4, 0.4), ("update", 0.7, 0.7), ("end", 0.6, 0.7)]


def test_what_stands_where_no_look_comes_counts() -> None:
    """With a variable frame rate the last picture stands until the next one."""
    assert steps(live("#      .....")) == [("start", 0, 1.75), ("end", 0, 1.75)]


def test_the_end_of_the_stream_ends_and_may_confirm() -> None:
    assert steps(live("..##  ")) == [("start", 0.5, 1.5), ("end", 0.5, 1.5)]
    assert live("....##") == []


def test_a_short_gap_is_bridged_and_a_long_one_ends() -> None:
    life = Lifecycle(Kind("look.test", "test", "picture"))
    said = life.on(look(0), 0.5)
    said += life.gap(Gap(Fraction(1, 4), Fraction(2), "look", "decode_error"))
    assert steps(said) == [("start", 0, 0.25)]
    said += life.gap(Gap(Fraction(3), Fraction(9), "look", "source_down"))
    assert steps(said)[1:] == [("end", 0, 3)]


def test_nothing_may_end_before_a_pause_that_is_held() -> None:
    life = Lifecycle(KIND)
    assert life.hold() is None
    for n in range(4):
        life.on(look(n), 0.5)
    assert life.hold() is None
    life.off(look(4))
    life.off(look(5))
    assert life.hold() == 1


def test_several_of_a_kind_live_beside_each_other() -> None:
    life = Lifecycle(Kind("look.test", "test", "picture"))
    said = life.on(look(0), 0.5, Detail("a"), "a") + life.on(look(0), 0.6, Detail("b", label="other"), "b")
    said += life.off(look(1), "a") + life.end_all()
    assert [(e.event_id, e.lifecycle, e.text, e.label) for e in said] == [
        ("look.test-0", "start", "a", "test"),
        ("look.test-1", "start", "b", "other"),
        ("look.test-0", "end", "a", "test"),
        ("look.test-1", "end", "b", "other"),
    ]


def test_a_point_is_its_start_and_its_end() -> None:
    life = Lifecycle(KIND)
    span = Span(Fraction(1), Fraction(3, 2))
    said = life.point(span, 0.9, Detail("hello")) + life.point(span, 0.8)
    assert [(e.event_id, e.lifecycle, e.start, e.end) for e in said] == [
        (f"look.test-{n}", step, span.start, span.end) for n in (0, 1) for step in ("start", "end")
    ]


@pytest.mark.parametrize("signs", ["#" * 40, "####.####.....####", "..##..####......"])
def test_all_records_of_an_event_share_onset_and_id_and_its_end_is_last(signs: str) -> None:
    by_id: dict[str, list[Event]] = {}
    for event in live(signs):
        by_id.setdefault(event.event_id, []).append(event)
    for records in by_id.values():
        assert [r.lifecycle for r in records] == ["start", *["update"] * (len(records) - 2), "end"]
        assert len({r.start for r in records}) == 1
