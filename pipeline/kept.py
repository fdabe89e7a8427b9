"""What the lanes keep beside their logs, read back for narrators."""

import math
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import numpy as np

from operators.facts import Features, Still, still_uri
from operators.timeline import Span
from operators.windows import RowKind
from pipeline.log import rows_path


class KeptFiles:
    """In the folder of one generation (`operators.windows.Kept`)."""

    def __init__(self, place: Path) -> None:
        self._place = place

    def __call__(self, instants: Sequence[Fraction]) -> list[Still]:
        """Those that are there: a folder that was begun anew from Kafka has none from before, and old ones of live streams are deleted."""
        return [Still(at, path.read_bytes()) for at in instants if (path := self._place / still_uri(at)).exists()]

    def rows(self, kind: RowKind, span: Span) -> list[Features]:
        """A cell that was never written, or whose disk was freed, is all zeros: no row."""
        half = Fraction(1, 2)
        first, last = (max(0, math.ceil(t * kind.rate - half)) for t in (span.start, span.end))
        path = rows_path(self._place / "log", kind.origin)
        if last <= first or not path.exists():
            return []
        size = 4 * kind.width
        with path.open("rb") as file:
            file.seek(first * size)
            data = file.read((last - first) * size)
        vectors = np.frombuffer(data[: len(data) // size * size], "<f4").reshape(-1, kind.width)
        return [Features(first + n, kind.rate, v) for n, v in enumerate(vectors) if v.any()]
