"""Looks into a file, within bounds: what tracks it has, which are read and by what, and where the timeline begins."""

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import floor

from av import AudioStream, VideoStream
from av.container import InputContainer

from operators.errors import ConfigError, SourceUnavailable
from operators.media import PictureTrack, SoundTrack, StreamInfo
from operators.sources.admission import Input, admit, top_boxes
from operators.sources.first_frames import FirstFrames, first_frames
from operators.sources.scan import TrackScan, open_container, scan
from operators.sources.tracks import SourceOptions, check_speakers, codec_of, language_of, picture_candidates, sound_candidates
from operators.sources.trust import TRUSTED, Kind, distrust_kind, distrust_packets
from operators.timeline import ZERO

MOST_PIXELS = 1 << 26
MOST_TRACKS = 100
LEAST_BYTES_PER_S = 8
"""A stated duration that leaves fewer is not believed."""
FASTEST_RATE = 240
"""An average rate beyond this is an artefact of the container's clock."""
RESTARTING = ("mpegts", "mpeg", "hls")
"""Containers whose clock may start again in the middle."""
GUESSING = ("aac", "ac3", "eac3")
"""Streams without a container: their length is only guessed unless they are read through."""
Track = VideoStream | AudioStream


@dataclass(frozen=True, slots=True)
class Probe:
    """A probed file: the stream's description, and what its readers must know beyond it."""

    source: Input
    info: StreamInfo
    demuxer: str
    """ffmpeg's name for it: told to ffmpeg, which might guess otherwise."""
    selectors: dict[int, str]
    """Each chosen track in ffmpeg's words ("v:0"): not its number, which another version may count otherwise."""
    bases: dict[int, Fraction]
    """Time base of each chosen track, by its number."""
    stated_ends: dict[int, Fraction]
    """Where the container says that a track ends, on the timeline; absent where it does not, or is not believed."""
    scans: dict[int, TrackScan]
    indexed: bool
    """The container has an index that leads to key frames: pictures may be sought. Others are read in order."""

    @property
    def lift(self) -> int:
        """Seconds by which decoders add to timestamps: a NUT pipe carries none below 0."""
        return max(0, -floor(self.info.zero))

    def jumps(self, track: int) -> list[Fraction]:
        """Seconds to be added to the track's timestamps after the first, second, … jump of its clock."""
        found = self.scans.get(track)
        return [ticks * found.time_base for ticks in found.jumps] if found else []


def probe(uri: str, options: SourceOptions) -> Probe:
    """Raises SourceUnavailable (nothing there that can be read), ConfigError (a track or channel asked for is not there)."""
    source = admit(uri)
    with open_container(source) as container:
        if len(container.streams) > MOST_TRACKS:
            raise SourceUnavailable(f"{source.name}: has {len(container.streams)} tracks, more than {MOST_TRACKS}; extract those you mean")
        try:
            pictures, sounds = picture_candidates(container, options), sound_candidates(container, options)
        except ConfigError as e:
            raise ConfigError(f"{source.name}: {e.message}") from None
        if any(t.width * t.height > MOST_PIXELS for t in pictures):
            raise SourceUnavailable(f"{source.name}: has pictures of more than {MOST_PIXELS >> 20} Mpx; scale them down first")
        if not pictures and not sounds:
            raise SourceUnavailable(
                f"{source.name}: has no track of pictures or sound that is known here; check that it is the file you meant"
            )
        firsts = first_frames(container, pictures, sounds)
        chosen = [t for t in (firsts.choose(pictures), firsts.choose(sounds)) if t is not None]
        if not chosen:
            raise SourceUnavailable(f"{source.name}: none of its tracks can be decoded: {firsts.why(pictures, sounds)}")
        try:
            check_speakers(options, next((t for t in chosen if isinstance(t, AudioStream)), None))
        except ConfigError as e:
            raise ConfigError(f"{source.name}: {e.message}") from None
        return _described(source, container, chosen, firsts)


