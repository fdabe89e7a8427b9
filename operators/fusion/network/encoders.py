"""What makes tokens of rows: own encoders of pictures and sound, projections of other encoders' rows, and words."""

import torch
from torch import Tensor, nn
from torch.nn import functional

from operators.fusion.clip import FRAME_HEIGHT, FRAME_WIDTH, SOUND_BANDS, SOUND_STEPS
from operators.fusion.network.optics import CHANNELS, COLUMNS, ROWS, optics

REACH = 2
"""Cells of the middle map (4 pixels each) by which two pictures are shifted against each other."""
COMPARED = 16
"""Channels of the maps that are compared."""
SOUND_FLAT = 96 * -(-SOUND_STEPS // 8) * (SOUND_BANDS // 8)


class FrameEncoder(nn.Module):
    """Small pictures, each beside the one before it, to rows.

    The middle of the net compares both pictures at every small shift, as the correlation layer of FlowNet does (Dosovitskiy et al. 2015):
    which way things and the camera move need not be found from pixels' differences. What is smaller than a shift is measured (`optics`).
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.stem = nn.Sequential(*_conv(3, 16), *_conv(16, 32))
        self.look = nn.Sequential(*_conv(32, 48))
        self.compare = nn.Conv2d(32, COMPARED, 1)
        self.move = nn.Sequential(nn.Conv2d((2 * REACH + 1) ** 2 + 1, 32, 1), nn.BatchNorm2d(32), nn.ReLU(inplace=True), *_conv(32, 48))
        self.join = nn.Sequential(*_conv(96 + CHANNELS, 96))
        self.out = nn.Linear(96 * (FRAME_HEIGHT // 16) * (FRAME_WIDTH // 16), width)
        self.measured = nn.Linear(CHANNELS * ROWS * COLUMNS, width)

    def forward(self, rows: Tensor, before: Tensor, seconds: Tensor) -> Tensor:
        """float [n, width]. rows: uint8 [n, H, W, 3]; before: int64 [n], the row of the picture before each, itself where there is none;
        seconds: float [n] since that one."""
        pictures = self._pictures(rows)
        maps, marks = self._maps(pictures)
        return self._joined(maps, marks, marks[before], optics(pictures, pictures[before], seconds), seconds)

    def pairs(self, rows: Tensor, first: Tensor, seconds: Tensor) -> Tensor:
        """float [n, width] of pictures given in pairs, the one before each at `first`, int64 [n], itself right behind it."""
        pictures = self._pictures(rows)
        maps, marks = self._maps(pictures)
        measures = optics(pictures[first + 1], pictures[first], seconds)
        return self._joined(maps[first + 1], marks[first + 1], marks[first], measures, seconds)

    def _pictures(self, rows: Tensor) -> Tensor:
        return rows.permute(0, 3, 1, 2).to(self.out.weight.dtype) / 127.5 - 1

    def _maps(self, pictures: Tensor) -> tuple[Tensor, Tensor]:
        """What is seen, and what of it is compared."""
        maps = self.stem(pictures)
        return maps, functional.normalize(self.compare(maps), dim=1)

    def _joined(self, maps: Tensor, marks: Tensor, earlier: Tensor, measures: Tensor, seconds: Tensor) -> Tensor:
        pace = seconds[:, None, None, None].expand(-1, 1, *maps.shape[2:])
        moved = self.move(torch.cat([correlation(marks, earlier, REACH), pace], dim=1))
        joined = self.join(torch.cat([self.look(maps), moved, measures], dim=1))
        return self.out(joined.flatten(1)) + self.measured(measures.flatten(1))


def correlation(now: Tensor, before: Tensor, reach: int) -> Tensor:
    """[n, (2 reach + 1)², h, w]: product of the features here now and, before, at each shift."""
    height, width = now.shape[2:]
    padded = functional.pad(before, (reach,) * 4)
    steps = range(2 * reach + 1)
    return torch.stack([(now * padded[:, :, y : y + height, x : x + width]).sum(dim=1) for y in steps for x in steps], dim=1)


class SoundEncoder(nn.Module):
    """Patches of log-mel to rows."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.maps = nn.Sequential(*_conv(1, 24), *_conv(24, 48), *_conv(48, 96))
        self.out = nn.Linear(SOUND_FLAT, width)

    def forward(self, rows: Tensor) -> Tensor:
        """float [n, width] of uint8 [n, SOUND_STEPS, SOUND_BANDS]."""
        return self.out(self.maps(rows[:, None].to(self.out.weight.dtype) / 127.5 - 1).flatten(1))


def _conv(inside: int, out: int) -> list[nn.Module]:
    return [nn.Conv2d(inside, out, 3, stride=2, padding=1, bias=False), nn.BatchNorm2d(out), nn.ReLU(inplace=True)]


class Projection(nn.Module):
    """Rows of another encoder to rows of the model's width."""

    def __init__(self, inside: int, width: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.LayerNorm(inside), nn.Linear(inside, width), nn.GELU(), nn.Linear(width, width))

    def forward(self, rows: Tensor) -> Tensor:
        return self.layers(rows)


class WordEncoder(nn.Module):
    """Pieces of words: what they are, what stands before each, its place, and whether it was heard or read."""

    def __init__(self, embedding: nn.Embedding, most: int) -> None:
        super().__init__()
        width = embedding.embedding_dim
        self.before, self.kind, self.place = nn.Linear(width, width), nn.Embedding(2, width), nn.Embedding(most, width)

    def forward(self, pieces: Tensor, ids: Tensor, kinds: Tensor) -> Tensor:
        """float [B, N, D]. pieces: the embedded ids; ids, kinds: int64 [B, N]."""
        earlier = functional.pad(pieces[:, :-1], (0, 0, 1, 0))
        place = self.place(torch.arange(ids.shape[1], device=ids.device))
        return pieces + self.before(earlier) + self.kind(kinds) + place
