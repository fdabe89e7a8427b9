"""The four losses and how they are weighed."""

import torch
from torch import Tensor
from torch.nn import functional

from operators.fusion.network.lessons import IGNORED, Lesson
from operators.fusion.network.model import TASKS, FusionModel, Seen

FLOOR = 1e-6
"""Least probability: a copied piece that nothing points at has none."""


def losses(model: FusionModel, lesson: Lesson, rows: dict[str, Tensor] | None = None) -> dict[str, Tensor]:
    """By task; a task of which the lesson holds nothing is missing."""
    seen = model.see(lesson.clips, rows)
    found: dict[str, Tensor] = {}
    if len(lesson.caption_ids):
        told = model.write(model.memories(seen, lesson.captions), lesson.caption_ids)
        found["captions"] = _written(told, lesson.caption_targets)
        if len(lesson.caption_ids) > 1:
            found["matches"] = matched(model, model.embed(seen, lesson.captions), lesson.bare_ids)
    if len(lesson.question_ids):
        found["answers"] = _written(model.write(model.memories(seen, lesson.questions), lesson.question_ids), lesson.question_targets)
    if lesson.judged.any():
        found["events"] = _spotted(model, seen, lesson)
    return found


def weighed(model: FusionModel, found: dict[str, Tensor]) -> Tensor:
    """The sum, each loss by its learned uncertainty: exp(-s) loss + s / 2 (Kendall et al. 2018, for classification)."""
    none = 0 * model.weights.sum()  # of clips of which nothing is known that could be learned
    return sum((torch.exp(-model.weights[n]) * found[t] + model.weights[n] / 2 for n, t in enumerate(TASKS) if t in found), none)


def _written(probabilities: Tensor, targets: Tensor) -> Tensor:
    """Mean over pieces."""
    picked = probabilities.gather(-1, targets.clamp(min=0)[..., None])[..., 0]
    known = targets != IGNORED
    return -(picked.clamp(min=FLOOR).log() * known).sum() / known.sum()


def _spotted(model: FusionModel, seen: Seen, lesson: Lesson) -> Tensor:
    """Of each label over what it would be if nothing but its share were known: else what is rare, a cut or a flash, is never learned."""
    logits = model.spot(seen).float()
    shares = logits.new_tensor(model.config.shares)
    unknown = torch.special.entr(shares) + torch.special.entr(1 - shares)
    loss = functional.binary_cross_entropy_with_logits(logits, lesson.events, reduction="none")
    return (loss / unknown)[lesson.judged].mean()


def matched(model: FusionModel, moments: Tensor, ids: Tensor) -> Tensor:
    """Symmetric cross-entropy over the batch (Radford et al. 2021); the same text said of two moments is no mistake."""
    scale = model.sharpness.clamp(max=4.6).exp()
    scores = scale * moments @ model.embed_texts(ids).T
    same = (ids[:, None] == ids[None]).all(dim=-1) & ~torch.eye(len(ids), dtype=torch.bool, device=ids.device)
    scores = scores.masked_fill(same, -1e4)
    own = torch.arange(len(ids), device=ids.device)
    return (functional.cross_entropy(scores, own) + functional.cross_entropy(scores.T, own)) / 2
