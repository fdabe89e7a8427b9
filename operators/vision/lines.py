"""Lines of text over time: the same line in reading after reading is one."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from difflib import SequenceMatcher
from fractions import Fraction
from typing import Any

from operators.facts import SeenText
from operators.protocols import State
from operators.timeline import exact
from operators.vision.strokes import Box

LONGEST_PART = Fraction(30)
_SAME_TEXT = 0.85
"""A line with this much of its text in common is the same, wherever it moved."""
_SAME_PLACE = 0.6
"""In the same place, this much is enough."""
_REMEMBERED = 8


@dataclass(frozen=True, slots=True)
class TextLine:
    """One line as a recogniser read it; confidence in 0-1, box [x, y, w, h] in 0-1."""

    text: str
    confidence: float
    box: Box


@dataclass(frozen=True, slots=True)
class _Line:
    """A line that is on the screen, in the best of its readings."""

    text: str
    confidence: float
    box: Box
    start: Fraction
    seen_until: Fraction
    missing: int = 0
    """Looks since then in which it was not surely there."""
    gone: bool = False
    """In the latest of them it surely was not."""

    def until(self, end: Fraction) -> SeenText:
        return SeenText(self.start, end, self.text, self.confidence, self.box)


class LineTracker:
    """The lines that are on the screen. Times come in media order."""

    def __init__(self) -> None:
        self._lines: list[_Line] = []
        self._ended: list[_Line] = []
        """The last that ended."""

    @property
    def hold(self) -> Fraction | None:
        """The least end of any line still to be told."""
        return min((line.seen_until for line in self._lines), default=None)

    def follow(self, standing: Callable[[Box], bool | None], until: Fraction) -> list[SeenText]:
        """A look up to `until`. standing: whether what was read in a box is there; None where that is not sure."""
        told: list[SeenText] = []
        for n, line in enumerate(self._lines):
            there = standing(line.box)
            if there:
                parts, line = _parts(replace(line, seen_until=until, missing=0, gone=False))
                told += parts
            else:
                line = replace(line, missing=line.missing + 1, gone=there is False)
            self._lines[n] = line
        return told

    @property
    def doubted(self) -> list[Box]:
        """Where a line may have moved or changed, in the latest look and in the one before."""
        return [line.box for line in self._lines if line.missing > 1 and not line.gone]

    def end_missing(self) -> list[SeenText]:
        """Lines that are gone, and were missing before, ended with the last look that saw them. Called where nothing is read."""
        ended = [line for line in self._lines if line.missing > 1 and line.gone]
        self._lines = [line for line in self._lines if line not in ended]
        self._ended = [*self._ended, *ended][-_REMEMBERED:]
        return [fact for line in ended for fact in _closed(line)]

    def take(self, read: Sequence[TextLine], appeared: Callable[[TextLine], Fraction], until: Fraction) -> tuple[list[SeenText], list[Box]]:
        """A reading of the look up to `until`: the lines that ended, and where anything is new. `appeared` tells since when a line
        not known before is there. A line that was not read but is still there, with nothing in its place, goes on."""
        matched = _match(self._lines, read)
        lost = [line for n, line in enumerate(self._lines) if n not in matched.values()]
        ended = [line for line in lost if line.missing or any(_overlap(line.box, new.box) >= 0.5 for new in read)]
        told = [fact for line in ended for fact in _closed(line)]
        now = []
        for n, new in enumerate(read):
            old = self._lines[matched[n]] if n in matched else None
            parts, line = _parts(_joined(old, new, until) if old else self._begun(new, appeared(new), until))
            told += parts
            now.append(line)
        self._lines = now + [line for line in lost if line not in ended]
        return told, [line.box for line in ended] + [new.box for n, new in enumerate(read) if n not in matched]

    def _begun(self, new: TextLine, start: Fraction, until: Fraction) -> _Line:
        """A line that is read again after it was gone does not begin before its end."""
        again = [line.seen_until for line in self._ended if text_likeness(line.text, new.text) >= _SAME_PLACE]
        return _Line(new.text, new.confidence, new.box, max([start, *again]), until)

    def close(self) -> list[SeenText]:
        lines, self._lines, self._ended = self._lines, [], []
        return [fact for line in lines for fact in _closed(line)]

    def snapshot(self) -> State:
        return {"lines": [_to_json(line) for line in self._lines], "ended": [_to_json(line) for line in self._ended]}

    def restore(self, state: State) -> None:
        self._lines, self._ended = ([_from_json(v) for v in state[k]] for k in ("lines", "ended"))


def _to_json(line: _Line) -> list[Any]:
    return [line.text, line.confidence, list(line.box), exact(line.start), exact(line.seen_until), line.missing, line.gone]


def _from_json(value: list[Any]) -> _Line:
    text, confidence, (x, y, w, h), start, seen_until, missing, gone = value
    return _Line(text, confidence, (x, y, w, h), Fraction(start), Fraction(seen_until), missing, gone)


def _parts(line: _Line) -> tuple[list[SeenText], _Line]:
    """What is to be told already of a line that lasts, and what is left of it."""
    told = []
    while line.seen_until - line.start >= LONGEST_PART:
        told.append(line.until(line.start + LONGEST_PART))
        line = replace(line, start=line.start + LONGEST_PART)
    return told, line


def _closed(line: _Line) -> list[SeenText]:
    return [line.until(line.seen_until)] if line.seen_until > line.start else []


def _match(live: Sequence[_Line], read: Sequence[TextLine]) -> dict[int, int]:
    """Which live line each line that was read goes on with, by index; the likest pairs first, each line once."""
    pairs = [
        (likeness, -r, -n)
        for n, line in enumerate(live)
        for r, new in enumerate(read)
        if (likeness := text_likeness(line.text, new.text)) >= (_SAME_PLACE if _overlap(line.box, new.box) >= 0.5 else _SAME_TEXT)
    ]
    matched: dict[int, int] = {}
    for _, r, n in sorted(pairs, reverse=True):
        if -r not in matched and -n not in matched.values():
            matched[-r] = -n
    return matched


def _joined(line: _Line, new: TextLine, until: Fraction) -> _Line:
    """The line goes on where it was read now, with the better of its readings; a text that grew is taken whole."""
    better = new.confidence > line.confidence or (len(new.text) > len(line.text) and new.text.startswith(line.text))
    text, confidence = (new.text, new.confidence) if better else (line.text, line.confidence)
    return _Line(text, confidence, new.box, line.start, until)


def text_likeness(a: str, b: str) -> float:
    """0-1, without regard to case and white space."""
    first, second = ("".join(t.casefold().split()) for t in (a, b))
    return SequenceMatcher(None, first, second, autojunk=False).ratio()


def _overlap(a: Box, b: Box) -> float:
    """Of the smaller box, the share inside the other."""
    width = min(a[0] + a[2], b[0] + b[2]) - max(a[0], b[0])
    height = min(a[1] + a[3], b[1] + b[3]) - max(a[1], b[1])
    smaller = min(a[2] * a[3], b[2] * b[3])
    return max(0.0, width) * max(0.0, height) / smaller if smaller else 0.0
