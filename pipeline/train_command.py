"""`capstream train`: the fusion model on a made corpus or on clips of one's own."""

import json
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from operators.errors import ConfigError
from operators.fusion.clip import Example
from operators.fusion.labels import LABELS
from pipeline.build import cores
from pipeline.clip_cache import load_examples

if TYPE_CHECKING:
    from operators.fusion.network.trainer import TrainingOptions, Workers

SETTINGS, HISTORY, CURVES = "settings.json", "history.jsonl", "curves.png"


@dataclass(frozen=True, slots=True)
class Request:
    out: Path
    data: Sequence[Path]
    check: Path | None
    training: dict[str, Any] = field(default_factory=dict)
    """Options of `TrainingOptions`."""
    model: dict[str, Any] = field(default_factory=dict)
    """Keys of `FusionConfig`, for a new model."""
    base: Path | None = None
    """A checkpoint to begin from."""
    encoders: Path | None = None
    """A checkpoint whose encoders of pictures and sound a new model takes over."""
    device: str = "cpu"
    workers: int = 0
    """On Ray; 0: in this process."""


def execute(request: Request) -> int:
    """Begin, or go on where an earlier call with the same settings was interrupted."""
    from operators.fusion.network.trainer import TrainingOptions

    options = TrainingOptions(**request.training)
    _claim(request, options)
    if request.workers:
        from pipeline.ray_train import Scale, train_on_ray

        there = _absolute(request)
        train_on_ray(partial(train, there, options), Scale(request.workers, request.device == "cuda", str(there.out / "ray")))
    else:
        train(request, options)
    print(request.out / "model")
    return 0


def _absolute(request: Request) -> Request:
    """For workers, which work in folders of their own."""
    check, base, encoders = (path and path.absolute() for path in (request.check, request.base, request.encoders))
    data = [path.absolute() for path in request.data]
    return replace(request, out=request.out.absolute(), data=data, check=check, base=base, encoders=encoders)


