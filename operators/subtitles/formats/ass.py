"""Advanced SubStation Alpha. What is said can not become a command: braces and backslashes are written as characters alike."""

import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from operators.errors import ConfigError
from operators.subtitles.formats.cue import Cue, Subtitles, by_line, clean, end_of, shown, text_of

HEAD = """\
[Script Info]
ScriptType: v4.00+
WrapStyle: 2
ScaledBorderAndShadow: yes
PlayResX: 1920
PlayResY: 1080

[V4+ Styles]
Format: Name, Fontname, Fontsize, PrimaryColour, SecondaryColour, OutlineColour, BackColour, Bold, Italic, Underline, StrikeOut, \
ScaleX, ScaleY, Spacing, Angle, BorderStyle, Outline, Shadow, Alignment, MarginL, MarginR, MarginV, Encoding
Style: Default,Arial,54,&H00FFFFFF,&H00FFFFFF,&H00000000,&H80000000,0,0,0,0,100,100,0,0,1,3,1,2,96,96,54,-1

[Events]
Format: Layer, Start, End, Style, Name, MarginL, MarginR, MarginV, Effect, Text
"""
SAFE = str.maketrans({"{": "｛", "}": "｝", "\\": "＼"})
"""There is no escape that every player knows."""
COLOURS = {"white": "&HFFFFFF&", "yellow": "&H00FFFF&", "cyan": "&HFFFF00&", "lime": "&H00FF00&"}
"""Blue, green, red."""
OVERRIDE = re.compile(r"\{[^}]*\}")
STAMP = re.compile(r"\s*(\d+):(\d{1,2}):(\d{1,2})[.:](\d{1,3})\s*")


def ass(cues: Iterable[Cue]) -> Iterator[str]:
    """The parts of a file, cues by start. It counts hundredths of a second."""
    yield HEAD
    for cue, lines in shown(cues):
        start, end = (cue.start_ms + 5) // 10, max((end_of(cue) + 5) // 10, (cue.start_ms + 5) // 10 + 1)
        name = clean(cue.speaker or " / ".join(cue.speakers)).translate(SAFE).replace(",", " ")
        text = r"\N".join(map(_line, lines, by_line(cue.colours, lines)))
        yield f"Dialogue: 0,{_clock(start)},{_clock(end)},Default,{name},0,0,0,,{text}\n"


def _line(text: str, colour: str) -> str:
    return f"{{\\c{COLOURS[colour]}}}{text.translate(SAFE)}" if colour else text.translate(SAFE)


def read_ass(path: Path) -> Subtitles:
    """Its dialogue without overrides; drawings are no text. Raises ConfigError where it has no events."""
    section, names = "", []
    cues: list[Cue] = []
    faults: list[str] = []
    for number, line in enumerate(text_of(path).split("\n"), 1):
        key, colon, value = line.partition(":")
        if line.startswith("["):
            section = line.strip().lower()
        elif section == "[events]" and key == "Format":
            names = [name.strip().lower() for name in value.split(",")]
        elif section == "[events]" and key == "Dialogue" and colon:
            fields = dict(zip(names, value.split(",", max(0, len(names) - 1)), strict=False))
            times = [STAMP.fullmatch(fields.get(name, "")) for name in ("start", "end")]
            if times[0] is None or times[1] is None:
                faults.append(f"line {number}: no times of a cue: {line[:60]!r}")
            else:
                cues.append(_cue(_ms(times[0]), _ms(times[1]), fields))
    if not names:
        raise ConfigError(f"{path} is no ASS: it has no [Events] with a Format line")
    return Subtitles(tuple(c for c in cues if c.lines), tuple(faults))


def _cue(start_ms: int, end_ms: int, fields: dict[str, str]) -> Cue:
    text = fields.get("text", "")
    plain = "" if re.search(r"\\p[1-9]", text) else OVERRIDE.sub("", text).replace(r"\h", " ")
    lines = tuple(line.strip() for line in re.split(r"\\[Nn]", plain) if line.strip())
    return Cue(start_ms, max(start_ms, end_ms), lines, speaker=fields.get("name", fields.get("actor", "")).strip() or None)


def _clock(hundredths: int) -> str:
    seconds, rest = divmod(hundredths, 100)
    return f"{seconds // 3600}:{seconds // 60 % 60:02}:{seconds % 60:02}.{rest:02}"


def _ms(stamp: re.Match[str]) -> int:
    hours, minutes, seconds = (int(stamp[k]) for k in (1, 2, 3))
    return ((hours * 60 + minutes) * 60 + seconds) * 1000 + int(stamp[4].ljust(3, "0"))
