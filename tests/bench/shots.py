"""What is true of the pictures of the real media beside what capstream finds: cuts, fades, and the titles and credits of a trailer.

python tests/bench/shots.py [--write FILE]
"""

import argparse
import json
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cache
from pathlib import Path
from typing import Any

from operators.facts import SeenText
from operators.protocols import Output, StreamOperator
from operators.records import Event
from operators.sources import open_source
from operators.timeline import ZERO, Span
from operators.vision.lines import text_likeness
from operators.vision.shots import ShotDetector
from operators.vision.text import ScreenText, TextReader
from pipeline.operator_run import OperatorRun

MEDIA = Path(os.environ.get("CAPSTREAM_MEDIA") or Path(__file__).parents[3] / "shared" / "media")
Row = dict[str, str]

NEAR = 0.25
"""Seconds: a cut is the first picture of its grid of 8 a second, and the truth was judged by eye."""
SHOT_SET = (
    "video_speech/sintel_trailer.mp4", "shots/sintel_clip_30s.mp4", "shots/testvideo.mp4",
    "shots/big_buck_bunny_0_30.webm", "shots/counter.mp4", "shots/fades.mp4",
)  # fmt: skip
ONE_SHOT = (
    "video_events/frigate_cctv_1.mp4", "video_events/frigate_cctv_2.mp4", "video_events/frigate_cctv_3.mp4",
    "video_events/intel/car-detection.mp4", "video_events/intel/bottle-detection.mp4", "video_events/intel/one-by-one-person-detection.mp4",
)  # fmt: skip
SEEN_TOO = {
    "sintel_trailer.mp4": (5.0, 14.0, 16.83, 17.04, 17.5, 31.38, 48.46, 50.83),
    "sintel_clip_30s.mp4": (3.0, 12.0, 14.83, 15.04, 15.5, 29.38),
    "testvideo.mp4": (6.01, 17.6),
    "fades.mp4": (1.64, 5.0, 8.28, 10.0),
}
"""Cuts and fades (their beginning, or lightest) that the manifest does not list, and says it may not: judged by eye at every picture."""
LINES = (
    "THE BLENDER FOUNDATION", "presents", "SINTEL", "COMING SOON", "BLENDER FOUNDATION PRESENTS", "THE DURIAN OPEN MOVIE PROJECT",
    "HALINA REIJN - THOM HOFFMAN", "REALIZED WITH THE SUPPORT OF:", "BLENDER FOUNDATION -",
    "THE NETHERLANDS FILM FUND", "CINEGRID", "DIVX - JAN MORGENSTERN",
    "PRODUCED BY BLENDER INSTITUTE, AMSTERDAM", "CREATED WITH THE FREE/OPEN SOURCE PROGRAM BLENDER",
    "(CC) CREATIVE COMMONS ATTRIBUTION 3.0", "http://durian.blender.org",
)  # fmt: skip
"""Titles and credits of the Sintel trailer, read by eye."""


@dataclass(frozen=True, slots=True)
class Seen:
    """What the two operators found in a file."""

    cuts: tuple[float, ...]
    fades: tuple[tuple[float, float], ...]
    texts: tuple[SeenText, ...]


def rows() -> list[Row]:
    """One row a file and kind of truth."""
    table = [row for path in SHOT_SET for row in shot_rows(path)]
    table += [_row(path, "cuts", (), look(path).cuts) for path in ONE_SHOT]
    return [*table, _title_row("video_speech/sintel_trailer.mp4")]


@cache
def look(path: str) -> Seen:
    """Runs the operators on a file, as the look lane does."""
    source, info = open_source(str(MEDIA / path))
    reader = TextReader()
    reader.open("cpu", 1)
    runs = [OperatorRun(_made(cls), "look") for cls in (ShotDetector, ScreenText)]
    outputs: list[Output] = []
    end = ZERO
    for item in source.frames(info, runs[0].operator.need, Span(ZERO, Fraction(10**6))):
        for run in runs:
            _settle(run, run.feed(item), reader)
            outputs += run.take()
        end = item.end
    for run in runs:
        _settle(run, run.finish(end), reader)
        outputs += run.take()
    events = [o for o in outputs if isinstance(o, Event) and o.lifecycle == "end"]
    return Seen(
        tuple(float(e.start) for e in events if e.label == "shot_cut"),
        tuple((float(e.start), float(e.end)) for e in events if e.label == "shot_fade"),
        tuple(o for o in outputs if isinstance(o, SeenText)),
    )


