"""The command line. Nothing heavy is imported before a command runs, so help and errors come at once.

Exit codes: 0 done; 1 nothing could be done; 2 the command line or the configuration is wrong; 3 finished, but a stream failed;
130 interrupted, and what was known is kept.
"""

import errno
import os
import sys
import traceback
from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from typer.exceptions import Abort, TyperException

from operators.errors import CapstreamError, ConfigError
from pipeline.cli_fusion import corpus, evaluate, manifest, train
from pipeline.cli_hls import hls
from pipeline.cli_models import models
from pipeline.cli_subtitles import First, Rate, subtitles, timecode_of

if TYPE_CHECKING:
    from pipeline.kafka_connection import Kafka

NOTHING, USAGE, INTERRUPTED = 1, 2, 130
REFUSALS = {errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.EPERM}

app = typer.Typer(
    help="Watch and listen to video; write down, on the media clock, what is said and what happens.",
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.add_typer(models, name="models")
app.add_typer(subtitles)
for command in (hls, corpus, manifest, train, evaluate):
    app.command()(command)


class Runtime(StrEnum):
    ray = "ray"
    local = "local"


def main() -> None:
    """The console script."""
    sys.exit(execute(sys.argv[1:]))


def execute(arguments: Sequence[str]) -> int:
    """Run one command line; its exit code. What is wrong is said in one line on stderr; a traceback means a bug of ours."""
    try:
        return int(app(list(arguments), prog_name="capstream", standalone_mode=False) or 0)
    except TyperException as e:
        context = getattr(e, "ctx", None)
        return _say(f"{e.format_message()} See {context.command_path if context else 'capstream'} --help", USAGE)
    except ConfigError as e:
        return _say(str(e), USAGE)
    except CapstreamError as e:
        return _say(str(e), NOTHING)
    except (Abort, KeyboardInterrupt):
        return _say("interrupted", INTERRUPTED)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return NOTHING
    except Exception as e:
        if isinstance(e, OSError) and e.errno in REFUSALS:
            return _say(f"{e.filename or 'the output'} can not be written: {e.strerror}; make room or choose another folder", NOTHING)
        traceback.print_exc()
        return _say("this is a bug in capstream: please report it with the lines above", NOTHING)


def _say(message: str, code: int) -> int:
    print(f"capstream: {' '.join(message.split())}", file=sys.stderr)
    return code


def _show_version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        print(f"capstream {version('capstream')}")
        raise typer.Exit()


@app.callback()
def capstream(
    version: Annotated[bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Say the version.")] = False,
) -> None:
    pass


@app.command()
def run(
    sources: Annotated[list[str], typer.Argument(metavar="SOURCE|ID=SOURCE...", help="Files, folders, globs or addresses.")],
    profile: Annotated[str, typer.Option(help="cpu, offline, hub, gpu, or a profile file.")] = "cpu",
    out: Annotated[Path, typer.Option(metavar="DIR", help="Where records and subtitles go, a folder a stream.")] = Path("out"),
    runtime: Annotated[Runtime, typer.Option(help="On Ray, or all in this process.")] = Runtime.ray,
    start: Annotated[str, typer.Option("--from", metavar="T", help="Begin here: seconds, m:ss or h:mm:ss.mmm.")] = "0",
    stop: Annotated[str | None, typer.Option("--to", metavar="T", help="End before this instant.")] = None,
    language: Annotated[
        str | None, typer.Option(metavar="L", help="What is spoken, as in en or pt-BR; without it, it is detected.")
    ] = None,
    style: Annotated[
        str | None, typer.Option(metavar="NAME|FILE", help="The delivery style of subtitles: netflix, bbc, ebu, web, live, or a file.")
    ] = None,
    fresh: Annotated[bool, typer.Option("--fresh", help="Run anew what was run before.")] = False,
    changes: Annotated[list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="Change a key of the profile.")] = None,
    records: Annotated[bool, typer.Option("--json", help="Print the final records as JSON lines.")] = False,
    kafka: Annotated[str | None, typer.Option(metavar="HOST:PORT", help="Also deliver the records to Kafka, each exactly once.")] = None,
) -> int:
    """Write what is said and what happens to DIR/STREAM/."""
    from pipeline.build import Cut
    from pipeline.naming import instant
    from pipeline.run_command import Request, execute

    cut = Cut(instant(start), None if stop is None else instant(stop))
    if cut.stop is not None and cut.stop <= cut.start:
        raise ConfigError(f"--to {stop} is not after --from {start}")
    said = [*([f"listen.words.language={language}"] if language else []), *(changes or [])]
    said += [f"{over}narrate.subtitles.style={style}" for over in ("", "live.")] if style else []
    said += [f"kafka.bootstrap={kafka}"] if kafka else []
    return execute(Request(sources, profile, said, cut, out, runtime.value, fresh, records))


@app.command()
def serve(
    fleet: Annotated[Path, typer.Argument(metavar="FLEET.toml", help="Which streams to watch; read again when it changes.")],
    out: Annotated[Path, typer.Option(metavar="DIR", help="Where records and subtitles go, a folder a stream.")] = Path("out"),
    runtime: Annotated[Runtime, typer.Option(help="On Ray, or all in this process.")] = Runtime.ray,
    kafka: Annotated[str | None, typer.Option(metavar="HOST:PORT", help="Deliver the records to Kafka; be controlled from there.")] = None,
) -> int:
    """Watch streams until told to stop: they come and go with the fleet file and, with Kafka, the control topic."""
    from pipeline.serve import Serving, serve

    return serve(Serving(fleet, out, runtime.value, kafka))


@app.command()
def status(
    out: Annotated[Path, typer.Option(metavar="DIR", help="The --out of serve.")] = Path("out"),
    records: Annotated[bool, typer.Option("--json", help="As one JSON object.")] = False,
) -> int:
    """How the streams of a running serve stand."""
    from pipeline.fleet_status import show

    return show(out, records)


@app.command()
def topics(
    kafka: Annotated[str, typer.Option(metavar="HOST:PORT", help="A broker.")],
    prefix: Annotated[str | None, typer.Option(help="Of the topics' names.")] = None,
    profile: Annotated[str, typer.Option(help="A profile whose [kafka] table says how to log in.")] = "cpu",
) -> int:
    """Make the topics that are missing; say which settings break the guarantee."""
    from pipeline.kafka_topics import show

    return show(_kafka(kafka, prefix, profile))


@app.command()
def tail(
    streams: Annotated[list[str] | None, typer.Argument(metavar="[STREAM...]", help="All, without.")] = None,
    kafka: Annotated[str, typer.Option(metavar="HOST:PORT", help="A broker.")] = "127.0.0.1:9092",
    prefix: Annotated[str | None, typer.Option(help="Of the topics' names.")] = None,
    profile: Annotated[str, typer.Option(help="A profile whose [kafka] table says how to log in.")] = "cpu",
    beginning: Annotated[bool, typer.Option("--from-beginning", help="Also what is there already.")] = False,
    partials: Annotated[
        bool, typer.Option("--partials", help="Also words of live speech that may still change: certain | not yet.")
    ] = False,
) -> int:
    """Print transcripts, captions and events from Kafka as they come, each once; Ctrl-C ends it."""
    from pipeline.kafka_tail import tail

    return tail(_kafka(kafka, prefix, profile), streams or [], beginning, partials)


def _kafka(bootstrap: str, prefix: str | None, profile: str) -> "Kafka":
    from pipeline.config import load
    from pipeline.kafka_connection import Kafka

    changes = [f"kafka.bootstrap={bootstrap}", *([f"kafka.prefix={prefix}"] if prefix else [])]
    return Kafka.of(load(profile, changes).kafka)


@app.command()
def doctor(
    bench: Annotated[bool, typer.Option("--bench", help="Also measure which number format is fastest here.")] = False,
) -> int:
    """What is here, what is missing, what to do about it."""
    from pipeline.doctor import examine

    return examine(bench)


@app.command()
def schema(name: Annotated[str | None, typer.Argument(help="One of those that are listed without it.")] = None) -> None:
    """The JSON Schemas of the records."""
    from importlib.resources import files

    shipped = {f.name.partition(".")[0]: f for f in files("operators").joinpath("schemas").iterdir() if f.name.endswith(".json")}
    if name is None:
        print("\n".join(sorted(shipped)))
    elif name in shipped:
        print(shipped[name].read_text(encoding="utf-8"), end="")
    else:
        raise ConfigError(f"no schema {name!r}: one of {', '.join(sorted(shipped))}")


@app.command()
def export(
    out: Annotated[Path, typer.Argument(metavar="DIR", help="The --out of the run.")],
    stream: Annotated[str, typer.Argument(metavar="STREAM", help="The id of a stream.")],
    view: Annotated[
        str, typer.Argument(metavar="VIEW", help="jsonl, vtt, srt, ttml, ebuttd, ass, json, txt, descriptions, mux, burn, or hls.")
    ],
    destination: Annotated[Path, typer.Argument(metavar="FILE", help="Where it is written.")],
    rate: Rate = None,
    first: First = "",
    video: Annotated[
        Path | None, typer.Option(metavar="FILE", help="For mux and burn: what the subtitles are put into. For hls: whose clock counts.")
    ] = None,
    language: Annotated[
        str | None, typer.Option(metavar="L", help="Subtitles of a translation, as in de; without it, of what is said.")
    ] = None,
) -> None:
    """Write one view of a stream to a file, made from its logs; mux and burn write a video with its subtitles, hls a folder of segments."""
    from pipeline.views import Finished, export, export_hls, export_into

    finished = Finished(out, stream, language)
    if view in ("mux", "burn", "hls"):
        if video is None:
            raise ConfigError(f"{view} goes with a video: name it with --video FILE")
        if view == "hls":
            return export_hls(finished, video, destination)
        return export_into(finished, "mux" if view == "mux" else "burn", video, destination)
    return export(finished, view, destination, timecode_of(rate, first))


if __name__ == "__main__":
    main()
