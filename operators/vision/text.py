"""Text on the screen: read once when it may be new, and followed by its strokes until it is gone."""

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import partial
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from operators.errors import ModelError, ModelUnavailable
from operators.media import LONGEST_HOLE, Frame, Pixels
from operators.protocols import Ask, FramesNeed, Item, Output, State
from operators.timeline import exact
from operators.vision.lines import LineTracker, TextLine
from operators.vision.reading import READ_EVERY, Look, ReadingPlan
from operators.vision.sizes import fit
from operators.vision.strokes import SAME, Box, Windows, shared, stroke_map

_KEPT = 6
"""Looks kept, to find when a line appeared."""


@dataclass(frozen=True, slots=True)
class TextReaderOptions:
    detect_px: int = 640
    """Long side of the picture in which lines are looked for; they are read in the picture as it is given."""


class TextReader:
    """PP-OCR by rapidocr on onnxruntime, with the models inside its package. Items: uint8 [h, w, 3] RGB of any size; results: tuple of
    `TextLine`, from top to bottom. A picture of 854 x 480 with a few lines takes about 0.25 s on one core."""

    Options = TextReaderOptions

    def __init__(self, options: TextReaderOptions = TextReaderOptions()) -> None:
        self.options = options
        self._engine: Any = None

    def open(self, device: str, threads: int) -> None:
        try:
            import rapidocr

            models = Path(rapidocr.__file__).parent / "models"
            self._engine = rapidocr.RapidOCR(
                params={
                    "Global.log_level": "error",
                    "Global.use_cls": False,
                    "Det.model_path": str(models / "PP-OCRv6_det_small.onnx"),
                    "Rec.model_path": str(models / "PP-OCRv6_rec_small.onnx"),
                    "Det.limit_type": "max",
                    "Det.limit_side_len": self.options.detect_px,
                    "EngineConfig.onnxruntime.intra_op_num_threads": threads,
                    "EngineConfig.onnxruntime.inter_op_num_threads": 1,
                }
            )
            for detect in (False, True):  # the models are loaded when they are first used
                self._engine(np.zeros((48, 320, 3), np.uint8), use_det=detect)
        except Exception as e:  # whatever the package, its models or the runtime lack: text can not be read
            self._engine = None
            raise ModelUnavailable(f"rapidocr can not read text: {e}; install rapidocr and onnxruntime, or set look.text=false") from e

    def __call__(self, items: Sequence[Pixels]) -> Sequence[tuple[TextLine, ...] | Exception]:
        return [self._read(pixels) for pixels in items]

    def close(self) -> None:
        self._engine = None

    def _read(self, pixels: Pixels) -> tuple[TextLine, ...] | ModelError:
        height, width = pixels.shape[:2]
        try:
            found = self._engine(cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR))
        except Exception as e:  # of the item alone: another picture may be read
            return ModelError(f"text could not be read in a picture of {width} x {height}: {e}")
        if found.txts is None or found.boxes is None:
            return ()
        lines = zip(found.boxes, found.txts, found.scores, strict=True)
        return tuple(
            TextLine(" ".join(text.split()), round(float(score), 4), _box(corners, width, height)) for corners, text, score in lines
        )


@dataclass(frozen=True, slots=True)
class ScreenTextOptions:
    min_confidence: float = 0.7
    """A line that was read with less is no text."""


