"""Subtitles read back by readers that nobody here wrote."""

import io
import subprocess
import tempfile
import xml.etree.ElementTree as ElementTree
from collections.abc import Callable, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any, TypeAlias

import pysubs2
import webvtt as webvtt_py

from operators.subtitles.formats import FORMATS, Cue

Told: TypeAlias = list[tuple[int, int, str]]
"""(start, end, text), times in milliseconds."""
HUNDREDTH_MS = {"ass": 5}
"""By how much a time may be off: ASS counts hundredths of a second."""


def by_webvtt_py(text: str) -> Told:
    return [(_ms(c.start), _ms(c.end), c.text) for c in webvtt_py.from_buffer(io.StringIO(text))]


def by_pysubs2(name: str) -> Callable[[str], Told]:
    return lambda text: [(e.start, e.end, e.plaintext) for e in pysubs2.SSAFile.from_string(text, format_=name)]


def by_ffmpeg(name: str) -> Callable[[str], Told]:
    def read(text: str) -> Told:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / f"cues.{name}"
            path.write_text(text, encoding="utf-8")
            command = ["ffmpeg", "-v", "error", "-nostdin", "-i", str(path), "-f", "srt", "-"]
            done = subprocess.run(command, capture_output=True, text=True, check=True)
        return by_pysubs2("srt")(done.stdout)

    return read


def by_ttconv(text: str) -> Told:
    """What is on the screen, from when to when."""
    from ttconv import model
    from ttconv.imsc.reader import to_model
    from ttconv.isd import ISD

    def words(element: Any) -> str:
        if isinstance(element, model.Text):
            return str(element.get_text())
        return "\n" if isinstance(element, model.Br) else "".join(map(words, element))

    sequence = list(ISD.generate_isd_sequence(to_model(ElementTree.ElementTree(ElementTree.fromstring(text)))))
    told = []
    for (begin, screen), (end, _) in pairwise(sequence):
        if shown := "".join(words(region) for region in (screen.iter_regions() if screen else ())):
            told.append((round(begin * 1000), round(end * 1000), shown))
    return told


INDEPENDENT: dict[tuple[str, str], Callable[[str], Told]] = {
    ("vtt", "webvtt-py"): by_webvtt_py,
    ("vtt", "ffmpeg"): by_ffmpeg("vtt"),
    ("srt", "pysubs2"): by_pysubs2("srt"),
    ("srt", "ffmpeg"): by_ffmpeg("srt"),
    ("ass", "pysubs2"): by_pysubs2("ass"),
    ("ass", "ffmpeg"): by_ffmpeg("ass"),
    ("ttml", "ttconv"): by_ttconv,
    ("ebuttd", "ttconv"): by_ttconv,
}


def differing(cues: Sequence[Cue], name: str, reader: str) -> int:
    """How many cues come back with another text or time, or not at all."""
    wanted = [(c.start_ms, c.end_ms, "\n".join(c.lines)) for c in cues]
    got = INDEPENDENT[name, reader]("".join(FORMATS[name](cues)))
    most = HUNDREDTH_MS.get(name, 0)
    same = sum(
        abs(a - c) <= most and abs(b - d) <= most and text == other for (a, b, text), (c, d, other) in zip(wanted, got, strict=False)
    )
    return max(len(wanted), len(got)) - same


def _ms(clock: str) -> int:
    hours, minutes, seconds = clock.split(":")
    return round((int(hours) * 60 + int(minutes)) * 60_000 + float(seconds) * 1000)
