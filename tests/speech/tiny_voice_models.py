"""Checkpoints of true architectures with an x-vector head, tiny and with random weights, made and saved by the tests."""

from pathlib import Path
from typing import Any

import torch

SMALL: dict[str, Any] = {
    "hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 32, "conv_dim": (16,) * 7,
    "num_conv_pos_embeddings": 16, "num_conv_pos_embedding_groups": 4, "tdnn_dim": (16, 16, 16, 16, 48), "xvector_output_dim": 24,
}  # fmt: skip


def tiny_voice_model(folder: Path, kind: str) -> Path:
    """kind: WavLM, UniSpeechSat or Wav2Vec2."""
    import transformers

    torch.manual_seed(3)
    config = getattr(transformers, f"{kind}Config")(**SMALL)
    getattr(transformers, f"{kind}ForXVector")(config).save_pretrained(folder)
    transformers.Wav2Vec2FeatureExtractor(do_normalize=True, return_attention_mask=False).save_pretrained(folder)
    return folder
