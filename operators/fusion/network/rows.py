"""Rows of encoders that do not learn: made once for each clip, then kept."""

from collections.abc import Sequence
from typing import TypeAlias

import torch
from torch import Tensor

from operators.fusion.network.batch import Clips, Places
from operators.fusion.network.model import FusionModel

Key: TypeAlias = tuple[str, int, int]
"""Modality, number of the clip, number of rows."""


class RowCache:
    """By clip and number of rows: a clip of which every second frame is left out has rows of its own. Half precision, in memory."""

    def __init__(self, model: FusionModel) -> None:
        self._model = model
        self._kept: dict[Key, Tensor] = {}

    def of(self, clips: Clips, numbers: Sequence[int]) -> dict[str, Tensor]:
        """What `FusionModel.encode` gives of these clips."""
        places = {name: getattr(clips, name) for name in self._model.encoders}
        keys = {name: _keys(name, place, numbers) for name, place in places.items()}
        if any(key not in self._kept for several in keys.values() for key in several):
            with torch.inference_mode():
                made = self._model.encode(clips)
            for name, rows in made.items():
                parts = rows.half().cpu().split([key[2] for key in keys[name]])
                self._kept.update(zip(keys[name], (p.clone() for p in parts), strict=True))
        device = clips.seconds.device
        return {name: torch.cat([self._kept[k] for k in several]).float().to(device) for name, several in keys.items() if several}


def _keys(name: str, place: Places, numbers: Sequence[int]) -> list[Key]:
    counts = place.real.sum(dim=1).tolist()
    return [(name, number, count) for number, count in zip(numbers, counts, strict=True) if count]
