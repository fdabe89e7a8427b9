"""Rows as a table of Markdown."""

from collections.abc import Mapping, Sequence


def table(rows: Sequence[Mapping[str, str]]) -> str:
    names = list(rows[0])
    return "\n".join([f"| {' | '.join(names)} |", f"|{'---|' * len(names)}", *(f"| {' | '.join(r[n] for n in names)} |" for r in rows)])
