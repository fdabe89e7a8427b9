"""The timeline of the demo, for people."""

from collections.abc import Iterable, Sequence

from rich.table import Table
from rich.text import Text

from operators.records import Wire
from operators.timeline import clock, from_ms
from pipeline.demo.judge import Finding, last_captions, last_of_each, name_of

Row = tuple[int, int, str, str]
"""(start_ms, end_ms, what it is, what it says)"""


def rows(records: Sequence[Wire]) -> dict[str, Row]:
    """Everything worth a line, by the name of its record."""
    said = {name_of(r): (r, "said", r["text"]) for r in records if r["type"] == "transcript"}
    described = {name_of(r): (r, r["kind"], " / ".join(r["lines"] or [r["text"]])) for r in last_captions(records)}
    happened = {name_of(r): (r, "event", _event(r)) for r in last_of_each(records)}
    missed = {name_of(r): (r, "gap", f"{r['lane']}: {r['reason']}") for r in records if r["type"] == "gap"}
    return {name: (r["start_ms"], r["end_ms"], kind, text) for name, (r, kind, text) in {**said, **described, **happened, **missed}.items()}


def timeline(records: Sequence[Wire]) -> Table:
    """What was found, by time."""
    table = _table("time", "", "found")
    for start, end, kind, text in sorted(rows(records).values()):
        table.add_row(_span(start, end), kind, Text(text))
    return table


def comparison(findings: Iterable[Finding], surplus: Iterable[Wire]) -> Table:
    """What was expected beside what was found for it."""
    table = _table("time", "", "expected", "found", "at", "")
    for f in findings:
        e = f.expected
        at = "" if f.start_ms is None or f.end_ms is None else _span(f.start_ms, f.end_ms)
        table.add_row(_span(e.start_ms, e.end_ms), e.kind, Text(e.what), Text(f.found or "nothing"), at, _mark(f.right))
    for r in surplus:
        table.add_row("", "event", "nothing", Text(_event(r)), _span(r["start_ms"], r["end_ms"]), _mark(False))
    return table


def _event(record: Wire) -> str:
    text = f' "{record["text"]}"' if record["text"] else ""
    return f"{record['label']}{text} ({record['top_score']:.2f})"


def _table(*columns: str) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="bold")
    for name in columns:
        table.add_column(name, no_wrap=name in ("time", "at"))
    return table


def _span(start_ms: int, end_ms: int) -> str:
    start, end = clock(from_ms(start_ms))[2:-2], clock(from_ms(end_ms))[2:-2]
    return start if start == end else f"{start}-{end}"


def _mark(right: bool) -> Text:
    return Text("right", "green") if right else Text("WRONG", "bold red")
