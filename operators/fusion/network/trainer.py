"""Joint training: one loop, that can be stopped anywhere and goes on as if it had not been."""

import math
import random
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic
from typing import Any

import torch
from torch import Tensor, nn

from operators.errors import ConfigError
from operators.fusion.clip import Example
from operators.fusion.network.lessons import Lesson, Teacher
from operators.fusion.network.losses import losses, weighed
from operators.fusion.network.model import TASKS, FusionModel
from operators.fusion.network.rows import RowCache
from operators.fusion.network.state import State, load_state, save_state
from operators.fusion.network.tokenizer import Tokenizer

PRECISIONS = ("float32", "bfloat16", "float16")
DIVERGED = 3.0
"""A smoothed loss this far above its lowest is not coming back."""
LOW = 1.0
"""Below this a sum of losses may treble: a task that is rare, or few clips known by heart."""
SMOOTH = 0.98
CHECKED = 64
"""Examples of the held-out set that are looked at while training."""
MODEL, STATE = "model", "state"


@dataclass(frozen=True, slots=True)
class TrainingOptions:
    steps: int = 3000
    batch: int = 24
    """Clips a step, over all workers."""
    rate: float = 1.5e-3
    """The highest learning rate: reached after the warm-up, then falling with a cosine to a hundredth of it."""
    warmup: int = 100
    decay: float = 0.02
    clip: float = 1.0
    """Longest gradient."""
    seed: int = 1
    withhold: float = 0.15
    frozen: int = 0
    """Steps during which the encoders learn nothing; afterwards they learn at a third of the rate. Their rows are kept meanwhile."""
    precision: str = "float32"
    """float32 | bfloat16 | float16: of the arithmetic; weights stay float32."""
    save_every: int = 200

    def __post_init__(self) -> None:
        if self.precision not in PRECISIONS:
            raise ConfigError(f"no number format {self.precision!r} to train in: one of {', '.join(PRECISIONS)}")
        if min(self.steps, self.batch, self.save_every) < 1 or self.rate <= 0:
            raise ConfigError(
                f"training needs steps, batch, save_every and rate above 0, not {self.steps}, {self.batch}, {self.save_every}, {self.rate}"
            )


@dataclass(frozen=True, slots=True)
class Workers:
    """Who trains together: this one of so many, and how weights and gradients become the same everywhere."""

    rank: int = 0
    count: int = 1
    average: Callable[[Iterable[Tensor]], None] = field(default=lambda gradients: None)
    share: Callable[[Callable[[], Any]], Any] = field(default=lambda make: make())
    """What the first worker makes is had by all."""


Progress = Callable[[dict[str, float]], None]
"""Told of a save: step, seconds, the smoothed losses by task and those on held-out examples, as "check.TASK"."""


