"""Fusion checkpoints: a folder in transformers' form, weights as safetensors, with the tokenizer's files."""

from pathlib import Path

import torch
from safetensors import SafetensorError

from operators.errors import ModelUnavailable
from operators.fusion.network.config import FusionConfig
from operators.fusion.network.model import FusionModel
from operators.fusion.network.tokenizer import Tokenizer


def save(model: FusionModel, tokenizer: Tokenizer, folder: Path) -> None:
    model.save_pretrained(folder)
    tokenizer.save(folder)


def load(folder: Path, device: str = "cpu") -> tuple[FusionModel, Tokenizer]:
    """Ready to answer. Raises ModelUnavailable where there is none, or where its weights are not those of its config."""
    try:
        config = FusionConfig.from_pretrained(folder, local_files_only=True)
        if config.model_type != FusionConfig.model_type:
            raise ValueError(f"it is a {config.model_type}")
        model, told = FusionModel.from_pretrained(
            folder, config=config, local_files_only=True, use_safetensors=True, output_loading_info=True, ignore_mismatched_sizes=True
        )
        tokenizer = Tokenizer.load(folder)
    except (OSError, ValueError, TypeError, KeyError, SafetensorError) as e:
        reason = (str(e).strip() or type(e).__name__).splitlines()[0]
        raise ModelUnavailable(f"no fusion model in {str(folder)!r}: {reason}; `capstream train` makes one") from e
    wrong = sorted(str(key) for kind in ("missing_keys", "unexpected_keys", "mismatched_keys") for key in told[kind])
    if wrong or len(tokenizer) > config.vocab_size:
        what = f"{len(wrong)} weights do not fit its config, {wrong[0]} for one" if wrong else "its tokenizer knows more pieces than it"
        raise ModelUnavailable(f"the fusion model in {str(folder)!r} is not whole: {what}; train it anew, or take another")
    with torch.no_grad():
        return model.to(device).eval(), tokenizer
