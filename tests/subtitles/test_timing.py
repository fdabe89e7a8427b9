from fractions import Fraction as F
from itertools import pairwise

import pytest
from law import assert_law
from test_cutter import log, say, transcripts

from operators.facts import Motion, Shot
from operators.protocols import Entry
from operators.subtitles import SubtitleCutter, style
from operators.subtitles.timing import Said, comes, goes

RULES = style("netflix").rules("en")
STILL = Motion("still", 0.0, 0.0, 0.0, 0.0, None)


def shots(*cuts, end):
    """Shots that are parted by cuts."""
    edges = [F(0), *map(F, cuts), F(end)]
    kinds = ["start", *["cut"] * len(cuts), "end"]
    return [Shot(a, b, kinds[n], kinds[n + 1], (), 0.5, 0.1, 0.1, (), (), 1.0, STILL) for n, (a, b) in enumerate(pairwise(edges))]


def with_shots(words, *cuts, end=60):
    entries = log(transcripts(words)) + [Entry("look.shots", "fact", n, s) for n, s in enumerate(shots(*cuts, end=end))]
    return sorted(entries, key=lambda e: e.key)


def said(start, end, needed=1):
    return Said(F(start), F(end), F(needed))


@pytest.mark.parametrize(
    ("words", "before", "cut", "at"),
    [
        (said("5", "8"), None, "4.6", F("4.6")),  # nobody speaks at the cut: with the cut
        (said("5", "8"), "4.7", "4.6", F("4.6")),  # a last sound is no reason
        (said("5", "8"), "4.8", "4.6", F(5)),  # a word is
        (said("5", "8"), None, "4.4", F(5)),  # too far away
        (said("5", "8"), None, "5.2", F("5.2")),  # a little late, and there is time to read
        (said("5", "6", needed=1), None, "5.2", F(5)),  # no time for that
        (said("5", "8"), None, "5.3", F(5)),  # too late
    ],
)
def test_a_cue_comes_with_the_cut_that_is_near(words, before, cut, at):
    assert comes(words, None if before is None else F(before), [F(1), F(cut), F(30)], RULES) == at


@pytest.mark.parametrize(
    ("words", "follows", "cut", "at"),
    [
        (said("5", "8"), None, "8.3", F("8.3") - RULES.gap),  # on to the cut
        (said("5", "8"), None, "8.7", F(8)),  # too far away
        (said("5", "8", needed="3.2"), None, "8.1", F("8.6")),  # over the cut far enough that both are seen
        (said("5", "8", needed="2"), "8.3", "8.3", F("8.3") - RULES.gap),
        (said("5", "7", needed="2.4"), None, "7.1", F("7.6")),
        (said("5", "8", needed="2"), "7.9", "7.9", F("7.9") - RULES.gap),
        (said("5", "7"), "7.4", "40", F("7.4") - RULES.gap),  # a small gap is closed
        (said("5", "7"), "7.6", "40", F(7)),  # a large one is not
    ],
)
def test_a_cue_goes_with_the_cut_that_is_near(words, follows, cut, at):
    assert goes(words, words.start, None if follows is None else F(follows), [F(1), F(cut)], RULES) == at


def test_no_cue_is_longer_than_the_style_allows_for_the_sake_of_a_cut():
    assert goes(said("5", "11.8"), F(5), None, [F("12.2")], RULES) == F("11.8")


def test_the_law_with_cuts_anywhere():
    words = say("We went there. Nobody had told us. But it was late, and the town was dark. " * 4, per_s=15, pause=F(4, 5))
    cuts = [F(n * 17, 20) for n in range(1, 40)]
    outputs = assert_law(lambda: SubtitleCutter(style("netflix")), with_shots(words, *cuts), seeds=range(12))
    on_cuts = [c for c in outputs if c.start in cuts or c.end + RULES.gap in cuts]
    assert len(on_cuts) >= 3
    assert all(a.end + RULES.gap <= b.start for a, b in pairwise(outputs))


def test_a_cue_is_not_drawn_over_a_cut_when_it_may_end_there():
    text = "He opened the letter that morning and she read it aloud to all of them"
    words = say(text, per_s=15)
    border = next(w for w in words if w.text == "and")

    def texts(*cuts):
        operator = SubtitleCutter(style("netflix", longest_s=6.0))
        return [o.text for e in with_shots(words, *cuts) for o in operator.push(e)] + [o.text for o in operator.finish(F(60))]

    assert len(texts()) == 1
    assert texts(border.start) == [text.partition(" and ")[0], "and " + text.partition(" and ")[2]]


def test_what_comes_late_to_a_cut_says_so():
    words = say("This is said a little too soon for", per_s=15) + say("the picture.", F("2.55"), per_s=15)
    operator = SubtitleCutter(style("netflix", longest_s=2.5))
    got = [o for e in with_shots(words, F("2.3")) for o in operator.push(e)] + operator.finish(F(60))
    assert len(got) == 2
    assert {rule for c in got for rule in c.violations} <= {"shot_cut", "phrase_split"}
