"""Fusion checkpoints: a folder as transformers has them, config.json and model.safetensors, with tokenizer.json. It is read without
transformers, which takes longer to import than all the rest."""

import json
import os
import shutil
from dataclasses import asdict, fields
from pathlib import Path

from safetensors.torch import load_file, save_file

from operators.errors import ModelUnavailable
from operators.fusion.network.config import FusionConfig
from operators.fusion.network.model import FusionModel
from operators.fusion.network.tokenizer import Tokenizer

MODEL_TYPE = "capstream_fusion"
CONFIG, WEIGHTS = "config.json", "model.safetensors"


def save(model: FusionModel, tokenizer: Tokenizer, folder: Path) -> None:
    """Whole or not at all."""
    making = folder.with_name(f".{folder.name}.{os.getpid()}")
    shutil.rmtree(making, ignore_errors=True)
    making.mkdir(parents=True)
    (making / CONFIG).write_text(json.dumps({"model_type": MODEL_TYPE, **asdict(model.config)}, indent=1), encoding="utf-8")
    save_file({name: tensor.contiguous() for name, tensor in model.state_dict().items()}, making / WEIGHTS, {"format": "pt"})
    tokenizer.save(making)
    shutil.rmtree(folder, ignore_errors=True)
    making.rename(folder)


def load(folder: Path, device: str = "cpu") -> tuple[FusionModel, Tokenizer]:
    """Ready to answer. Raises ModelUnavailable where there is none, or where its weights are not those of its config."""
    config = load_config(folder)
    try:
        model, weights, tokenizer = FusionModel(config), load_file(folder / WEIGHTS), Tokenizer.load(folder)
    except Exception as e:  # tokenizers raises nothing narrower where a file is not what it should be
        raise _missing(folder, e) from e
    own = model.state_dict()
    wrong = sorted(own.keys() ^ weights.keys()) + sorted(n for n in own.keys() & weights.keys() if own[n].shape != weights[n].shape)
    if wrong or len(tokenizer) > config.vocab_size:
        what = f"{len(wrong)} weights do not fit its config, {wrong[0]} for one" if wrong else "its tokenizer knows more pieces than it"
        raise ModelUnavailable(f"the fusion model in {str(folder)!r} is not whole: {what}; train it anew, or take another")
    model.load_state_dict(weights)
    return model.to(device).eval(), tokenizer


def load_config(folder: Path) -> FusionConfig:
    """Raises ModelUnavailable."""
    try:
        told = json.loads((folder / CONFIG).read_text(encoding="utf-8"))
        if told.get("model_type") != MODEL_TYPE:
            raise ValueError(f"it is of type {told.get('model_type')}")
        return FusionConfig(**{f.name: told[f.name] for f in fields(FusionConfig) if f.name in told})
    except (OSError, ValueError, TypeError, AttributeError) as e:
        raise _missing(folder, e) from e


def _missing(folder: Path, error: Exception) -> ModelUnavailable:
    reason = (str(error).strip() or type(error).__name__).splitlines()[0]
    return ModelUnavailable(f"no fusion model in {str(folder)!r}: {reason}; `capstream train` makes one")
