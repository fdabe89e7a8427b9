"""Subtitles that are there already: a file of them, or a track within media."""

from dataclasses import replace
from pathlib import Path

from operators.errors import ConfigError, SourceUnavailable
from operators.subtitles.formats import FORMATS, READERS, TIMECODED, Cue, Subtitles, Timecode, read_subtitles
from operators.subtitles.languages import named_in, written_in
from pipeline.embedded_subtitles import read_track
from pipeline.views import write_parts

WRITERS = {".vtt": "vtt", ".srt": "srt", ".ttml": "ttml", ".dfxp": "ttml", ".xml": "ebuttd", ".ass": "ass", ".json": "json"}
"""By ending: the format that is written."""


def read_existing(path: Path, track: str | None = None) -> Subtitles:
    """A file of subtitles by its ending; any other as media with a track of them. Where the format does not say the language, the name of
    the file or the script may.

    Raises ConfigError or SourceUnavailable where it can not be read, or is not said which track.
    """
    read = _read(path, track)
    return replace(read, language=read.language or named_in(path) or written_in(read.cues))


def _read(path: Path, track: str | None) -> Subtitles:
    if path.suffix.lower() not in READERS:
        try:
            return read_track(str(path), track)
        except SourceUnavailable as e:
            raise SourceUnavailable(f"{e.message}; files of subtitles end in {', '.join(READERS)}") from e
    if track is not None:
        raise ConfigError(f"{path} is a file of subtitles: leave --track out")
    return read_subtitles(path)


def writer_of(path: Path, timecode: Timecode | None = None) -> str:
    """The format that a file is written in, known before anything is done. Raises ConfigError where there is none."""
    view = WRITERS.get(path.suffix.lower())
    if view is None:
        raise ConfigError(f"{path}: subtitles are written to {', '.join(WRITERS)}; name the file so")
    if timecode is not None and view not in TIMECODED:
        raise ConfigError(f"{view} has no timecode: write {' or '.join(TIMECODED)}, or leave --rate out")
    return view


def write_cues(cues: list[Cue], path: Path, timecode: Timecode | None = None) -> None:
    """Whole or not at all. Raises ConfigError where there is no such format, StorageError where `path` can not be written."""
    view = writer_of(path, timecode)
    write_parts(path, FORMATS[view](cues) if timecode is None else TIMECODED[view](cues, timecode))
