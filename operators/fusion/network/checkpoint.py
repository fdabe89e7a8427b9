"""Fusion checkpoints: a folder in transformers' form, weights as safetensors, with the tokenizer's files."""

import os
import shutil
from pathlib import Path

from safetensors import SafetensorError
from transformers import PreTrainedConfig
from transformers.utils.logging import disable_progress_bar

from operators.errors import ModelUnavailable
from operators.fusion.network.config import FusionConfig
from operators.fusion.network.model import FusionModel
from operators.fusion.network.tokenizer import Tokenizer

READING = (OSError, ValueError, TypeError, KeyError, AttributeError, RuntimeError, SafetensorError)
"""What transformers says where something in a folder is wrong."""


def save(model: FusionModel, tokenizer: Tokenizer, folder: Path) -> None:
    """Whole or not at all."""
    disable_progress_bar()
    making = folder.with_name(f".{folder.name}.{os.getpid()}")
    shutil.rmtree(making, ignore_errors=True)
    model.save_pretrained(making)
    tokenizer.save(making)
    shutil.rmtree(folder, ignore_errors=True)
    making.rename(folder)


def load(folder: Path, device: str = "cpu") -> tuple[FusionModel, Tokenizer]:
    """Ready to answer. Raises ModelUnavailable where there is none, or where its weights are not those of its config."""
    config = load_config(folder)
    disable_progress_bar()
    try:
        model, told = FusionModel.from_pretrained(
            folder, config=config, local_files_only=True, use_safetensors=True, output_loading_info=True, ignore_mismatched_sizes=True
        )
        tokenizer = Tokenizer.load(folder)
    except READING as e:
        raise _missing(folder, e) from e
    wrong = sorted(str(key) for kind in ("missing_keys", "unexpected_keys", "mismatched_keys") for key in told[kind])
    if wrong or len(tokenizer) > config.vocab_size:
        what = f"{len(wrong)} weights do not fit its config, {wrong[0]} for one" if wrong else "its tokenizer knows more pieces than it"
        raise ModelUnavailable(f"the fusion model in {str(folder)!r} is not whole: {what}; train it anew, or take another")
    return model.to(device).eval(), tokenizer


def load_config(folder: Path) -> FusionConfig:
    """Raises ModelUnavailable."""
    try:
        if (kind := PreTrainedConfig.get_config_dict(folder, local_files_only=True)[0].get("model_type")) != FusionConfig.model_type:
            raise ValueError(f"it is of type {kind}" if kind else "no config.json")
        return FusionConfig.from_pretrained(folder, local_files_only=True)
    except READING as e:
        raise _missing(folder, e) from e


def _missing(folder: Path, error: Exception) -> ModelUnavailable:
    reason = (str(error).strip() or type(error).__name__).splitlines()[0]
    return ModelUnavailable(f"no fusion model in {str(folder)!r}: {reason}; `capstream train` makes one")
