"""The trunk: modalities attend to themselves, to bottleneck tokens and to each other."""

import torch
from torch import Tensor, nn

from operators.fusion.network.attention import Block, Tokens, joined
from operators.fusion.network.config import FusionConfig


class Trunk(nn.Module):
    """Layers of attention within modalities, with bottleneck tokens that carry what is said between them (Nagrani et al. 2021), and across
    them (co-attention, Lu et al. 2019). Without exchange (fusion "joint" or "late") each modality stays alone."""

    def __init__(self, config: FusionConfig) -> None:
        super().__init__()
        width = config.hidden_size
        self.exchange = config.fusion == "co_attention" and len(config.modalities) > 1
        self.layers = nn.ModuleList(_Layer(config, self.exchange) for _ in range(config.trunk_layers))
        self.bottleneck = nn.Parameter(torch.randn(config.bottleneck, width) * config.initializer_range) if self.exchange else None

    def forward(self, tokens: dict[str, Tokens], seconds: Tensor) -> dict[str, Tokens]:
        """`seconds`: float [B], the clips' lengths. Each modality's tokens, and under "bottleneck" those that lie between."""
        bottleneck = self._spread(seconds) if self.bottleneck is not None else None
        for layer in self.layers:
            tokens, bottleneck = layer(tokens, bottleneck)
        return tokens if bottleneck is None else {**tokens, "bottleneck": bottleneck}

    def _spread(self, seconds: Tensor) -> Tokens:
        """Evenly over each clip."""
        assert self.bottleneck is not None
        count = len(self.bottleneck)
        share = (torch.arange(count, device=seconds.device) + 0.5) / count
        times = seconds[:, None] * share
        return Tokens(self.bottleneck.expand(len(seconds), -1, -1), times, torch.ones_like(times, dtype=torch.bool))


class _Layer(nn.Module):
    def __init__(self, config: FusionConfig, exchange: bool) -> None:
        super().__init__()

        def block() -> Block:
            return Block(config.hidden_size, config.num_attention_heads, config.dropout)

        self.within = nn.ModuleDict({name: block() for name in config.modalities})
        self.across = nn.ModuleDict({name: block() for name in config.modalities} if exchange else {})

    def forward(self, tokens: dict[str, Tokens], bottleneck: Tokens | None) -> tuple[dict[str, Tokens], Tokens | None]:
        if bottleneck is None:
            return {name: self.within[name](t) for name, t in tokens.items()}, None
        inside, said, present = {}, [], []
        for name, own in tokens.items():
            both = self.within[name](joined([own, bottleneck]))
            count = own.x.shape[1]
            inside[name] = own.with_x(both.x[:, :count])
            said.append(both.x[:, count:])
            present.append(own.real[:, 1:].any(dim=1))
        bottleneck = bottleneck.with_x(_mean(said, present))
        across = {}
        for name, own in inside.items():
            others = joined([bottleneck, *(t for other, t in inside.items() if other != name)])
            across[name] = self.across[name](own, others)
        return across, bottleneck


def _mean(said: list[Tensor], present: list[Tensor]) -> Tensor:
    """Of what the modalities that are there say; of all where none is."""
    weight = torch.stack(present).to(said[0].dtype)
    weight = torch.where(weight.sum(dim=0) > 0, weight, torch.ones_like(weight))
    return (torch.stack(said) * weight[..., None, None]).sum(dim=0) / weight.sum(dim=0)[:, None, None]
