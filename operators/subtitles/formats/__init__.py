"""The formats of subtitles: written by name, read by the ending of a file."""

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from operators.errors import ConfigError
from operators.subtitles.formats.ass import ass, read_ass
from operators.subtitles.formats.cue import Cue, Subtitles
from operators.subtitles.formats.hls import hls
from operators.subtitles.formats.plain_json import cues_json, read_json
from operators.subtitles.formats.screens import read_scc, read_stl, read_ttml
from operators.subtitles.formats.subrip import read_srt, srt
from operators.subtitles.formats.timecode import Timecode
from operators.subtitles.formats.ttml import ebu_tt_d, imsc, smpte
from operators.subtitles.formats.webvtt import read_webvtt, webvtt

FORMATS: dict[str, Callable[[Iterable[Cue]], Iterator[str]]] = {
    "vtt": webvtt,
    "srt": srt,
    "ttml": imsc,
    "ebuttd": ebu_tt_d,
    "ass": ass,
    "json": cues_json,
}
TIMECODED: dict[str, Callable[[Iterable[Cue], Timecode], Iterator[str]]] = {"ttml": smpte, "json": cues_json}
"""Those that can say SMPTE timecode."""
READERS: dict[str, Callable[[Path], Subtitles]] = {
    ".vtt": read_webvtt,
    ".srt": read_srt,
    ".ttml": read_ttml,
    ".dfxp": read_ttml,
    ".xml": read_ttml,
    ".ass": read_ass,
    ".ssa": read_ass,
    ".json": read_json,
    ".scc": read_scc,
    ".stl": read_stl,
}


def read_subtitles(path: Path) -> Subtitles:
    """Read a file of subtitles of any format. Raises ConfigError where it can not be read, or its format is not known."""
    read = READERS.get(path.suffix.lower())
    if read is None:
        raise ConfigError(f"{path}: no subtitles are known by that ending; one of {', '.join(READERS)}")
    try:
        return read(path)
    except OSError as e:
        raise ConfigError(f"{path} can not be read: {e.strerror}") from e


__all__ = [
    "FORMATS", "READERS", "TIMECODED", "Cue", "Subtitles", "Timecode", "ass", "cues_json", "ebu_tt_d", "hls", "imsc", "read_subtitles",
    "smpte", "srt", "webvtt",
]  # fmt: skip