def _described(source: Input, container: InputContainer, chosen: Sequence[Track], firsts: FirstFrames) -> Probe:
    name = container.format.name
    fragmented = not source.playlist and name.startswith("mov") and b"moof" in top_boxes(source.path)
    in_order = name in RESTARTING or name in GUESSING or fragmented
    bases = {t.index: t.time_base or Fraction(1, 90_000) for t in chosen}
    scans = scan(source, list(bases)) if in_order else {}
    ends = {} if in_order else _stated_ends(source, container, chosen)
    reader, reason = "ffmpeg", "there are no pictures"
    picture = next((t for t in chosen if isinstance(t, VideoStream)), None)
    if picture is not None:
        reason = distrust_kind(_kind(source, container, picture, firsts, fragmented))
        if not reason:
            scans = scan(source, [picture.index])
            reason = distrust_packets(scans[picture.index], ends.get(picture.index))
        if not reason:
            reader, reason = "decord", TRUSTED
    ends |= {index: found.end * found.time_base for index, found in scans.items() if found.end is not None and index not in ends}
    starts = {t.index: _start(t, firsts, scans.get(t.index)) for t in chosen}
    zero = min(starts.values())
    info = StreamInfo(
        uri=source.uri,
        container=name,
        zero=zero,
        duration=max(ends.values()) - zero if len(ends) == len(chosen) else None,
        picture=_picture(picture, firsts, zero) if picture is not None else None,
        sound=next((_sound(t, firsts, zero) for t in chosen if isinstance(t, AudioStream)), None),
        reader=reader,
        reader_reason=reason,
    )
    indexed = name.split(",")[0] in ("mov", "matroska") and not fragmented
    stated = {index: end - zero for index, end in ends.items()}
    selectors = {t.index: _selector(container, t) for t in chosen}
    return Probe(source, info, name.split(",")[0], selectors, bases, stated, scans, indexed)


def _selector(container: InputContainer, track: Track) -> str:
    kind, tracks = ("v", container.streams.video) if isinstance(track, VideoStream) else ("a", container.streams.audio)
    return f"{kind}:{[t.index for t in tracks].index(track.index)}"


def _stated_ends(source: Input, container: InputContainer, chosen: Sequence[Track]) -> dict[int, Fraction]:
    """In the container's own time."""
    longest = Fraction(source.path.stat().st_size, LEAST_BYTES_PER_S)
    ends = {}
    for track in chosen:
        if track.duration and track.time_base:
            length, start = track.duration * track.time_base, (track.start_time or 0) * track.time_base
        elif container.duration:
            length, start = Fraction(container.duration, 10**6), Fraction(container.start_time or 0, 10**6)
            if container.format.name.startswith("matroska"):
                # Its duration is the instant of its end.
                length -= start
        else:
            continue
        if ZERO < length <= longest:
            ends[track.index] = start + length
    return ends


def _start(track: Track, firsts: FirstFrames, found: TrackScan | None) -> Fraction:
    """First timestamp of the track, in the container's own time."""
    known = [firsts.instants[track.index]] if track.index in firsts.instants else []
    if track.start_time is not None and track.time_base:
        known.append(track.start_time * track.time_base)
    if found and found.first is not None:
        known.append(found.first * found.time_base)
    return min(known, default=ZERO)


def _kind(source: Input, container: InputContainer, track: VideoStream, firsts: FirstFrames, fragmented: bool) -> Kind:
    return Kind(
        container=container.format.name,
        codec=codec_of(track),
        pixel_format=track.pix_fmt or "unknown pixels",
        tracks=len(container.streams.video),
        upright=firsts.turn(track.index).upright,
        size=source.path.stat().st_size,
        fragmented=fragmented,
        timed=bool(track.duration or container.duration),
    )


def _picture(track: VideoStream, firsts: FirstFrames, zero: Fraction) -> PictureTrack:
    width, height = firsts.size(track)
    stretch = track.sample_aspect_ratio or Fraction(1)
    if Fraction(1, 8) <= stretch <= 8:
        width = max(1, round(width * stretch))
    turn = firsts.turn(track.index)
    if turn.degrees in (90, 270):
        width, height = height, width
    rate = track.average_rate
    return PictureTrack(
        index=track.index,
        codec=codec_of(track),
        width_px=width,
        height_px=height,
        rotation=turn.degrees,
        rate=rate if rate and 0 < rate <= FASTEST_RATE else None,
        start=max(ZERO, firsts.instants.get(track.index, zero) - zero),
    )


def _sound(track: AudioStream, firsts: FirstFrames, zero: Fraction) -> SoundTrack:
    return SoundTrack(
        index=track.index,
        codec=codec_of(track),
        rate_hz=track.rate,
        channels=track.channels,
        language=language_of(track),
        start=max(ZERO, firsts.instants.get(track.index, zero) - zero),
    )
