import json
import random
from fractions import Fraction as F

from operators.facts import Motion, SeenText, Shot, Sound, Speech, Word
from operators.moments import MomentJoiner
from operators.protocols import Entry
from operators.records import End, Gap
from operators.timeline import Span

STILL = Motion("still", 0.0, 0.0, 0.0, 0.0, None)


def shot(start, end, opens="cut", closes="cut"):
    return Shot(F(start), F(end), opens, closes, (F(start),), 0.5, 0.2, 0.3, ("green",), (0.9,), 50.0, STILL)


def word(start, end, text="word"):
    return Word(F(start), F(end), text, 0.9, "en", "listen.words-0")


def sound(start, end, kind="noise"):
    return Sound(F(start), F(end), kind, -30.0)


def entries(*values):
    """Values as narrators get them: numbered by origin, merged by key."""
    origins = {Shot: "look.shots", SeenText: "look.text", Word: "listen.words", Speech: "listen.words", Sound: "listen.sound"}
    counts: dict[tuple[str, str], int] = {}
    out = []
    for value in values:
        kind = "record" if isinstance(value, Gap | End) else "fact"
        origin = value.lane if kind == "record" else origins[type(value)]
        n = counts.get((origin, kind), 0)
        counts[origin, kind] = n + 1
        out.append(Entry(origin, kind, n, value))
    return sorted(out, key=lambda e: e.key)


def ends(look, listen):
    return End(F(look), F(look), "look", None, 0, {}), End(F(listen), F(listen), "listen", None, 0, {})


def joined(items, at, joiner=None):
    joiner = joiner or MomentJoiner()
    out = [m for item in items for m in joiner.push(item)]
    return out + joiner.finish(F(at))


def test_a_moment_for_each_shot_with_what_overlaps_it():
    a, b = shot(0, 5), shot(5, 9, closes="end")
    title = SeenText(F(6), F(8), "TITLE", 0.9, (0.1, 0.1, 0.5, 0.1))
    long = sound(0, 9)
    moments = joined(entries(a, b, title, long, word(1, 2), Speech(F(4), F(6), 0.9), *ends(9, 9)), 9)
    assert [m.shots for m in moments] == [(a,), (b,)]
    assert [len(m.words) for m in moments] == [1, 0]
    assert [len(m.speech) for m in moments] == [1, 1]
    assert [m.sounds for m in moments] == [(long,), (long,)]
    assert [m.seen for m in moments] == [(), (title,)]


def test_a_word_on_the_border_goes_where_most_of_it_lies():
    mostly_before, mostly_after, instant = word("4.2", "5.4", "before"), word("4.9", "5.7", "after"), word(5, 5, "instant")
    moments = joined(entries(shot(0, 5), shot(5, 9), mostly_before, mostly_after, instant, *ends(9, 9)), 9)
    assert [[w.text for w in m.words] for m in moments] == [["before"], ["instant", "after"]]


def test_a_moment_waits_for_the_sound_that_still_goes_on_and_no_longer():
    joiner = MomentJoiner()
    first = entries(shot(0, 5), shot(5, 12), shot(12, 20))
    assert not [m for e in first for m in joiner.push(e)]
    (ten,) = entries(sound(0, 20))
    assert [m.span for m in joiner.push(ten)] == [Span(F(0), F(5)), Span(F(5), F(12))]
    impatient = MomentJoiner(patience=F(1))
    assert [m.span for e in first for m in impatient.push(e)] == [Span(F(0), F(5)), Span(F(5), F(12))]


def test_very_short_shots_are_joined_with_the_next_but_not_over_a_hole():
    shots = [shot(0, "0.4"), shot("0.4", "0.9"), shot("0.9", 4), shot(4, "4.5"), shot(9, 12)]
    moments = joined(entries(*shots, *ends(12, 12)), 12)
    assert [m.shots for m in moments] == [tuple(shots[:3]), (shots[3],), (shots[4],)]


def test_sound_alone_makes_moments_on_a_grid():
    heard = [sound(0, 25, "silence"), sound(25, 50), sound(50, 70)]
    moments = joined(entries(*heard, word(29, 32), *ends(0, 70)), 70)
    assert [m.span for m in moments] == [Span(F(0), F(30)), Span(F(30), F(60)), Span(F(60), F(70))]
    assert [m.shots for m in moments] == [(), (), ()]
    assert [len(m.words) for m in moments] == [0, 1, 0]
    assert [len(m.sounds) for m in moments] == [2, 2, 1]


def test_sound_from_the_middle_of_a_stream_begins_where_it_is_heard():
    moments = joined(entries(sound(20, 40), *ends(20, 40)), 40)
    assert [m.span for m in moments] == [Span(F(20), F(30)), Span(F(30), F(40))]


def test_sound_that_goes_on_after_the_pictures_is_told_but_not_a_rest():
    goes_on = joined(entries(shot(0, 5), sound(0, 20), *ends(5, 20)), 20)
    assert [m.span for m in goes_on] == [Span(F(0), F(5)), Span(F(5), F(20))]
    rest = joined(entries(shot(0, 5), sound(0, F("5.02")), *ends(5, F("5.02"))), F("5.02"))
    assert [m.span for m in rest] == [Span(F(0), F(5))]


def test_pictures_without_sound_are_told_two_seconds_later():
    joiner = MomentJoiner()
    items = entries(*ends(60, 0), *(shot(t, t + 3) for t in range(0, 60, 3)))
    told = {m.start: item.end for item in items for m in joiner.push(item)}
    assert all(at <= start + 6 for start, at in told.items())
    assert len(told) >= 18


def test_a_snapshot_anywhere_goes_on_alike_and_stays_small():
    chance = random.Random(3)
    values, t = [], F(0)
    while t < 600:
        length = F(chance.randint(2, 200), 8)
        values += [shot(t, t + length), sound(t, t + length)]
        values += [word(t + F(n, 3), t + F(n + 1, 3)) for n in range(int(length * 3))]
        t += length
    items = entries(*values, *ends(t, t))
    reference = joined(items, t)
    assert len(reference) > 20
    for cut in range(0, len(items), 97):
        joiner = MomentJoiner()
        before = [m for e in items[:cut] for m in joiner.push(e)]
        state = json.dumps(joiner.snapshot())
        assert len(state) < 60_000
        other = MomentJoiner()
        other.restore(json.loads(state))
        assert other.hold() == joiner.hold()
        assert before + joined(items[cut:], t, other) == reference


def test_facts_in_a_long_hole_of_the_pictures_are_forgotten():
    joiner = MomentJoiner()
    for item in entries(shot(0, 5), *(word(t, t + 1) for t in range(5, 4000))):
        joiner.push(item)
    assert len(joiner.snapshot()["facts"]) < 60
