"""The page of an evaluation: tables, which events are taken for which, and the worst captions beside what was to be seen."""

import base64
from collections.abc import Sequence
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from operators.fusion.clip import Clip, Example
from operators.timeline import Span
from pipeline.evaluate_command import table

if TYPE_CHECKING:
    from operators.fusion.network.examiner import Found, Marks

WORST = 24
SHOWN = 6
"""Pictures of a stretch."""
STYLE = (
    "body{font:15px/1.5 system-ui;margin:2em auto;max-width:70em;padding:0 1em;color:#222}"
    "table{border-collapse:collapse;margin:1em 0}td,th{border:1px solid #ccc;padding:.15em .6em;text-align:left}"
    "article{border-top:1px solid #ccc;padding:.6em 0}img{height:72px;margin-right:3px}.c td{min-width:1.4em;padding:0 .2em;font-size:11px}"
    "q{font-style:italic}"
)


def write_page(path: Path, config: Any, examples: Sequence[Example], found: Sequence["Found"], marks: "Marks") -> None:
    parts = [
        "<h1>What the fusion model says</h1>",
        *(_table(block) for block in table(marks).split("\n\n")),
        "<h2>Seconds of an event (rows), and what else was said then</h2>",
        _confusion(examples, found, config),
        "<h2>The worst captions</h2>",
        *_worst(examples, found, marks),
        "<h2>Wrong answers</h2>",
        *_wrong(examples, found),
    ]
    title = "capstream: evaluation"
    page = f"<!doctype html><meta charset=utf-8><title>{title}</title><style>{STYLE}</style>{''.join(parts)}"
    path.write_text(page, encoding="utf-8")


def _table(markdown: str) -> str:
    rows = [line.strip("| ").split(" | ") for line in markdown.splitlines()]
    cells = [f"<tr>{''.join(f'<td>{escape(c)}' for c in row)}" for n, row in enumerate(rows) if n != 1]
    return f"<table>{''.join(cells)}</table>"


def _confusion(examples: Sequence[Example], found: Sequence["Found"], config: Any) -> str:
    """For each true label, the share of its cells at which another was said that was not true then; the diagonal: found."""
    from operators.fusion.network.lessons import truth_of

    count = len(config.labels)
    shares, cells = np.zeros((count, count)), np.zeros(count)
    for example, f in zip(examples, found, strict=True):
        true = truth_of(example, config.labels, len(f.scores))
        said = f.scores > np.array(config.thresholds)
        wrong = said & ~true
        shares += true.T.astype(float) @ wrong
        shares[np.diag_indices(count)] += (said & true).sum(axis=0)
        cells += true.sum(axis=0)
    shares /= np.maximum(cells, 1)[:, None]
    head = "".join(f"<th>{n}" for n in range(count))
    rows = [
        f"<tr><th>{n} {escape(label)}{''.join(map(_share, row))}" for n, (label, row) in enumerate(zip(config.labels, shares, strict=True))
    ]
    return f"<table class=c><tr><th>{head}{''.join(rows)}</table>"


def _share(value: float) -> str:
    return f"<td style=background:rgba(200,60,30,{value:.2f})>{value:.0%}" if value > 0.005 else "<td>"


def _worst(examples: Sequence[Example], found: Sequence["Found"], marks: "Marks") -> list[str]:
    told = [(e, t, text) for e, f in zip(examples, found, strict=True) for t, text in zip(e.captions, f.captions, strict=True)]
    order = sorted(range(len(told)), key=lambda n: marks.worth[n])[:WORST]
    return [_article(*told[n], marks.worth[n]) for n in order]


def _article(example: Example, told: Any, text: str, worth: float) -> str:
    words = " ".join(f"{w.text}{'' if w.kind == 'spoken' else ' [seen]'}" for w in example.clip.words)
    pictures = "".join(picture(p) for p in spread(example.clip, told.span))
    when = f"{float(told.span.start):.2f}–{float(told.span.end):.2f} s"
    return (
        f"<article><b>{escape(example.clip_id)}</b> {when}, CIDEr {worth:.2f}<br>{pictures}"
        f"<br>said: <q>{escape(text)}</q><br>true: <q>{escape(told.texts[0])}</q><br>words: {escape(words)}</article>"
    )


def spread(clip: Clip, span: Span) -> list[np.ndarray]:
    """At most SHOWN of a stretch's small pictures, evenly."""
    track = clip.frames
    if track is None or track.rows.ndim != 4:
        return []
    inside = [n for n, t in enumerate(track.times) if t in span]
    return [track.rows[inside[k]] for k in np.unique(np.linspace(0, len(inside) - 1, SHOWN).astype(int))] if inside else []


def picture(pixels: np.ndarray) -> str:
    """As HTML, the picture within it."""
    _, jpeg = cv2.imencode(".jpg", cv2.cvtColor(np.ascontiguousarray(pixels), cv2.COLOR_RGB2BGR))
    return f'<img alt="" src="data:image/jpeg;base64,{base64.b64encode(jpeg.tobytes()).decode()}">'


def _wrong(examples: Sequence[Example], found: Sequence["Found"]) -> list[str]:
    from operators.fusion.network.examiner import right

    wrong = [
        (e.clip_id, q, a)
        for e, f in zip(examples, found, strict=True)
        for q, a in zip(e.questions, f.answers, strict=True)
        if not right(q.answer, a)
    ]
    return [f"<p>{escape(c)}: {escape(q.text)} said <q>{escape(a)}</q>, true <q>{escape(q.answer)}</q>" for c, q, a in wrong[: 3 * WORST]]
