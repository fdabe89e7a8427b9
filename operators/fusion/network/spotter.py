"""The spotter: what happens when, a score for each label and each cell of a grid."""

import torch
from torch import Tensor, nn

from operators.fusion.network.attention import Block, Fourier, Tokens
from operators.fusion.network.config import FusionConfig

EVENT_RATE = 5
"""Cells a second."""
REACH_S = 1.0
"""A row that is further from a cell is not beside it."""


class Spotter(nn.Module):
    """Each cell asks each modality by itself, the row before and the row behind its middle and all of it by attention, and the scores add
    up: what one modality shows need not be found again among the tokens of the others.

    What lies between two pictures, a cut or that nothing moved, is told by the row of the later one: the cell must know which of the two it
    reads.
    """

    def __init__(self, config: FusionConfig) -> None:
        super().__init__()
        width = config.hidden_size
        self.time = Fourier(width)
        self.before, self.behind = (nn.ModuleDict({name: nn.Linear(width, width) for name in config.modalities}) for _ in range(2))
        self.read = Block(width, config.num_attention_heads, config.dropout, keys=True)
        self.out = nn.Sequential(nn.LayerNorm(width), nn.Linear(width, len(config.labels), bias=False))
        self.start = nn.Parameter(torch.zeros(len(config.labels)))

    def forward(self, tokens: dict[str, Tokens], middles: Tensor) -> Tensor:
        """float [B, G, labels]: logits, less those of the labels' shares. middles: float [B, G], seconds since the clip's start."""
        asked = self.time(middles)
        told = []
        for name, own in tokens.items():
            before, behind = beside(own, middles)
            x = asked + self.before[name](before) + self.behind[name](behind)
            cells = Tokens(x, middles, torch.ones_like(middles, dtype=torch.bool))
            told.append(self.out(self.read(cells, own).x))
        return torch.stack(told).sum(dim=0) + self.start


def beside(tokens: Tokens, middles: Tensor) -> tuple[Tensor, Tensor]:
    """float [B, G, D], twice: the last row before each cell's middle and the first that is not; 0 where none is near.
    The first token is left out: it stands for the whole."""
    rows = tokens.rest()
    if not rows.x.shape[1]:
        nothing = rows.x.new_zeros(*middles.shape, rows.x.shape[2])
        return nothing, nothing
    since = middles[:, :, None] - rows.times[:, None]
    far = since.new_tensor(torch.inf)
    return tuple(_nearest(rows.x, torch.where(side & rows.real[:, None], since.abs(), far)) for side in (since > 0, since <= 0))


def _nearest(rows: Tensor, apart: Tensor) -> Tensor:
    """float [B, G, D] of rows [B, N, D] and their distances [B, G, N]."""
    least = apart.min(dim=-1)
    index = least.indices[..., None].expand(-1, -1, rows.shape[2])
    return rows.gather(1, index) * (least.values < REACH_S)[..., None]
