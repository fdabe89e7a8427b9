"""Draw what a run said of a clip under pictures of it: the README's picture.

python tests/bench/demo_picture.py OUT/STREAM CLIP docs/demo.png
"""

import json
import sys
from fractions import Fraction
from pathlib import Path
from typing import Any

from PIL import Image, ImageDraw, ImageFont

from operators.protocols import FramesNeed
from operators.sources import open_source
from operators.timeline import ZERO, Span
from pipeline.demo.judge import last_captions

WIDTH, LEFT, TILES, ROW = 1500, 130, 8, 30
COLOURS = {"subtitle": "#dbe7ff", "description": "#e4f3e6", "text_on_screen": "#fff0cc", "siren": "#ffd9d4", "black": "#333333"}
FONTS = Path("/usr/share/fonts/truetype/dejavu")


def main() -> None:
    folder, clip, target = Path(sys.argv[1]), sys.argv[2], Path(sys.argv[3])
    records = [json.loads(line) for line in (folder / f"{folder.name}.jsonl").read_text().splitlines()]
    length = max(r["end_ms"] for r in records)
    font = ImageFont.truetype(str(FONTS / "DejaVuSans.ttf"), 15)
    bold = ImageFont.truetype(str(FONTS / "DejaVuSans-Bold.ttf"), 15)
    rows = _rows(records)
    tile = (WIDTH - LEFT) // TILES
    frames = _frames(clip, length)
    height = tile * frames[0].height // frames[0].width
    sheet = Image.new("RGB", (WIDTH, height + 50 + ROW * sum(len(lines) for _, lines in rows)), "white")
    draw = ImageDraw.Draw(sheet)
    for n, frame in enumerate(frames):
        sheet.paste(frame.resize((tile - 2, height)), (LEFT + n * tile, 0))
        draw.text((LEFT + n * tile, height + 4), f"0:{length * n // TILES // 1000:02}", "#555555", font)
    y = height + 34
    for name, lines in rows:
        draw.text((6, y + 4), name, "#111111", bold)
        for line in lines:
            for start, end, text, colour in line:
                x0, x1 = (LEFT + (WIDTH - LEFT) * at // length for at in (start, max(end, start + length // 400)))
                draw.rectangle((x0, y, x1 - 1, y + ROW - 6), fill=colour, outline="#8a94a6")
                draw.text((x0 + 4, y + 3), _fit(draw, text, x1 - x0 - 6, font), "white" if colour == COLOURS["black"] else "#111111", font)
            y += ROW
    sheet.save(target, optimize=True)


def _rows(records: list[dict[str, Any]]) -> list[tuple[str, list[list[tuple[int, int, str, str]]]]]:
    captions = last_captions(records)
    last = {r["event_id"]: r for r in records if r["type"] == "event" and r["label"] != "speech"}
    events = [(r["start_ms"], r["end_ms"], r["text"] or r["label"], COLOURS.get(r["label"], "#ececec")) for r in last.values()]
    lines: list[list[tuple[int, int, str, str]]] = []
    for event in sorted(events):
        free = next((line for line in lines if line[-1][1] + 2500 <= event[0]), None)
        lines.append([event]) if free is None else free.append(event)
    said = {
        kind: [[(r["start_ms"], r["end_ms"], r["text"], COLOURS[kind]) for r in captions if r["kind"] == kind]]
        for kind in ("subtitle", "description")
    }
    return [("subtitles", said["subtitle"]), ("descriptions", said["description"]), ("events", lines)]


def _frames(clip: str, length: int) -> list[Image.Image]:
    source, info = open_source(clip)
    frames = [f for f in source.frames(info, FramesNeed(2, 384), Span(ZERO, Fraction(length, 1000))) if hasattr(f, "picture")]
    return [Image.fromarray(frames[min(len(frames) - 1, (2 * n + 1) * len(frames) // (2 * TILES))].picture.pixels) for n in range(TILES)]


def _fit(draw: ImageDraw.ImageDraw, text: str, width: int, font: Any) -> str:
    if draw.textlength(text, font) <= width:
        return text
    while text and draw.textlength(text + "…", font) > width:
        text = text[:-1]
    return text + "…" if len(text) > 3 else ""


if __name__ == "__main__":
    main()
