"""What comes from a live source: packets of its best two tracks, from a receiver that can be killed at any moment."""

import os
import select
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from fractions import Fraction
from types import TracebackType
from typing import Any, Protocol

import av
from av import Packet, VideoStream
from av.container import InputContainer
from av.stream import Stream

from operators.errors import CapstreamError, ConfigError
from operators.sources.child import Child
from operators.sources.live import PIPE_LIFT, Address, receiver_command
from operators.sources.live_clock import Timed
from operators.sources.manifest import Arrival, TrackKind, now
from operators.sources.source_clock import ClockReading
from operators.sources.tracks import SourceOptions, picture_candidates, sound_candidates
from operators.sources.ts_tables import TableWatch
from pipeline.spool_relay import Relay
from pipeline.spool_writer import Track

READ_BYTES = 1 << 16
SPOILT = ("Non-monoton", "New audio stream", "New video stream")
"""Complaints after which what ffmpeg copies is not what came: timestamps that it flattened, tracks that it leaves out."""
TS_OPTIONS = {"correct_ts_overflow": "0", "probesize": "4000000", "analyzeduration": "2500000"}
NUT_OPTIONS = {"probesize": "32", "analyzeduration": "0"}


class Pipe(Protocol):
    """Bytes as they come; empty at the end, or once `wait_on` says no."""

    def read(self, size: int) -> bytes: ...


class StandardInput:
    """A pipe that somebody else fills."""

    def __init__(self, handle: int, wait_on: Callable[[], bool]) -> None:
        self._handle = handle
        self._wait_on = wait_on
        self._poll = select.poll()
        self._poll.register(handle, select.POLLIN)
        self.ended = False

    def read(self, size: int) -> bytes:
        while not self._poll.poll(100):
            if not self._wait_on():
                return b""
        data = os.read(self._handle, size)
        self.ended = self.ended or not data
        return data


@dataclass(slots=True)
class _Before:
    """A pipe in front of which something is read again."""

    data: bytes
    pipe: Pipe

    def read(self, size: int) -> bytes:
        data, self.data = self.data[:size], self.data[size:]
        return data or self.pipe.read(size)


@dataclass(slots=True)
class Watched:
    """A pipe that tells of what comes through, and ends once it is not waited for."""

    pipe: Pipe
    came: Callable[[], bool]
    """Called after each reading that gave something; says whether to go on."""

    tables: TableWatch | None
    rest: bytes = b""
    """What belongs to other tracks; where there is any, this pipe has ended."""

    def read(self, size: int) -> bytes:
        if self.rest:
            return b""
        data = self.pipe.read(size)
        if not data or not self.came():
            return b""
        if self.tables is not None:
            data, self.rest = self.tables.split(data)
        return data


