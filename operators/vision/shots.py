"""Shots: where they begin and end, what they look like, and one to three pictures of each."""

from dataclasses import dataclass
from fractions import Fraction
from typing import Literal

from operators.facts import Shot, Still
from operators.media import Frame
from operators.protocols import Ask, FramesNeed, Item, Output, State
from operators.records import Event
from operators.timeline import ZERO, Span, exact
from operators.vision.colours import named
from operators.vision.fades import Border, FadeBegins, Found
from operators.vision.measures import Tally
from operators.vision.stills import StillChooser
from operators.vision.transitions import Transitions
from operators.vision.views import View

LONGEST_PART = Fraction(30)


@dataclass(frozen=True, slots=True)
class ShotOptions:
    still_px: int = 854
    """Long side of the pictures that are kept, at most."""


class ShotDetector:
    """Frames to `Shot` facts, `Still`s, and the events shot_cut and shot_fade (a fade through black or white, or a dissolve).

    A cut is said half a second after it; a shot once it is over. A Gap ends what goes on, and another shot begins after it.
    """

    Options = ShotOptions
    origin = "look.shots"
    need = FramesNeed(8, 854)
    models: tuple[str, ...] = ()

    def __init__(self, options: ShotOptions = ShotOptions()) -> None:
        self._transitions = Transitions()
        self._stills = StillChooser(options.still_px)
        self._tally = Tally()
        self._pending: list[Frame] = []
        """Frames of which it is not sure yet to which shot they belong."""
        self._start: Fraction | None = None
        """Of the part that goes on."""
        self._opens_with = "start"
        self._events = 0
        self._fade: tuple[str, Fraction, float] | None = None
        """event_id, onset and score of the fade that goes on."""
        self._latest = ZERO
        """End of the last item."""
        self._restored: State | None = None
        """Until all of it is made again by `refill`: what was restored."""

    def push(self, item: Item) -> list[Output | Ask]:
        self._restored = None
        if not isinstance(item, Frame):
            return self._close(item.start)
        if self._start is None:
            self._begin(item.at, "start")
        self._pending.append(item)
        self._latest = item.end
        return self._take(self._transitions.push(View.of(item)))

    def answer(self, ask: Ask, result: object) -> list[Output | Ask]:
        raise AssertionError("look.shots asks nothing")

    def finish(self, at: Fraction) -> list[Output | Ask]:
        self._restored = None
        return self._close(at)

    def hold(self) -> Fraction | None:
        horizon = self._transitions.horizon
        return None if horizon is None or self._start is None else min(horizon, self._start + LONGEST_PART)

    def snapshot(self) -> tuple[Fraction | None, State]:
        if self._restored is not None:
            return _needs_from(self._restored), self._restored
        state = self._state()
        return _needs_from(state), state

    def _state(self) -> State:
        window, transitions = self._transitions.snapshot()
        return {
            "transitions": transitions,
            "window": _text(window),
            "candidates": _text(self._stills.needs_from()),
            "stills": self._stills.snapshot(),
            "tally": self._tally.to_json(),
            "pending": _text(self._pending[0].at) if self._pending else None,
            "start": _text(self._start),
            "opens_with": self._opens_with,
            "events": self._events,
            "fade": self._fade and [self._fade[0], exact(self._fade[1]), self._fade[2]],
            "latest": exact(self._latest),
        }

    def restore(self, state: State) -> None:
        self._transitions.restore(state["transitions"])
        self._stills.restore(state["stills"])
        self._tally = Tally.from_json(state["tally"])
        self._restored, self._start = state, _instant(state["start"])
        self._opens_with, self._events = state["opens_with"], state["events"]
        if state["fade"]:
            event_id, onset, score = state["fade"]
            self._fade = (event_id, Fraction(onset), score)
        self._latest = Fraction(state["latest"])

    def refill(self, item: Item) -> None:
        if not isinstance(item, Frame) or self._restored is None:
            return
        self._stills.refill(item)
        window, pending = _instant(self._restored["window"]), _instant(self._restored["pending"])
        if window is not None and item.start >= window:
            self._transitions.refill(View.of(item))
        if pending is not None and item.at >= pending:
            self._pending.append(item)

    def _begin(self, at: Fraction, opens_with: str) -> None:
        self._start, self._opens_with = at, opens_with
        self._tally = Tally()
        self._stills.begin(at)

    def _close(self, at: Fraction) -> list[Output | Ask]:
        """Nothing follows before `at`."""
        if self._start is None:
            return []
        self._latest = at
        outputs = self._take(self._transitions.close())
        outputs += self._settle(at)
        outputs += self._end_part(at, "end")
        self._transitions, self._start = Transitions(), None
        return outputs

    def _take(self, found: list[Found]) -> list[Output | Ask]:
        outputs: list[Output | Ask] = []
        for f in found:
            if isinstance(f, Border):
                outputs += self._settle(f.at)
                outputs += self._end_part(f.at, f.kind)
                self._begin(f.at, f.kind)
                if f.kind == "cut":
                    outputs += self._say_cut(f)
            elif isinstance(f, FadeBegins):
                outputs.append(self._say_fade_start(f))
            else:
                outputs += self._say_fade_end(f.at)
        if (horizon := self._transitions.horizon) is not None:
            outputs += self._settle(horizon)
        return outputs

    def _settle(self, before: Fraction) -> list[Output | Ask]:
        """Frames before this instant belong to the part that goes on."""
        outputs: list[Output | Ask] = []
        while self._pending and self._pending[0].at < before:
            frame = self._pending.pop(0)
            assert self._start is not None
            if frame.at >= self._start + LONGEST_PART:
                border = self._start + LONGEST_PART
                outputs += self._end_part(border, "part")
                self._begin(border, "part")
            self._stills.add(frame, self._tally.add(frame.picture))
            step, previous = self._transitions.step_at(frame.at)
            if step.change is not None and previous is not None and previous.at >= self._start:
                self._tally.motion.add(previous, step.view, step.change)
        return outputs

    def _end_part(self, at: Fraction, closes_with: str) -> list[Output | Ask]:
        """The part ends at `at`. Where its last picture has stood for very long, it is told in more than one, all of that picture."""
        stills = self._stills.choose(at)
        outputs: list[Output | Ask] = [*stills]
        assert self._start is not None
        while at - self._start > LONGEST_PART:
            border = self._start + LONGEST_PART
            outputs.append(self._shot(self._start, border, "part", stills))
            self._start, self._opens_with = border, "part"
        if at > self._start:
            outputs.append(self._shot(self._start, at, closes_with, stills))
        return outputs

    def _shot(self, start: Fraction, end: Fraction, closes_with: str, stills: list[Still]) -> Shot:
        tally = self._tally
        colours, shares = named(tally.mean_shares())
        return Shot(
            start, end, self._opens_with, closes_with, tuple(s.at for s in stills if start <= s.at < end),
            brightness=tally.mean(tally.brightness), contrast=tally.mean(tally.contrast), saturation=tally.mean(tally.saturation),
            colours=colours, colour_shares=shares, sharpness=tally.mean(tally.sharpness), motion=tally.motion.motion(),
        )  # fmt: skip

    def _say_cut(self, cut: Border) -> list[Output | Ask]:
        event_id = self._new_id()
        start = _event(event_id, "start", "shot_cut", Span(cut.at, self._latest), cut.score)
        return [start, _event(event_id, "end", "shot_cut", Span(cut.at, cut.at), cut.score)]

    def _say_fade_start(self, fade: FadeBegins) -> Event:
        self._fade = (self._new_id(), fade.at, fade.score)
        return _event(self._fade[0], "start", "shot_fade", Span(fade.at, self._latest), fade.score)

    def _say_fade_end(self, at: Fraction) -> list[Output | Ask]:
        if self._fade is None:
            return []
        (event_id, onset, score), self._fade = self._fade, None
        return [_event(event_id, "end", "shot_fade", Span(onset, at), score)]

    def _new_id(self) -> str:
        self._events += 1
        return f"{self.origin}-{self._events - 1}"


def _event(event_id: str, lifecycle: Literal["start", "end"], label: str, span: Span, score: float) -> Event:
    score = round(score, 4)
    return Event(span.start, span.end, event_id, lifecycle, label, "picture", score, score)


def _needs_from(state: State) -> Fraction | None:
    needs = [Fraction(state[k]) for k in ("window", "candidates") if state[k] is not None]
    return min(needs, default=None)


def _text(at: Fraction | None) -> str | None:
    return None if at is None else exact(at)


def _instant(text: str | None) -> Fraction | None:
    return None if text is None else Fraction(text)