class Trainer:
    """Trains `model` on examples in `folder`: MODEL is the checkpoint of the last save, STATE what else is needed to go on.

    Every choice of a step follows from the seed and the step's number, so a run that was interrupted and resumed gives what an unbroken
    one gives.
    """

    def __init__(
        self, model: FusionModel, tokenizer: Tokenizer, folder: Path, options: TrainingOptions, workers: Workers = Workers()
    ) -> None:
        self.model, self.tokenizer, self.folder, self.options, self.workers = model, tokenizer, folder, options, workers
        self.teacher = Teacher(tokenizer, model.config.labels, options.withhold, modalities=model.config.modalities)
        self._optimizer = torch.optim.AdamW(_groups(model, options), lr=options.rate)
        self._scaler = torch.amp.GradScaler(model.device.type, enabled=options.precision == "float16")
        self._rows = RowCache(model)
        self.state = State()
        if (folder / STATE).exists():
            self.state = load_state(folder / STATE, model, self._optimizer)

    def run(self, examples: Sequence[Example], held_out: Sequence[Example], progress: Progress) -> None:
        """Until the last step. Raises ConfigError where workers have nothing to do, and where the loss is no number or runs away; what was
        saved last is good."""
        options, began = self.options, monotonic() - self.state.seconds
        if (least := min(options.batch, len(examples))) < self.workers.count:
            raise ConfigError(
                f"{self.workers.count} workers share {least} clips a step: take fewer workers, or a larger batch of more clips"
            )
        while self.state.step < options.steps:
            found = self._step(examples)
            self._watch(found)
            self.state.step += 1
            if self.state.step % options.save_every == 0 or self.state.step == options.steps:
                self.state.seconds = monotonic() - began
                told = {"step": self.state.step, "seconds": self.state.seconds, **self.state.smoothed}
                told |= {f"check.{task}": loss for task, loss in self._check(held_out).items()}
                self.state.history.append(told)
                if self.workers.rank == 0:
                    self.save()
                progress(told)

    def save(self) -> None:
        from operators.fusion.network.checkpoint import save

        save(self.model, self.tokenizer, self.folder / MODEL)
        save_state(self.folder / STATE, self.state, self.model, self._optimizer)

    def _step(self, examples: Sequence[Example]) -> dict[str, float]:
        options, step = self.options, self.state.step
        frozen = step < options.frozen
        self.model.train()
        if frozen:
            self.model.encoders.eval()
        for parameter in self.model.encoders.parameters():
            parameter.requires_grad_(not frozen)
        lesson, chosen = self._lesson(examples, whole=frozen)  # rows are kept of whole clips
        rows = self._rows.of(lesson.clips, chosen) if frozen else None
        for group in self._optimizer.param_groups:
            group["lr"] = group["share"] * options.rate * pace(step, options)
        self._optimizer.zero_grad(set_to_none=True)
        with torch.autocast(self.model.device.type, getattr(torch, options.precision), enabled=options.precision != "float32"):
            found = losses(self.model, lesson, rows)
            loss = weighed(self.model, found)
        if bool(torch.isfinite(loss)):
            self._scaler.scale(loss).backward()
            self._apply()
        return {task: float(value.detach()) for task, value in found.items()}

    def _apply(self) -> None:
        if self.workers.count > 1:  # a task that one worker's share had nothing of
            for parameter in self.model.parameters():
                if parameter.requires_grad and parameter.grad is None:
                    parameter.grad = torch.zeros_like(parameter)
        self.workers.average([p.grad for p in self.model.parameters() if p.grad is not None])
        self._scaler.unscale_(self._optimizer)
        length = nn.utils.clip_grad_norm_(self.model.parameters(), self.options.clip)
        if not self._scaler.is_enabled() and not bool(torch.isfinite(length)):  # float16's scaler leaves such a step out
            raise self._stopped(f"has no gradient at step {self.state.step + 1}")
        self._scaler.step(self._optimizer)
        self._scaler.update()

    def _lesson(self, examples: Sequence[Example], whole: bool) -> tuple[Lesson, list[int]]:
        """This worker's share of the step's clips, and their numbers: every clip once in each pass over all of them."""
        options, workers, step = self.options, self.workers, self.state.step
        torch.manual_seed(hash((options.seed, step, workers.rank)))
        rng = random.Random(f"{options.seed}/{step}/{workers.rank}")
        size = min(options.batch, len(examples))
        rounds, at = divmod(step, len(examples) // size)
        order = list(range(len(examples)))
        random.Random(f"{options.seed}/{rounds}").shuffle(order)
        mine = order[at * size : (at + 1) * size][workers.rank :: workers.count]
        return self.teacher.lesson([examples[n] for n in mine], rng, whole).to(self.model.device), mine

    def _watch(self, found: dict[str, float]) -> None:
        state = self.state
        total = sum(found.values())
        if not math.isfinite(total):
            raise self._stopped(f"is no number at step {state.step + 1}")
        for task, loss in found.items():
            state.smoothed[task] = SMOOTH * state.smoothed.get(task, loss) + (1 - SMOOTH) * loss
        whole = sum(state.smoothed.values())
        state.lowest = min(state.lowest, whole) if state.step > self.options.warmup else whole
        if whole > DIVERGED * max(state.lowest, LOW):
            raise self._stopped(f"runs away: {whole:.2f} at step {state.step + 1} after {state.lowest:.2f}")

    def _stopped(self, why: str) -> ConfigError:
        saved = self.state.history[-1]["step"] if self.state.history else None
        kept = f"the last good state, step {saved:.0f}, is in {self.folder}" if saved else "nothing was saved yet"
        return ConfigError(f"training stopped: the loss {why}; {kept}; go on from it with a lower rate than {self.options.rate}")

    def _check(self, held_out: Sequence[Example]) -> dict[str, float]:
        """Losses on held-out examples, all modalities given."""
        if not held_out:
            return {}
        self.model.eval()
        teacher = Teacher(self.tokenizer, self.model.config.labels, withhold=0.0, rename=0.0)
        sums: dict[str, list[float]] = {task: [] for task in TASKS}
        with torch.inference_mode():
            for first in range(0, min(CHECKED, len(held_out)), 16):
                lesson = teacher.lesson(held_out[first : first + 16], random.Random(first), whole=True).to(self.model.device)
                for task, loss in losses(self.model, lesson).items():
                    sums[task].append(float(loss))
        return {task: sum(values) / len(values) for task, values in sums.items() if values}


def pace(step: int, options: TrainingOptions) -> float:
    """Of the highest learning rate, at a step."""
    if step < options.warmup:
        return (step + 1) / options.warmup
    share = (step - options.warmup) / max(1, options.steps - options.warmup)
    return 0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * min(1.0, share)))


def _groups(model: FusionModel, options: TrainingOptions) -> list[dict[str, Any]]:
    """Encoders that were frozen learn more slowly; what is no matrix does not decay."""
    own = {id(p) for p in model.encoders.parameters()}
    groups = []
    for encoders in (True, False):
        for matrices in (True, False):
            chosen = [p for p in model.parameters() if (id(p) in own) is encoders and (p.ndim > 1) is matrices]
            share = 1 / 3 if encoders and options.frozen else 1.0
            if not chosen:
                continue
            groups.append({"params": chosen, "weight_decay": options.decay if matrices else 0.0, "share": share})
    return groups
