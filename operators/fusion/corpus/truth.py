"""The events of a made clip, read from its script."""

from collections.abc import Iterator
from fractions import Fraction

from operators.fusion.clip import Labelled
from operators.fusion.corpus.script import Script, Shot
from operators.timeline import Span

HIDING = ("black", "cover", "freeze")
"""Effects during which nothing moves."""
ECHO = Fraction(3, 10)
"""Seconds for which a sound may still be heard in the room."""
INSTANT = Fraction(1, 5)
"""A cut lasts this long as an event."""


def events(script: Script) -> tuple[Labelled, ...]:
    """By start."""
    found = [*_pictures(script), *_sounds(script), *_fused(script)]
    return tuple(sorted((e for e in found if e.span.duration > 0), key=lambda e: (e.span, e.label)))


def _pictures(script: Script) -> Iterator[Labelled]:
    for shot in script.shots:
        if shot.opening == "cut":
            yield Labelled(Span(shot.span.start, shot.span.start + INSTANT), "cut")
        elif shot.opening != "start":
            yield Labelled(shot.opens, shot.opening)
        seen = _seen(shot)
        if shot.camera.move != "still":
            yield from (Labelled(span, shot.camera.move) for span in seen)
        if any(t.way != "still" for t in shot.things):
            yield from (Labelled(span, "moving_object") for span in seen)
        if shot.effect:
            yield Labelled(shot.effect.span, shot.effect.kind)
    for sign in script.signs:
        yield Labelled(sign.span, "text_on_screen")


def _seen(shot: Shot) -> list[Span]:
    """When it is to be seen what moves in a shot."""
    if shot.effect is None or shot.effect.kind not in HIDING:
        return [shot.span]
    return [Span(shot.span.start, shot.effect.span.start), Span(shot.effect.span.end, shot.span.end)]


def _sounds(script: Script) -> Iterator[Labelled]:
    for heard in script.heard:
        yield Labelled(heard.span, heard.label)
    for line in script.lines:
        yield Labelled(line.span, "speech")
    heard_until = Fraction(0)
    for span in [*sorted([h.span for h in script.heard] + [line.span for line in script.lines]), Span(script.duration, script.duration)]:
        quiet = heard_until + ECHO if heard_until else heard_until
        if span.start - quiet >= 1:
            yield Labelled(Span(quiet, span.start), "silence")
        heard_until = max(heard_until, span.end)


def _fused(script: Script) -> Iterator[Labelled]:
    for flash in script.strikes():
        yield Labelled(Span(flash.start, flash.start + Fraction(3, 5)), "strike")
    for span in script.unseen_alarms():
        yield Labelled(span, "alarm_unseen")
    for line in script.lines:
        if line.kind == "point" and script.shown(line):
            yield Labelled(line.span, "pointed_out")
        if script.reads(line):
            yield Labelled(line.span, "read_aloud")
