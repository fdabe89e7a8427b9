"""Parts of clips, as a pipeline shows them: a shot with a little before and after it."""

import random
from dataclasses import replace
from fractions import Fraction

import numpy as np

from operators.fusion.clip import Clip, Example, Labelled, Track
from operators.timeline import Span

BEFORE, AFTER = (20, 50), (0, 40)
"""Steps of a part before and after the shot, least and most; before it enough to see how it begins."""
STEP = Fraction(1, 20)


def cropped(example: Example, rng: random.Random) -> Example:
    """About one of its captions. What is asked of the whole clip is left out, and captions that are not wholly in the part."""
    if not example.captions:
        return example
    about, whole = rng.choice(example.captions).span, example.clip.span
    start = max(whole.start, about.start - STEP * rng.randint(*BEFORE))
    part = Span(start, min(whole.end, about.end + STEP * rng.randint(*AFTER)))
    clip, events = example.clip, example.events
    return replace(
        example,
        clip=Clip(
            part,
            _within(clip.frames, part),
            _within(clip.sound, part),
            tuple(w for w in clip.words if w.start < part.end and w.end > part.start),
        ),
        captions=tuple(c for c in example.captions if c.span.start >= part.start and c.span.end <= part.end),
        events=None if events is None else tuple(Labelled(seen, e.label) for e in events if (seen := e.span.common(part))),
        questions=(),
    )


def _within(track: Track | None, part: Span) -> Track | None:
    if track is None:
        return None
    inside = np.array([t in part for t in track.times], bool)
    return Track(track.rows[inside], tuple(t for t in track.times if t in part))
