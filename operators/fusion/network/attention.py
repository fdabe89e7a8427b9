"""Attention that knows time: rotary encodings (Su et al. 2021) over continuous seconds instead of positions."""

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

SHORTEST_S, LONGEST_S = 0.4, 48.0
"""Periods of the rotations: from two cells to four clips."""


@dataclass(frozen=True, slots=True)
class Tokens:
    """x: float [B, N, D]. times: float [B, N], seconds since the clip's start. real: bool [B, N], False where there is only padding."""

    x: Tensor
    times: Tensor
    real: Tensor

    def with_x(self, x: Tensor) -> "Tokens":
        return Tokens(x, self.times, self.real)

    def rest(self) -> "Tokens":
        """All behind the first, which stands for the whole."""
        return Tokens(self.x[:, 1:], self.times[:, 1:], self.real[:, 1:])


def joined(parts: list[Tokens]) -> Tokens:
    """One after another."""
    return Tokens(*(torch.cat([getattr(p, name) for p in parts], dim=1) for name in ("x", "times", "real")))


class Rotation(nn.Module):
    """Turns half of each head's width by angles that grow with time; the other half compares content alone."""

    def __init__(self, head_size: int) -> None:
        super().__init__()
        count = head_size // 4
        periods = torch.logspace(math.log10(SHORTEST_S), math.log10(LONGEST_S), count)
        self.register_buffer("pace", 2 * math.pi / periods)

    def forward(self, x: Tensor, times: Tensor) -> Tensor:
        """x: [B, H, N, head_size]; times: [B, N]."""
        angle = times[:, None, :, None] * self.pace
        cos, sin = angle.cos().to(x.dtype), angle.sin().to(x.dtype)
        count = cos.shape[-1]
        a, b, rest = x[..., :count], x[..., count : 2 * count], x[..., 2 * count :]
        return torch.cat([a * cos - b * sin, a * sin + b * cos, rest], dim=-1)


class Attention(nn.Module):
    """Multi-head attention from `queries` to `keys`; with `timed`, rotated by their times."""

    def __init__(self, width: int, heads: int, timed: bool = True) -> None:
        super().__init__()
        self.heads = heads
        self.query, self.key_value, self.out = nn.Linear(width, width), nn.Linear(width, 2 * width), nn.Linear(width, width)
        self.rotation = Rotation(width // heads) if timed else None

    def forward(self, queries: Tokens, keys: Tokens, mask: Tensor | None = None) -> Tensor:
        """float [B, N, D]. `mask`: bool, broadcast over [B, H, N, M], True where a query may look; without it, at all real keys."""
        k, v = (self._split(part) for part in self.key_value(keys.x).chunk(2, dim=-1))
        if self.rotation is not None:
            k = self.rotation(k, keys.times)
        return self._look(queries, k, v, keys.real[:, None, None, :] if mask is None else mask)

    def at(self, queries: Tokens, keys: Tensor, real: Tensor) -> Tensor:
        """The same, not timed, where the keys and values are known: float [B, M, 2 D] as `key_value` gives them; real: bool [B, M]."""
        k, v = (self._split(part) for part in keys.chunk(2, dim=-1))
        return self._look(queries, k, v, real[:, None, None, :])

    def _look(self, queries: Tokens, k: Tensor, v: Tensor, mask: Tensor) -> Tensor:
        q = self._split(self.query(queries.x))
        if self.rotation is not None:
            q = self.rotation(q, queries.times)
        seen = functional.scaled_dot_product_attention(q, k, v, attn_mask=mask)
        return self.out(seen.transpose(1, 2).flatten(2))

    def _split(self, x: Tensor) -> Tensor:
        return x.unflatten(-1, (self.heads, -1)).transpose(1, 2)


class Block(nn.Module):
    """Attention and a feed-forward net, each after a layer norm and with a way around it. With `keys` it looks at other tokens, else at
    its own."""

    def __init__(self, width: int, heads: int, dropout: float, timed: bool = True, keys: bool = False, expand: int = 2) -> None:
        super().__init__()
        self.norm, self.norm_inner = nn.LayerNorm(width), nn.LayerNorm(width)
        self.norm_keys = nn.LayerNorm(width) if keys else None
        self.attention = Attention(width, heads, timed)
        self.inner = nn.Sequential(nn.Linear(width, expand * width), nn.GELU(), nn.Linear(expand * width, width))
        self.dropout = nn.Dropout(dropout)

    def forward(self, tokens: Tokens, keys: Tokens | None = None, mask: Tensor | None = None) -> Tokens:
        own = tokens.with_x(self.norm(tokens.x))
        at = own if keys is None else keys.with_x(self._normed(keys.x))
        return self._after(tokens, self.attention(own, at, mask))

    def keys(self, x: Tensor) -> Tensor:
        """float [B, M, 2 D] of tokens that are looked at again and again: their keys and values, for `at`."""
        return self.attention.key_value(self._normed(x))

    def at(self, tokens: Tokens, keys: Tensor, real: Tensor) -> Tokens:
        """`tokens` look at what `keys` gave, where it is real; not timed."""
        return self._after(tokens, self.attention.at(tokens.with_x(self.norm(tokens.x)), keys, real))

    def _normed(self, x: Tensor) -> Tensor:
        assert self.norm_keys is not None, "made without `keys`"
        normed: Tensor = self.norm_keys(x)
        return normed

    def _after(self, tokens: Tokens, seen: Tensor) -> Tokens:
        x = tokens.x + self.dropout(seen)
        return tokens.with_x(x + self.dropout(self.inner(self.norm_inner(x))))

    def close(self) -> None:
        """Lets tokens through as they are, until something better is learned."""
        for last in (self.attention.out, self.inner[-1]):
            nn.init.zeros_(last.weight)
            nn.init.zeros_(last.bias)


class Fourier(nn.Module):
    """Seconds to a vector: sines and cosines of many periods, mixed."""

    def __init__(self, width: int) -> None:
        super().__init__()
        count = 16
        self.register_buffer("pace", 2 * math.pi / torch.logspace(math.log10(0.5), math.log10(64.0), count))
        self.mix = nn.Linear(2 * count, width)

    def forward(self, seconds: Tensor) -> Tensor:
        angle = seconds[..., None] * self.pace
        return self.mix(torch.cat([angle.sin(), angle.cos()], dim=-1))
