"""The events of a made clip, read from its script."""

from collections.abc import Iterator
from fractions import Fraction

from operators.fusion.clip import Labelled
from operators.fusion.corpus.script import Script
from operators.timeline import Span

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
        if shot.camera.move != "still":
            yield Labelled(shot.span, shot.camera.move)
        if any(t.way != "still" for t in shot.things):
            yield Labelled(shot.span, "moving_object")
        if shot.effect:
            yield Labelled(shot.effect.span, shot.effect.kind)
    for sign in script.signs:
        yield Labelled(sign.span, "text_on_screen")


def _sounds(script: Script) -> Iterator[Labelled]:
    for heard in script.heard:
        yield Labelled(heard.span, heard.label)
    for line in script.lines:
        yield Labelled(line.span, "speech")
    heard_until = Fraction(0)
    for span in [*sorted([h.span for h in script.heard] + [line.span for line in script.lines]), Span(script.duration, script.duration)]:
        if span.start - heard_until >= 1:
            yield Labelled(Span(heard_until, span.start), "silence")
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
