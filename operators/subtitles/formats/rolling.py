"""Captions that roll up or are painted on, as cues of which each holds what is new: the states of their screen repeat the rest."""

from collections.abc import Iterable
from dataclasses import replace

from operators.subtitles.formats.cue import Cue

SAME_MS = 50
"""Between two states of one screen."""


def unrolled(states: Iterable[Cue]) -> tuple[Cue, ...]:
    """Cues of new lines only, each from when it began until its last line goes or the next cue comes. `states`: of one screen, by
    start; what stands on the screen twice in a row is one cue."""
    cues: list[Cue] = []
    before: Cue | None = None
    for state in states:
        follows = before is not None and state.start_ms - before.end_ms <= SAME_MS
        kept = _kept(before.lines, state.lines) if before is not None and follows else 0
        if cues and kept:
            grown = state.lines[kept - 1]
            last = cues[-1]
            lines = (*last.lines[:-1], grown) if grown.startswith(last.lines[-1]) else last.lines
            end_ms = state.end_ms if kept == len(state.lines) else state.start_ms
            cues[-1] = replace(last, lines=lines, end_ms=end_ms)
        if kept < len(state.lines):
            cues.append(replace(state, lines=state.lines[kept:]))
        before = state
    return tuple(cues)


def _kept(before: tuple[str, ...], now: tuple[str, ...]) -> int:
    """How many of the first lines are the last ones of the state before, the last of them longer where it is still being written."""
    for count in range(min(len(before), len(now)), 0, -1):
        old = before[len(before) - count :]
        if old[:-1] == now[: count - 1] and now[count - 1].startswith(old[-1]):
            return count
    return 0
