"""`capstream hls` as users write it."""

from pathlib import Path
from typing import Annotated

import typer


def hls(
    out: Annotated[Path, typer.Argument(metavar="DIR", help="The --out of run or serve.")],
    stream: Annotated[str, typer.Argument(metavar="STREAM", help="The id of a stream; it need not have begun.")],
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="What a web server gives out: playlists and segments.")],
    beside: Annotated[
        str | None, typer.Option(metavar="PLAYLIST", help="Only subtitles, in the segments of this media playlist: a file, or http.")
    ] = None,
    shift: Annotated[float, typer.Option(metavar="S", help="With --beside: cues come so many seconds later than its clock says.")] = 0.0,
    video: Annotated[Path | None, typer.Option(metavar="FILE", help="What was run, where it lies elsewhere now.")] = None,
    segment: Annotated[int, typer.Option(metavar="S", help="Length of segments, at most.")] = 6,
    delay: Annotated[float, typer.Option(metavar="S", help="Live: how far behind its arrival a segment is published.")] = 24.0,
    window: Annotated[int, typer.Option(metavar="S", help="Live: what the playlists list.")] = 120,
    name: Annotated[str, typer.Option(metavar="TEXT", help="Of the subtitles, as players show it.")] = "Subtitles",
    language: Annotated[str | None, typer.Option(metavar="L", help="Of the subtitles; without it, that of the first.")] = None,
    translation: Annotated[
        str | None, typer.Option(metavar="L", help="Subtitles of a translation, as in de; without it, of what is said.")
    ] = None,
    default: Annotated[bool, typer.Option(help="Players show them unless told otherwise.")] = True,
    autoselect: Annotated[bool, typer.Option(help="Players show them to who speaks the language.")] = True,
    forced: Annotated[bool, typer.Option("--forced", help="They are for all viewers: what is said in other languages.")] = False,
    sdh: Annotated[bool, typer.Option("--sdh", help="They describe sounds too.")] = False,
) -> int:
    """Publish a stream with its subtitles as HTTP Live Streaming, while it runs."""
    from fractions import Fraction

    from operators.subtitles.formats.hls_playlist import Rendition
    from pipeline.hls_command import execute
    from pipeline.hls_follow import HlsOptions

    rendition = Rendition(name, language, default, autoselect, forced, sdh)
    moved = Fraction(round(shift * 1000), 1000)
    return execute(out, stream, folder, HlsOptions(segment, delay, window, beside, moved, video, rendition, translation))
