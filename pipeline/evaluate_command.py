"""`capstream evaluate`: a fusion model against clips of which the truth is known; tables and a page."""

import json
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from operators.errors import StorageError
from pipeline.build import cores
from pipeline.clip_cache import load_examples

if TYPE_CHECKING:
    from operators.fusion.network.examiner import Marks

MEASURES, PAGE = "measures.json", "report.html"


@dataclass(frozen=True, slots=True)
class Request:
    model: Path
    data: Path
    out: Path | None
    device: str = "cpu"


def execute(request: Request) -> int:
    """Print the tables; with `out` write MEASURES and PAGE there."""
    import torch

    from operators.fusion.network.checkpoint import load
    from operators.fusion.network.examiner import examine, mark

    torch.set_num_threads(cores())
    model, tokenizer = load(request.model, request.device)
    labels: list[str] = model.config.labels
    examples = load_examples(request.data, labels, lambda line: print(line, file=sys.stderr))
    found = examine(model, tokenizer, examples, lambda n: print(f"{n} of {len(examples)} clips", file=sys.stderr))
    marks = mark(examples, found, labels, model.config.thresholds)
    print(table(marks))
    if request.out:
        from pipeline.evaluation_page import write_page

        try:
            request.out.mkdir(parents=True, exist_ok=True)
            (request.out / MEASURES).write_text(json.dumps(measures(marks), indent=1), encoding="utf-8")
            write_page(request.out / PAGE, model.config, examples, found, marks)
        except OSError as e:
            raise StorageError(f"{request.out} can not be written: {e.strerror or e}; choose another --out") from e
        print(request.out / PAGE)
    return 0


def measures(marks: "Marks") -> dict[str, Any]:
    """JSON-ready, without what is told of single captions."""
    plain = asdict(marks)
    del plain["worth"]
    for name in ("segments", "onsets"):
        plain[name] = {label: {**asdict(s), "f1": round(s.f1, 4)} for label, s in getattr(marks, name).items()}
    return plain


def table(marks: "Marks") -> str:
    """Markdown: the measures, then the events by label."""
    ranks = [
        f"R@{k} {'moment to text' if way == 'to_text' else 'text to moment'}" for way in ("to_text", "to_moment") for k in marks.to_text
    ]
    values = [*marks.to_text.values(), *marks.to_moment.values()]
    needs = [(f"answers that need {need}", value) for need, value in marks.by_need.items()]
    rows = [
        ("CIDEr", marks.cider), ("METEOR (exact)", marks.meteor), ("SODA", marks.soda), ("answers right", marks.answers), *needs,
        ("events, F1 by segment", marks.segment_f1), ("events, F1 by onset", marks.onset_f1), *zip(ranks, values, strict=True),
    ]  # fmt: skip
    events = [
        (label, f"{s.true}", *(f"{v:.2f}" for v in (s.precision, s.recall, s.f1, marks.onsets[label].f1)))
        for label, s in marks.segments.items()
        if s.true or s.said
    ]
    head = ("event", "seconds true", "precision", "recall", "F1", "F1 by onset")
    return f"{markdown(('measure', 'value'), [(n, f'{v:.3f}') for n, v in rows])}\n\n{markdown(head, events)}"


def markdown(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)
