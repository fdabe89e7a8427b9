"""WebVTT for HTTP Live Streaming (RFC 8216, 3.5): segments that each are a whole file, and their playlist."""

from collections.abc import Iterable, Iterator
from fractions import Fraction
from itertools import count

from operators.subtitles.formats.cue import Cue, end_of, shown
from operators.subtitles.formats.webvtt import webvtt

CLOCK_HZ = 90_000
"""Of MPEG transport streams; it starts again after 2 to the 33rd."""
PLAYLIST = "subtitles.m3u8"


def hls(cues: Iterable[Cue], duration_ms: int, segment_ms: int, zero: Fraction) -> Iterator[tuple[str, str]]:
    """(name, text) of each segment, in order, then of the playlist. `zero`: seconds on the media's own clock at 0 of ours.

    A cue that goes over a border stands in both segments, under one name; a segment without cues is written too.
    """
    written = [cue for cue, _ in shown(cues)]
    until = max([duration_ms, *(end_of(c) for c in written)])
    stamp = f"X-TIMESTAMP-MAP=MPEGTS:{round(zero * CLOCK_HZ) % (1 << 33)},LOCAL:00:00:00.000\n"
    entries: list[str] = []
    for n in count():
        start, end = n * segment_ms, min((n + 1) * segment_ms, until)
        if start >= until:
            break
        head, *parts = webvtt(c for c in written if c.start_ms < end and end_of(c) > start)
        name = f"{n:06}.vtt"
        yield name, head + stamp + "".join(parts)
        entries.append(f"#EXTINF:{(end - start) / 1000:.3f},\n{name}\n")
    target = -(-segment_ms // 1000)
    yield (
        PLAYLIST,
        (
            f"#EXTM3U\n#EXT-X-VERSION:3\n#EXT-X-TARGETDURATION:{target}\n#EXT-X-MEDIA-SEQUENCE:0\n#EXT-X-PLAYLIST-TYPE:VOD\n"
            + "".join(entries)
            + "#EXT-X-ENDLIST\n"
        ),
    )
