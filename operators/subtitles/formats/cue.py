"""A cue of a file, and what of its text every format writes."""

import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from operators.errors import ConfigError


@dataclass(frozen=True, slots=True)
class Cue:
    start_ms: int
    end_ms: int
    lines: tuple[str, ...]
    cue_id: str = ""
    speaker: str | None = None
    language: str | None = None
    """BCP 47, where it is known."""
    settings: str = ""
    """Of WebVTT, as it writes them: `line:0 align:start`."""
    violations: tuple[str, ...] = ()
    speakers: tuple[str, ...] = ()
    """Who says each line, where more than one speaks."""
    colours: tuple[str, ...] = ()
    """Of each line, as CSS names them."""
    reasons: tuple[str, ...] = ()
    """Of each of the violations."""


@dataclass(frozen=True, slots=True)
class Subtitles:
    """What was read from a file."""

    cues: tuple[Cue, ...]
    faults: tuple[str, ...] = ()
    """Of what could not be read and was left out: a line each, with its place."""
    language: str | None = None


def shown(cues: Iterable[Cue]) -> Iterator[tuple[Cue, list[str]]]:
    """Cues by start, each with its lines as they are written; one without text is left out."""
    for cue in sorted(cues, key=lambda c: (c.start_ms, c.end_ms)):
        lines = [line for text in cue.lines for part in text.splitlines() if (line := clean(part))]
        if lines:
            yield cue, lines


def by_line(told: tuple[str, ...], lines: list[str]) -> tuple[str, ...]:
    """What is told of each line; of none where it is not told of all."""
    return told if len(told) == len(lines) else ("",) * len(lines)


def end_of(cue: Cue) -> int:
    """A cue is shown for some time: readers drop what ends as it starts."""
    return max(cue.end_ms, cue.start_ms + 1)


def clean(text: str) -> str:
    """Without control characters, line separators and halves of surrogate pairs; marks of direction and joiners stay."""
    return "".join(" " if unicodedata.category(c) in ("Cc", "Cs", "Zl", "Zp") or c in "\ufffe\uffff" else c for c in text).strip()


def clock(milliseconds: int, point: str = ".") -> str:
    """HH:MM:SS.mmm; hours of as many digits as they take."""
    seconds, ms = divmod(milliseconds, 1000)
    return f"{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}{point}{ms:03}"


def is_rtl(text: str) -> bool:
    """Whether its first character that has a direction runs from right to left."""
    directions = (unicodedata.bidirectional(c) for c in text)
    return next((d for d in directions if d in ("L", "R", "AL")), "L") != "L"


def text_of(path: Path) -> str:
    """The text of a file in UTF-8 or, where a byte order mark says so, UTF-16; line ends as one character.

    Raises ConfigError where it is no text.
    """
    data = path.read_bytes()
    encoding = "utf-16" if data[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig"
    try:
        return data.decode(encoding).replace("\r\n", "\n").replace("\r", "\n")
    except UnicodeDecodeError as e:
        raise ConfigError(f"{path} is no text in {e.encoding}: byte {e.start} is {data[e.start]:#04x}; convert it to UTF-8") from e
