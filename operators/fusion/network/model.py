"""The fusion model: clips in; captions, answers, event scores and embeddings out."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from operators.fusion.network.attention import Fourier, Tokens, joined
from operators.fusion.network.batch import MOST_PIECES, Clips, Texts
from operators.fusion.network.config import FusionConfig
from operators.fusion.network.encoders import FrameEncoder, Projection, SoundEncoder, WordEncoder
from operators.fusion.network.spotter import EVENT_RATE, Spotter
from operators.fusion.network.trunk import Trunk
from operators.fusion.network.writer import Memory, MomentPool, TextEncoder, Writer


@dataclass(frozen=True, slots=True)
class Seen:
    """Clips as the trunk gave them; everything else is read from this."""

    tokens: dict[str, Tokens]
    ids: Tensor
    """int64 [B, W]: of the words' pieces."""
    seconds: Tensor


class FusionModel(nn.Module):
    """`see` clips once; then `write`, `spot` and `embed` from what was seen."""

    common: Tensor
    """float [labels]: from where scores start."""

    def __init__(self, config: FusionConfig) -> None:
        super().__init__()
        self.config = config
        width = config.hidden_size
        own = {"frames": FrameEncoder, "sound": SoundEncoder}
        rows = {"frames": config.frames, "sound": config.sound}
        self.embedding = nn.Embedding(config.vocab_size, width, padding_idx=config.pad_token_id)
        self.encoders = nn.ModuleDict(
            {n: own[n](width) if rows[n] == "own" else Projection(int(rows[n]), width) for n in own if n in config.modalities}
        )
        self.words = WordEncoder(self.embedding, MOST_PIECES) if "words" in config.modalities else None
        self.whole = nn.ParameterDict({n: nn.Parameter(torch.randn(width) * config.initializer_range) for n in config.modalities})
        self.time = Fourier(width)
        self.norms = nn.ModuleDict({n: nn.LayerNorm(width) for n in config.modalities})
        self.trunk, self.writer, self.spotter = Trunk(config), Writer(config), Spotter(config)
        self.pool, self.text = MomentPool(config), TextEncoder(config)
        self.sharpness = nn.Parameter(torch.tensor(2.3))
        self.weights = nn.Parameter(torch.zeros(len(TASKS)))
        """Of the tasks: log variances (Kendall et al. 2018)."""
        self.register_buffer("common", torch.tensor(config.shares).logit(), persistent=False)
        self.apply(self._begin)
        self.trunk.close()

    def start_from(self, shares: list[float]) -> None:
        """Of labels that are otherwise common: the same scores, from another start."""
        common = torch.tensor(shares, device=self.device).logit()
        with torch.no_grad():
            self.spotter.start += self.common - common
        self.common, self.config.shares = common, shares

    @property
    def device(self) -> torch.device:
        return self.sharpness.device

    def _begin(self, module: nn.Module) -> None:
        """Convolutions keep torch's own start; the rest is drawn narrowly."""
        if isinstance(module, nn.Linear | nn.Embedding):
            nn.init.normal_(
                module.weight, std=self.config.initializer_range if isinstance(module, nn.Embedding) else module.weight.shape[1] ** -0.5
            )
            if isinstance(module, nn.Linear) and module.bias is not None:
                nn.init.zeros_(module.bias)

    def encode(self, clips: Clips) -> dict[str, Tensor]:
        """float [n, D] for each modality with rows of its own: what can be kept, where encoders do not learn any more. Rows that the own
        encoders have made already stay as they are."""
        rows = {}
        for name, encoder in self.encoders.items():
            given = getattr(clips, name).rows
            if not len(given):
                continue
            if getattr(self.config, name) == "own" and given.is_floating_point():
                rows[name] = given
            else:
                extra = (clips.before, clips.since) if isinstance(encoder, FrameEncoder) else ()
                rows[name] = encoder(given, *extra)
        return rows

    def see(self, clips: Clips, rows: dict[str, Tensor] | None = None) -> Seen:
        """`rows`: what `encode` gave of these clips, where it is known."""
        rows = self.encode(clips) if rows is None else rows
        tokens = {}
        for name in self.config.modalities:
            if name == "words":
                assert self.words is not None
                x = self.words(self.embedding(clips.words.ids), clips.words.ids, clips.words.kinds)
                tokens[name] = self._begun(name, Tokens(x, clips.words.times, clips.words.real), clips.seconds)
            else:
                place = getattr(clips, name)
                x = clips.seconds.new_zeros(*place.times.shape, self.config.hidden_size)
                if name in rows:
                    x = x.index_put((place.clip, place.slot), rows[name].to(x.dtype))
                tokens[name] = self._begun(name, Tokens(x, place.times, place.real), clips.seconds)
        return Seen(self.trunk(tokens, clips.seconds), clips.words.ids, clips.seconds)

    def _begun(self, name: str, tokens: Tokens, seconds: Tensor) -> Tokens:
        """With a token for the whole before them: there is always something to look at."""
        x = self.norms[name](tokens.x) + self.time(tokens.times)
        count = len(seconds)
        whole = Tokens(self.whole[name].expand(count, 1, -1), seconds[:, None] / 2, torch.ones(count, 1, dtype=torch.bool, device=x.device))
        return joined([whole, tokens.with_x(x)])

    def memories(self, seen: Seen, texts: Texts) -> list[Memory]:
        """One; of late fusion one for each modality."""
        names = list(seen.tokens)
        groups = [[n] for n in names] if self.config.fusion == "late" else [names]
        return [self._memory(seen, texts, group) for group in groups]

    def _memory(self, seen: Seen, texts: Texts, names: list[str]) -> Memory:
        tokens = joined([seen.tokens[n] for n in names])
        ids = torch.cat([self._copied(seen, n) for n in names], dim=1)
        return Memory(texts.clip, _inside(tokens, texts), tokens.real, ids, self.writer.keys(tokens.x))

    def _copied(self, seen: Seen, name: str) -> Tensor:
        """int64 [B, N]: the ids of words' pieces; the first token, for the whole, is none."""
        real = seen.tokens[name].real
        if name != "words":
            return torch.full_like(real, -1, dtype=torch.long)
        return functional.pad(seen.ids.masked_fill(~real[:, 1:], -1), (1, 0), value=-1)

    def write(self, memories: list[Memory], ids: Tensor) -> Tensor:
        """float [S, L, V]: probabilities of the piece after each of `ids`, int64 [S, L]."""
        pieces = self.embedding(ids)
        told = [self.writer(pieces, memory, self.embedding.weight) for memory in memories]
        trust = torch.stack([t for _, t in told]).float().softmax(dim=0)
        return (torch.stack([p for p, _ in told]) * trust[..., None]).sum(dim=0)

    def spot(self, seen: Seen) -> Tensor:
        """float [B, G, labels], logits on the grid of EVENT_RATE cells a second."""
        middles = (torch.arange(cells(float(seen.seconds.max())), device=seen.seconds.device) + 0.5) / EVENT_RATE
        middles = middles.to(seen.seconds.dtype).expand(len(seen.seconds), -1)
        return self.common + self.spotter(seen.tokens, middles)

    def embed(self, seen: Seen, texts: Texts) -> Tensor:
        """float [S, E] of length 1: the stretches that are asked about, what each modality shows of them added up."""
        rows = [t.rest() for t in seen.tokens.values()]
        told = [self.pool(t, texts.clip, _inside(t, texts)) for t in rows]
        return functional.normalize(torch.stack(told).sum(dim=0), dim=-1)

    def embed_texts(self, ids: Tensor) -> Tensor:
        """float [S, E] of length 1; ids: int64 [S, L], filled up with the pad token."""
        return self.text(self.embedding(ids), ids != self.config.pad_token_id)


def _inside(tokens: Tokens, texts: Texts) -> Tensor:
    """bool [S, N]: tokens within the stretch that each text is about."""
    times = tokens.times[texts.clip]
    return (times >= texts.start[:, None]) & (times < texts.end[:, None])


TASKS = ("captions", "answers", "events", "matches")


SLACK = 1e-3
"""Of a cell: lengths in float32 and in float64 have the same grid."""


def cells(seconds: float) -> int:
    """Of the events' grid, in a clip of that length: those whose middle lies in it."""
    return max(1, int(seconds * EVENT_RATE + 0.5 + SLACK))
