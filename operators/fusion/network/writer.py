"""The writer: captions and answers, word piece by word piece."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from operators.fusion.network.attention import Block, Tokens
from operators.fusion.network.config import FusionConfig

LONGEST_TEXT = 72
"""Pieces, the question before an answer counted."""


@dataclass(frozen=True, slots=True)
class Memory:
    """What the writer reads: keys of clips' tokens, made once for each clip, and for each text of which clip it is and what of it is asked
    about."""

    clip: Tensor
    """int64 [S]"""
    inside: Tensor
    """bool [S, M]: tokens within the stretch that is asked about."""
    real: Tensor
    """bool [B, M]"""
    ids: Tensor
    """int64 [B, M]: of a piece of a word, which can be copied, its id; -1 elsewhere."""
    keys: tuple[Tensor, ...]
    """float [B, M, 2 D] of each layer; the last, [B, M, D], of the pointer."""

    def of(self, texts: Tensor) -> "Memory":
        """That of some of the texts, by their numbers."""
        return Memory(self.clip[texts], self.inside[texts], self.real, self.ids, self.keys)


class Writer(nn.Module):
    """A causal decoder over the memory. Its next piece is one of the vocabulary or one copied from the words, mixed by a gate as in the
    pointer-generator (See et al. 2017)."""

    def __init__(self, config: FusionConfig) -> None:
        super().__init__()
        width, heads, layers = config.hidden_size, config.num_attention_heads, config.writer_layers
        self.place = nn.Embedding(LONGEST_TEXT, width)
        self.own = nn.ModuleList(Block(width, heads, config.dropout, timed=False) for _ in range(layers))
        self.read = nn.ModuleList(Block(width, heads, config.dropout, timed=False, keys=True) for _ in range(layers))
        self.asked = nn.ModuleList(nn.Embedding(2, 2 * width if n < layers else width) for n in range(layers + 1))
        """Added to the keys of what is not asked about, and of what is."""
        self.norm = nn.LayerNorm(width)
        self.query, self.key, self.gate = nn.Linear(width, width), nn.Linear(width, width), nn.Linear(width, 1)
        self.trust = nn.Linear(width, 1)

    def keys(self, x: Tensor) -> tuple[Tensor, ...]:
        """Of clips' tokens, float [B, M, D], as `Memory` holds them."""
        return (*(read.keys(x) for read in self.read), self.key(x))

    def forward(self, pieces: Tensor, memory: Memory, embedding: Tensor) -> tuple[Tensor, Tensor]:
        """(probabilities [S, L, V] of the next piece, trust [S, L]). pieces: float [S, L, D], the embedded text so far; embedding: [V, D].
        Trust is how much this memory should count beside others, as a log weight."""
        length = pieces.shape[1]
        place = self.place(torch.arange(length, device=pieces.device))
        blank = pieces.new_zeros(pieces.shape[:2])
        text = Tokens(pieces + place, blank, torch.ones_like(blank, dtype=torch.bool))
        causal = torch.ones(length, length, dtype=torch.bool, device=pieces.device).tril()
        real = memory.real[memory.clip]
        *keys, pointed = (k[memory.clip] + asked(memory.inside.long()) for k, asked in zip(memory.keys, self.asked, strict=True))
        for own, read, seen in zip(self.own, self.read, keys, strict=True):
            text = read.at(own(text, mask=causal), seen, real)
        return self._next(self.norm(text.x), pointed, memory.ids[memory.clip], embedding), self.trust(text.x)[..., 0]

    def _next(self, x: Tensor, pointed: Tensor, ids: Tensor, embedding: Tensor) -> Tensor:
        vocabulary = functional.linear(x, embedding).float().softmax(dim=-1)
        where = self.query(x) @ pointed.transpose(1, 2) / x.shape[-1] ** 0.5
        known = (ids >= 0)[:, None]
        copied = where.float().masked_fill(~known, -1e4).softmax(dim=-1) * known
        gate = self.gate(x).float().sigmoid() * known.any(dim=-1, keepdim=True)
        share = torch.zeros_like(vocabulary).scatter_add(2, ids.clamp(min=0)[:, None].expand_as(copied), copied)
        return (1 - gate) * vocabulary + gate * share


class TextEncoder(nn.Module):
    """A text to a point in the space of moments."""

    def __init__(self, config: FusionConfig) -> None:
        super().__init__()
        width = config.hidden_size
        self.place = nn.Embedding(LONGEST_TEXT, width)
        self.layers = nn.ModuleList(
            Block(width, config.num_attention_heads, config.dropout, timed=False) for _ in range(config.text_layers)
        )
        self.out = nn.Linear(width, config.embedding_size)

    def forward(self, pieces: Tensor, real: Tensor) -> Tensor:
        """float [S, E] of length 1. pieces: float [S, L, D]; real: bool [S, L]."""
        place = self.place(torch.arange(pieces.shape[1], device=pieces.device))
        text = Tokens(pieces + place, pieces.new_zeros(real.shape), real)
        for layer in self.layers:
            text = layer(text)
        mean = (text.x * real[..., None]).sum(dim=1) / real.sum(dim=1, keepdim=True)
        return functional.normalize(self.out(mean).float(), dim=-1)


class MomentPool(nn.Module):
    """A stretch of one modality to a point in the space of texts: a mean whose weights are learned."""

    def __init__(self, config: FusionConfig) -> None:
        super().__init__()
        self.weight, self.out = nn.Linear(config.hidden_size, 1), nn.Linear(config.hidden_size, config.embedding_size, bias=False)

    def forward(self, tokens: Tokens, clip: Tensor, inside: Tensor) -> Tensor:
        """float [S, E]: not yet of length 1, so that those of several modalities can be added; 0 where the stretch holds none of this one.
        tokens: of clips; clip: int64 [S], which of them; inside: bool [S, N]."""
        seen = (tokens.real[clip] & inside)[..., None]
        weight = self.weight(tokens.x)[clip].masked_fill(~seen, -1e4).softmax(dim=1) * seen
        return self.out((weight.transpose(1, 2) @ tokens.x[clip])[:, 0]).float()
