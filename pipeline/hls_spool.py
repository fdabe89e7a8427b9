"""The media of a live stream for HLS: cut at what its recorder wrote, packaged by copying from the spool, a stated time behind live."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
from av.stream import Stream

from operators.errors import ConfigError
from operators.sources.manifest import LIFT, TRACKS, SegmentBegin, Session, TrackKind, boot_id, segment_path
from operators.sources.spool_view import SpoolView
from operators.subtitles.formats.hls_playlist import LEAST_TARGETS, Variant
from operators.timeline import ZERO, Span
from pipeline.hls_media import Piece, longest_group, next_border, part
from pipeline.hls_transport import CARRIED, Copied, Counters, Packager, codec_names

APART = 5
"""Seconds by which the tracks of a segment of the spool may be apart."""
PATIENCE_S = 30.0
"""Nothing follows for a while where a session has ended: its last cues are waited for so much longer."""


@dataclass(slots=True)
class SpoolMedia:
    """Reads the spool of one generation. It never holds up who writes it."""

    folder: Path
    target: Fraction
    """No segment is longer."""
    delay_s: float
    """From the arrival of a segment's end to its publication."""
    window: Fraction
    """What is behind by more is passed over."""
    at: Fraction | None = None
    session: int = -1
    """Where it goes on; without, near the live edge."""
    _broken: bool = False
    _view: SpoolView = field(init=False)
    _templates: dict[TrackKind, Any] = field(default_factory=dict)
    """Open containers of the session that tell what its tracks are."""
    _tracks_of: int = -1
    _session: Session | None = None
    _packager: Packager = field(default_factory=lambda: Packager(Fraction(LIFT)))

    def __post_init__(self) -> None:
        self._view = SpoolView(self.folder, "picture")

    def group(self) -> Fraction | None:
        self._view.poll()
        segments = self._view.segments
        newest = [s for s in segments if s.session == segments[-1].session]
        found = longest_group([s.first for s in newest if s.key], newest[-1].first if newest else ZERO)
        # What is over already is not waited for.
        return ZERO if found is None and (self._view.ended or self._view.down or len(self._view.sessions) > 1) else found

    def next(self, over: bool) -> Piece | None:
        self._view.poll()
        while segments := self._view.segments:
            if self.at is None or self._lost(segments):
                self._jump(segments)
            assert self.at is not None
            mine = [s for s in segments if s.session == self.session]
            following = next((s for s in segments if s.session > self.session), None)
            end = self._end(mine, over) if over or self._session_over else None
            border = next_border(self.at, [s.first for s in mine if s.key], mine[-1].first if mine else self.at, self.target, end)
            if border is not None:
                after = following.first if following else None
                return self._piece(Span(self.at, border), after if border == end else border, mine)
            if following is None or (mine and (end is None or self.at < end)):
                return None
            self.at, self.session, self._broken = following.first, following.session, True
        return None

    def read(self, piece: Piece, counters: Counters) -> bytes | None:
        session = next(s for s in self._view.sessions if s.number == piece.session)
        self._choose(session)
        begun = any(s.session == piece.session and s.first < piece.span.start for s in self._view.segments)
        start, end = piece.span.start if begun else None, None if piece.last else piece.span.end
        packets: list[Copied] = []
        opened: list[Any] = []
        try:
            for kind in self._kinds(session):
                found = list(self._packets(kind, piece, opened))
                packets += part(found, start, end)
            tracks: dict[TrackKind, Stream] = {kind: container.streams[0] for kind, container in self._templates.items()}
            return self._packager.segment(packets, tracks, counters)
        finally:
            for container in opened:
                container.close()

    def passed(self, piece: Piece) -> None:
        self.at, self._broken = piece.span.end, False

    @property
    def ended(self) -> bool:
        return self._view.ended is not None

    @property
    def variant(self) -> Variant:
        picture = self._session.picture if self._session else None
        tracks = {kind: container.streams[0] for kind, container in self._templates.items()}
        size = (picture.width_px, picture.height_px) if picture and picture.width_px else None
        return Variant(0, codec_names(tracks), size, picture.rate if picture else None)

    @property
    def first_listed(self) -> int | None:
        return None

    @property
    def _session_over(self) -> bool:
        view = self._view
        return view.ended is not None or view.down is not None or any(s.number > self.session for s in view.sessions)

    def _lost(self, segments: Sequence[SegmentBegin]) -> bool:
        """It was deleted, or came so long ago that nobody waits for it."""
        assert self.at is not None
        before = [s for s in segments if s.session <= self.session and s.first <= self.at]
        if not before:
            return segments[0].session >= self.session
        passed_s = segments[-1].arrival.monotonic_s - before[-1].arrival.monotonic_s
        old = before[-1].arrival.boot != segments[-1].arrival.boot or passed_s > self.delay_s + PATIENCE_S + float(self.window)
        return old and self._edge(segments).first > self.at

    def _edge(self, segments: Sequence[SegmentBegin]) -> SegmentBegin:
        """Where somebody would begin who looks at it live, with as much as a playlist must hold in front of it."""
        wanted = segments[-1].first - Fraction(self.delay_s) - LEAST_TARGETS * self.target
        return next((s for s in reversed(segments) if s.key and s.first <= wanted), segments[0])

    def _jump(self, segments: Sequence[SegmentBegin]) -> None:
        place = self._edge(segments)
        self.at, self.session, self._broken = place.first, place.session, True

    def _end(self, mine: Sequence[SegmentBegin], over: bool) -> Fraction | None:
        """Of the session, by what its last segment holds; None while that is not closed."""
        if not mine:
            return None
        closed = self._view.closed.get(mine[-1].number)
        if closed is None:
            return mine[-1].first if over else None
        return closed.last.get("picture", max(closed.last.values(), default=mine[-1].first))

    def _piece(self, span: Span, follows: Fraction | None, mine: Sequence[SegmentBegin]) -> Piece:
        before = [s for s in mine if s.first <= span.end][-1]
        came_s = before.arrival.monotonic_s + float(span.end - before.first) if before.arrival.boot == boot_id() else 0.0
        due_s = came_s + self.delay_s
        latest_s = due_s if follows == span.end else due_s + PATIENCE_S
        return Piece(span, self.session, self._broken, follows, Fraction(LIFT), due_s, latest_s)

    def _choose(self, session: Session) -> None:
        if self._tracks_of == session.number:
            return
        for container in self._templates.values():
            container.close()
        self._templates, self._tracks_of, self._session = {}, session.number, session
        if not self._kinds(session):
            told = " and ".join(f"{kind} is {getattr(session, kind).codec}" for kind in TRACKS if session.has(kind))
            raise ConfigError(f"its {told}, which HLS does not carry: package it elsewhere, and name that playlist with --beside")

    def _kinds(self, session: Session) -> list[TrackKind]:
        """The tracks that are carried; sound in another codec is left out."""
        return [kind for kind in TRACKS if session.has(kind) and getattr(session, kind).codec in CARRIED[kind]]

    def _packets(self, kind: TrackKind, piece: Piece, opened: list[Any]) -> Iterator[Copied]:
        """Those of the segments of the spool in which packets of the piece may be."""
        of_session = [s for s in self._view.segments if s.session == piece.session]
        for segment, after in zip(of_session, [*of_session[1:], None], strict=True):
            near = segment.first < piece.span.end + APART and (after is None or after.first > piece.span.start - APART)
            path = segment_path(self.folder, segment.number, kind)
            if not near or not path.exists():
                continue
            try:
                container = av.open(f"file:{path}", format="nut")
                opened.append(container)
                if kind not in self._templates:
                    self._templates[kind] = av.open(f"file:{path}", format="nut")
                yield from _copied(kind, container)
            except (av.FFmpegError, IndexError):
                continue


def _copied(kind: TrackKind, container: Any) -> Iterator[Copied]:
    for packet in container.demux():
        if packet.size and packet.pts is not None:
            yield Copied(kind, packet, packet.pts * packet.time_base - LIFT)
