"""`capstream retime` and `capstream convert`: existing subtitles at the times of the speech, in the cues of a style, in another format."""

import json
import sys
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from operators.subtitles.formats import Subtitles, Timecode
from operators.subtitles.formats.rolling import unrolled
from operators.subtitles.retiming import ClockFit, Retimed, as_written, recut, retime, shown_again
from operators.timeline import Span, clock, from_ms, to_ms
from pipeline.existing_subtitles import read_existing, write_cues, writer_of
from pipeline.heard import heard_in
from pipeline.printing import plain
from pipeline.styles import load_style

MOST_KEPT = 20
"""Lines that were not heard, shown one by one."""


@dataclass(frozen=True, slots=True)
class Source:
    """Subtitles that are there."""

    file: Path
    track: str | None
    language: str | None


@dataclass(frozen=True, slots=True)
class Target:
    """What is made of them."""

    file: Path
    style: str | None
    """None: cues stay as they are."""
    timecode: Timecode | None = None


def convert(source: Source, target: Target) -> int:
    """Write subtitles in the format of the target's ending. Raises ConfigError, SourceUnavailable or StorageError."""
    writer_of(target.file, target.timecode)
    read = _read(source)
    style = None if target.style is None else load_style(target.style)
    cues = list(read.cues)
    if style is not None:
        language = source.language or read.language or "en"
        cues = recut(as_written(unrolled(cues) if _rolls(source) else cues, language), style, language)
    write_cues(cues, target.file, target.timecode)
    print(f"{target.file}: {len(cues)} cues from {len(read.cues)} of {source.file}")
    return 0


def retime_to(source: Source, target: Target, media: Path, profile: str, as_json: bool) -> int:
    """Write subtitles at the times at which their text is said in `media`. Raises as `convert` and `heard_in` do."""
    writer_of(target.file, target.timecode)
    style = None if target.style is None else load_style(target.style)
    read = _read(source)
    heard = heard_in(media, profile, source.language or read.language)
    language = source.language or read.language or heard.language or "en"
    retimed = retime(unrolled(read.cues) if _rolls(source) else read.cues, heard.words, language)
    cues = shown_again(retimed) if style is None else recut(retimed, style, language, heard.shots)
    write_cues(cues, target.file, target.timecode)
    (_print_json if as_json else _print)(retimed, source, target, len(cues))
    return 0


def _read(source: Source) -> Subtitles:
    read = read_existing(source.file, source.track)
    for fault in read.faults:
        print(f"capstream: {source.file}: {fault}", file=sys.stderr)
    return read


def _rolls(source: Source) -> bool:
    """Whether what was read are states of a screen; a track of media is unrolled as it is read."""
    return source.file.suffix.lower() == ".scc"


def _kept(retimed: Retimed) -> list[tuple[int, Span]]:
    """Cues that were not heard, by number, and where they stand now."""
    spans: dict[int, Span] = {}
    for word in retimed.words:
        number = word.token.cue
        if retimed.found[number] == "kept":
            start = spans[number].start if number in spans else word.span.start
            spans[number] = Span(start, max(start, word.span.end))
    return sorted(spans.items())


def _print(retimed: Retimed, source: Source, target: Target, written: int) -> None:
    counts, total = Counter(retimed.found), len(retimed.found)
    kept = _kept(retimed)
    for number, span in kept[:MOST_KEPT]:
        print(f"  not heard: {number + 1}, kept at {clock(span.start)}: {plain(' | '.join(retimed.cues[number].lines))}")
    if len(kept) > MOST_KEPT:
        print(f"  and {len(kept) - MOST_KEPT} more")
    if retimed.clock is not None:
        for line in _clock_lines(retimed.clock):
            print(f"{source.file}: {line}")
    found = f"{counts['found']} of {total} cues heard, {counts['near']} in part or in other words, {counts['kept']} not"
    sounds = f", {counts['unspoken']} sounds" if counts["unspoken"] else ""
    print(f"{target.file}: {written} cues; {found}{sounds}")


def _clock_lines(fit: ClockFit) -> list[str]:
    """What was wrong with the clock of the subtitles, in words."""
    speed = f"made for {fit.name}" if fit.name else f"ran at {float(1 / fit.speed):.5f} of the speech's speed"
    lines = [] if fit.speed == 1 else [f"{speed}; corrected"]
    for n, stretch in enumerate(fit.stretches):
        off = stretch.offset if fit.speed == 1 else fit.speed * stretch.since + stretch.offset - stretch.since
        if fit.speed == 1 and n == 0 and len(fit.stretches) == 1 and abs(off) < from_ms(50):
            return ["on time"]
        way = "early" if off > 0 else "late"
        since = f"from {clock(stretch.since)} on " if len(fit.stretches) > 1 else ""
        lines.append(f"{since}{abs(float(off)):.3f} s too {way}" + ("" if fit.speed == 1 else f" at {clock(stretch.since)}"))
    return lines


def _print_json(retimed: Retimed, source: Source, target: Target, written: int) -> None:
    fit = retimed.clock
    told = {
        "subtitles": str(source.file),
        "file": str(target.file),
        "cues": written,
        "speed": float(fit.speed) if fit else 1.0,
        "speed_name": fit.name if fit else "",
        "offsets": [{"since_ms": to_ms(s.since), "offset_ms": to_ms(s.offset)} for s in (fit.stretches if fit else ())],
        "found": dict(Counter(retimed.found)),
        "not_heard": [
            {"number": n + 1, "start_ms": to_ms(s.start), "end_ms": to_ms(s.end), "lines": retimed.cues[n].lines} for n, s in _kept(retimed)
        ],
    }
    print(json.dumps(told, ensure_ascii=False, indent=1))
