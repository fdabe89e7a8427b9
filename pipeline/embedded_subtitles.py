"""Subtitles inside a media file: which tracks there are, and what each says, read by ffmpeg onto the stream's own clock."""

import re
import subprocess
import tempfile
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import islice, pairwise
from math import floor
from pathlib import Path
from typing import Any

import av
import ffmpeg
from av import VideoStream
from av.container import InputContainer

from operators.errors import ConfigError, SourceUnavailable
from operators.sources import SourceOptions
from operators.sources.admission import Input, admit
from operators.sources.binaries import find_ffmpeg
from operators.sources.probe import probe
from operators.sources.scan import open_container
from operators.sources.tracks import language_of
from operators.subtitles.formats import Cue, Subtitles, read_subtitles
from operators.subtitles.formats.rolling import unrolled
from operators.subtitles.languages import LANGUAGES
from operators.timeline import ZERO, to_ms

BITMAPS = {"hdmv_pgs_subtitle": "PGS", "dvb_subtitle": "DVB", "dvd_subtitle": "DVD", "xsub": "DivX"}
TEXTS = {
    "ass": ("ass", {"c:s": "copy"}),
    "webvtt": ("vtt", {"c:s": "copy"}),
    **dict.fromkeys(("subrip", "mov_text", "text", "eia_608", "dvb_teletext"), ("srt", {"c:s": "srt"})),
}
"""By codec: the format that ffmpeg writes it in, and how; what is a format of files already is copied."""
READ_WITH: dict[str, dict[str, Any]] = {"dvb_teletext": {"txt_format": "text", "fix_sub_duration": None, "txt_page": "subtitle"}}
ASS_FIELDS = b"Format: Layer, Start, End, Style, Name, MarginL, MarginR, MarginV, Effect, Text"
CAPTIONS = {"cc1": "first", "cc3": "second"}
"""CEA-608 in the pictures, by the names that its channels have: the field that carries it."""
LOOKED_AT = 50
"""Pictures at the beginning in which captions are looked for."""
OPEN_MS, LAST_MS = 24 * 3_600_000, 10_000
"""What is shown for longer has no end of its own: it is shown until the next comes, or so long."""


@dataclass(frozen=True, slots=True)
class SubtitleTrack:
    name: str
    """Its number in the container, as ffmpeg counts; `cc1` or `cc3` for captions within the pictures."""
    codec: str
    language: str | None
    """In the container's own words ("eng")."""
    title: str | None
    selector: str
    """The same track in ffmpeg's words ("s:0")."""

    def __str__(self) -> str:
        what = f"{BITMAPS[self.codec]} pictures" if self.codec in BITMAPS else self.codec
        return " ".join(filter(None, (self.name, what, self.language, self.title and repr(self.title))))


def tracks_of(media: str) -> list[SubtitleTrack]:
    """The subtitles in a file: tracks of the container, and CEA-608 that stands in its first pictures. Raises SourceUnavailable."""
    with open_container(admit(media)) as container:
        tracks = []
        for n, stream in enumerate(container.streams.subtitles):
            # PyAV comes without a decoder of teletext, and names only what it can decode.
            codec = stream.codec_context.codec.canonical_name if stream.codec_context is not None else "dvb_teletext"
            title = stream.metadata.get("title")
            tracks.append(SubtitleTrack(str(stream.index), codec, language_of(stream), title, f"s:{n}"))
        if _captioned(container):
            tracks += [SubtitleTrack(name, "eia_608", None, None, "s:0") for name in CAPTIONS]
    return tracks


def read_track(media: str, name: str | None) -> Subtitles:
    """What a track says, on the stream's timeline; without a name the only one that is text. Blocking; captions within the pictures
    take as long as it takes to decode these.

    Raises:
        ConfigError: there is no such track, it holds pictures of text, or it is not said which of several.
        SourceUnavailable: the file, or the track, can not be read.
    """
    track, page = _choose(media, name)
    if track.codec in BITMAPS:
        raise ConfigError(
            f"{media}: track {track.name} holds pictures of text ({BITMAPS[track.codec]}): ask for a track of text, or for a file"
        )
    if track.codec not in TEXTS:
        raise ConfigError(f"{media}: subtitles of the kind {track.codec} (track {track.name}) are not read; extract them to a file first")
    found = _place(media)
    suffix = TEXTS[track.codec][0]
    with tempfile.TemporaryDirectory(prefix="capstream-") as folder:
        file = Path(folder) / f"track.{suffix}"
        # What a container holds of ASS has the fields of its own rules, whatever its header says of their order.
        file.write_bytes(re.sub(rb"(?m)^Format: Layer,.*$", ASS_FIELDS, _run(_command(found, track, page), media)))
        read = read_subtitles(file) if file.stat().st_size else Subtitles(())
    cues = _closed(_moved(read.cues, to_ms(found.zero + found.lift)))
    languages = {three: two for two, three in LANGUAGES.items()}
    rolling = track.codec == "eia_608"
    return replace(read, cues=unrolled(cues) if rolling else cues, language=languages.get(track.language or "", track.language))


@dataclass(frozen=True, slots=True)
class _Place:
    """A file of media and its clock."""

    source: Input
    demuxer: str
    """ffmpeg's name for it."""
    pictures: str | None
    """The track of pictures in ffmpeg's words ("v:0")."""
    zero: Fraction
    """Of the timeline, in the container's own time."""

    @property
    def lift(self) -> int:
        """Seconds by which ffmpeg adds to timestamps: no file of subtitles has any below 0."""
        return max(0, -floor(self.zero))


