"""Joins what both lanes found by media time: facts in, Moments out. A state machine without weights, for narrators."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from fractions import Fraction

from operators.facts import Fact, Moment, SeenText, Shot, Sound, Speech, Word
from operators.facts_json import fact_from_json, fact_to_json
from operators.protocols import Entry, Item, State
from operators.records import End, Gap
from operators.timeline import ZERO, Span, exact

ORIGINS = frozenset({"look.shots", "look.text", "listen.words", "listen.sound"})
"""The origins of the facts that make up a Moment."""
WINDOW = Fraction(30)
"""Where there is no picture, moments lie on a grid of this many seconds."""
LATE = Fraction(2)
"""A word may end this long after the stretch that holds its middle, and is waited for."""
REACH = Fraction(40)
"""A shot or window is known at its end, at most 30 s after its start: what ended longer ago belongs to none that is still to come."""


@dataclass(frozen=True, slots=True)
class _Stretch:
    """A moment to be: one shot, a run of very short ones, or a window of sound alone."""

    span: Span
    shots: tuple[Shot, ...]
    whole: bool
    """False while the next shot may still join it."""


class MomentJoiner:
    """Takes the entries of the lanes' logs in the order of their keys and gives each Moment once all that belongs to it is known.

    shortest: a shot shorter than this is joined with the next one, where that follows without a hole.
    patience: seconds of media after a moment's end in which a fact that is still going on (a long stretch of sound) is waited for.
    """

    def __init__(self, shortest: Fraction = Fraction(1), patience: Fraction = WINDOW) -> None:
        self._shortest = shortest
        self._patience = patience
        self._stretches: list[_Stretch] = []
        self._facts: list[Fact] = []
        self._latest = ZERO
        self._heard = ZERO
        """Up to here it is known what the sound is like."""
        self._listen_end: Fraction | None = None
        """Nothing that ends later is heard."""
        self._dark_from: Fraction | None = None
        """Once the look lane has ended: no picture from here on, and windows were made up to here."""

    def push(self, item: Item) -> list[Moment]:
        """Take the next entry, or Gap. An End comes before what ends at the same instant, so nothing is over at its arrival."""
        value = item.value if isinstance(item, Entry) else item
        self._latest = max(self._latest, value.end)
        match value:
            case Shot():
                self._add_shot(value)
            case Word() | Speech() | SeenText() | Sound():
                self._facts.append(value)
                if isinstance(value, Sound):
                    self._heard = max(self._heard, value.end)
            case Gap(lane="listen"):
                self._heard = max(self._heard, value.end)
            case End(lane="listen"):
                self._listen_end = value.end
            case End(lane="look"):
                self._dark_from = max([value.end, *(s.span.end for s in self._stretches)])
        self._add_windows()
        return self._take_ripe()

    def finish(self, at: Fraction) -> list[Moment]:
        """The stream truly ends at `at`: the moments that were still waited for."""
        if self._dark_from is not None and at - self._dark_from >= self._shortest:
            self._stretches.append(_Stretch(Span(self._dark_from, at), (), True))
            self._dark_from = at
        stretches, self._stretches = self._stretches, []
        return self._moments(stretches)

    def hold(self) -> Fraction | None:
        """The least end that a moment still to come from what was pushed may have."""
        return self._stretches[0].span.end if self._stretches else None

    def snapshot(self) -> State:
        return {
            "stretches": [
                {
                    "start": exact(s.span.start),
                    "end": exact(s.span.end),
                    "shots": [fact_to_json(shot) for shot in s.shots],
                    "whole": s.whole,
                }
                for s in self._stretches
            ],
            "facts": [fact_to_json(f) for f in self._facts],
            "latest": exact(self._latest),
            "heard": exact(self._heard),
            "listen_end": None if self._listen_end is None else exact(self._listen_end),
            "dark_from": None if self._dark_from is None else exact(self._dark_from),
        }

    def restore(self, state: State) -> None:
        self._stretches = [
            _Stretch(
                Span(Fraction(s["start"]), Fraction(s["end"])),
                tuple(shot for shot in map(fact_from_json, s["shots"]) if isinstance(shot, Shot)),
                s["whole"],
            )
            for s in state["stretches"]
        ]
        self._facts = [fact_from_json(f) for f in state["facts"]]
        self._latest = Fraction(state["latest"])
        self._heard = Fraction(state["heard"])
        self._listen_end = None if state["listen_end"] is None else Fraction(state["listen_end"])
        self._dark_from = None if state["dark_from"] is None else Fraction(state["dark_from"])

    def _add_shot(self, shot: Shot) -> None:
        shots: tuple[Shot, ...] = (shot,)
        if self._stretches and not self._stretches[-1].whole:
            if self._stretches[-1].span.end == shot.start:
                shots = (*self._stretches.pop().shots, shot)
            else:
                self._stretches[-1] = replace(self._stretches[-1], whole=True)
        span = Span(shots[0].start, shot.end)
        self._stretches.append(_Stretch(span, shots, span.duration >= self._shortest))

    def _add_windows(self) -> None:
        while self._dark_from is not None:
            border = (self._dark_from // WINDOW + 1) * WINDOW
            if border > self._latest:
                return
            if border - self._dark_from >= self._shortest:
                self._stretches.append(_Stretch(Span(self._dark_from, border), (), True))
            self._dark_from = border

    def _take_ripe(self) -> list[Moment]:
        n = 0
        while n < len(self._stretches) and self._ripe(self._stretches[n]):
            n += 1
        ripe, self._stretches = self._stretches[:n], self._stretches[n:]
        moments = self._moments(ripe)
        self._forget()
        return moments

    def _ripe(self, stretch: _Stretch) -> bool:
        pictures_over = self._dark_from is not None and self._latest > self._dark_from
        sound_known = self._heard >= stretch.span.end or (self._listen_end is not None and self._latest > self._listen_end)
        wait = min(LATE, self._patience) if sound_known else self._patience
        return (stretch.whole or pictures_over) and self._latest >= stretch.span.end + wait

    def _forget(self) -> None:
        """Drop what no moment to come can hold, so that the state stays small."""
        needed = self._stretches[0].span.start if self._stretches else self._latest - REACH
        self._facts = [f for f in self._facts if f.end > needed or f.start == f.end == needed]

    def _moments(self, stretches: Iterable[_Stretch]) -> list[Moment]:
        moments = [self._moment(s) for s in stretches]
        return [m for m in moments if m.shots or m.words or m.speech or m.sounds]

    def _moment(self, stretch: _Stretch) -> Moment:
        span = stretch.span
        facts = [f for f in self._facts if _belongs(f, span)]
        if not stretch.shots:  # a stream may be read from its middle: nothing was heard before the first fact
            span = Span(max(span.start, min((f.start for f in facts), default=span.start)), span.end)
        return Moment(
            span,
            stretch.shots,
            words=tuple(f for f in facts if isinstance(f, Word)),
            speech=tuple(f for f in facts if isinstance(f, Speech)),
            seen=tuple(f for f in facts if isinstance(f, SeenText)),
            sounds=tuple(f for f in facts if isinstance(f, Sound)),
        )


def _belongs(fact: Fact, span: Span) -> bool:
    if isinstance(fact, Word):
        return (fact.start + fact.end) / 2 in span
    stretch = Span(fact.start, fact.end)
    if isinstance(fact, SeenText) and fact.start < fact.end:
        # Text is looked at on a coarser grid than cuts: what reaches over one by a look was not seen behind it.
        return 2 * stretch.overlap(span) >= min(stretch.duration, span.duration)
    return fact.start in span or stretch.overlap(span) > 0
