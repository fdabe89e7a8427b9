"""The commands for subtitles that are there already: `tracks`, `check`, `convert`, `retime`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from operators.errors import ConfigError

if TYPE_CHECKING:
    from operators.subtitles.formats import Timecode

subtitles = typer.Typer()
FILE = "A file of subtitles (vtt, srt, ttml, xml, ass, json, scc, stl), or media that carry them."
SubtitleFile = Annotated[Path, typer.Argument(metavar="SUBTITLES", help=FILE)]
Track = Annotated[str | None, typer.Option(metavar="N", help="Of media with several tracks: as `capstream tracks` names them.")]
Language = Annotated[str | None, typer.Option(metavar="L", help="As in en or ja, where the file does not say it.")]
Output = Annotated[
    Path, typer.Option("--output", "-o", metavar="FILE", help="Where it is written: vtt, srt, ttml, xml (EBU-TT-D), ass, json.")
]
Style = Annotated[str | None, typer.Option(metavar="NAME|FILE", help="Cut anew: netflix, bbc, ebu, web, live, or a file.")]
Rate = Annotated[str | None, typer.Option(metavar="R", help="Times of ttml and json as SMPTE timecode: 25, 29.97df, …")]
First = Annotated[str, typer.Option("--first", metavar="HH:MM:SS:FF", help="With --rate: timecode of the first frame.")]


@subtitles.command()
def tracks(media: Annotated[str, typer.Argument(metavar="MEDIA", help="A file of video.")]) -> int:
    """List the subtitles in a media file: its tracks, and the captions in its pictures."""
    from pipeline.embedded_subtitles import tracks_of

    found = tracks_of(media)
    for track in found:
        print(track)
    if not found:
        print(f"{media} has no subtitles in it")
    return 0


@subtitles.command()
def check(
    file: SubtitleFile,
    style: Annotated[str, typer.Option(metavar="NAME|FILE", help="netflix, bbc, ebu, web, live, or a file.")] = "netflix",
    language: Language = None,
    stream: Annotated[
        Path | None, typer.Option(metavar="DIR", help="The stream's folder, DIR of run and its id: for the cuts of its picture.")
    ] = None,
    track: Track = None,
    rate: Annotated[
        str | None, typer.Option(metavar="R", help="Pictures a second of the video, as 23.976: gaps are counted in them.")
    ] = None,
    records: Annotated[bool, typer.Option("--json", help="As one JSON object.")] = False,
) -> int:
    """Check subtitles against a delivery style; exit code 1 where they break a rule."""
    from pipeline.check_command import Request, execute

    timecode = timecode_of(rate, "")
    return execute(Request(file, style, language, stream, records, track, None if timecode is None else timecode.rate))


@subtitles.command()
def convert(
    file: SubtitleFile,
    output: Output,
    style: Style = None,
    language: Language = None,
    track: Track = None,
    rate: Rate = None,
    first: First = "",
) -> int:
    """Write subtitles in another format, as they are or cut anew to a style."""
    from pipeline.retime_command import Source, Target
    from pipeline.retime_command import convert as write

    return write(Source(file, track, language), Target(output, style, timecode_of(rate, first)))


@subtitles.command()
def retime(
    file: SubtitleFile,
    media: Annotated[Path, typer.Argument(metavar="MEDIA|DIR/STREAM", help="What is said: a file, or the folder of a finished stream.")],
    output: Output,
    style: Style = None,
    language: Language = None,
    track: Track = None,
    rate: Rate = None,
    first: First = "",
    profile: Annotated[str, typer.Option(help="cpu, offline, hub, gpu, or a profile file: who listens to MEDIA.")] = "cpu",
    records: Annotated[bool, typer.Option("--json", help="Say what was found as one JSON object.")] = False,
) -> int:
    """Give subtitles the times at which their words are spoken, and with --style the cues of that style."""
    from pipeline.retime_command import Source, Target, retime_to

    return retime_to(Source(file, track, language), Target(output, style, timecode_of(rate, first)), media, profile, records)


def timecode_of(rate: str | None, first: str) -> "Timecode | None":
    """Raises ConfigError."""
    from operators.subtitles.formats import Timecode

    if first and rate is None:
        raise ConfigError("--first is a timecode: say its frames a second too, as in --rate 25")
    return None if rate is None else Timecode.of(rate, first)
