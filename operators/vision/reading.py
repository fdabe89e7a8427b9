"""When text is to be read: what was read, when, and which places are left alone."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from fractions import Fraction

import cv2
import numpy as np

from operators.media import Pixels
from operators.protocols import State
from operators.timeline import exact
from operators.vision.strokes import (
    FEW,
    SAME,
    Box,
    Place,
    StrokeMap,
    Windows,
    covering,
    density,
    likeness,
    meet,
    new_text,
    places,
    possible_text,
    shared,
)  # fmt: skip

READ_EVERY = Fraction(1)
"""Seconds between two readings, at least."""
_UNSTEADY = Fraction(5)
"""Where the picture never holds still, seconds between two readings."""
_LONGEST_MUTE = Fraction(16)
_REFRESH = Fraction(20)
"""The picture that stands for what was read is never older, so that `refill` reaches it."""
_ANOTHER = 0.3
_STEADY = 0.5
"""Likeness of the strokes of two looks below which the picture is another, and above which it holds still."""
_CHANGED = 0.02
"""Where the luma changes by less, it is the same picture whatever its few strokes do."""


@dataclass(frozen=True, slots=True, eq=False)
class Look:
    """A picture's strokes, and the stretch for which it stands."""

    at: Fraction
    start: Fraction
    end: Fraction
    strokes: StrokeMap = field(repr=False)
    luma: Pixels = field(repr=False)
    """Of `Picture.luma`."""

    def differs(self, before: "Look") -> float:
        """Mean difference of luma, 0-1."""
        if self.luma.shape != before.luma.shape:
            return 1.0
        return float(cv2.absdiff(self.luma, before.luma).mean()) / 255

    def is_another(self, before: "Look") -> bool:
        """Whether the picture became another one."""
        return likeness(self.strokes, before.strokes) < _ANOTHER and self.differs(before) >= _CHANGED

    def is_steady(self, before: "Look") -> bool:
        return likeness(self.strokes, before.strokes) >= _STEADY or self.differs(before) < _CHANGED


@dataclass(frozen=True, slots=True)
class Mute:
    """A place that is left alone up to an instant, after it was for `span` seconds."""

    place: Place
    until: Fraction
    span: Fraction

    def part(self, windows: Windows) -> Windows:
        left, right, top, bottom = self.place
        return windows[top:bottom, left:right]


class ReadingPlan:
    """Decides look by look. A picture that became another is read once it holds still; then only where strokes appear that stay."""

    def __init__(self) -> None:
        self._read: Look | None = None
        """What stands there, so far as it was read."""
        self._since: Fraction | None = None
        """Instant of the last reading, or of the first look."""
        self._unread = True
        """The picture became another and was not read since."""
        self._mutes: list[Mute] = []

    def reason(self, look: Look, before: Look, doubted: Sequence[Box]) -> Windows | None:
        """Where there may be text that was not read (all of the picture where it was not read at all), which counts as read from now on;
        None where nothing is to be read. doubted: boxes in which it is no longer sure that what was read still stands."""
        if self._since is None:
            self._since = before.start
        self._unread = self._unread or look.is_another(before)
        strokes = np.asarray(look.strokes.any(axis=0))
        self._mutes = [m for m in self._mutes if np.count_nonzero(m.part(strokes)) >= FEW]  # the others are over: what comes is new
        if look.end - self._since < READ_EVERY:
            return None
        reason = self._unread_text(look, before, doubted)
        if reason is not None:
            self._read, self._since, self._unread = look, look.at, False
        elif self._read is not None and look.at - self._read.at >= _REFRESH:
            self._read = before
        return reason

    def done(self, look: Look, reason: Windows, news: Sequence[Box]) -> None:
        """What was read for this reason brought something new in these boxes. A place where strokes change and nothing is new (a clock, a
        face) is left alone, each time for longer, until something is, or the picture becomes another."""
        told = covering(look.strokes.shape, news)
        mutes = [m for m in self._mutes if look.at - m.until < _LONGEST_MUTE and not m.part(told).any()]
        for place in [] if reason.all() else places(reason):
            known = [m for m in mutes if meet(m.place, place)]
            span = min(2 * max((m.span for m in known), default=READ_EVERY), _LONGEST_MUTE)
            fresh = Mute(place, look.at + span, span)
            if not fresh.part(told).any():
                mutes = [m for m in mutes if m not in known] + [fresh]
        self._mutes = [] if reason.all() else mutes

    def standing(self, box: Box, look: Look, before: Look) -> bool | None:
        """Whether what was read in a box still stands there; None where something does that may be it, moved, or other text."""
        there = None if self._read is None else shared(self._read.strokes, look.strokes, box)
        if self._read is None or there is None:  # too faint to be followed
            return not look.is_another(before)
        if there >= SAME:
            return True
        if look.is_another(before) or density(look.strokes, box) < 0.6 * density(self._read.strokes, box):
            return False
        return None if self._unmuted(covering(look.strokes.shape, [box]), look.at).any() else True

    @property
    def needs_from(self) -> Fraction | None:
        return None if self._read is None else self._read.start

    def snapshot(self) -> State:
        return {
            "read": None if self._read is None else exact(self._read.at),
            "since": None if self._since is None else exact(self._since),
            "unread": self._unread,
            "mutes": [[list(m.place), exact(m.until), exact(m.span)] for m in self._mutes],
        }

    def restore(self, state: State) -> None:
        self._since = None if state["since"] is None else Fraction(state["since"])
        self._unread = state["unread"]
        self._mutes = [Mute((x, to_x, y, to_y), Fraction(until), Fraction(span)) for (x, to_x, y, to_y), until, span in state["mutes"]]

    def refill(self, look: Look, state: State) -> None:
        if state["read"] is not None and look.at == Fraction(state["read"]):
            self._read = look

    def _unread_text(self, look: Look, before: Look, doubted: Sequence[Box]) -> Windows | None:
        assert self._since is not None
        if self._unread or self._read is None:
            due = look.is_steady(before) or look.end - self._since >= _UNSTEADY
            wanted = due and (doubted or possible_text(look.strokes))
            return np.ones(look.strokes.shape[1:], np.bool_) if wanted else None
        new = self._unmuted(new_text(look.strokes, before.strokes, self._read.strokes), look.at)
        if np.count_nonzero(new) < FEW:
            new[:] = False
        new |= covering(look.strokes.shape, doubted)
        return new if new.any() else None

    def _unmuted(self, windows: Windows, at: Fraction) -> Windows:
        kept = windows.copy()
        for mute in self._mutes:
            if at < mute.until:
                mute.part(kept)[:] = False
        return kept