def scenedetect_cuts(path: str) -> tuple[float, ...]:
    """What AdaptiveDetector of scenedetect finds, at every picture of the file."""
    from scenedetect import AdaptiveDetector, detect

    scenes = detect(str(MEDIA / path), AdaptiveDetector())
    return tuple(start.seconds for start, _ in scenes[1:])


def truth(path: str) -> dict[str, Any]:
    files = json.loads((MEDIA / "MANIFEST.json").read_text())["files"]
    found: dict[str, Any] = next(f for f in files if f["path"] == path)["ground_truth"]
    return found


def hard_cuts(path: str) -> list[float]:
    """Stated hard cuts, in seconds."""
    known = truth(path)
    counted = [n / known["fps"] for n in known.get("cuts_frames", ())]
    return sorted([*known.get("cuts_hard", ()), *known.get("hard_cut_from_black", ()), *counted])


def fade_spans(path: str) -> list[tuple[float, float]]:
    """Stretches in which a fade is stated: black stretches, and fades at an instant."""
    known = truth(path)
    instants = [at for _, at in known.get("fades", ())]
    if path.endswith("fades.mp4"):
        instants = [n / 25 for n in known["detector_goldens_frames"]["ThresholdDetector.default"]]
    black = (tuple(span) for span in known.get("fades_black", known.get("black", ())))
    return sorted([*black, *((at, at) for at in instants)])


def shot_rows(path: str) -> list[Row]:
    """A stated black stretch or fade is found where a fade, or a cut to or from black, is."""
    found, spans = look(path), fade_spans(path)
    table = [_row(path, "cuts", hard_cuts(path), found.cuts)]
    if spans:
        known = [*found.fades, *((c, c) for c in found.cuts)]
        missed = [s for s in spans if not _meets(s, known)]
        beyond = [f for f in found.fades if not _meets(f, spans)]
        false = [f for f in beyond if not _meets(f, [(t, t) for t in _seen_too(path)])]
        table.append(_texts(path, "fades", *(_spans(x) for x in (spans, found.fades, missed, beyond, false))))
    return table


def _row(path: str, what: str, expected: Sequence[float], found: Sequence[float]) -> Row:
    missed, beyond = [t for t in expected if not is_near(t, found)], [f for f in found if not is_near(f, expected)]
    false = [f for f in beyond if not is_near(f, _seen_too(path))]
    return _texts(path, what, *(_instants(x) for x in (expected, found, missed, beyond, false)))


def _title_row(path: str) -> Row:
    found = [s.text for s in look(path).texts]
    missed = [line for line in LINES if not any(_reads(text, line) for text in found)]
    beyond = [text for text in found if not any(_reads(text, line) or _reads(line, text) for line in LINES)]
    counts = (f"{len(LINES)} lines", f"{len(LINES) - len(missed)} lines")
    return _texts(path, "titles and credits", *counts, *("; ".join(x) or "none" for x in (missed, beyond, ())))


def _reads(text: str, line: str) -> bool:
    return text_likeness(text, line) >= 0.9 or line in text


def _seen_too(path: str) -> tuple[float, ...]:
    return SEEN_TOO.get(Path(path).name, ())


def _texts(path: str, *values: str) -> Row:
    return dict(zip(("file", "what", "truth", "found", "missed", "beyond the manifest", "false"), (Path(path).name, *values), strict=True))


def _meets(span: tuple[float, float], others: Iterable[tuple[float, float]]) -> bool:
    return any(span[0] <= b + NEAR and a - NEAR <= span[1] for a, b in others)


def is_near(at: float, others: Iterable[float]) -> bool:
    return any(abs(at - other) <= NEAR for other in others)


def _instants(values: Iterable[float]) -> str:
    return " ".join(f"{v:.2f}" for v in values) or "none"


def _spans(values: Iterable[tuple[float, float]]) -> str:
    return " ".join(f"{a:.2f}-{b:.2f}" if b > a else f"{a:.2f}" for a, b in values) or "none"


def _made(cls: type[Any]) -> StreamOperator:
    operator: StreamOperator = cls()
    return operator


def _settle(run: OperatorRun, asks: list[Any], reader: TextReader) -> None:
    while asks:
        asked = asks.pop(0)
        asks += run.answer(asked, reader([asked.ask.item])[0])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", type=Path)
    args = parser.parse_args()
    table = rows()
    names = list(table[0])
    page = "\n".join([f"| {' | '.join(names)} |", f"|{'---|' * len(names)}", *(f"| {' | '.join(r.values())} |" for r in table)])
    print(page)
    if args.write:
        args.write.write_text(f"{page}\n")


if __name__ == "__main__":
    main()
