"""The media of a file for HLS: cut at its key frames, packaged by copying."""

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

from av.stream import Stream

from operators.errors import ConfigError
from operators.sources import SourceOptions
from operators.sources.manifest import LIFT, TRACKS, TrackKind
from operators.sources.probe import Probe, probe
from operators.sources.scan import open_container
from operators.subtitles.formats.hls_playlist import Variant
from operators.timeline import ZERO, Span
from pipeline.hls_media import Piece, longest_group, next_border, part
from pipeline.hls_transport import CARRIED, Copied, Counters, Packager, codec_names

AHEAD = Fraction(5)
"""Seconds by which the tracks of a file may be apart in it."""
LOOKED_AT = Fraction(60)
"""Seconds of a file that say how far apart its key frames are."""


class FileMedia:
    """Reads a file once, from its beginning; what is in front of `at` was published before.

    Raises ConfigError where HLS does not carry it, SourceUnavailable where it can not be read.
    """

    def __init__(self, video: Path, target: Fraction, at: Fraction) -> None:
        self._found = probe(str(video), SourceOptions())
        self.target, self._at = target, at
        self._kinds = _carried(self._found)
        self._container = open_container(self._found.source)
        self._tracks: dict[TrackKind, Stream] = {
            kind: self._container.streams[getattr(self._found.info, kind).index] for kind in self._kinds
        }
        self._packets: dict[TrackKind, list[Copied]] = {kind: [] for kind in self._kinds}
        self._ends: dict[TrackKind, Fraction] = {}
        self._known = ZERO
        """Up to here it was read."""
        self._whole = False
        self._packager = Packager(Fraction(LIFT))
        self._reading = self._read_on()

    def group(self) -> Fraction | None:
        while not self._whole and self._known < LOOKED_AT:
            self._whole = next(self._reading, None) is None
        return longest_group(self._keys, LOOKED_AT)

    def next(self, over: bool) -> Piece | None:
        while not self._whole and self._known <= self._at + self.target + AHEAD:
            self._whole = next(self._reading, None) is None
        end = self._ends.get(self._kinds[0], ZERO) if self._whole else None
        border = next_border(self._at, self._keys, self._known, self.target, end)
        return None if border is None else Piece(Span(self._at, border), 0, False, None if border == end else border, Fraction(LIFT))

    def read(self, piece: Piece, counters: Counters) -> bytes | None:
        start, end = piece.span.start or None, None if piece.last else piece.span.end
        packets = [c for kind in self._kinds for c in part(self._packets[kind], start, end)]
        return self._packager.segment(packets, self._tracks, counters)

    def passed(self, piece: Piece) -> None:
        self._at = piece.span.end
        self._packets = {kind: part(packets, self._at, None) for kind, packets in self._packets.items()}

    @property
    def ended(self) -> bool:
        return self._whole

    @property
    def variant(self) -> Variant:
        picture = self._found.info.picture
        size = (picture.width_px, picture.height_px) if picture else None
        return Variant(0, codec_names(self._tracks), size, picture.rate if picture else None)

    @property
    def first_listed(self) -> int | None:
        return None

    @property
    def _keys(self) -> list[Fraction]:
        packets = self._packets[self._kinds[0]]
        return sorted(c.showing for c in packets if c.packet.is_keyframe or c.kind == "sound")

    def _read_on(self) -> Iterator[Copied]:
        kinds = {stream.index: kind for kind, stream in self._tracks.items()}
        for packet in self._container.demux(list(self._tracks.values())):
            shown = packet.pts if packet.pts is not None else packet.dts
            if not packet.size or shown is None or packet.time_base is None:
                continue
            kind, zero = kinds[packet.stream_index], self._found.info.zero
            showing = shown * packet.time_base - zero
            self._ends[kind] = max(self._ends.get(kind, ZERO), showing + (packet.duration or 0) * packet.time_base)
            copied = Copied(kind, packet, showing)
            self._packets[kind].append(copied)
            if kind == self._kinds[0]:
                self._known = max(self._known, showing)
            yield copied


def _carried(found: Probe) -> list[TrackKind]:
    """The tracks that are carried; sound in another codec is left out."""
    info = found.info
    there: list[TrackKind] = [kind for kind in TRACKS if getattr(info, kind) is not None]
    kinds = [kind for kind in there if getattr(info, kind).codec in CARRIED[kind]]
    if kinds[:1] != there[:1]:
        raise ConfigError(
            f"{found.source.name}: its {there[0]} is {getattr(info, there[0]).codec}, which HLS does not carry:"
            " package it elsewhere, and name that playlist with --beside"
        )
    if any(found.jumps(getattr(info, kind).index) for kind in kinds):
        raise ConfigError(f"{found.source.name}: its clock jumps: package it elsewhere, and name that playlist with --beside")
    return kinds
