"""The trunk: modalities attend to themselves, to bottleneck tokens and to each other."""

import torch
from torch import Tensor, nn

from operators.fusion.network.attention import Block, Tokens, joined
from operators.fusion.network.config import FusionConfig


class Trunk(nn.Module):
    """Layers of attention within modalities, with bottleneck tokens that carry what is said between them (Nagrani et al. 2021), and across
    them (co-attention, Lu et al. 2019). In the first third of the layers, and without exchange (fusion "joint" or "late") in all, each
    modality stays alone."""

    def __init__(self, config: FusionConfig) -> None:
        super().__init__()
        width, layers = config.hidden_size, config.trunk_layers
        exchange = config.fusion == "co_attention" and len(config.modalities) > 1
        self.alone = layers // 3 if exchange else layers
        self.layers = nn.ModuleList(_Layer(config, n >= self.alone) for n in range(layers))
        self.bottleneck = nn.Parameter(torch.randn(config.bottleneck, width) * config.initializer_range) if exchange else None

    def close(self) -> None:
        """What modalities say straight to each other is nothing at first, and is learned as far as it helps; only the bottleneck mixes."""
        for layer in self.layers:
            for block in layer.across.values():
                block.close()

    def forward(self, tokens: dict[str, Tokens], seconds: Tensor) -> dict[str, Tokens]:
        """Each modality's tokens. `seconds`: float [B], the clips' lengths."""
        for layer in self.layers[: self.alone]:
            tokens = layer.apart(tokens)
        if self.bottleneck is not None:
            bottleneck = self._spread(self.bottleneck, seconds)
            for layer in self.layers[self.alone :]:
                tokens, bottleneck = layer(tokens, bottleneck)
        return tokens

    def _spread(self, bottleneck: Tensor, seconds: Tensor) -> Tokens:
        """Evenly over each clip."""
        count = len(bottleneck)
        share = (torch.arange(count, device=seconds.device) + 0.5) / count
        times = seconds[:, None] * share
        return Tokens(bottleneck.expand(len(seconds), -1, -1), times, torch.ones_like(times, dtype=torch.bool))


class _Layer(nn.Module):
    def __init__(self, config: FusionConfig, exchange: bool) -> None:
        super().__init__()

        def blocks() -> dict[str, Block]:
            return {name: Block(config.hidden_size, config.num_attention_heads, config.dropout) for name in config.modalities}

        self.within = nn.ModuleDict(blocks())
        self.across = nn.ModuleDict(blocks() if exchange else {})

    def apart(self, tokens: dict[str, Tokens]) -> dict[str, Tokens]:
        return {name: self.within[name](t) for name, t in tokens.items()}

    def forward(self, tokens: dict[str, Tokens], bottleneck: Tokens) -> tuple[dict[str, Tokens], Tokens]:
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
