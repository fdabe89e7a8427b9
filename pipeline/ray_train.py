"""Training on several machines or GPUs through Ray Train: every worker takes its share of each step, gradients are averaged."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from operators.errors import CapstreamError, ConfigError

if TYPE_CHECKING:
    from operators.fusion.network.trainer import Workers


@dataclass(frozen=True, slots=True)
class Scale:
    workers: int
    gpu: bool
    storage: str
    """A folder that all machines share, for Ray's own records."""


def train_on_ray(train: Callable[["Workers"], None], scale: Scale) -> None:
    """Run `train` in each worker.

    Raises ConfigError where Ray Train is not installed, and where a worker stops, with its reason.
    """
    try:
        import ray
        from ray.train import RunConfig, ScalingConfig, TrainingFailedError, WorkerGroupError
        from ray.train.torch import TorchTrainer
    except ImportError as e:
        raise ConfigError(f"several workers need Ray Train: pip install 'capstream[train]' ({e})") from e

    from pipeline.ray_cluster import connect

    try:
        own, what = connect(), "GPU" if scale.gpu else "CPU"
    except (ConnectionError, ValueError) as e:
        raise ConfigError(f"the Ray cluster of RAY_ADDRESS can not be reached: {e}") from e
    try:
        there = int(ray.cluster_resources().get(what, 0))
        if own and there < scale.workers:
            raise ConfigError(f"{scale.workers} workers need a {what} each, and this machine has {there}: take fewer, or set RAY_ADDRESS")
        scaling = ScalingConfig(num_workers=scale.workers, use_gpu=scale.gpu)
        TorchTrainer(lambda: train(_workers()), scaling_config=scaling, run_config=RunConfig(storage_path=scale.storage)).fit()
    except WorkerGroupError as e:
        raise ConfigError(f"training on Ray stopped: {_reason(e.worker_failures)}") from e
    except TrainingFailedError as e:
        raise ConfigError(f"training on Ray stopped: {_last_line(e)}") from e
    finally:
        ray.shutdown()


def _reason(failures: Mapping[int, Exception]) -> str:
    """The one of our own errors, if there is one: once a worker has stopped, the others lose it."""
    lines = [_last_line(failure) for _, failure in sorted(failures.items())]
    ours = [line.partition(": ")[2] for line in lines if line.startswith(CapstreamError.__module__)]
    return (ours or lines)[0]


def _last_line(error: Exception) -> str:
    return (str(error).strip() or repr(error)).splitlines()[-1]


def _workers() -> "Workers":
    import ray.train

    from operators.fusion.network.trainer import Workers

    context = ray.train.get_context()
    return Workers(context.get_world_rank(), context.get_world_size(), _average, _share)


def _share(make: Callable[[], Any]) -> Any:
    """What the first worker makes, in all of them."""
    from torch import distributed

    made = [make() if distributed.get_rank() == 0 else None]
    distributed.broadcast_object_list(made)
    return made[0]


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
