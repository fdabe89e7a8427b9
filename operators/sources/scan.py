"""The timestamps of a file's packets, read without decoding: where tracks begin and end, and where their clock jumps.

MPEG-TS and playlists may start their clock again in the middle (joined recordings, advertisements, 33-bit wraps). The scan
decides, once for both tracks, what is to be added to the timestamps after each jump so that the timeline goes on.
"""

from array import array
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from itertools import islice

import av
from av import AudioStream, Packet, VideoStream
from av.container import InputContainer
from av.stream import Discard, Stream

from operators.errors import SourceUnavailable
from operators.sources.admission import Input, explain
from operators.sources.key_frames import KeyFrame, key_frame
from operators.sources.tracks import codec_of
from operators.timeline import ZERO

JUMP_BACK = Fraction(1, 2)
"""Timestamps that step back further than pictures are reordered by are of another clock."""
JUMP_AHEAD = Fraction(2**32, 90_000)
"""Half a turn of the 33-bit clock: a step ahead by more is the demuxer's mistaken unwrapping of a step back."""
SAME_JUMP = Fraction(10)
"""Two tracks jump together where their new timestamps meet the same timeline within this."""


@dataclass(slots=True)
class TrackScan:
    """What the packets of one track say. Ticks are of `time_base`, and unwrapped."""

    time_base: Fraction
    ticks: "array[int]" = field(default_factory=lambda: array("q"))
    """Presentation timestamps, of all packets that show something, in order."""
    keys: "array[int]" = field(default_factory=lambda: array("q"))
    """Those of key frames."""
    worst_key: KeyFrame = KeyFrame.CLOSED
    first: int | None = None
    end: int | None = None
    jumps: list[int] = field(default_factory=list)
    """What is added to the timestamps after the first, second, … jump."""
    untimed: bool = False
    hidden: bool = False
    """There are packets that are decoded and not shown."""
    corrupt: bool = False
    last_decoding: int | None = None
    furthest_back: int = 0
    furthest_ahead: int = 0
    """Bounds of a step from one decoding timestamp to the next, beyond which it is a jump."""

    def __post_init__(self) -> None:
        self.furthest_back = -round(JUMP_BACK / self.time_base)
        self.furthest_ahead = round(JUMP_AHEAD / self.time_base)

    @property
    def offset(self) -> int:
        return self.jumps[-1] if self.jumps else 0


def open_container(source: Input) -> InputContainer:
    """Raises SourceUnavailable."""
    try:
        return av.open(source.url, format="hls" if source.playlist else None, options=source.options, metadata_errors="replace")
    except (av.FFmpegError, UnicodeError) as e:
        raise SourceUnavailable(f"{source.name}: {explain(source)}") from e


def scan(source: Input, tracks: Sequence[int], most: int | None = None) -> dict[int, TrackScan]:
    """Reads the file once, or its first `most` packets. Raises SourceUnavailable."""
    with open_container(source) as container:
        scans = {index: TrackScan(_time_base(container, index)) for index in tracks}
        for packet in islice(packets(container, tracks), most):
            _note(scans, packet)
    for track in scans.values():
        track.ticks, track.keys = array("q", sorted(track.ticks)), array("q", sorted(track.keys))
    return scans


def packets(container: InputContainer, tracks: Sequence[int]) -> "Iterator[Packet[Stream]]":
    """Up to the end, or to where the file can be read no further."""
    wanted = [container.streams[index] for index in tracks]
    for stream in container.streams:
        if stream.index not in tracks and isinstance(stream, VideoStream | AudioStream):
            stream.discard = Discard.all
    try:
        yield from container.demux(wanted)
    except (av.FFmpegError, IndexError):
        return


def _time_base(container: InputContainer, index: int) -> Fraction:
    return container.streams[index].time_base or Fraction(1, 90_000)


def _note(scans: dict[int, TrackScan], packet: "Packet[Stream]") -> None:
    if not packet.size:
        return
    track, pts, decoding = scans[packet.stream_index], packet.pts, packet.dts
    if pts is None:
        track.untimed = True
        return
    if decoding is not None:
        step = decoding - track.last_decoding if track.last_decoding is not None else 0
        if not track.furthest_back <= step <= track.furthest_ahead:
            track.jumps.append(_bridge(scans, track, pts))
        track.last_decoding = decoding
    track.corrupt = track.corrupt or packet.is_corrupt
    if packet.is_discard:
        track.hidden = True
        return
    at = pts + track.offset
    track.ticks.append(at)
    if packet.is_keyframe:
        track.keys.append(at)
        track.worst_key = max(track.worst_key, _key_frame(packet))
    elif track.keys and at < track.keys[-1]:
        track.worst_key = max(track.worst_key, KeyFrame.OPEN)
    track.first = at if track.first is None else min(track.first, at)
    track.end = max(track.end or at, at + (packet.duration or 0))


def _key_frame(packet: "Packet[Stream]") -> KeyFrame:
    stream = packet.stream
    if not isinstance(stream, VideoStream):
        return KeyFrame.CLOSED
    return key_frame(codec_of(stream), stream.codec_context.extradata or b"", bytes(packet))


def _bridge(scans: dict[int, TrackScan], track: TrackScan, ticks: int) -> int:
    """The offset that takes `ticks` on from the end of the timeline, or along with another track that has jumped already."""
    ends = [scan.end * scan.time_base for scan in scans.values() if scan.end is not None]
    end = max(ends, default=ZERO)
    for other in scans.values():
        offset = other.offset * other.time_base
        if len(other.jumps) > len(track.jumps) and abs(ticks * track.time_base + offset - end) < SAME_JUMP:
            return round(offset / track.time_base)
    return round(end / track.time_base) - ticks
