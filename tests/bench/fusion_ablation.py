"""What co-attention is worth: the same model with one modality, with all of them apart (late fusion), with all that
only the writer sees together (joint), and with co-attention, each trained for the same number of steps on the same clips, from several
seeds; judged on the test split.

All take over the same encoders of pictures and sound, which learn nothing more: those of late fusion, trained first, so that
co-attention has no advantage there.

python tests/bench/fusion_ablation.py DATA OUT [--steps N] [--before N] [--seeds N] [--write docs/fusion_ablation.md]

DATA holds the corpora train/, validation/ and test/ (`capstream corpus`). What is trained already in OUT is not trained again.
"""

import argparse
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from operators.fusion.measures import interval
from pipeline.clip_cache import load_examples
from pipeline.evaluate_command import markdown, measures
from pipeline.train_command import Request, train

VARIANTS: dict[str, dict[str, Any]] = {
    "frames only": {"modalities": ["frames"]},
    "sound only": {"modalities": ["sound"]},
    "words only": {"modalities": ["words"]},
    "late fusion": {"fusion": "late"},
    "joint writer": {"fusion": "joint"},
    "co-attention": {"fusion": "co_attention"},
}
FIRST, SECOND = "co-attention", "late fusion"
"""Those whose difference is shown."""
COLUMNS = {
    "CIDEr": lambda m: m["cider"],
    "SODA": lambda m: m["soda"],
    "answers": lambda m: m["answers"],
    "answers, one modality": lambda m: _answers(m, False),
    "answers, two": lambda m: _answers(m, True),
    "events F1": lambda m: m["segment_f1"],
    "fused events F1": lambda m: _fused(m),
    "R@5 text to moment": lambda m: m["to_moment"]["5"],
}  # fmt: skip


def _answers(found: Mapping[str, Any], both: bool) -> float:
    values = [v for need, v in found["by_need"].items() if ("+" in need) is both]
    return sum(values) / len(values)


def _fused(found: Mapping[str, Any]) -> float:
    from operators.fusion.labels import FUSED

    return sum(found["segments"][label]["f1"] for label in FUSED) / len(FUSED)


def encoders(data: Path, out: Path, steps: int) -> Path:
    """A model of late fusion whose encoders all take over."""
    from operators.fusion.network.trainer import TrainingOptions

    folder = out / "encoders"
    train(Request(folder, [data / "train"], data / "validation", {}, VARIANTS["late fusion"]), TrainingOptions(steps=steps, save_every=100))
    return folder / "model"


def run(given: argparse.Namespace, variant: str, seed: int) -> dict[str, Any]:
    """Its measures on the test split."""
    from operators.fusion.network.checkpoint import load
    from operators.fusion.network.examiner import examine, mark
    from operators.fusion.network.trainer import TrainingOptions

    data, out, steps = given.data, given.out, given.steps
    folder = out / f"{variant.replace(' ', '_')}-{steps}-{seed}"
    told = folder / "measures.json"
    if not told.exists():
        folder.mkdir(parents=True, exist_ok=True)
        options = TrainingOptions(steps=steps, seed=seed, frozen=steps, save_every=max(1, min(200, steps // 4)))
        request = Request(folder, [data / "train"], data / "validation", {}, VARIANTS[variant], encoders=out / "encoders" / "model")
        train(request, options)
        model, tokenizer = load(folder / "model")
        labels = model.config.labels
        examples = load_examples(data / "test", labels, print)
        marks = mark(examples, examine(model, tokenizer, examples), labels, model.config.thresholds)
        seconds = json.loads((folder / "history.jsonl").read_text().splitlines()[-1])["seconds"]
        weights = sum(p.numel() for p in model.parameters())
        told.write_text(json.dumps({**measures(marks), "seconds": seconds, "weights": weights}, indent=1))
    return dict(json.loads(told.read_text()))


def table(found: Mapping[str, Sequence[Mapping[str, Any]]]) -> str:
    rows = []
    for name, several in found.items():
        minutes = sum(m["seconds"] for m in several) / len(several) / 60
        cost = f"{several[0]['weights'] / 1e6:.1f} M", f"{minutes:.0f} min"
        rows.append((name, *(str(interval([column(m) for m in several])) for column in COLUMNS.values()), *cost))
    if len(found.get(FIRST, ())) == len(found.get(SECOND, ())) > 0:
        pairs = list(zip(found[FIRST], found[SECOND], strict=True))
        apart = [str(interval([column(a) - column(b) for a, b in pairs])) for column in COLUMNS.values()]
        rows.append((f"{FIRST} less {SECOND}, seed by seed", *apart, "", ""))
    return markdown(("", *COLUMNS, "weights", "training"), rows)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--steps", type=int, default=600)
    parser.add_argument("--before", type=int, default=400, help="steps of the encoders")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--variants", nargs="*", default=list(VARIANTS))
    parser.add_argument("--write", type=Path)
    given = parser.parse_args()
    found: dict[str, list[dict[str, Any]]] = {}
    encoders(given.data, given.out, given.before)
    for seed in range(1, given.seeds + 1):
        for variant in given.variants:
            found.setdefault(variant, []).append(run(given, variant, seed))
            print(table(found), flush=True)
    if given.write:
        given.write.write_text(page(given, table(found)), encoding="utf-8")


def page(given: argparse.Namespace, told: str) -> str:
    command = f"python tests/bench/fusion_ablation.py DATA OUT --before {given.before} --steps {given.steps} --seeds {given.seeds}"
    return (
        f"# What co-attention is worth\n\nMade by `{command} --write docs/fusion_ablation.md`. Each row: {given.seeds} trainings of "
        f"{given.steps} steps on the same clips; mean and 95 % interval over seeds (Student's t), on the test split.\n\n{told}\n"
    )


if __name__ == "__main__":
    main()