class ScreenText:
    """Frames to `SeenText`: each line from when it appeared until it was last seen, in parts of at most 30 s.

    The reader is asked once for each picture that holds still, and again when strokes appear that stay and were not there when text was
    last read. Where that brings nothing new (a clock that ticks), the place is left alone for a while, longer each time. A picture
    that nothing follows for a second or more was standing all that time.
    """

    Options = ScreenTextOptions
    origin = "look.text"
    need = FramesNeed(2, 854)
    models: tuple[str, ...] = ("text",)

    def __init__(self, options: ScreenTextOptions = ScreenTextOptions()) -> None:
        self._min_confidence = options.min_confidence
        self._lines = LineTracker()
        self._looks: deque[Look] = deque(maxlen=_KEPT)
        self._pixels: Pixels | None = None
        """Of the latest look."""
        self._plan = ReadingPlan()
        self._then: Callable[[], list[Output | Ask]] | None = None
        """What a push has still to do once its ask is answered."""
        self._restored: State | None = None
        """What was restored, until `refill` has made it all again."""

    def push(self, item: Item) -> list[Output | Ask]:
        self._restored = None
        return self._stand(item.start, partial(self._see, item) if isinstance(item, Frame) else self._forget)

    def answer(self, ask: Ask, result: Any) -> list[Output | Ask]:
        outputs = [] if isinstance(result, ModelError) else self._take(result, *ask.tag)
        then, self._then = self._then, None
        return [*outputs, *(then() if then else [])]

    def finish(self, at: Fraction) -> list[Output | Ask]:
        self._restored = None
        return self._stand(at, self._forget)

    def hold(self) -> Fraction | None:
        return self._lines.hold

    def snapshot(self) -> tuple[Fraction | None, State]:
        state = self._restored or {
            "needs_from": _text(self._needs_from()),
            "lines": self._lines.snapshot(),
            "plan": self._plan.snapshot(),
        }
        return _instant(state["needs_from"]), state

    def restore(self, state: State) -> None:
        self._restored = state
        self._lines.restore(state["lines"])
        self._plan.restore(state["plan"])

    def refill(self, item: Item) -> None:
        if isinstance(item, Frame) and self._restored is not None:
            self._plan.refill(self._add(item), self._restored["plan"])

    def _needs_from(self) -> Fraction | None:
        read = self._plan.needs_from
        return min([*(look.start for look in self._looks), *([] if read is None else [read])], default=None)

    def _add(self, frame: Frame) -> Look:
        self._pixels = fit(frame.picture.pixels, self.need.size_px)
        look = Look(frame.at, frame.start, frame.end, stroke_map(self._pixels), frame.picture.luma)
        if self._looks and self._looks[-1].strokes.shape != look.strokes.shape:
            self._looks.clear()
            self._plan = ReadingPlan()
        self._looks.append(look)
        return look

    def _stand(self, until: Fraction, then: Callable[[], list[Output | Ask]]) -> list[Output | Ask]:
        """The latest picture stood until this instant; `then` comes after what that gives."""
        if not self._looks or not READ_EVERY <= until - self._looks[-1].start <= LONGEST_HOLE:
            return then()
        outputs = self._examine(replace(self._looks[-1], end=until), self._looks[-1])
        if outputs and isinstance(outputs[-1], Ask):
            self._then = then
            return outputs
        return [*outputs, *then()]

    def _see(self, frame: Frame) -> list[Output | Ask]:
        look = self._add(frame)
        return self._examine(look, self._looks[-2]) if len(self._looks) > 1 else []

    def _forget(self) -> list[Output | Ask]:
        """Nothing goes on after this."""
        self._looks.clear()
        self._plan = ReadingPlan()
        return [*self._lines.close()]

    def _examine(self, look: Look, before: Look) -> list[Output | Ask]:
        told = self._lines.follow(lambda box: self._plan.standing(box, look, before), look.end)
        reason = self._plan.reason(look, before, self._lines.doubted)
        if reason is None:
            return [*told, *self._lines.end_missing()]
        return [*told, Ask("text", self._pixels, tag=(look, reason), blocking=True)]

    def _take(self, result: Sequence[TextLine], look: Look, reason: Windows) -> list[Output | Ask]:
        read = [line for line in result if line.confidence >= self._min_confidence and sum(c.isalnum() for c in line.text) > 1]
        ended, news = self._lines.take(read, self._appeared, look.end)
        self._plan.done(look, reason, news)
        return [*ended]

    def _appeared(self, line: TextLine) -> Fraction:
        """The first of the latest looks that has the line's strokes."""
        *earlier, latest = self._looks
        start = latest.at
        for look in reversed(earlier):
            there = shared(latest.strokes, look.strokes, line.box)
            if not latest.is_steady(look) if there is None else there < SAME:
                break
            start = look.at
        return start


def _box(corners: Sequence[Sequence[float]], width: int, height: int) -> Box:
    """[x, y, w, h] in 0-1 around four corners in pixels."""
    xs, ys = ([min(max(float(c[i]) / size, 0.0), 1.0) for c in corners] for i, size in ((0, width), (1, height)))
    return (round(min(xs), 4), round(min(ys), 4), round(max(xs) - min(xs), 4), round(max(ys) - min(ys), 4))


def _text(at: Fraction | None) -> str | None:
    return None if at is None else exact(at)


def _instant(text: str | None) -> Fraction | None:
    return None if text is None else Fraction(text)
