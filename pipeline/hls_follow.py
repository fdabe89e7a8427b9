"""Publishes the subtitles of a stream for HLS while it runs: follows its logs and its media, and holds neither up."""

from dataclasses import dataclass, field, replace
from fractions import Fraction
from math import ceil
from pathlib import Path

import msgspec

from operators.errors import ConfigError, StorageError
from operators.sources.live import is_live
from operators.sources.manifest import SPOOL
from operators.subtitles.formats.hls import SUFFIX, vtt_segment
from operators.subtitles.formats.hls_playlist import LEAST_TARGETS, Listed, Playlist, Rendition
from operators.timeline import ZERO, to_ms
from pipeline.hls_beside import BesideMedia
from pipeline.hls_cues import CueFollower
from pipeline.hls_file import FileMedia
from pipeline.hls_folder import MEDIA_SUFFIX, HlsFolder, State
from pipeline.hls_media import Media, Piece
from pipeline.hls_spool import SpoolMedia
from pipeline.log import Header, log_header


@dataclass(frozen=True, slots=True)
class HlsOptions:
    target_s: int = 6
    """No segment is longer, unless key frames are further apart."""
    delay_s: float = 24.0
    """Of a live stream: from the arrival of a segment's end to its publication. Cues that come later are late."""
    window_s: int = 120
    """What the playlists of a live stream list."""
    beside: str | None = None
    """The media playlist of another packager: only subtitles are published, in its segments."""
    shift: Fraction = ZERO
    """With `beside`: seconds by which cues come later than its clock times say."""
    video: Path | None = None
    """Of a file: where it lies now."""
    rendition: Rendition = field(default_factory=Rendition)
    translation: str | None = None
    """The language whose translation is published; None: what is said."""

    def __post_init__(self) -> None:
        if not 1 <= self.target_s <= 60:
            raise ConfigError(f"segments of {self.target_s} s are not served: 1 to 60")
        if self.window_s < LEAST_TARGETS * self.target_s:
            raise ConfigError(f"a window of {self.window_s} s is too short for segments of {self.target_s} s: {LEAST_TARGETS} of them")
        if not 0 <= self.delay_s <= 3600:
            raise ConfigError(f"a delay of {self.delay_s:g} s is none: 0 to 3600")


