"""Decodes the first frame of each track that may be chosen: that it can be decoded, its instant, its size, how it is turned."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any, TypeVar

import av
import numpy as np
from av import AudioFrame, AudioStream, Packet, VideoFrame, VideoStream
from av.container import InputContainer
from av.stream import Stream

from operators.sources.scan import packets
from operators.sources.tracks import codec_of
from operators.timeline import ZERO

MOST_BYTES = 32 << 20
"""Of packets read in search of the first frames."""
TrackT = TypeVar("TrackT", VideoStream, AudioStream)


@dataclass(frozen=True, slots=True)
class Turn:
    """How decoded pictures are turned to be shown upright (ISO/IEC 14496-12, the track's matrix)."""

    degrees: int
    """Clockwise: 0, 90, 180 or 270; 0 where it is none of these."""
    upright: bool
    """False where the matrix mirrors, or turns by another angle."""


@dataclass(slots=True)
class FirstFrames:
    instants: dict[int, Fraction] = field(default_factory=dict)
    """Of the first decoded frame, in the container's own time, by the track's number."""
    sizes: dict[int, tuple[int, int]] = field(default_factory=dict)
    turns: dict[int, Turn] = field(default_factory=dict)
    whole: bool = True
    """The file was read to its end: what is not here can not be decoded."""
    encrypted: bool = False

    def choose(self, candidates: Sequence[TrackT]) -> TrackT | None:
        """The best that can be decoded; the best at all where the search ended early."""
        return next((t for t in candidates if t.index in self.instants or not self.whole), None)

    def turn(self, index: int) -> Turn:
        return self.turns.get(index, Turn(0, True))

    def size(self, track: VideoStream) -> tuple[int, int]:
        return self.sizes.get(track.index, (track.width, track.height))

    def why(self, *candidates: Sequence[VideoStream | AudioStream]) -> str:
        """Why none could be chosen, and what to do."""
        if self.encrypted:
            return "they are encrypted; decrypt the file first"
        return f"{', '.join(codec_of(t) for tracks in candidates for t in tracks)} damaged, or nothing in it; try to play it"


def first_frames(container: InputContainer, pictures: Sequence[VideoStream], sounds: Sequence[AudioStream]) -> FirstFrames:
    """Reads on until the best track of each kind has given a frame."""
    found = FirstFrames()
    wanted = {tracks[0].index for tracks in (pictures, sounds) if tracks}
    read = 0
    for packet in packets(container, [t.index for t in (*pictures, *sounds)]):
        read += packet.size
        if packet.has_sidedata("encryption_info"):  # now and then its cipher decodes to something
            found.encrypted = True
        elif packet.stream_index not in found.instants:
            _decode(packet, found)
        if wanted <= found.instants.keys() or read > MOST_BYTES:
            found.whole = False
            break
    return found


def _decode(packet: "Packet[Stream]", found: FirstFrames) -> None:
    try:
        frame = next(iter(packet.decode()), None)
    except av.FFmpegError:
        return
    if not isinstance(frame, VideoFrame | AudioFrame):
        return
    index = packet.stream_index
    found.instants[index] = frame.pts * frame.time_base if frame.pts is not None and frame.time_base else ZERO
    if isinstance(frame, VideoFrame):
        found.sizes[index] = (frame.width, frame.height)
        found.turns[index] = _turn(frame)


def _turn(frame: VideoFrame) -> Turn:
    matrix: Any = frame.side_data.get("DISPLAYMATRIX")
    if matrix is None:
        return Turn(0, True)
    a, b, _, c, d = np.frombuffer(matrix, "<i4")[:5].tolist()
    degrees = round(-frame.rotation) % 360
    exact = degrees % 90 == 0 and (a == d == 0 or b == c == 0)
    return Turn(degrees if degrees % 90 == 0 else 0, exact and a * d - b * c > 0)
