"""The fusion model in a pipeline: one checkpoint that looks, listens, and tells of what was seen, heard and read."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np

from operators.errors import ModelError, OutOfMemory
from operators.facts import Features
from operators.fusion.clip import Clip, TimedWord, Track
from operators.fusion.labels import SOURCES
from operators.fusion.looking import Glance
from operators.timeline import Span
from operators.windows import Fused, Window

SHIPPED = Path(__file__).parent / "shipped"
"""The checkpoint that comes with the package."""
LATE = Fraction(1, 50)
"""Half a frame."""


@dataclass(frozen=True, slots=True)
class FusionOptions:
    model: str = ""
    """Folder of a checkpoint that `capstream train` made; empty: the one that comes with the package."""


class FusionReader:
    """A BatchOperator. Items: Glance -> float32 [width]; uint8 [SOUND_STEPS, SOUND_BANDS] -> float32 [width]; Window -> Fused. A batch may
    mix them."""

    Options = FusionOptions

    def __init__(self, options: FusionOptions = FusionOptions()) -> None:
        self.options = options
        self._model: Any = None
        self._tokenizer: Any = None

    def open(self, device: str, threads: int) -> None:
        import torch

        from operators.fusion.network.checkpoint import load

        torch.set_num_threads(threads)
        self._model, self._tokenizer = load(Path(self.options.model or SHIPPED), device)

    def __call__(self, items: Sequence[Any]) -> list[Any]:
        import torch

        results: list[Any] = [None] * len(items)
        kinds: dict[type, Callable[[list[Any]], Sequence[Any]]] = {Glance: self._look, np.ndarray: self._listen, Window: self._read}
        try:
            for kind, tell in kinds.items():
                chosen = [n for n, item in enumerate(items) if isinstance(item, kind)]
                if chosen:
                    with torch.inference_mode(), _one_thread():
                        told = tell([items[n] for n in chosen])
                    for n, result in zip(chosen, told, strict=True):
                        results[n] = result
        except torch.OutOfMemoryError as e:
            raise OutOfMemory(f"no memory for {len(items)} stretches at once: use a smaller batch") from e
        return results

    def close(self) -> None:
        self._model = self._tokenizer = None

    def _look(self, glances: Sequence[Glance]) -> list[Any]:
        import torch

        rows = [p for g in glances for p in (g.picture if g.before is None else g.before, g.picture)]
        before = torch.arange(0, len(rows), 2, device=self._model.device)
        since = torch.tensor([g.seconds for g in glances], device=self._model.device)
        encoder = self._model.encoders["frames"]
        return _rows(encoder.pairs(torch.from_numpy(np.stack(rows)).to(self._model.device), before, since))

    def _listen(self, patches: Sequence[Any]) -> list[Any]:
        import torch

        return _rows(self._model.encoders["sound"](torch.from_numpy(np.stack(patches)).to(self._model.device)))

    def _read(self, windows: Sequence[Window]) -> list[Any]:
        from operators.fusion.network.readout import Reader
        from operators.fusion.network.spotter import EVENT_RATE

        told: list[Any] = [ModelError(fault) if (fault := self._misfit(w)) else None for w in windows]
        right = [n for n, fault in enumerate(told) if fault is None]
        if not right:
            return told
        config = self._model.config
        reader = Reader(self._model, self._tokenizer, [_clip(windows[n]) for n in right])
        wanted = [k for k, n in enumerate(right) if windows[n].captions]
        said = dict(zip(wanted, reader.captions([(k, windows[right[k]].asked) for k in wanted]), strict=True))
        about = tuple(config.labels), EVENT_RATE
        sources = tuple(SOURCES.get(label, "fused") for label in config.labels)
        for k, scores in enumerate(reader.events()):
            sentences = said[k].sentences if k in said else ()
            told[right[k]] = Fused(sentences, *about, scores, tuple(config.thresholds), sources)
        return told

    def _misfit(self, window: Window) -> str | None:
        """What is wrong where the rows of a window are not those that the model reads."""
        for name, rows in (("frames", window.frames), ("sound", window.sound)):
            kind = getattr(self._model.config, name)
            width = self._model.config.hidden_size if kind == "own" else int(kind)
            if rows and len(rows[0].vector) != width:
                given = len(rows[0].vector)
                return f"the fusion model reads rows of {name} of {width} numbers, not of {given}: use the features it was trained on"
        return None


@contextmanager
def _one_thread() -> Iterator[None]:
    """What is asked at a time is too little to share out: where cores are busy, two threads would mostly wait for each other. Other models
    of this process keep theirs."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _rows(rows: Any) -> list[Any]:
    return [np.ascontiguousarray(r, np.float32) for r in rows.float().cpu().numpy()]


def _clip(window: Window) -> Clip:
    words = [TimedWord(w.start, w.end, w.text, "spoken") for w in window.words]
    for seen in window.seen:
        shown = Span(max(seen.start, window.span.start), min(seen.end, window.span.end))
        words += [TimedWord(shown.start, shown.end, text, "seen") for text in seen.text.split()]
    return Clip(
        window.span, _track(window.frames, _first), _track(window.sound, _middle), tuple(sorted(words, key=lambda w: (w.start, w.end)))
    )


def _track(rows: Sequence[Features], at: Callable[[Features], Fraction]) -> Track | None:
    """`at`: when a row was seen or heard."""
    return Track(np.stack([r.vector for r in rows]), tuple(map(at, rows))) if rows else None


def _first(row: Features) -> Fraction:
    """A picture is the first of its cell: on average half a frame after that begins."""
    return Fraction(row.index, row.rate) + LATE


def _middle(row: Features) -> Fraction:
    return Fraction(2 * row.index + 1, 2 * row.rate)