def _place(media: str) -> _Place:
    """Subtitles alone, without pictures or sound, are on the clock that they say."""
    source = admit(media)
    with open_container(source) as container:
        demuxer = container.format.name.split(",")[0]
        alone = not container.streams.video and not container.streams.audio
    if alone:
        return _Place(source, demuxer, None, ZERO)
    found = probe(media, SourceOptions())
    picture = found.info.picture
    return _Place(source, found.demuxer, found.selectors[picture.index] if picture else None, found.info.zero)


def _captioned(container: InputContainer) -> bool:
    """Whether the first pictures carry captions, of any field."""
    pictures = next((s for s in container.streams if isinstance(s, VideoStream)), None)
    if pictures is None or pictures.codec_context is None:
        return False
    try:
        frames = islice(container.decode(pictures), LOOKED_AT)
        return any(_is_captions(data) for frame in frames for data in frame.side_data)
    except av.FFmpegError:
        return False


def _is_captions(data: Any) -> bool:
    return bool(data.type.name == "A53_CC")


def _choose(media: str, name: str | None) -> tuple[SubtitleTrack, str | None]:
    """The track, and the page of teletext that is asked for."""
    tracks = tracks_of(media)
    listed = "; ".join(map(str, tracks))
    if not tracks:
        raise ConfigError(f"{media} has no subtitles in it")
    if name is None:
        texts = [t for t in tracks if t.codec not in BITMAPS and t.name != "cc3"] or tracks
        if len(texts) > 1:
            raise ConfigError(f"{media} has several tracks of subtitles, name one with --track: {listed}")
        return texts[0], None
    number, _, page = name.partition(".")
    for track in tracks:
        if track.name == number and (not page or track.codec == "dvb_teletext"):
            return track, page or None
    raise ConfigError(f"{media} has no track of subtitles {name!r}: {listed}")


def _command(found: _Place, track: SubtitleTrack, page: str | None) -> list[str]:
    suffix, how = TEXTS[track.codec]
    options = READ_WITH.get(track.codec, {}) | ({"txt_page": page} if page else {})
    shared = {"copyts": None, "itsoffset": found.lift}
    if track.name in CAPTIONS:
        source = ffmpeg.input(_captions_graph(found), f="lavfi", data_field=CAPTIONS[track.name], **shared)
    else:
        source = ffmpeg.input("file:", f=found.demuxer, **shared, **options, **found.source.options)
    written = ffmpeg.output(source[track.selector], "pipe:1", f={"vtt": "webvtt"}.get(suffix, suffix), **how)
    command: list[str] = written.global_args("-nostdin", "-hide_banner", "-loglevel", "error").compile(cmd=find_ffmpeg())
    return [found.source.url if word == "file:" else word for word in command]


def _captions_graph(found: _Place) -> str:
    """A filter graph that reads the file and gives the captions of its pictures as a track."""
    assert found.pictures is not None
    limits = ":".join(f"{key}={value}" for key, value in found.source.options.items())
    told = {"filename": found.source.url, "f": found.demuxer, "s": found.pictures, "format_opts": limits}
    return f"movie={':'.join(f'{key}={_escaped(value)}' for key, value in told.items())}[out0+subcc]"


def _escaped(value: str) -> str:
    """Twice, as ffmpeg's filter graphs want it: for the option, then for the graph."""
    return re.sub(r"([\\'\[\],;])", r"\\\1", re.sub(r"([\\':])", r"\\\1", value))


def _run(command: list[str], media: str) -> bytes:
    done = subprocess.run(command, capture_output=True, check=False)
    said = done.stderr.decode(errors="replace")
    if "dvb_teletext" in said and "ecoder" in said:
        raise ConfigError(f"{command[0]} has no decoder of teletext: install an ffmpeg with libzvbi (apt-get install ffmpeg)")
    if done.returncode:
        told = (said.strip().splitlines() or ["ffmpeg said nothing"])[-1]
        raise SourceUnavailable(f"{media}: its subtitles can not be read: {told}")
    return done.stdout


def _moved(cues: tuple[Cue, ...], zero_ms: int) -> list[Cue]:
    """Onto the timeline: what ends before it begins is left out."""
    moved = (
        replace(c, start_ms=max(0, c.start_ms - zero_ms), end_ms=c.end_ms - zero_ms, lines=tuple(line.strip() for line in c.lines))
        for c in cues
    )
    return sorted((c for c in moved if c.end_ms > 0 and c.lines), key=lambda c: (c.start_ms, c.end_ms))


def _closed(cues: list[Cue]) -> tuple[Cue, ...]:
    """With ends where they have none; what is sent again while it is shown is one cue."""
    ended = [_ended(c, follows.start_ms) for c, follows in pairwise(cues)] + [_ended(c, None) for c in cues[-1:]]
    merged: list[Cue] = []
    for cue in ended:
        if merged and merged[-1].lines == cue.lines and cue.start_ms <= merged[-1].end_ms:
            merged[-1] = replace(merged[-1], end_ms=max(merged[-1].end_ms, cue.end_ms))
        else:
            merged.append(cue)
    return tuple(merged)


def _ended(cue: Cue, follows_ms: int | None) -> Cue:
    if cue.end_ms - cue.start_ms < OPEN_MS:
        return cue
    latest = cue.start_ms + LAST_MS
    return replace(cue, end_ms=latest if follows_ms is None else min(latest, follows_ms))
