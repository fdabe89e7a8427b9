"""A line of a manifest as an example: its media decoded to the small rows that the fusion model reads."""

from contextlib import closing
from fractions import Fraction

import numpy as np

from operators.errors import ConfigError
from operators.fusion.clip import LONGEST, SOUND_RATE, Clip, Example, Track
from operators.fusion.corpus import FRAME_RATE
from operators.fusion.listening import row
from operators.fusion.pictures import small
from operators.media import PACKET_RATE, Frame, Samples, StreamInfo
from operators.protocols import FramesNeed, Source
from operators.sources import open_source
from operators.timeline import Span, cell
from pipeline.clip_manifest import ClipLine, exact_s

MOST = 10 * LONGEST
"""Seconds of a clip. Of one over LONGEST every second, third, … row is read."""
READ_PX = 160
"""Long side of the pictures that are decoded, before they are squeezed."""


def read_clip(line: ClipLine) -> Example:
    """Raises SourceUnavailable or DecodeError where its media can not be read, ConfigError where it is shorter than the line says."""
    source, info = open_source(line.media)
    span = _span(line, info)
    thinned = max(1, -(-span.duration // LONGEST))
    clip = Clip(span, _frames(source, info, span, thinned), _sound(source, info, span, thinned), line.timed_words())
    return Example(str(line.id), clip, line.captions_in(span), line.events_in(span), line.asked())


def _span(line: ClipLine, info: StreamInfo) -> Span:
    start = exact_s(line.start or 0.0)
    end = info.duration if line.end is None else exact_s(line.end)
    if end is None or end <= start:
        raise ConfigError(f"{line.id}: {line.media} has no stretch from {float(start):g} s on; state the clip's end")
    if info.duration is not None:
        if start >= info.duration:
            raise ConfigError(f"{line.id}: the clip begins at {float(start):g} s, and {line.media} ends at {float(info.duration):g} s")
        end = min(end, info.duration)
    if end - start > MOST:
        raise ConfigError(f"a clip of {float(end - start):g} s is too long to be seen as a whole: state stretches of at most {MOST} s")
    return Span(start, end)


def _frames(source: Source, info: StreamInfo, span: Span, thinned: int) -> Track | None:
    if info.picture is None:
        return None
    with closing(source.frames(info, FramesNeed(FRAME_RATE, READ_PX), span)) as items:
        seen = [i for i in items if isinstance(i, Frame) and i.at in span and i.index % thinned == 0]
    return Track(np.stack([small(f.picture.pixels) for f in seen]), tuple(f.at for f in seen)) if seen else None


def _sound(source: Source, info: StreamInfo, span: Span, thinned: int) -> Track | None:
    if info.sound is None:
        return None
    first = cell(span.start, SOUND_RATE)
    whole = Span(Fraction(first, SOUND_RATE), span.end)
    heard: dict[int, list[Samples]] = {}
    with closing(source.samples(info, whole)) as items:
        for item in items:
            if isinstance(item, Samples):
                heard.setdefault(item.index * SOUND_RATE // PACKET_RATE, []).append(item)
    kept = [(Fraction(2 * n + 1, 2 * SOUND_RATE), row(n, packets)) for n, packets in sorted(heard.items()) if n % thinned == 0]
    kept = [(middle, r) for middle, r in kept if middle in span]
    return Track(np.stack([r for _, r in kept]), tuple(t for t, _ in kept)) if kept else None
