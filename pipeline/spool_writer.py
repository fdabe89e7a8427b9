"""Writes the spool of a live source: segments of both tracks, the manifest, and nothing older or larger than its bounds."""

import io
import os
from dataclasses import dataclass, field
from fractions import Fraction
from hashlib import file_digest
from pathlib import Path
from time import time

import av
from av import AudioStream, Packet, VideoStream
from av.container import OutputContainer
from av.stream import Stream

from operators.sources.manifest import (
    LIFT,
    TRACKS,
    Arrival,
    ClockLine,
    Ended,
    Evicted,
    Line,
    Missing,
    SegmentBegin,
    SegmentEnd,
    Session,
    TrackKind,
    now,
    segment_path,
)
from operators.timeline import ZERO
from pipeline.spool_manifest import ManifestWriter
from pipeline.spool_watch import SpoolOptions

Track = VideoStream | AudioStream
AT_ONCE = {"fflags": "flush_packets"}
EARLY = 9
"""Seconds by which decoding comes before showing, at most."""
LONGEST_SEGMENT = 5
"""Times its wanted length: then it ends without a key frame."""


@dataclass(slots=True)
class _File:
    container: OutputContainer
    stream: Stream
    base: Fraction
    last_ticks: int
    first: Fraction
    last: Fraction
    packets: int = 0


@dataclass(slots=True)
class _Open:
    """The segment that grows."""

    begin: SegmentBegin
    files: dict[TrackKind, _File] = field(default_factory=dict)