class Receiver:
    """One connection to the source. A context manager; ends with its receiver killed."""

    def __init__(
        self, address: Address, tracks: SourceOptions, stdin: int | None, watch: tuple[Callable[[], bool], Callable[[], bool]], again: bool
    ) -> None:
        """watch: one is asked ten times a second while nothing comes, the other whenever something came; False ends everything here.

        Raises DecodeError where ffmpeg can not be started; LiveUnavailable, ConfigError where the address is not followed there.
        """
        self._address = address
        self._tracks = tracks
        self.relay = Relay(address) if address.relayed else None
        try:
            self.child = None if stdin is not None else Child(self._command(again), float("inf"), watch[0])
        except CapstreamError:
            if self.relay:
                self.relay.close()
            raise
        self.pipe = StandardInput(stdin, watch[0]) if stdin is not None else None
        self._container: InputContainer | None = None
        self._watched: Watched | None = None
        self._tables = TableWatch() if address.transport == "mpegts" else None
        self.streams: dict[TrackKind, Track] = {}
        """It grows where a track is understood only later: at its first key frame."""
        self._waiting: dict[TrackKind, Track] = {}
        self.answered: Arrival | None = None
        """When the first bytes came."""
        self._first: Fraction | None = None
        """The source's instant of the first packet."""
        self._on_bytes = watch[1]

    def open(self) -> bool:
        """Looks for tracks; False where it gave none. Raises ConfigError (the track asked for is not there)."""
        source = self.child or self.pipe
        assert source is not None
        transport = self._address.transport
        options = TS_OPTIONS if transport == "mpegts" else NUT_OPTIONS
        pipe = _Before(self._watched.rest, source) if self._watched else source
        watched: Any = Watched(pipe, self._came, self._tables)
        self._watched, self.streams, self._waiting, self.answered = watched, {}, {}, None
        if self._container is not None:
            self._container.close()
        try:
            container = av.open(watched, "r", format=transport, options=options, metadata_errors="replace", buffer_size=READ_BYTES)
        except (av.FFmpegError, UnicodeError):
            return False
        self._container = container
        try:
            # ffmpeg has chosen already what it copies.
            chosen = self._tracks if transport == "mpegts" else SourceOptions()
            pictures, sounds = picture_candidates(container, chosen), sound_candidates(container, chosen)
        except ConfigError as e:
            raise ConfigError(f"{self._address.name}: {e.message}") from None
        later = [s for s in container.streams.audio if s.codec_context is not None and not s.rate]
        best: dict[TrackKind, list[Any]] = {"picture": sorted(pictures, key=lambda t: not t.width), "sound": [*sounds, *later]}
        for kind, tracks in best.items():
            for track in tracks[:1]:
                (self.streams if _understood(track) else self._waiting)[kind] = track
        return bool(self.streams or self._waiting)

    @property
    def changed(self) -> bool:
        """It ended because other tracks come now: it can be opened again."""
        return self._watched is not None and bool(self._watched.rest)

    @property
    def container(self) -> str:
        return {"mpegts": "mpegts", "nut": self._address.kind}[self._address.transport]

    @property
    def starts(self) -> dict[TrackKind, Fraction]:
        """The source's instants at which the tracks begin, where all are known."""
        found = {kind: s.start_time * s.time_base for kind, s in self.streams.items() if s.start_time is not None and s.time_base}
        return found if len(found) == len(self.streams) else {}

    def packets(self) -> "Iterator[tuple[TrackKind, Timed[Packet[Stream]]]]":
        """Up to the end, or to where ffmpeg begins to change what came. Also those of tracks that are not among `streams` yet."""
        assert self._container is not None
        tracks = self.streams | self._waiting
        kinds = {stream.index: kind for kind, stream in tracks.items()}
        try:
            for packet in self._container.demux(list(tracks.values())):
                timed, kind = _timed(packet), kinds[packet.stream_index]
                if timed is not None:
                    self._first = timed.showing if self._first is None else self._first
                    self._understand(kind, packet)
                    yield kind, timed
                if self.spoilt:
                    return
        except (av.FFmpegError, IndexError):
            return

    def own_clock(self) -> ClockReading | None:
        """What the source's own clock shows, as far as it is known by now."""
        if self.relay is None:
            return None
        with self.relay.lock:
            playing, newest, reported = self.relay.playlists.first, self.relay.playlists.newest, self.relay.reports.zero
        if playing is not None and self._first is not None:
            return ClockReading(self._first, playing, newest)
        return ClockReading(Fraction(PIPE_LIFT), reported) if reported is not None else None

    @property
    def spoilt(self) -> str | None:
        """The complaint of ffmpeg after which it is to be replaced."""
        said = self.child.said if self.child else ()
        return next((line for line in said if any(word in line for word in SPOILT)), None)

    @property
    def ended(self) -> bool:
        """Standard input has come to its end: nothing more will ever come."""
        return self.pipe is not None and self.pipe.ended

    def __enter__(self) -> "Receiver":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if self.child:
            self.child.close()
        if self.relay:
            self.relay.close()
        if self._container is not None:
            self._container.close()

    def _command(self, again: bool) -> list[str]:
        return receiver_command(self._address, self._tracks, again, self.relay.port if self.relay else None)

    def _understand(self, kind: TrackKind, packet: "Packet[Stream]") -> None:
        """A track of which too little came while tracks were looked for says what it is in its first key frame."""
        track = self._waiting.get(kind)
        if track is not None and packet.is_keyframe:
            with suppress(av.FFmpegError):
                packet.decode()
            if _understood(track):
                self.streams = self.streams | {kind: self._waiting.pop(kind)}

    def _came(self) -> bool:
        self.answered = self.answered or now()
        return self._on_bytes()


def _understood(track: Track) -> bool:
    return bool(track.width and track.height) if isinstance(track, VideoStream) else bool(track.rate and track.channels)


def _timed(packet: "Packet[Stream]") -> "Timed[Packet[Stream]] | None":
    base = packet.time_base
    showing = packet.pts if packet.pts is not None else packet.dts
    if not packet.size or showing is None or base is None:
        return None
    decoding = packet.dts if packet.dts is not None else showing
    return Timed(packet, decoding * base, showing * base, (packet.duration or 0) * base)