class HlsFollower:
    """One stream, one folder. For one thread; `turn` is to be called several times a second until `done`."""

    def __init__(self, stream_dir: Path, folder: HlsFolder, options: HlsOptions) -> None:
        self._stream_dir, self._folder, self._options = stream_dir, folder, options
        self._header: Header | None = None
        self._media: Media | None = None
        self._cues = CueFollower(stream_dir, translation=options.translation)
        self._live = True
        self._changed = False
        """The generation has: what comes first does not go on from what was there."""

    @property
    def done(self) -> bool:
        return self._folder.state.playlist.ended

    @property
    def cues(self) -> CueFollower:
        return self._cues

    def turn(self, now_s: float) -> bool:
        """Publish the next segment if it is time; whether it was. Never waits.

        Raises ConfigError, StorageError; SourceUnavailable where the media can not be read now.
        """
        if self._media is None and not self._open():
            return False
        assert self._media is not None
        if not self._folder.state.playlist.segments and not self._measured():
            return False
        self._cues.poll()
        newer = self._live and self._latest() > self._folder.state.generation
        piece = self._media.next(newer)
        told = self._cues.end
        if piece is None or (self._live and told is not None and piece.span.start >= told):
            if newer:
                self._begin(self._latest())
            elif told is not None and (piece is not None or self._media.ended):
                self._end()
            return False
        final = piece.last and self._media.ended
        known = told is not None if final else self._cues.complete(piece.span.end)
        if now_s < piece.earliest_s or not (known or now_s >= piece.latest_s):
            return False
        self._publish(piece)
        return True

    def _open(self) -> bool:
        """False while the stream has no log."""
        generation = self._folder.state.generation or self._latest()
        return generation > 0 and self._begin(generation)

    def _begin(self, generation: int) -> bool:
        place, state, options = self._stream_dir / str(generation), self._folder.state, self._options
        header = log_header(place / "narrate.jsonl")
        if header is None:
            return False
        if state.generation != generation:
            self._changed = state.generation > 0
            self._folder.state = state = replace(state, generation=generation, at=None, session=-1, told={})
        uri = _uri_of(place)
        self._live, self._header = is_live(uri), header
        self._cues = CueFollower(place, dict(state.told), state.late, translation=options.translation)
        if options.beside is not None:
            number = state.playlist.next if state.playlist.segments else None
            self._media = BesideMedia(options.beside, header.clock, options.delay_s, options.shift, number=number)
        elif self._live:
            window, target = Fraction(options.window_s), Fraction(state.playlist.target_s)
            self._media = SpoolMedia(place / SPOOL, target, options.delay_s, window, state.at, state.session)
        else:
            self._media = FileMedia(_video(uri, options.video), Fraction(state.playlist.target_s), state.at or ZERO)
        return True

    def _measured(self) -> bool:
        """How long segments are is decided before the first of them: as long as groups of pictures."""
        assert self._media is not None
        if (group := self._media.group()) is None:
            return False
        self._media.target = Fraction(max(self._options.target_s, ceil(group)))
        state = self._folder.state
        self._folder.state = replace(state, playlist=replace(state.playlist, target_s=int(self._media.target)))
        return True

    def _publish(self, piece: Piece) -> None:
        media, before = self._media, self._folder.state
        assert media is not None
        counters = dict(before.counters)
        data = media.read(piece, counters)
        cues = self._cues.take(piece.span, piece.follows, before.at)
        listed = self._listed(piece, before.playlist)
        state = self._placed(piece).grown(listed, self._window, media.first_listed)
        state = replace(
            state, at=piece.span.end, session=piece.session, told=dict(self._cues.told), late=self._cues.late, counters=counters
        )
        # A short one does not say what a player must be able to take.
        if data and (2 * listed.duration >= state.playlist.target_s or not state.peak_bits):
            state = replace(state, peak_bits=max(state.peak_bits, ceil(len(data) * 8 / listed.duration)))
        text = vtt_segment(cues, to_ms(piece.span.start), piece.zero).encode()
        media_file = [(f"{listed.name}{MEDIA_SUFFIX}", data)] if data is not None else []
        self._folder.publish(state, [(f"{listed.name}{SUFFIX}", text), *media_file])
        media.passed(piece)
        self._changed = False
        if data is not None:
            self._folder.tell(replace(media.variant, peak_bits=state.peak_bits), self.rendition)

    def _listed(self, piece: Piece, playlist: Playlist) -> Listed:
        number = playlist.next if piece.number is None else piece.number
        # Another packager's discontinuities are its own.
        broken = piece.broken if piece.number is not None else (piece.broken or self._changed) and number > 0
        clock = self._header.clock if self._header else None
        return Listed(f"{number:06}", piece.duration, broken, clock.at(to_ms(piece.span.start)) if clock else None)

    def _placed(self, piece: Piece) -> State:
        """The state to which a segment is added: its playlist is of the kind that it is to be, and comes to the segment's number."""
        state, media = self._folder.state, self._media
        if isinstance(media, BesideMedia):
            assert media.playlist is not None
            assert piece.number is not None
            theirs = media.playlist
            if piece.number != state.playlist.next or not state.playlist.segments:
                state = state.restarted(piece.number, piece.session - piece.broken)
            return replace(state, playlist=replace(state.playlist, target_s=theirs.target_s, kind=theirs.kind))
        return state if self._live else replace(state, playlist=replace(state.playlist, kind="EVENT"))

    @property
    def _window(self) -> Fraction | None:
        return Fraction(self._options.window_s) if isinstance(self._media, SpoolMedia) else None

    def _end(self) -> None:
        state = self._folder.state
        self._folder.publish(replace(state, playlist=state.playlist.end()), [])

    def _latest(self) -> int:
        """The number of the stream's latest generation; 0 where there is none."""
        return max((int(f.parent.name) for f in self._stream_dir.glob("*/generation.json") if f.parent.name.isdecimal()), default=0)

    @property
    def rendition(self) -> Rendition:
        """As far as it is known: its language is that of the first cue, where the user did not say it."""
        said = self._options.rendition
        return replace(said, language=said.language or self._cues.language, sdh=said.sdh or (self._cues.sdh and not said.forced))


def _uri_of(place: Path) -> str:
    try:
        return str(msgspec.json.decode((place / "generation.json").read_bytes())["uri"])
    except (OSError, msgspec.DecodeError, KeyError) as e:
        raise StorageError(f"{place / 'generation.json'} can not be read: {e}") from e


def _video(uri: str, named: Path | None) -> Path:
    video = named or Path(uri)
    if not video.is_file():
        raise ConfigError(f"{video} is not there: name the file that was run with --video, or your packager's playlist with --beside")
    return video
