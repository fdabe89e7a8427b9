"""What the recorder of a live source says of its tracks, and remembers: when each last came, and what a playlist may give again."""

from collections import deque
from dataclasses import dataclass, field
from fractions import Fraction
from zlib import crc32

from av import AudioStream, VideoStream

from operators.media import PictureTrack, SoundTrack
from operators.sources.grid import SUSPECT_HOLE
from operators.sources.manifest import TrackKind
from operators.sources.probe import FASTEST_RATE
from operators.sources.tracks import codec_of, language_of
from operators.timeline import ZERO
from pipeline.spool_watch import MissingParts
from pipeline.spool_writer import Track

MOMENT = Fraction(1, 100)
REMEMBERED = 20_000
"""Packets that are known again when a playlist lists them again."""
Key = tuple[TrackKind, int, int]


def picture_track(streams: dict[TrackKind, Track], at: Fraction) -> PictureTrack | None:
    track = streams.get("picture")
    if not isinstance(track, VideoStream):
        return None
    stretch, width, rate = track.sample_aspect_ratio or Fraction(1), track.width, track.average_rate
    if Fraction(1, 8) <= stretch <= 8:
        width = max(1, round(width * stretch))
    shown = rate if rate and ZERO < rate <= FASTEST_RATE else None
    return PictureTrack(0, codec_of(track), width, track.height, 0, shown, at)


def sound_track(streams: dict[TrackKind, Track], at: Fraction) -> SoundTrack | None:
    track = streams.get("sound")
    if not isinstance(track, AudioStream):
        return None
    return SoundTrack(0, codec_of(track), track.rate, track.channels, language_of(track), at)


@dataclass(slots=True)
class TrackSilence:
    """Since when a track has been silent, and what is told of it."""

    since: Fraction
    """The instant of its last packet."""
    parts: MissingParts | None = None
    steps: "deque[Fraction]" = field(default_factory=lambda: deque(maxlen=50))
    """From one packet to the next."""

    def hole(self, showing: Fraction) -> bool:
        """So long that media must have been lost: tracks with few packets have such steps all the time."""
        step = showing - self.since
        lost = step > SUSPECT_HOLE and len(self.steps) >= 4 and step > 4 * max(self.steps)
        self.steps.append(step)
        return lost


@dataclass(slots=True)
class PlaylistMemory:
    """Knows packets again, by their instant and their content."""

    _order: "deque[Key]" = field(default_factory=deque)
    _known: set[Key] = field(default_factory=set)
    _latest: dict[TrackKind, Fraction] = field(default_factory=dict)
    """The source's instants of the packets that were remembered last."""
    _given_to: dict[TrackKind, Fraction] = field(default_factory=dict)
    """The same when this connection began."""
    _repeating: bool = False

    def begin(self) -> None:
        """A connection begins, and may give again what the one before gave."""
        self._repeating, self._given_to = False, dict(self._latest)

    def knows(self, kind: TrackKind, showing: Fraction, packet: bytes) -> bool:
        """Whether the packet came before, or lies among such that did; else it is remembered."""
        moment, check = round(showing / MOMENT), crc32(packet)
        # Timestamps of sound are rounded differently each time.
        if any((kind, near, check) in self._known for near in (moment - 1, moment, moment + 1)):
            self._repeating = True
            return True
        # How packets are cut out at the borders of what is listed may differ.
        if self._repeating and showing <= self._given_to.get(kind, showing - 1):
            return True
        self._latest[kind] = showing
        self._order.append((kind, moment, check))
        self._known.add((kind, moment, check))
        if len(self._order) > REMEMBERED:
            self._known.discard(self._order.popleft())
        return False
