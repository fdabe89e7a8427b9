"""The curves of a training run as a picture."""

import json
from pathlib import Path


def draw(history: Path, out: Path) -> None:
    """Of each task the smoothed loss and the one on held-out clips, by step."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    rows = [json.loads(line) for line in history.read_text(encoding="utf-8").splitlines()]
    rows = list({row["step"]: row for row in rows}.values())
    tasks = sorted({k for row in rows for k in row if k not in ("step", "seconds") and not k.startswith("check.")})
    figure, axes = pyplot.subplots(1, max(1, len(tasks)), figsize=(3.4 * max(1, len(tasks)), 3), squeeze=False, layout="constrained")
    for axis, task in zip(axes[0], tasks, strict=False):
        for key, style, name in ((task, "-", "learned from"), (f"check.{task}", "--", "held out")):
            points = [(row["step"], row[key]) for row in rows if key in row]
            if points:
                axis.plot(*zip(*points, strict=True), style, label=name)
        axis.set(title=task, xlabel="step", ylabel="loss")
        axis.grid(alpha=0.3)
    axes[0][0].legend()
    figure.savefig(out, dpi=110)
    pyplot.close(figure)
