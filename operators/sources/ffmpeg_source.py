"""The `ffmpeg` source: anything that ffmpeg decodes, in a child process, with exact timestamps through a NUT pipe.

Pictures are sought where the container has an index, two seconds early, since decoders need a run-up; what comes too early is
dropped. Sound is decoded from its beginning (600 times real time): only counting its samples gives the same ones again.
"""

from collections.abc import Generator
from contextlib import closing
from dataclasses import replace
from fractions import Fraction
from functools import cached_property
from itertools import chain

from operators.media import Frame, Samples, StreamInfo
from operators.protocols import FramesNeed
from operators.records import Gap
from operators.sources.commands import Pictures, shown_size
from operators.sources.decoding import Decoding
from operators.sources.grid import first_cell, frames_on_grid, samples_on_grid
from operators.sources.key_frames import KeyFrame
from operators.sources.probe import Probe, probe
from operators.sources.scan import scan
from operators.sources.tracks import DEFAULTS, SourceOptions
from operators.timeline import Span, cell

RUN_UP = Fraction(2)
"""Pictures are sought this much early."""
KEYS_LOOKED_FOR = 3000
"""Packets among which key frames are looked at where the file was not scanned: one or two minutes of pictures."""


class FfmpegSource:
    """One file. Each call of `frames` and `samples` has a decoder of its own; they may run at the same time."""

    Options = SourceOptions

    def __init__(self, uri: str, options: SourceOptions = DEFAULTS, found: Probe | None = None) -> None:
        self._uri = uri
        self._options = options
        self._given = found

    def probe(self) -> StreamInfo:
        info = self.found.info
        return info if info.reader == "ffmpeg" else replace(info, reader="ffmpeg", reader_reason="asked for")

    @cached_property
    def found(self) -> Probe:
        return self._given or probe(self._uri, self._options)

    def frames(self, info: StreamInfo, need: FramesNeed, span: Span) -> Generator[Frame | Gap, None, None]:
        track = info.picture
        if track is None:
            return
        decoding = Decoding(self.found, track.index, "look")
        size = shown_size(track, need.size_px)
        seek = span.start - RUN_UP
        if seek > track.start and self._seekable(track.index):
            with closing(decoding.pictures(Pictures(need.rate, size, seek))) as pictures:
                first = next(pictures, None)
                # An index may lead too far; then there is no way but to read in order.
                if first is not None and cell(first[0], need.rate) < first_cell(span.start, need.rate):
                    yield from frames_on_grid(chain([first], pictures), need.rate, span, decoding.holes, from_start=False)
                    return
        with closing(decoding.pictures(Pictures(need.rate, size, None))) as pictures:
            yield from frames_on_grid(pictures, need.rate, span, decoding.holes, from_start=True)

    def samples(self, info: StreamInfo, span: Span) -> Generator[Samples | Gap, None, None]:
        if info.sound is None:
            return
        decoding = Decoding(self.found, info.sound.index, "listen")
        with closing(decoding.sound(len(self._options.speakers))) as blocks:
            yield from samples_on_grid(blocks, span, decoding.holes)

    def _seekable(self, track: int) -> bool:
        """No index tells key frames from pictures at which a gradual refresh begins: they are looked at."""
        found = self.found
        if not found.indexed:
            return False
        seen = found.scans.get(track) or scan(found.source, [track], KEYS_LOOKED_FOR)[track]
        return seen.worst_key < KeyFrame.GRADUAL
