"""What a training run needs to go on, beside its checkpoint: kept as safetensors and JSON, never as a pickle."""

import json
import math
import os
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from operators.errors import ConfigError
from operators.fusion.network.model import FusionModel

MOMENTS = ("exp_avg", "exp_avg_sq")


@dataclass(slots=True)
class State:
    step: int = 0
    seconds: float = 0.0
    smoothed: dict[str, float] = field(default_factory=dict)
    lowest: float = math.inf
    """The lowest smoothed sum of losses."""
    history: list[dict[str, float]] = field(default_factory=list)


def save_state(folder: Path, state: State, model: FusionModel, optimizer: torch.optim.Optimizer) -> None:
    """Whole or not at all: weights, moments and numbers of one step lie in one file each, named by the step; the numbers come last."""
    folder.mkdir(parents=True, exist_ok=True)
    names = {id(p): name for name, p in model.named_parameters()}
    tensors = {f"model/{name}": value.detach().contiguous() for name, value in model.state_dict().items()}
    for parameter, moments in optimizer.state.items():
        tensors |= {f"{kind}/{names[id(parameter)]}": moments[kind].contiguous() for kind in MOMENTS}
        tensors[f"step/{names[id(parameter)]}"] = torch.as_tensor(moments["step"], dtype=torch.float32)
    old = set(folder.glob("*.safetensors"))
    path = folder / f"{state.step:08}.safetensors"
    save_file(tensors, path)
    making = folder / ".state.json"
    making.write_text(json.dumps({**asdict(state), "tensors": path.name}))
    os.replace(making, folder / "state.json")
    for other in old - {path}:
        other.unlink()


def load_state(folder: Path, model: FusionModel, optimizer: torch.optim.Optimizer) -> State:
    """Put weights and moments back. Raises ConfigError where they are those of another model, or damaged."""
    try:
        known: dict[str, Any] = json.loads((folder / "state.json").read_text())
        tensors = load_file(folder / known.pop("tensors"))
        model.load_state_dict({name.removeprefix("model/"): value for name, value in tensors.items() if name.startswith("model/")})
        for name, parameter in model.named_parameters():
            if f"step/{name}" in tensors:
                moments = {kind: tensors[f"{kind}/{name}"].to(parameter.device) for kind in MOMENTS}
                optimizer.state[parameter] = {**moments, "step": tensors[f"step/{name}"]}
        return State(**known)
    except (OSError, ValueError, KeyError, TypeError, RuntimeError, SafetensorError) as e:
        reason = str(e).strip().splitlines()[0]
        raise ConfigError(f"{folder} holds no state of this training ({reason}): choose another folder, or delete it to begin anew") from e