class SpoolWriter:
    """The one writer of a spool, by the lock its recorder holds. Opening takes up what a recorder before it left."""

    def __init__(self, folder: Path, options: SpoolOptions) -> None:
        self._folder = folder
        self._options = options
        self._segment: _Open | None = None
        self._streams: dict[TrackKind, Track] = {}
        self._kept: list[SegmentEnd] = []
        self.sessions = 0
        self.end = ZERO
        """Up to here the timeline is told."""
        self.last_arrival: tuple[Fraction, Arrival] | None = None
        """An instant of what was recorded before, and when it came."""
        self.clock: ClockLine | None = None
        self._next = 0
        self._manifest = ManifestWriter(folder)
        self._take_up()

    def say(self, line: Line) -> None:
        """A line of the manifest; readers see it at once."""
        if isinstance(line, Missing | Ended):
            self.end = max(self.end, line.end if isinstance(line, Missing) else line.at)
        if isinstance(line, ClockLine):
            self.clock = line
        self._manifest.say(line)

    def begin(self, session: Session, streams: dict[TrackKind, Track]) -> None:
        self.close_segment()
        self._streams = streams
        self.sessions = session.number + 1
        self.say(session)

    def write(self, kind: TrackKind, packet: "Packet[Stream]", decoding: Fraction, showing: Fraction) -> None:
        """A packet on the timeline, in order of decoding in its track. On the disk, for those who read along, when this returns."""
        segment = self._segment_for(kind, packet, showing)
        file = segment.files.get(kind)
        if file is None:
            file = segment.files[kind] = self._open(segment.begin.number, kind, showing)
        ticks = round((showing + LIFT) / file.base)
        # The files hold no instants of decoding, and some sources only guess them: all that counts is their order.
        order = max(round((decoding + LIFT - EARLY) / file.base), file.last_ticks + 1)
        if order > ticks:
            return
        duration = round((packet.duration or 0) * (packet.time_base or ZERO) / file.base)
        end = showing + duration * file.base
        packet.stream = file.stream
        packet.time_base = file.base
        packet.pts, packet.dts, packet.duration = ticks, order, duration
        file.container.mux_one(packet)
        file.last_ticks, file.packets = order, file.packets + 1
        file.first, file.last = min(file.first, showing), max(file.last, end)
        self.end = max(self.end, end)

    def close_segment(self) -> None:
        segment, self._segment = self._segment, None
        if segment is None:
            return
        for file in segment.files.values():
            file.container.close()
        firsts = {kind: f.first for kind, f in segment.files.items()}
        lasts = {kind: f.last for kind, f in segment.files.items()}
        self._closed(segment.begin.number, firsts, lasts, {kind: f.packets for kind, f in segment.files.items()})
        self._evict()

    def close(self) -> None:
        self.close_segment()
        self._manifest.close()

    def _segment_for(self, kind: TrackKind, packet: "Packet[Stream]", showing: Fraction) -> _Open:
        segment = self._segment
        whole = "picture" not in self._streams or (kind == "picture" and packet.is_keyframe)
        if segment is not None:
            age = float(showing - segment.begin.first)
            if age >= self._options.segment_s * (1 if whole else LONGEST_SEGMENT):
                self.close_segment()
        if self._segment is None:
            begin = SegmentBegin(self._next, self.sessions - 1, showing, whole, now())
            self._next += 1
            self._segment = _Open(begin)
            self.say(begin)
        return self._segment

    def _open(self, number: int, kind: TrackKind, first: Fraction) -> _File:
        container = av.open(f"file:{segment_path(self._folder, number, kind)}", "w", format="nut", options=AT_ONCE)
        stream = _add_track(container, self._streams[kind])
        assert stream.time_base is not None
        return _File(container, stream, stream.time_base, -1, first, first)

    def _closed(
        self, number: int, firsts: dict[TrackKind, Fraction], lasts: dict[TrackKind, Fraction], packets: dict[TrackKind, int]
    ) -> None:
        sizes, hashes = {}, {}
        for kind in firsts:
            path = segment_path(self._folder, number, kind)
            with open(path, "rb") as file:
                sizes[kind], hashes[kind] = os.fstat(file.fileno()).st_size, file_digest(file, "sha256").hexdigest()
        line = SegmentEnd(number, firsts, lasts, packets, sizes, hashes)
        self._kept.append(line)
        self.say(line)

    def _evict(self) -> None:
        """The oldest closed segments, until what is left is within the bounds; the newest one stays."""
        size, oldest = sum(sum(s.sizes.values()) for s in self._kept), time() - self._options.max_age_s
        gone = 0
        for segment in self._kept[:-1]:
            paths = [segment_path(self._folder, segment.number, kind) for kind in segment.sizes]
            if size <= self._options.max_bytes and all(p.stat().st_mtime >= oldest for p in paths if p.exists()):
                break
            size -= sum(segment.sizes.values())
            gone += 1
        if gone:
            evicted, self._kept = self._kept[:gone], self._kept[gone:]
            # Told first: who reads knows what is about to go.
            self.say(Evicted(evicted[-1].number + 1))
            for segment in evicted:
                for kind in segment.sizes:
                    segment_path(self._folder, segment.number, kind).unlink(missing_ok=True)

    def _take_up(self) -> None:
        open_segment: SegmentBegin | None = None
        for line in self._manifest.read():
            match line:
                case Session():
                    self.sessions = line.number + 1
                    self.end = max(self.end, line.at)
                case ClockLine():
                    self.clock = line
                case SegmentBegin():
                    open_segment, self._next = line, line.number + 1
                    self.last_arrival = line.first, line.arrival
                case SegmentEnd():
                    open_segment = None
                    self._kept.append(line)
                    self.end = max([self.end, *line.last.values()])
                case Evicted():
                    self._kept = [s for s in self._kept if s.number >= line.below]
                case Missing():
                    self.end = max(self.end, line.end)
                case Ended():
                    self.end = max(self.end, line.at)
        if open_segment is not None:
            self._finish(open_segment)

    def _finish(self, begin: SegmentBegin) -> None:
        """The segment that was growing when its recorder was killed."""
        firsts: dict[TrackKind, Fraction] = {}
        lasts: dict[TrackKind, Fraction] = {}
        counts: dict[TrackKind, int] = {}
        for kind in TRACKS:
            path = segment_path(self._folder, begin.number, kind)
            spans = _packet_spans(path) if path.exists() else []
            if spans:
                firsts[kind], lasts[kind], counts[kind] = min(s for s, _ in spans), max(e for _, e in spans), len(spans)
        self._closed(begin.number, firsts, lasts, counts)
        self.end = max([self.end, *lasts.values()])


def files_base(stream: Track) -> Fraction:
    """The time base that a track's files will have."""
    with av.open(io.BytesIO(), "w", format="nut") as container:
        made = _add_track(container, stream)
        assert made.time_base is not None
        return made.time_base


def _add_track(container: OutputContainer, track: Track) -> Stream:
    """Also one whose container did not say what its first key frame did."""
    made = container.add_stream_from_template(track, opaque=True)
    if isinstance(track, VideoStream) and isinstance(made, VideoStream):
        made.codec_context.width, made.codec_context.height = track.codec_context.width, track.codec_context.height
    elif isinstance(track, AudioStream) and isinstance(made, AudioStream):
        made.codec_context.sample_rate, made.codec_context.layout = track.codec_context.sample_rate, track.codec_context.layout
    container.start_encoding()
    return made


def _packet_spans(path: Path) -> list[tuple[Fraction, Fraction]]:
    spans = []
    try:
        with av.open(f"file:{path}", format="nut") as container:
            for packet in container.demux():
                if packet.size and packet.pts is not None and packet.time_base is not None:
                    start = packet.pts * packet.time_base - LIFT
                    spans.append((start, start + (packet.duration or 0) * packet.time_base))
    except (av.FFmpegError, IndexError):
        pass
    return spans
