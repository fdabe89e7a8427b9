"""WebVTT and SRT, written so that any text comes back as it was: escaped, no empty line inside a cue, any number of hours."""

import unicodedata
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Cue:
    start_ms: int
    end_ms: int
    lines: tuple[str, ...]
    cue_id: str = ""
    speaker: str | None = None


def webvtt(cues: Iterable[Cue]) -> Iterator[str]:
    """The parts of a WebVTT file (W3C WebVTT), cues by start; they may overlap. A cue without text is left out."""
    yield "WEBVTT\n"
    for cue, lines in _shown(cues):
        name = _clean(cue.cue_id).replace("-->", "→")
        voice = f"<v {_escape(_clean(cue.speaker))}>" if cue.speaker else ""
        head = f"{name}\n" if name else ""
        text = voice + "\n".join(map(_escape, lines))
        yield f"\n{head}{_time(cue.start_ms, '.')} --> {_time(_end(cue), '.')}\n{text}\n"


def srt(cues: Iterable[Cue]) -> Iterator[str]:
    """The parts of a SubRip file, cues by start, numbered from 1. It has no escapes: an arrow in the text is written as one character."""
    for n, (cue, lines) in enumerate(_shown(cues), 1):
        text = "\n".join(lines).replace("-->", "→")
        yield f"{n}\n{_time(cue.start_ms, ',')} --> {_time(_end(cue), ',')}\n{text}\n\n"


FORMATS: dict[str, Callable[[Iterable[Cue]], Iterator[str]]] = {"vtt": webvtt, "srt": srt}


def _shown(cues: Iterable[Cue]) -> Iterator[tuple[Cue, list[str]]]:
    for cue in sorted(cues, key=lambda c: (c.start_ms, c.end_ms)):
        lines = [line for text in cue.lines for part in text.splitlines() if (line := _clean(part))]
        if lines:
            yield cue, lines


def _end(cue: Cue) -> int:
    """A cue is shown for some time: readers drop what ends as it starts."""
    return max(cue.end_ms, cue.start_ms + 1)


def _time(milliseconds: int, point: str) -> str:
    seconds, ms = divmod(milliseconds, 1000)
    return f"{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}{point}{ms:03}"


def _escape(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _clean(text: str) -> str:
    """Without control characters, line separators and halves of surrogate pairs; marks of direction and joiners stay."""
    return "".join(" " if unicodedata.category(c) in ("Cc", "Cs", "Zl", "Zp") else c for c in text).strip()
