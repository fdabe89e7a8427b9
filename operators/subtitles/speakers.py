"""How subtitles show who speaks: dashes, arrows, names or colours, as the style has it; and two speakers in one cue."""

from dataclasses import dataclass, replace
from fractions import Fraction

from operators.facts import Word
from operators.subtitles.breaks import width
from operators.subtitles.styles import Rules

COLOURS = ("white", "yellow", "cyan", "lime")
"""Of speakers, in the order in which they are first heard; a fifth is white again."""
ARROWS, DASH = ">> ", "-"


@dataclass(frozen=True, slots=True)
class Voice:
    """What all words of a cue have in common."""

    language: str
    speaker: str | None
    degraded: str | None
    speakers: tuple[str, ...] = ()
    """Of each line, where two speak."""


@dataclass(frozen=True, slots=True)
class Turn:
    """A line that is one cue, or half of one."""

    line: str
    voice: Voice
    start: Fraction
    end: Fraction
    needed: Fraction
    """How long it has to be shown."""

    def lacks_room(self, follows: Fraction | None, rules: Rules) -> bool:
        """Whether what follows begins before it can be read."""
        return follows is not None and follows - self.start < self.needed + rules.gap


def opened(word: Word, speaker: str | None, how: str) -> Word:
    """The first word of somebody who begins to speak, with what stands before it; None: nobody new does."""
    if speaker is None or how not in ("arrows", "names"):
        return word
    return replace(word, text=f"{ARROWS if how == 'arrows' else f'{speaker}: '}{word.text}")


def joined(first: Turn, second: Turn, follows: Fraction | None, how: str, rules: Rules) -> tuple[str, ...]:
    """The lines of one cue for two speakers; none where each can have a cue of their own, or one can not hold both.

    follows: when what comes after the second begins, where that is known.
    """
    a, b = first.voice, second.voice
    same = a.speaker is None or b.speaker is None or a.speaker == b.speaker
    if how == "none" or same or a.language != b.language or a.degraded != b.degraded or rules.lines < 2:
        return ()
    apart = second.start - first.end >= rules.pause or max(first.end, second.end) - first.start > rules.longest
    if apart or not (first.lacks_room(second.start, rules) or second.lacks_room(follows, rules)):
        return ()
    lines = tuple(f"{DASH if how == 'dashes' else ''}{turn.line}" for turn in (first, second))
    return lines if all(width(line) <= rules.line for line in lines) else ()


def colours(speakers: list[str], shown: tuple[str, ...]) -> tuple[str, ...]:
    """The colours of those that are shown; `speakers`: all, as they were first heard."""
    return tuple(COLOURS[speakers.index(name) % len(COLOURS)] for name in shown)
