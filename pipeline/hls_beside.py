"""The grid of somebody else's packager: subtitles in the same segments as its media playlist lists."""

import io
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from http.client import HTTPException
from itertools import accumulate
from pathlib import Path
from time import monotonic
from urllib.parse import urljoin
from urllib.request import urlopen

import av

from operators.errors import ConfigError, SourceUnavailable
from operators.records import Clock
from operators.subtitles.formats.hls_playlist import Playlist, Theirs, Variant, read_playlist
from operators.timeline import ZERO, Span
from pipeline.hls_media import Piece
from pipeline.hls_transport import Counters

ANSWER_S = 10.0
MOST_BYTES = 1 << 28
"""Of a playlist or a segment that is read."""


@dataclass(slots=True)
class BesideMedia:
    """Follows a media playlist: a file, or http. Where a segment stands on the stream's timeline is told by the clock times of both; of a
    file, whose playlist begins where it begins, by their sum."""

    address: str
    clock: Clock | None
    """Of the stream; None: it is a file."""
    delay_s: float
    """From a segment's being listed to its subtitles, at the latest."""
    shift: Fraction = ZERO
    """Seconds by which cues come later than the clocks say."""
    target: Fraction = ZERO
    number: int | None = None
    """The next segment; None: the first that is listed."""
    _theirs: Theirs | None = None
    _read_s: float = -1e9
    _seen_s: dict[int, float] = field(default_factory=dict)
    _zeros: dict[int, Fraction] = field(default_factory=dict)
    """By the number of a discontinuity: seconds on the clock of the media at 0 of the timeline."""

    def group(self) -> Fraction | None:
        return ZERO

    def next(self, over: bool) -> Piece | None:
        if (theirs := self._poll()) is None:
            return None
        playlist = theirs.playlist
        if not playlist.first <= (-1 if self.number is None else self.number) <= playlist.next:
            self.number = playlist.first
        index = (self.number or 0) - playlist.first
        if index >= len(playlist.segments):
            return None
        listed = playlist.segments[index]
        start = self._start(playlist, index)
        part = playlist.discontinuities + sum(s.discontinuity for s in playlist.segments[: index + 1])
        if part not in self._zeros:
            header = theirs.headers[index]
            self._zeros = {part: _first_instant(self._address(listed.name), header and self._address(header)) - start}
        latest_s = self._seen_s[playlist.first + index] + self.delay_s
        span = Span(start, start + listed.duration)
        follows: Fraction | None = span.end
        if index + 1 < len(playlist.segments):
            follows = self._start(playlist, index + 1) if playlist.segments[index + 1].discontinuity else span.end
        elif playlist.ended:
            follows = None
        return Piece(span, part, listed.discontinuity, follows, self._zeros[part], 0.0, latest_s, self.number)

    def read(self, piece: Piece, counters: Counters) -> bytes | None:
        return None

    def passed(self, piece: Piece) -> None:
        assert piece.number is not None
        self.number = piece.number + 1

    @property
    def ended(self) -> bool:
        return self._theirs is not None and self._theirs.playlist.ended

    @property
    def playlist(self) -> Playlist | None:
        """As it was read last."""
        return self._theirs.playlist if self._theirs else None

    @property
    def variant(self) -> Variant:
        return Variant(0)

    @property
    def first_listed(self) -> int | None:
        return self._theirs.playlist.first if self._theirs else None

    def _poll(self) -> Theirs | None:
        """What it lists; read again after half a target duration, as players do."""
        known = self._theirs
        if known is None or (not known.playlist.ended and monotonic() - self._read_s > known.playlist.target_s / 2):
            self._read_s = monotonic()
            try:
                known = self._theirs = read_playlist(fetch(self.address).decode("utf-8", "replace"), self.address)
            except SourceUnavailable:
                if known is None:
                    raise
            numbers = range(known.playlist.first, known.playlist.next)
            self._seen_s = {n: self._seen_s.get(n, self._read_s) for n in numbers}
        return known

    def _start(self, playlist: Playlist, index: int) -> Fraction:
        """Where a listed segment begins on the stream's timeline."""
        starts = list(accumulate((s.duration for s in playlist.segments), initial=ZERO))
        if self.clock is None:
            return starts[index] - self.shift
        dated = [n for n, segment in enumerate(playlist.segments) if segment.date_time]
        if not dated:
            raise ConfigError(
                f"{self.address} says no clock times, and the stream is live: have the packager write EXT-X-PROGRAM-DATE-TIME"
            )
        nearest = max((n for n in dated if n <= index), default=dated[0])
        shows = datetime.fromisoformat(playlist.segments[nearest].date_time or "")
        since = (shows if shows.tzinfo else shows.replace(tzinfo=UTC)) - self.clock.zero_time
        return Fraction(since // timedelta(microseconds=1), 10**6) + starts[index] - starts[nearest] - self.shift

    def _address(self, name: str) -> str:
        return urljoin(self.address, name) if "://" in self.address else str(Path(self.address).parent / name)


def fetch(address: str) -> bytes:
    """A file, or what a server answers. Raises SourceUnavailable, ConfigError."""
    if "://" in address and not address.startswith(("http://", "https://")):
        raise ConfigError(f"{address} is not read: name a file, or http:// or https://")
    try:
        if "://" not in address:
            return Path(address).read_bytes()
        with urlopen(address, timeout=ANSWER_S) as answer:
            return bytes(answer.read(MOST_BYTES))
    except (OSError, HTTPException, ValueError) as e:
        raise SourceUnavailable(f"{address} can not be read: {getattr(e, 'strerror', None) or e}; check that it is there") from e


def _first_instant(segment: str, header: str | None) -> Fraction:
    """What the clock of the media shows at a segment's beginning, in seconds."""
    data = (fetch(header) if header else b"") + fetch(segment)
    try:
        with av.open(io.BytesIO(data), "r", options={"ignore_editlist": "1"}) as container:
            tracks = list(container.streams.video or container.streams.audio)[:1]
            shown = [p.pts * p.time_base for p in container.demux(tracks) if p.size and p.pts is not None and p.time_base is not None]
    except (av.FFmpegError, IndexError) as e:
        raise SourceUnavailable(f"{segment} can not be read as media: {e}; is it encrypted?") from e
    if not shown:
        raise SourceUnavailable(f"{segment} holds no media")
    return min(shown)
