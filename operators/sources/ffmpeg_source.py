"""The `ffmpeg` source: anything that ffmpeg decodes, in a child process, with exact timestamps through a NUT pipe.

Pictures are sought where the container has an index, two seconds early, since decoders need a run-up; what comes too early is
dropped. Sound is decoded from its beginning (600 times real time): only counting its samples gives the same ones again.
"""

from collections.abc import Generator, Iterator
from contextlib import closing
from dataclasses import replace
from fractions import Fraction
from functools import cached_property
from itertools import chain

import av
import numpy as np

from operators.errors import DecodeError, DecoderLost
from operators.media import LONGEST_HOLE, SOUND_RATE_HZ, Frame, Pcm, Pixels, Samples, StreamInfo
from operators.protocols import FramesNeed
from operators.records import Gap
from operators.sources.child import Child
from operators.sources.commands import pictures_command, shown_size, sound_command
from operators.sources.grid import Holes, first_cell, frames_on_grid, samples_on_grid
from operators.sources.key_frames import KeyFrame
from operators.sources.probe import Probe, probe
from operators.sources.scan import TrackScan, scan
from operators.sources.tracks import DEFAULTS, SourceOptions
from operators.timeline import Span, cell

RUN_UP = Fraction(2)
"""Pictures are sought this much early."""
PIPE_BYTES = 1 << 20
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
            with closing(decoding.pictures(pictures_command(self.found, need.rate, size, seek), size)) as pictures:
                first = next(pictures, None)
                # An index may lead too far; then there is no way but to read in order.
                if first is not None and cell(first[0], need.rate) < first_cell(span.start, need.rate):
                    yield from frames_on_grid(chain([first], pictures), need.rate, span, decoding.holes, from_start=False)
                    return
        with closing(decoding.pictures(pictures_command(self.found, need.rate, size, None), size)) as pictures:
            yield from frames_on_grid(pictures, need.rate, span, decoding.holes, from_start=True)

    def _seekable(self, track: int) -> bool:
        """No container's index tells key frames from pictures at which a gradual refresh begins: they are looked at."""
        found = self.found
        if not found.indexed:
            return False
        seen = found.scans.get(track) or scan(found.source, [track], KEYS_LOOKED_FOR)[track]
        return seen.worst_key < KeyFrame.GRADUAL

    def samples(self, info: StreamInfo, span: Span) -> Generator[Samples | Gap, None, None]:
        if info.sound is None:
            return
        decoding = Decoding(self.found, info.sound.index, "listen")
        with closing(decoding.sound(sound_command(self.found))) as blocks:
            yield from samples_on_grid(blocks, span, decoding.holes)


class Decoding:
    """One reading of one track: runs the decoder, and knows what its complaints and the file's packets say of holes."""

    def __init__(self, found: Probe, track: int, lane: str) -> None:
        self._found = found
        self._track = track
        self._complaints = 0
        self.holes = Holes(lane, self._why, self._lost)

    def pictures(self, command: list[str], size: tuple[int, int]) -> Generator[tuple[Fraction, Pixels], None, None]:
        """Instants and pixels. Raises as `_blocks` does."""
        width, height = size
        for instant, data in self._blocks(command):
            if len(data) == width * height * 3:
                yield instant, np.frombuffer(data, np.uint8).reshape(height, width, 3)

    def sound(self, command: list[str]) -> Generator[tuple[int, Pcm], None, None]:
        """Positions in samples, and samples. Raises as `_blocks` does."""
        for instant, data in self._blocks(command):
            yield round(instant * SOUND_RATE_HZ), np.clip(np.frombuffer(data, "<f4"), -1, 1)

    def _blocks(self, command: list[str]) -> Generator[tuple[Fraction, bytearray], None, None]:
        """Raises DecoderLost where a signal ended the decoder, DecodeError where it hangs or gave nothing at all."""
        given, zero = False, self._found.info.zero + self._found.lift
        with Child(command) as child:
            for instant, data in _packets(child):
                given = True
                yield instant - zero, data
            status = child.end()
            self._complaints = child.complaints + abs(status)
        what = f"{self._found.source.name}: track {self._track}"
        if child.hangs:
            raise DecodeError(f"{what}: the decoder hangs; try to play the file")
        if status < 0:
            raise DecoderLost(f"{what}: the decoder was ended by signal {-status}")
        if not given and self._complaints:
            raise DecodeError(f"{what}: nothing of it can be decoded: {child.complaint or f'ffmpeg ended with {status}'}")

    def _why(self, hole: Span) -> str | None:
        return "decode_error" if self._in_packets(hole) else "discontinuity" if hole.duration > LONGEST_HOLE else None

    def _in_packets(self, hole: Span) -> bool:
        found = self._packets
        first, end = ((instant + self._found.info.zero) / found.time_base for instant in (hole.start, hole.end))
        return any(first <= ticks < end for ticks in found.ticks)

    @cached_property
    def _packets(self) -> TrackScan:
        """Read only where there is a hole to be explained."""
        known = self._found.scans.get(self._track)
        return known or scan(self._found.source, [self._track])[self._track]

    def _lost(self) -> Fraction | None:
        return self._found.stated_ends.get(self._track) if self._complaints else None


def _packets(child: Child) -> Iterator[tuple[Fraction, bytearray]]:
    """Timestamps and bytes of the one track in the NUT stream; a stream that breaks off ends."""
    try:
        with av.open(child, "r", format="nut", options={"probesize": "32", "analyzeduration": "0"}, buffer_size=PIPE_BYTES) as container:
            for packet in container.demux():
                if packet.size and packet.pts is not None and packet.time_base is not None:
                    yield packet.pts * packet.time_base, bytearray(packet)
    except av.FFmpegError:
        return
