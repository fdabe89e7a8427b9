"""Cues as JSON, for programs: integer milliseconds, all that is known of each."""

import json
from collections.abc import Iterable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

from operators.errors import ConfigError
from operators.subtitles.formats.cue import Cue, Subtitles, shown, text_of
from operators.subtitles.formats.timecode import Timecode


def cues_json(cues: Iterable[Cue], timecode: Timecode | None = None) -> Iterator[str]:
    """The parts of a file: one object with `cues`, one a line."""
    yield '{"cues": ['
    for n, (cue, lines) in enumerate(shown(cues)):
        told: dict[str, Any] = asdict(cue) | {"lines": lines}
        if timecode is not None:
            told |= {"start_timecode": timecode.label(cue.start_ms), "end_timecode": timecode.label(cue.end_ms)}
        yield (",\n" if n else "\n") + json.dumps(told, ensure_ascii=False)
    yield "\n]}\n"


def read_json(path: Path) -> Subtitles:
    """What `cues_json` writes. Raises ConfigError where it is something else."""
    try:
        cues = json.loads(text_of(path))["cues"]
        found = tuple(
            Cue(
                *(
                    int(c["start_ms"]),
                    int(c["end_ms"]),
                    tuple(map(str, c["lines"])),
                    c.get("cue_id", ""),
                    c.get("speaker"),
                    c.get("language"),
                ),
                speakers=tuple(map(str, c.get("speakers", ()))),
                colours=tuple(map(str, c.get("colours", ()))),
            )
            for c in cues
        )
    except (ValueError, KeyError, TypeError, AttributeError) as e:
        raise ConfigError(f"{path} holds no cues: it is to be an object with cues of start_ms, end_ms and lines") from e
    return Subtitles(found, language=next((c.language for c in found if c.language), None))
