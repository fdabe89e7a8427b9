"""One reading of one track by ffmpeg: its pictures or its sound on the timeline, and what is to be said of holes in them."""

from collections.abc import Generator, Iterator
from dataclasses import replace
from fractions import Fraction
from functools import cached_property

import av
import numpy as np

from operators.errors import DecodeError, DecoderLost
from operators.media import LONGEST_HOLE, SOUND_RATE_HZ, Pcm, Pixels
from operators.sources.child import Child
from operators.sources.commands import MOST_THREADS, Pictures, pictures_command, sound_command
from operators.sources.grid import Holes
from operators.sources.probe import Probe
from operators.sources.scan import TrackScan, scan
from operators.timeline import Span

PIPE_BYTES = 1 << 20
Block = tuple[Fraction, bytearray]


class Decoding:
    """For one thread at a time. Its generators raise DecoderLost where a signal ended the decoder, and DecodeError where it hangs
    or gave nothing at all."""

    def __init__(self, found: Probe, track: int, lane: str) -> None:
        self._found = found
        self._track = track
        self._damaged = False
        self.holes = Holes(lane, self._why, self._lost)

    def pictures(self, wanted: Pictures) -> Generator[tuple[Fraction, Pixels], None, None]:
        """Instants and pixels.

        How a damaged picture is patched up depends on what was decoded before it, and on the race between a decoder's threads. At the
        first complaint, which comes before the picture, the file is read again in order with one thread, and what is given goes
        on from the last picture: all before was whole.
        """
        width, height = wanted.size
        last = None
        readings = ((True, wanted, MOST_THREADS), (False, replace(wanted, seek=None), 1))
        for careful, pictures, threads in readings:
            command = pictures_command(self._found, pictures, threads)
            for instant, data in self._blocks(command, careful):
                if (last is None or instant > last) and len(data) == width * height * 3:
                    last = instant
                    yield instant, np.frombuffer(data, np.uint8).reshape(height, width, 3)
            if not self._damaged:
                return

    def sound(self, apart: int = 0) -> Generator[tuple[int, Pcm], None, None]:
        """Positions in samples, and samples as `samples_of` gives them."""
        track = self._found.info.sound
        assert track is not None
        for instant, data in self._blocks(sound_command(self._found, apart > 0), careful=False):
            yield round(instant * SOUND_RATE_HZ), samples_of(data, track.channels, apart)

    def _blocks(self, command: list[str], careful: bool) -> Generator[Block, None, None]:
        """All that the decoder gives; `careful`: only up to its first complaint."""
        given, zero = False, self._found.info.zero + self._found.lift
        with Child(command) as child:
            for instant, data in packets_of(child):
                if careful and child.complaints:
                    self._damaged = True
                    return
                given = True
                yield instant - zero, data
            status = child.end()
            self._damaged = bool(child.complaints or status)
        what = f"{self._found.source.name}: track {self._track}"
        if child.hangs:
            raise DecodeError(f"{what}: the decoder hangs; try to play the file")
        if status < 0:
            raise DecoderLost(f"{what}: the decoder was ended by signal {-status}")
        if not given and self._damaged:
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
        return self._found.stated_ends.get(self._track) if self._damaged else None


def samples_of(data: bytearray, channels: int, apart: int) -> Pcm:
    """float32 in [-1, 1]: [n], or, where `apart` of its `channels` are kept apart, [n, 1 + apart]: the mix of all before them. A channel
    that is not there is silent; what is no number too."""
    pcm: Pcm = np.nan_to_num(np.clip(np.frombuffer(data, "<f4"), -1, 1))
    if not apart:
        return pcm
    whole = pcm[: len(pcm) - len(pcm) % channels].reshape(-1, channels)
    kept = np.pad(whole[:, :apart], ((0, 0), (0, max(0, apart - channels))))
    return np.column_stack([whole.mean(axis=1), kept])


def packets_of(child: Child) -> Iterator[Block]:
    """Timestamps and bytes of the one track in the NUT stream; a stream that breaks off ends."""
    at_once = {"probesize": "32", "analyzeduration": "0"}
    try:
        with av.open(child, "r", format="nut", options=at_once, metadata_errors="replace", buffer_size=PIPE_BYTES) as container:
            for packet in container.demux():
                if packet.size and packet.pts is not None and packet.time_base is not None:
                    yield packet.pts * packet.time_base, bytearray(packet)
    except av.FFmpegError:
        return
