"""Training on several machines or GPUs through Ray Train: every worker takes its share of each step, gradients are averaged."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from operators.errors import ConfigError


@dataclass(frozen=True, slots=True)
class Scale:
    workers: int = 1
    gpu: bool = False
    storage: str = ""
    """A folder that all machines share, for Ray's own records."""


def train_on_ray(train: Callable[[Any], None], scale: Scale) -> None:
    """Run `train(workers)` in each worker; `workers` is its `operators.fusion.network.trainer.Workers`.

    Raises ConfigError where Ray refuses, with its reason.
    """
    import ray
    from ray.train import RunConfig, ScalingConfig
    from ray.train.torch import TorchTrainer

    if not ray.is_initialized():
        ray.init(log_to_driver=False)
    scaling = ScalingConfig(num_workers=scale.workers, use_gpu=scale.gpu)
    run = RunConfig(storage_path=scale.storage) if scale.storage else RunConfig()
    try:
        TorchTrainer(lambda: train(_workers()), scaling_config=scaling, run_config=run).fit()
    except (ray.exceptions.RayError, RuntimeError, ValueError) as e:
        cause = e.__cause__ or e
        raise ConfigError(f"training on Ray stopped: {str(cause).strip().splitlines()[-1]}") from e


def _workers() -> Any:
    import ray.train

    from operators.fusion.network.trainer import Workers

    context = ray.train.get_context()
    return Workers(context.get_world_rank(), context.get_world_size(), _average)


def _average(gradients: Iterable[Any]) -> None:
    """The same mean gradient in every worker, in one exchange."""
    import torch
    from torch import distributed

    whole = list(gradients)
    flat = torch.cat([g.flatten() for g in whole])
    distributed.all_reduce(flat)
    flat /= distributed.get_world_size()
    for gradient, mean in zip(whole, flat.split([g.numel() for g in whole]), strict=True):
        gradient.copy_(mean.view_as(gradient))
