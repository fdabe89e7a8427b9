"""The commands around the fusion model: its corpus, its training, its evaluation."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer


class Split(StrEnum):
    train = "train"
    validation = "validation"
    test = "test"


def corpus(
    out: Annotated[Path, typer.Argument(metavar="DIR", help="Where it goes.")],
    split: Annotated[Split, typer.Option(help="Each is made from sources of its own.")] = Split.train,
    clips: Annotated[int, typer.Option(metavar="N", min=1, help="How many; more can be added later.")] = 1000,
    seed: Annotated[int, typer.Option(metavar="N", help="Another seed, other clips.")] = 1,
    sources: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Real pictures and sounds, as `make sources` gathers them.")
    ] = None,
    voices: Annotated[bool, typer.Option(help="Let espeak-ng and flite speak, where they are installed.")] = True,
    media: Annotated[bool, typer.Option("--media", help="Write videos and a manifest, to look at or to train from.")] = False,
) -> int:
    """Make clips of which everything is known: what is seen, heard, said and written in them."""
    from operators.fusion.corpus import CorpusOptions
    from pipeline.corpus_command import Request, execute

    return execute(Request(out, CorpusOptions(split.value, clips, seed, sources and sources.absolute(), voices), media))
