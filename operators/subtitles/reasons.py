"""Why a cue had to break a rule: what of its words, of those around them and of the pictures left nothing else."""

from collections.abc import Sequence
from fractions import Fraction

from operators.subtitles import breaks
from operators.subtitles.checker import ROUNDING, Shown
from operators.subtitles.styles import Rules
from operators.subtitles.timing import Said

ALWAYS = {
    "line_length": "a word is wider than a line",
    "max_duration": "its words have no place at which they could be parted",
    "overlap": "its words begin before those of the cue before it are over",
    "gap": "its words begin before those of the cue before it are over",
    "loose_gap": "the cue before it can not stay so long",
    "phrase_split": "its lines can not be broken anywhere else",
}


def reason(rule: str, cue: Shown, said: Said, follows: Fraction | None, rules: Rules, cuts: Sequence[Fraction]) -> str:
    """For people. `rule`: one of `checker.RULES` that the cue breaks; `follows`: when the next one comes."""
    match rule:
        case "reading_speed" | "min_duration":
            width = sum(map(breaks.width, cue.lines))
            speed = width / max(said.end - said.start, Fraction(1, 10))
            return f"said at {float(speed):.0f} characters a second, and {_ended_by(cue, said, follows, rules, cuts)}"
        case "shot_cut":
            over = any(said.start < cut < said.end for cut in cuts)
            return "its words are said over the cut" if over else "the cue beside it leaves no time to move it onto the cut"
        case _:
            return ALWAYS[rule]


def _ended_by(cue: Shown, said: Said, follows: Fraction | None, rules: Rules, cuts: Sequence[Fraction]) -> str:
    """What keeps it from staying, or from coming earlier."""
    end = cue.span.end
    if follows is not None and follows - end <= rules.gap + ROUNDING:
        return "the next words come at once"
    if any(min(abs(end + rules.gap - cut), abs(end - rules.snap - cut)) <= ROUNDING for cut in cuts):
        return "there the picture cuts"
    if cue.span.start > said.start + ROUNDING:
        return "the words before it end late"
    return f"a cue stays {float(rules.after):g} s behind its last word"
