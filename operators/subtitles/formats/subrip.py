"""SubRip. It has no standard: written without any markup but colours, read as players do."""

import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from operators.errors import ConfigError
from operators.subtitles.formats.cue import Cue, Subtitles, by_line, clock, end_of, shown, text_of

STAMP = r"(?:(\d+):)?(\d{1,2}):(\d{1,2})[,.](\d{1,3})"
TIMINGS = re.compile(rf"^[ \t]*{STAMP}[ \t]*-->[ \t]*{STAMP}.*$", re.MULTILINE)
MARKUP = re.compile(r"</?(?:[biu]|s|font)(?:\s[^>]*)?>|\{\\[^}]*\}", re.IGNORECASE)


def srt(cues: Iterable[Cue]) -> Iterator[str]:
    """The parts of a file, cues by start, numbered from 1. It has no escapes: an arrow in the text is written as one character."""
    for n, (cue, lines) in enumerate(shown(cues), 1):
        text = "\n".join(map(_line, lines, by_line(cue.colours, lines)))
        yield f"{n}\n{clock(cue.start_ms, ',')} --> {clock(end_of(cue), ',')}\n{text}\n\n"


def _line(text: str, colour: str) -> str:
    plain = text.replace("-->", "→")
    return f'<font color="{colour}">{plain}</font>' if colour else plain


def read_srt(path: Path) -> Subtitles:
    """Tags of style are left out, and what ffmpeg leaves of those of ASS.

    Raises ConfigError where there are no cues in a file that is not empty.
    """
    text = text_of(path)
    timings = list(TIMINGS.finditer(text))
    if not timings and text.strip():
        raise ConfigError(f"{path} is no SubRip: no line of it reads 00:00:01,000 --> 00:00:02,000")
    cues = []
    faults = []
    for n, timing in enumerate(timings):
        body = text[timing.end() : timings[n + 1].start() if n + 1 < len(timings) else len(text)].strip("\n")
        if n + 1 < len(timings):
            body = re.sub(r"(?:^|\n)\s*\d+\s*$", "", body).rstrip("\n")
        start_ms, end_ms = (_ms(timing.groups()[k : k + 4]) for k in (0, 4))
        if end_ms < start_ms:
            faults.append(f"line {text[: timing.start()].count(chr(10)) + 1}: ends before it begins: {timing[0].strip()!r}")
            continue
        plain = MARKUP.sub("", body).replace(r"\h", " ")
        cues.append(Cue(start_ms, end_ms, tuple(line for line in plain.split("\n") if line.strip()), str(n + 1)))
    return Subtitles(tuple(cues), tuple(faults))


def _ms(parts: tuple[str | None, ...]) -> int:
    hours, minutes, seconds = (int(p or 0) for p in parts[:3])
    return ((hours * 60 + minutes) * 60 + seconds) * 1000 + int((parts[3] or "").ljust(3, "0"))
