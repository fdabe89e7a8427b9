"""WebVTT for HTTP Live Streaming (RFC 8216, 3.5): segments that each are a whole file."""

from collections.abc import Iterable, Iterator
from fractions import Fraction

from operators.subtitles.formats.cue import Cue, clock, end_of, shown
from operators.subtitles.formats.hls_playlist import Listed, Playlist
from operators.subtitles.formats.webvtt import webvtt
from operators.timeline import from_ms

CLOCK_HZ = 90_000
"""Of MPEG transport streams; it starts again after `TURN`."""
TURN = 1 << 33
PLAYLIST = "subtitles.m3u8"
SUFFIX = ".vtt"


def vtt_segment(cues: Iterable[Cue], start_ms: int, zero: Fraction) -> str:
    """A segment that begins at `start_ms`, with these cues, each whole. `zero`: seconds on the media's own clock at 0 of ours.

    Its map says what the clock of the media shows at its own beginning: a clock that started again meanwhile does not matter.
    """
    head, *parts = webvtt(cues)
    ticks = round((zero + from_ms(start_ms)) * CLOCK_HZ) % TURN
    return f"{head}X-TIMESTAMP-MAP=MPEGTS:{ticks},LOCAL:{clock(start_ms)}\n{''.join(parts)}"


def overlaps(cue: Cue, start_ms: int, end_ms: int) -> bool:
    """Whether it is shown within a segment: one that goes over a border stands in both."""
    return cue.start_ms < end_ms and end_of(cue) > start_ms


def hls(cues: Iterable[Cue], duration_ms: int, segment_ms: int, zero: Fraction) -> Iterator[tuple[str, str]]:
    """(name, text) of each segment of a finished programme, in order, then of the playlist. `zero`: as in `vtt_segment`."""
    written = [cue for cue, _ in shown(cues)]
    until = max([duration_ms, *(end_of(c) for c in written)])
    playlist = Playlist(-(-segment_ms // 1000), "VOD")
    for n, start in enumerate(range(0, until, segment_ms)):
        end = min(start + segment_ms, until)
        yield f"{n:06}{SUFFIX}", vtt_segment((c for c in written if overlaps(c, start, end)), start, zero)
        playlist = playlist.add(Listed(f"{n:06}", from_ms(end - start)))
    yield PLAYLIST, playlist.end().text(SUFFIX)
