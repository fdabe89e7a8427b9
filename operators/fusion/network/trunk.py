"""The trunk: modalities attend to themselves, to bottleneck tokens and to each other."""

import torch
from torch import Tensor, nn

from operators.fusion.network.attention import Block, Tokens, joined
from operators.fusion.network.config import FusionConfig


class Trunk(nn.Module):
    """Layers of attention within modalities, with bottleneck tokens that carry what is said between them (Nagrani et al. 2021), and across
    them (co-attention, Lu et al. 2019). In the first third of the layers, and without exchange (fusion "joint" or "late") in all, each
    modality stays alone. What comes from the others is nothing at first, and is learned as far as it helps."""

    def __init__(self, config: FusionConfig) -> None:
        super().__init__()
        width, layers = config.hidden_size, config.trunk_layers
        exchange = config.fusion == "co_attention" and len(config.modalities) > 1
        self.alone = layers // 3 if exchange else layers
        self.layers = nn.ModuleList((_Layer if n < self.alone else _Exchange)(config) for n in range(layers))
        self.bottleneck = nn.Parameter(torch.randn(config.bottleneck, width) * config.initializer_range) if exchange else None

    def close(self) -> None:
        """Lets nothing through from one modality to another."""
        for layer in self.layers[self.alone :]:
            layer.close()

    def forward(self, tokens: dict[str, Tokens], seconds: Tensor) -> dict[str, Tokens]:
        """Each modality's tokens. `seconds`: float [B], the clips' lengths."""
        for layer in self.layers[: self.alone]:
            tokens = layer(tokens)
        if self.bottleneck is None:
            return tokens
        spread, own = self._spread(self.bottleneck, seconds), tokens
        tokens = {name: joined([spread, t]) for name, t in own.items()}
        for layer in self.layers[self.alone :]:
            tokens = layer(tokens)
        return {name: t.with_x(tokens[name].x[:, len(self.bottleneck) :]) for name, t in own.items()}

    def _spread(self, bottleneck: Tensor, seconds: Tensor) -> Tokens:
        """Evenly over each clip."""
        count = len(bottleneck)
        share = (torch.arange(count, device=seconds.device) + 0.5) / count
        times = seconds[:, None] * share
        return Tokens(bottleneck.expand(len(seconds), -1, -1), times, torch.ones_like(times, dtype=torch.bool))


class _Layer(nn.Module):
    def __init__(self, config: FusionConfig) -> None:
        super().__init__()
        self.within = _blocks(config)

    def forward(self, tokens: dict[str, Tokens]) -> dict[str, Tokens]:
        return {name: self.within[name](t) for name, t in tokens.items()}


class _Exchange(_Layer):
    """Before each modality's tokens stand its bottleneck tokens."""

    def __init__(self, config: FusionConfig) -> None:
        super().__init__(config)
        self.count = config.bottleneck
        self.across = _blocks(config, keys=True)
        self.shared = nn.Parameter(torch.empty(config.hidden_size))
        """How much of its bottleneck tokens a modality shares with the others: 0 none, 1 all."""

    def close(self) -> None:
        nn.init.zeros_(self.shared)
        for block in self.across.values():
            block.close()

    def forward(self, tokens: dict[str, Tokens]) -> dict[str, Tokens]:
        inside = super().forward(tokens)
        present = [t.real[:, self.count + 1 :].any(dim=1) for t in inside.values()]
        mean = _mean([t.x[:, : self.count] for t in inside.values()], present)
        for name, t in inside.items():
            said, rest = t.x[:, : self.count], t.x[:, self.count :]
            inside[name] = t.with_x(torch.cat([said + self.shared * (mean - said), rest], dim=1))
        return {name: self.across[name](t, joined([o for other, o in inside.items() if other != name])) for name, t in inside.items()}


def _blocks(config: FusionConfig, keys: bool = False) -> nn.ModuleDict:
    return nn.ModuleDict(
        {name: Block(config.hidden_size, config.num_attention_heads, config.dropout, keys=keys) for name in config.modalities}
    )


def _mean(said: list[Tensor], present: list[Tensor]) -> Tensor:
    """Of what the modalities that are there say; of all where none is."""
    weight = torch.stack(present).to(said[0].dtype)
    weight = torch.where(weight.sum(dim=0) > 0, weight, torch.ones_like(weight))
    return (torch.stack(said) * weight[..., None, None]).sum(dim=0) / weight.sum(dim=0)[:, None, None]
