"""The commands around the fusion model: its corpus, its training, its evaluation."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from operators.errors import ConfigError


class Split(StrEnum):
    train = "train"
    validation = "validation"
    test = "test"


def corpus(
    out: Annotated[Path, typer.Argument(metavar="DIR", help="Where it goes.")],
    split: Annotated[Split, typer.Option(help="Each is made from sources of its own.")] = Split.train,
    clips: Annotated[int, typer.Option(metavar="N", min=1, help="How many; more can be added later.")] = 1000,
    seed: Annotated[int, typer.Option(metavar="N", help="Another seed, other clips.")] = 1,
    sources: Annotated[Path | None, typer.Option(metavar="DIR", help="Real pictures and sounds, as `make sources` gathers them.")] = None,
    voices: Annotated[bool, typer.Option(help="Let espeak-ng and flite speak, where they are installed.")] = True,
    media: Annotated[bool, typer.Option("--media", help="Write videos and a manifest, to look at or to train from.")] = False,
) -> int:
    """Make clips of which everything is known: what is seen, heard, said and written in them."""
    from operators.fusion.corpus import CorpusOptions
    from pipeline.corpus_command import Request, execute

    return execute(Request(out, CorpusOptions(split.value, clips, seed, sources and sources.absolute(), voices), media))


class Fusion(StrEnum):
    co_attention = "co_attention"
    joint = "joint"
    late = "late"


class Device(StrEnum):
    cpu = "cpu"
    cuda = "cuda"


class Precision(StrEnum):
    float32 = "float32"
    bfloat16 = "bfloat16"
    float16 = "float16"


def train(
    out: Annotated[Path, typer.Argument(metavar="DIR", help="Where the model, its curves and what is needed to go on are kept.")],
    data: Annotated[list[Path], typer.Option(metavar="PATH", help="A folder of `capstream corpus`, or a manifest; may be repeated.")],
    check: Annotated[Path | None, typer.Option(metavar="PATH", help="Clips that are held out: to watch, and to set thresholds by.")] = None,
    base: Annotated[Path | None, typer.Option("--from", metavar="MODEL", help="Begin from this model, or from `shipped`.")] = None,
    encoders: Annotated[Path | None, typer.Option(metavar="MODEL", help="Take over the encoders of this model; see --frozen.")] = None,
    steps: Annotated[int, typer.Option(metavar="N", help="A later call with more goes on.")] = 3000,
    batch: Annotated[int, typer.Option(metavar="N", help="Clips a step.")] = 24,
    rate: Annotated[float, typer.Option(metavar="R", help="The highest learning rate.")] = 1.5e-3,
    seed: Annotated[int, typer.Option(metavar="N")] = 1,
    frozen: Annotated[int, typer.Option(metavar="N", help="Steps in which the encoders of pictures and sound learn nothing.")] = 0,
    precision: Annotated[Precision, typer.Option(help="Of the arithmetic.")] = Precision.float32,
    fusion: Annotated[Fusion, typer.Option(help="How modalities meet in a new model.")] = Fusion.co_attention,
    modalities: Annotated[str, typer.Option(metavar="A,B", help="Of a new model: frames, sound, words.")] = "frames,sound,words",
    width: Annotated[int, typer.Option(metavar="N", help="Of a new model.")] = 128,
    device: Annotated[Device, typer.Option()] = Device.cpu,
    workers: Annotated[int, typer.Option(metavar="N", min=0, help="Train on Ray, on so many; 0: in this process.")] = 0,
) -> int:
    """Train the fusion model; the same command again goes on where it was interrupted."""
    from pipeline.train_command import Request, execute

    training = {"steps": steps, "batch": batch, "rate": rate, "seed": seed, "frozen": frozen, "precision": precision.value}
    if base and encoders:
        raise ConfigError("--from brings its own encoders: leave --encoders away")
    model = {} if base else {"fusion": fusion.value, "modalities": modalities.split(","), "hidden_size": width}
    return execute(Request(out, data, check, training, model, base and _named(base), encoders, device.value, workers))


def evaluate(
    data: Annotated[Path, typer.Option(metavar="PATH", help="A folder of `capstream corpus`, or a manifest.")],
    model: Annotated[Path, typer.Argument(metavar="MODEL", help="A folder that `capstream train` made.")] = Path("shipped"),
    out: Annotated[Path | None, typer.Option(metavar="DIR", help="Also write the measures and a page there.")] = None,
    device: Annotated[Device, typer.Option()] = Device.cpu,
) -> int:
    """Judge a fusion model by clips of which the truth is known."""
    from pipeline.evaluate_command import Request, execute

    return execute(Request(_named(model), data, out, device.value))


def _named(model: Path) -> Path:
    """`shipped` is the model that comes with capstream."""
    from operators.fusion.reader import SHIPPED

    return SHIPPED if model == Path("shipped") else model


def manifest(
    kind: Annotated[str, typer.Argument(metavar="KIND", help="msrvtt, activitynet, youcook2, audiocaps or vatex.")],
    annotations: Annotated[Path, typer.Argument(metavar="FILE", help="As they were published.")],
    media: Annotated[Path, typer.Option(metavar="DIR", help="Where the media lie, named by their ids.")],
    split: Annotated[str, typer.Option(metavar="NAME", help="Only of this split, where the file names them; else all.")] = "",
) -> int:
    """Print published annotations as a manifest to train on."""
    import json
    import sys

    from pipeline.annotations import read_annotations

    lines, missing = read_annotations(kind, annotations, media, split)
    for line in lines:
        print(json.dumps(line, ensure_ascii=False))
    if missing:
        print(f"capstream: {len(missing)} clips have no media in {media}, {missing[0]} for one", file=sys.stderr)
    return 0 if lines else 1