def train(request: Request, options: "TrainingOptions", workers: "Workers | None" = None) -> None:
    """In this process, as one of `workers`."""
    import torch

    from operators.fusion.network.trainer import Trainer, Workers

    workers = workers or Workers()
    said = _say if workers.rank == 0 else _nothing
    torch.set_num_threads(max(1, cores() // (workers.count if request.workers else 1)))
    torch.manual_seed(options.seed)
    examples, held_out, labels = _examples(request, said)
    model, tokenizer = workers.share(lambda: _model(request, examples, labels))
    model.to(request.device)
    trainer = Trainer(model, tokenizer, request.out, options, workers)
    said(f"{len(examples)} clips, {sum(p.numel() for p in model.parameters()) / 1e6:.1f} million weights, from step {trainer.state.step}")
    trainer.run(examples, held_out, partial(_report, request.out, options.steps) if workers.rank == 0 else lambda told: None)
    if workers.rank == 0 and held_out:
        _tune(model, tokenizer, held_out, trainer.save)


def _examples(request: Request, said: Callable[[str], None]) -> tuple[list[Example], list[Example], list[str]]:
    """(to learn from, held out, labels): those of the base; of a new model the corpus's own, or the data's where these are others."""
    known = _labels_of(request.base) if request.base else None
    examples = [e for path in request.data for e in load_examples(path, known, said)]
    if known is None:
        there = {e.label for x in examples for e in x.events or ()}
        known = list(LABELS) if there <= set(LABELS) else sorted(there)
    held_out = load_examples(request.check, known, said) if request.check else []
    if not any(e.captions or e.questions or e.events for e in examples):
        raise ConfigError("there is nothing to learn: no clip has captions, questions or events")
    return examples, held_out, known


def _labels_of(folder: Path) -> list[str]:
    from operators.fusion.network.checkpoint import load_config

    return list(load_config(folder).labels)


def _model(request: Request, examples: Sequence[Example], labels: list[str]) -> tuple[Any, Any]:
    """That of `base`, or a new one with word pieces learned from the data."""
    from operators.fusion.network.checkpoint import load
    from operators.fusion.network.config import FusionConfig
    from operators.fusion.network.lessons import shares
    from operators.fusion.network.model import FusionModel
    from operators.fusion.network.tokenizer import Tokenizer
    from operators.fusion.network.trainer import MODEL, STATE

    if request.base:
        model, tokenizer = load(request.base)
        model.start_from(shares(examples, labels))
        return model, tokenizer
    if (request.out / STATE / "state.json").exists():
        tokenizer = Tokenizer.load(request.out / MODEL)  # learned anew, pieces that are equally frequent may come out otherwise
    else:
        size = request.model.get("vocab_size", FusionConfig().vocab_size)
        tokenizer = Tokenizer.learned((t for e in examples for t in texts_of(e)), size)
    rows = {n: int(track.rows.shape[1]) for n in ("frames", "sound") if (track := _track(examples, n)) is not None and track.rows.ndim == 2}
    try:
        learned = {"vocab_size": len(tokenizer), "labels": labels, "shares": shares(examples, labels)}
        config = FusionConfig(**{**request.model, **rows, **learned})
    except ValueError as e:
        raise ConfigError(str(e)) from e
    model = FusionModel(config)
    if request.encoders:
        _take_over(model, load(request.encoders)[0], request.encoders)
    return model, tokenizer


def _take_over(model: Any, other: Any, name: Path) -> None:
    for modality, encoder in model.encoders.items():
        try:
            encoder.load_state_dict(other.encoders[modality].state_dict())
        except (KeyError, RuntimeError) as e:
            raise ConfigError(
                f"{name} has no encoder of {modality} that fits: train it with the same width, or leave --encoders away"
            ) from e


def texts_of(example: Example) -> list[str]:
    """All that is said of a clip and in it."""
    told = [t for c in example.captions for t in c.ways]
    return [*told, *(w.text for w in example.clip.words), *(t for q in example.questions for t in (q.text, q.answer))]


def _track(examples: Sequence[Example], name: str) -> Any:
    return next((t for e in examples if (t := getattr(e.clip, name)) is not None), None)


def _tune(model: Any, tokenizer: Any, held_out: Sequence[Example], save: Callable[[], None]) -> None:
    """Each label's threshold, on the held-out clips."""
    from operators.fusion.network.examiner import scores_of, tuned

    model.config.thresholds = tuned(held_out, scores_of(model, tokenizer, held_out), model.config.labels, model.config.thresholds)
    save()


def _claim(request: Request, options: "TrainingOptions") -> None:
    """A folder holds one run: what decides its outcome must be what it began with; more steps are no other run."""
    own = {
        "data": [str(p) for p in request.data],
        "model": request.model,
        "base": request.base and str(request.base),
        "encoders": request.encoders and str(request.encoders),
        "training": {k: v for k, v in asdict(options).items() if k not in ("steps", "save_every")},
    }
    path = request.out / SETTINGS
    try:
        if path.exists() and (there := json.loads(path.read_text())) != json.loads(json.dumps(own)):
            other = [k for k in own if there.get(k) != json.loads(json.dumps(own[k]))]
            raise ConfigError(f"{request.out} holds a training with other {' and '.join(other)}: choose another folder, or delete it")
        request.out.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(own, indent=1))
    except OSError as e:
        raise ConfigError(f"{request.out} can not be written: {e.strerror or e}; choose another folder") from e


def _report(out: Path, steps: int, told: dict[str, float]) -> None:
    from pipeline.curves import draw

    with (out / HISTORY).open("a", encoding="utf-8") as file:
        file.write(json.dumps({k: round(v, 5) for k, v in told.items()}) + "\n")
    draw(out / HISTORY, out / CURVES)
    losses = ", ".join(f"{k} {v:.3f}" for k, v in told.items() if k not in ("step", "seconds"))
    _say(f"step {told['step']:.0f} of {steps}, {told['seconds']:.0f} s: {losses}")


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def _nothing(line: str) -> None:
    pass
