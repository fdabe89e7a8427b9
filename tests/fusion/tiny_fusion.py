"""A tiny made corpus and tiny models for the tests."""

from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

from operators.fusion.clip import Example
from operators.fusion.corpus import Corpus, CorpusOptions
from operators.fusion.network.checkpoint import save
from operators.fusion.network.config import FusionConfig
from operators.fusion.network.model import FusionModel
from operators.fusion.network.tokenizer import Tokenizer

SMALL = {
    "hidden_size": 32, "num_attention_heads": 2, "trunk_layers": 3, "writer_layers": 1, "text_layers": 1, "bottleneck": 2,
    "embedding_size": 16, "dropout": 0.0,
}  # fmt: skip


@cache
def examples(count: int = 6, split: str = "train") -> tuple[Example, ...]:
    return tuple(Corpus(CorpusOptions(split=split, clips=count, voices=False)))


@cache
def tokenizer() -> Tokenizer:
    return Tokenizer.learned(texts(examples()), 300)


def texts(several: Sequence[Example]) -> list[str]:
    return [t for e in several for c in e.captions for t in c.ways] + [t for e in several for q in e.questions for t in (q.text, q.answer)]


def model(seed: int = 0, opened: bool = True, **changes: Any) -> FusionModel:
    import torch

    torch.manual_seed(seed)
    net = FusionModel(FusionConfig(**{**SMALL, "vocab_size": len(tokenizer()), **changes})).eval()
    if opened:
        open_trunk(net)
    return net


def open_trunk(net: FusionModel) -> None:
    """What modalities say to each other is nothing before a model has learned."""
    import torch

    for parameter in net.trunk.parameters():
        if not parameter.any():
            torch.nn.init.normal_(parameter, std=0.2)


def checkpoint(folder: Path, **changes: Any) -> Path:
    save(model(**changes), tokenizer(), folder)
    return folder
