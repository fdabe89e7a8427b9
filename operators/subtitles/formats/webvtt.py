"""WebVTT (W3C): written so that any text comes back as it was, read as the standard's parser reads it."""

import html
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from operators.errors import ConfigError
from operators.subtitles.formats.cue import Cue, Subtitles, by_line, clean, clock, end_of, shown

STAMP = re.compile(r"(?:(\d+):)?([0-5]\d):([0-5]\d)\.(\d{3})(?!\d)")
TIMINGS = re.compile(rf"[ \t\f]*({STAMP.pattern})[ \t\f]*-->[ \t\f]*({STAMP.pattern})(.*)")
VOICE = re.compile(r"<v(?:\.[^\s>]*)?[ \t\n]+([^>]+)>")
TAG = re.compile(r"<[^>]*>?")


def webvtt(cues: Iterable[Cue]) -> Iterator[str]:
    """The parts of a file, cues by start; they may overlap. A cue without text is left out."""
    yield "WEBVTT\n"
    for cue, lines in shown(cues):
        name = clean(cue.cue_id).replace("-->", "→")
        voice = _voice(cue.speaker)
        text = "\n".join(map(_line, lines, by_line(cue.speakers, lines), by_line(cue.colours, lines)))
        head = f"{name}\n" if name else ""
        settings = " ".join(["", *clean(cue.settings).replace("-->", "").split()])
        yield f"\n{head}{clock(cue.start_ms)} --> {clock(end_of(cue))}{settings}\n{voice}{text}\n"


def read_webvtt(path: Path) -> Subtitles:
    """Cues whose times are none are left out, as browsers do, and told. Raises ConfigError where it is no WebVTT."""
    text = path.read_bytes().decode("utf-8", "replace").removeprefix("\ufeff").replace("\x00", "\ufffd")
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    if not re.match(r"WEBVTT(?:[ \t].*)?$", lines[0]):
        raise ConfigError(f"{path} is no WebVTT: it begins with {lines[0][:20]!r}, not with WEBVTT")
    found: list[Cue] = []
    faults: list[str] = []
    at = 1
    if len(lines) > 1 and "-->" not in lines[1]:
        at = next((n for n in range(1, len(lines)) if not lines[n] or "-->" in lines[n]), len(lines))
    while at < len(lines):
        at = _block(lines, at, found, faults)
    return Subtitles(tuple(found), tuple(faults))


def _block(lines: list[str], at: int, found: list[Cue], faults: list[str]) -> int:
    """Read the block that begins at a line; the line after it."""
    if not lines[at]:
        return at + 1
    name = ""
    if "-->" not in lines[at]:
        if not (at + 1 < len(lines) and "-->" in lines[at + 1]):
            while at < len(lines) and lines[at] and "-->" not in lines[at]:
                at += 1
            return at
        name, at = lines[at], at + 1
    end = next((n for n in range(at + 1, len(lines)) if not lines[n] or "-->" in lines[n]), len(lines))
    timing = TIMINGS.match(lines[at])
    start_ms, end_ms = (_ms(timing.groups()[k : k + 4]) for k in (1, 6)) if timing else (0, 0)
    if timing is None or end_ms <= start_ms:
        faults.append(f"line {at + 1}: no times of a cue: {lines[at]!r}")
    else:
        found.append(_cue(start_ms, end_ms, "\n".join(lines[at + 1 : end]), name, timing.groups()[-1].strip()))
    return end


def _cue(start_ms: int, end_ms: int, text: str, name: str, settings: str) -> Cue:
    plain = html.unescape(TAG.sub("", text))
    lines = tuple(plain.split("\n")) if plain else ()
    voices = [html.unescape(name).strip() for name in VOICE.findall(text)]
    if len(voices) > 1 and len(voices) == len(lines):
        return Cue(start_ms, end_ms, lines, name, speakers=tuple(voices), settings=settings)
    return Cue(start_ms, end_ms, lines, name, voices[0] if voices else None, settings=settings)


def _ms(parts: tuple[str | None, ...]) -> int:
    hours, minutes, seconds, ms = (int(p or 0) for p in parts)
    return ((hours * 60 + minutes) * 60 + seconds) * 1000 + ms


def _line(text: str, speaker: str, colour: str) -> str:
    """A line with what is its own; the classes of colours are the standard's."""
    told = f"<c.{colour}>{_escape(text)}</c>" if colour else _escape(text)
    return f"{_voice(speaker)}{told}</v>" if speaker else told


def _voice(speaker: str | None) -> str:
    return f"<v {_escape(clean(speaker))}>" if speaker else ""


def _escape(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
