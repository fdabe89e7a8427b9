"""The spotter: what happens when, a score for each label and each cell of a grid."""

import torch
from torch import Tensor, nn

from operators.fusion.network.attention import Block, Fourier, Tokens, joined
from operators.fusion.network.config import FusionConfig

EVENT_RATE = 5
"""Cells a second."""
SIGHT_S = 0.15
"""About a cell, rows count for it by a bell of this width."""


class Spotter(nn.Module):
    """Each cell asks: from what lies about its middle in each modality, and from everything by attention."""

    def __init__(self, config: FusionConfig) -> None:
        super().__init__()
        width = config.hidden_size
        self.time = Fourier(width)
        self.near = nn.ModuleDict({name: nn.Linear(width, width) for name in config.modalities})
        self.read = Block(width, config.num_attention_heads, config.dropout)
        self.out = nn.Sequential(nn.LayerNorm(width), nn.Linear(width, len(config.labels)))

    def forward(self, tokens: dict[str, Tokens], middles: Tensor) -> Tensor:
        """float [B, G, labels], logits. middles: float [B, G], seconds since the clip's start."""
        x = self.time(middles)
        for name, layer in self.near.items():
            if name in tokens:
                x = x + layer(_about(tokens[name], middles))
        cells = Tokens(x, middles, torch.ones_like(middles, dtype=torch.bool))
        return self.out(self.read(cells, joined(list(tokens.values()))).x)


def _about(tokens: Tokens, middles: Tensor) -> Tensor:
    """float [B, G, D]: the rows about each cell, 0 where there is none. The first token stands for the whole and is left out."""
    apart = (middles[:, :, None] - tokens.times[:, None, 1:]) / SIGHT_S
    weight = torch.exp(-0.5 * apart**2) * tokens.real[:, None, 1:]
    return weight @ tokens.x[:, 1:] / weight.sum(dim=-1, keepdim=True).clamp(min=1.0)
