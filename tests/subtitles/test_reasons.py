from dataclasses import replace
from fractions import Fraction as F

import pytest
from law import outputs_of
from test_cutter import say
from test_timing import with_shots

from operators.subtitles import SubtitleCutter, style
from operators.subtitles.checker import Shown
from operators.subtitles.reasons import reason
from operators.subtitles.timing import Said
from operators.timeline import Span

RULES = style("netflix").rules("en")
CUE = Shown(Span(F(10), F(12)), ("x" * 40, "y" * 20), "en")
SAID = Said(F(10), F(12), F(3))


@pytest.mark.parametrize(
    ("follows", "cuts", "cue", "why"),
    [
        (F(12) + RULES.gap, [], CUE, "the next words come at once"),
        (F(15), [F(12) + RULES.gap], CUE, "there the picture cuts"),
        (F(15), [], replace(CUE, span=Span(F("10.5"), F(12))), "the words before it end late"),
        (F(15), [F(20)], CUE, "a cue stays 0.5 s behind its last word"),
        (None, [], CUE, "a cue stays 0.5 s behind its last word"),
    ],
)
def test_what_kept_a_cue_from_staying_long_enough(follows, cuts, cue, why):
    assert reason("reading_speed", cue, SAID, follows, RULES, cuts) == f"said at 30 characters a second, and {why}"


def test_a_cue_near_a_cut_of_the_picture():
    assert reason("shot_cut", CUE, SAID, None, RULES, [F("11.7")]) == "its words are said over the cut"
    assert reason("shot_cut", CUE, SAID, None, RULES, [F("12.3")]) == "the cue beside it leaves no time to move it onto the cut"


def test_of_real_cues():
    """Words that go on over cuts, much too fast: the records say both."""
    text = "This is said a little too soon for the picture, and they never stop to breathe or to wait for anybody. " * 2
    entries = with_shots(say(text, per_s=28, pause=F(0)), *range(1, 7))
    told = {why for c in outputs_of(lambda: SubtitleCutter(style("netflix")), entries) for why in c.reasons}
    assert any(why.startswith("said at 2") and why.endswith("the next words come at once") for why in told)
    assert "its words are said over the cut" in told
