"""Sources: where a stream's media comes from. `SOURCES` names the readers; `open_source` chooses between them."""

from operators.media import StreamInfo
from operators.protocols import Source
from operators.sources.decord_source import DecordSource
from operators.sources.ffmpeg_source import FfmpegSource
from operators.sources.folders import expand
from operators.sources.probe import probe
from operators.sources.tracks import DEFAULTS, SourceOptions

SOURCES: dict[str, type[FfmpegSource] | type[DecordSource]] = {"ffmpeg": FfmpegSource, "decord": DecordSource}

__all__ = ["SOURCES", "SourceOptions", "expand", "open_source"]


def open_source(uri: str, options: SourceOptions = DEFAULTS) -> tuple[Source, StreamInfo]:
    """Looks into the file and chooses its reader: decord where it can be trusted with it, else ffmpeg; the info says why.

    Raises SourceUnavailable (one line: what is wrong with the file), ConfigError (a track asked for is not there).
    """
    found = probe(uri, options)
    return SOURCES[found.info.reader](uri, options, found), found.info
