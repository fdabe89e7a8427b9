"""Packets to segments of an MPEG transport stream: copied, never encoded."""

import io
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

import av
import numpy as np
from av import AudioStream, Packet, VideoStream
from av.stream import Stream

from operators.sources.manifest import TRACKS, TrackKind
from operators.sources.tracks import codec_of
from operators.subtitles.formats.hls import CLOCK_HZ
from operators.timeline import ZERO

CARRIED: dict[TrackKind, tuple[str, ...]] = {"picture": ("h264", "hevc"), "sound": ("aac", "mp3", "ac3", "eac3")}
"""Codecs that players of HLS know in transport streams."""
PACKET = 188
Counters = dict[int, int]
"""By the number of an elementary stream: what its next packet is counted as. Segments are parts of one transport stream."""


@dataclass(frozen=True, slots=True)
class Copied:
    """A packet with its instant on the stream's timeline."""

    kind: TrackKind
    packet: "Packet[Stream]"
    showing: Fraction


@dataclass(slots=True)
class Packager:
    """Makes the segments of one transport stream. `lift`: seconds by which its clock is ahead of the timeline."""

    lift: Fraction
    _delay: Fraction = ZERO
    """The longest time so far by which pictures are decoded before they are shown."""
    _last: dict[TrackKind, int] = field(default_factory=dict)
    """Ticks of each track's latest decoding: where that delay grows, the clock does not step back."""

    def segment(self, packets: Sequence[Copied], tracks: dict[TrackKind, Stream], counters: Counters) -> bytes:
        """A segment that begins with its tables. `packets`: of each track in order of decoding; they are used up. `counters` goes on."""
        data = io.BytesIO()
        with av.open(data, "w", format="mpegts", options={"max_delay": "0"}) as container:
            made = {kind: _add(container, tracks[kind]) for kind in TRACKS if kind in tracks}
            container.start_encoding()
            for decoding, copied in self._in_order(packets):
                packet = copied.packet
                duration = round((packet.duration or 0) * (packet.time_base or 0) * CLOCK_HZ)
                # Sources that lose packets may give two of one instant.
                dts = self._last[copied.kind] = max(self._ticks(decoding), self._last.get(copied.kind, 0) + 1)
                packet.stream, packet.time_base = made[copied.kind], Fraction(1, CLOCK_HZ)
                packet.pts, packet.dts, packet.duration = max(self._ticks(copied.showing), dts), dts, duration
                # What is damaged so that no container takes it is of no use to a player either.
                with suppress(av.FFmpegError):
                    container.mux(packet)
        return count_on(data.getvalue(), counters)

    def _in_order(self, packets: Sequence[Copied]) -> list[tuple[Fraction, Copied]]:
        """With instants of decoding, which the spool does not hold: those of showing, in order, earlier by as much as pictures need."""
        timed: list[tuple[Fraction, Copied]] = []
        for kind in TRACKS:
            of_track = [c for c in packets if c.kind == kind]
            shown = sorted(c.showing for c in of_track)
            early = max((at - c.showing for at, c in zip(shown, of_track, strict=True)), default=ZERO)
            self._delay = max(self._delay, early)
            timed += [(at - self._delay if kind == "picture" else at, c) for at, c in zip(shown, of_track, strict=True)]
        return sorted(timed, key=lambda t: t[0])

    def _ticks(self, instant: Fraction) -> int:
        return round((instant + self.lift) * CLOCK_HZ)


def count_on(data: bytes, counters: Counters) -> bytes:
    """The same packets, counted from where the segment before stopped."""
    rows = np.frombuffer(data, np.uint8).reshape(-1, PACKET).copy()
    numbers = (rows[:, 1].astype(int) & 0x1F) << 8 | rows[:, 2]
    # Those that hold nothing of a stream are not counted.
    holds = (rows[:, 3] & 0x10) != 0
    for number in np.unique(numbers):
        of_stream = np.flatnonzero((numbers == number) & holds)
        counts = (counters.get(int(number), 0) + np.arange(len(of_stream))) % 16
        rows[of_stream, 3] = (rows[of_stream, 3] & 0xF0) | counts.astype(np.uint8)
        counters[int(number)] = int(counters.get(int(number), 0) + len(of_stream)) % 16
    return rows.tobytes()


def codec_names(tracks: dict[TrackKind, Stream]) -> tuple[str, ...]:
    """By RFC 6381; empty where one of them is not known."""
    names = [_codec_name(tracks[kind]) for kind in TRACKS if kind in tracks]
    return tuple(name for name in names if name) if all(names) else ()


def _add(container: Any, track: Stream) -> Stream:
    made: Stream = container.add_stream_from_template(track, opaque=True)
    return made


def _codec_name(track: Stream) -> str | None:
    if isinstance(track, AudioStream):
        return {"aac": "mp4a.40.2", "mp3": "mp4a.40.34", "ac3": "ac-3", "eac3": "ec-3"}.get(codec_of(track))
    if isinstance(track, VideoStream) and codec_of(track) == "h264":
        return _avc_name(track.codec_context.extradata or b"")
    return None


def _avc_name(extradata: bytes) -> str | None:
    """From its configuration, or from the sequence parameters that a byte stream begins with."""
    if extradata[:1] == b"\x01" and len(extradata) > 3:
        return f"avc1.{extradata[1:4].hex()}"
    for at in range(len(extradata) - 6):
        if extradata[at : at + 3] == b"\x00\x00\x01" and extradata[at + 3] & 0x1F == 7:
            return f"avc1.{extradata[at + 4 : at + 7].hex()}"
    return None
