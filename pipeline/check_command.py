"""`capstream check`: what a file of subtitles breaks of a delivery style, as a table or as JSON."""

import json
import re
import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from operators.errors import ConfigError
from operators.facts import Shot
from operators.sentences import primary
from operators.subtitles.checker import RULES, Finding, Shown, check, cuts_of
from operators.subtitles.formats import Cue, Subtitles
from operators.subtitles.languages import named_in
from operators.subtitles.styles import Style
from operators.timeline import Span, clock, from_ms, to_ms
from pipeline.existing_subtitles import read_existing
from pipeline.log import LogFollower
from pipeline.printing import plain
from pipeline.styles import load_style
from pipeline.views import subtitles as spoken_cues

MOST_FAULTS = 10
"""Lines of a file that can not be read, shown one by one."""

LANGUAGE = re.compile(r"[A-Za-z]{2,3}(-[A-Za-z0-9]{1,8})*")
"""BCP 47, as far as its shape goes."""
UNSAID = "en"
"""The rules for what says no language."""

WIDE = 200
"""Columns of the table where no terminal says how many there are."""


@dataclass(frozen=True, slots=True)
class Request:
    file: Path
    style: str
    language: str | None
    """BCP 47; None: what the subtitles say, or the stream."""
    stream: Path | None
    """The folder of the stream whose cuts of the picture count; by default that which the file is in, where it is one."""
    as_json: bool
    track: str | None = None
    """Of media that carry subtitles."""
    rate: Fraction | None = None
    """Pictures a second."""


def execute(request: Request) -> int:
    """Say what is broken; 0 where nothing is, else 1. Raises ConfigError where the file, the style or the stream can not be read."""
    if request.language is not None and not LANGUAGE.fullmatch(request.language):
        raise ConfigError(f"{request.language!r} is no language: write it as in en or pt-BR")
    style, subtitles = load_style(request.style), read_existing(request.file, request.track)
    style = replace(style, frames_per_s=float(request.rate)) if request.rate else style
    spoken = _spoken(request) if request.language is None and named_in(request.file) is None else {}
    said = [request.language or c.language or spoken.get(c.start_ms) or subtitles.language for c in subtitles.cues]
    cues = [_shown(c, language or UNSAID) for c, language in zip(subtitles.cues, said, strict=True)]
    findings = check(cues, style, _cuts(request))
    if request.as_json:
        _print_json(request, subtitles, findings, style)
    else:
        _print_table(request, subtitles, findings, style)
        _print_rules(said, style)
    return 1 if findings or subtitles.faults else 0


def _shown(cue: Cue, language: str) -> Shown:
    return Shown(Span(from_ms(cue.start_ms), from_ms(max(cue.start_ms, cue.end_ms))), cue.lines, language)


def _spoken(request: Request) -> dict[int, str | None]:
    """The languages of the cues that a stream wrote itself of what is said, by their start in milliseconds."""
    generations = _generations(request)
    return {cue.start_ms: cue.language for cue in spoken_cues(generations[-1])} if generations else {}


def _cuts(request: Request) -> Sequence[Fraction]:
    logs = [f / "look.jsonl" for f in _generations(request) if (f / "look.jsonl").is_file()]
    if request.stream is not None and not logs:
        raise ConfigError(f"{request.stream} is no folder of a stream: name the one that `run` wrote, as out/STREAM")
    entries = LogFollower(logs[-1]).poll() if logs else []
    return sorted({cut for e in entries if isinstance(e.value, Shot) for cut in cuts_of(e.value)})


def _generations(request: Request) -> list[Path]:
    folder = request.stream or request.file.parent
    return sorted((f for f in folder.glob("*/") if f.name.isdecimal()), key=lambda f: int(f.name))


def _print_rules(said: Sequence[str | None], style: Style) -> None:
    """By what languages it was checked, where that may not be what was meant."""
    if None in said:
        print("what says no language is checked as English; say it by --language")
    if other := {primary(language) for language in said if language} - {UNSAID, *style.languages}:
        print(f"{style.style} has no rules of its own for {', '.join(sorted(other))}: checked by its general ones")


def _print_table(request: Request, subtitles: Subtitles, findings: Sequence[Finding], style: Style) -> None:
    out = Console(highlight=False, width=None if sys.stdout.isatty() else WIDE)
    for fault in subtitles.faults[:MOST_FAULTS]:
        print(f"capstream: {request.file}: {fault}", file=sys.stderr)
    if len(subtitles.faults) > MOST_FAULTS:
        print(f"capstream: {request.file}: {len(subtitles.faults) - MOST_FAULTS} more that can not be read", file=sys.stderr)
    if findings:
        table = Table(box=None, pad_edge=False)
        for column in ("cue", "from", "to", "breaks", "text"):
            table.add_column(column, justify="right" if column == "cue" else "left", overflow="fold")
        for f in findings:
            text = " | ".join(f.cue.lines)
            broken = ", ".join(f"{rule} ({by})" if by else rule for rule, by in f.rules.items())
            table.add_row(str(f.number), clock(f.cue.span.start), clock(f.cue.span.end), broken, escape(plain(text)))
        out.print(table)
        counts = Counter(rule for f in findings for rule in f.rules)
        for rule in RULES:
            if counts[rule]:
                print(f"{counts[rule]} x {rule}: {RULES[rule]}")
    total = len(subtitles.cues)
    told = f"{len(findings)} of {total} cues break rules of {style.style}" if findings else f"{total} cues keep the rules of {style.style}"
    print(f"{request.file}: {told}")


def _print_json(request: Request, subtitles: Subtitles, findings: Sequence[Finding], style: Style) -> None:
    told = {
        "file": str(request.file),
        "style": style.style,
        "cues": len(subtitles.cues),
        "faults": subtitles.faults,
        "findings": [
            {
                "number": f.number,
                "start_ms": to_ms(f.cue.span.start),
                "end_ms": to_ms(f.cue.span.end),
                "rules": f.rules,
                "lines": f.cue.lines,
            }
            for f in findings
        ],
    }
    print(json.dumps(told, ensure_ascii=False, indent=1))
