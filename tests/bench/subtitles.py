"""Subtitles measured: what an hour of words takes to cut, and which rules are broken, and why, on the real media in every style.

    python tests/bench/subtitles.py [--out DIR] [--write docs/subtitles_measured.md]

`--out`: where the streams are kept, so that they are run only once. Exit 1 where an hour takes a second or more, a rule is broken that is
not among those that speech itself breaks, or an independent reader reads something else than was written.
"""

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

from markdown import table
from read_back import INDEPENDENT, differing

from operators.facts import Shot, Word
from operators.protocols import Entry
from operators.records import Caption, Transcript
from operators.sentences import ends_sentence
from operators.subtitles import Cue, SubtitleCutter, style
from operators.subtitles.checker import Finding, Shown, check, cuts_of
from operators.subtitles.styles import NAMES, Style
from operators.timeline import Span, clock, from_ms, to_ms
from pipeline.log import LogFollower

MEDIA = Path(os.environ.get("CAPSTREAM_MEDIA") or Path(__file__).parents[3] / "shared" / "media")
KINDS = ("speech", "video_speech", "video_events", "audio_events")
SOUND = (".wav", ".flac", ".mp3", ".ogg", ".mp4", ".webm", ".mkv")
SPOKEN = {"reading_speed", "min_duration", "max_duration", "loose_gap", "phrase_split", "shot_cut"}
"""Rules that what is said may break; no other is ever broken."""
SENTENCE = (
    "The committee of the old town has decided that the new bridge, which was planned by Professor John Baker, will be built after all, "
    "and many people in the streets are not happy about it. "
)
ROUNDS = 3
PAGE = """# Subtitles, measured

Made by `python tests/bench/subtitles.py --write docs/subtitles_measured.md` on the shared real media: recognised once by Whisper
base, cut by every style, checked by the rules of `capstream check`.

"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path)
    parser.add_argument("--write", type=Path)
    wanted = parser.parse_args()
    speed, fast = bench_hour()
    with tempfile.TemporaryDirectory() as folder:
        run(wanted.out or Path(folder))
        rules, known = bench_media(wanted.out or Path(folder))
        readers, same = bench_readers(wanted.out or Path(folder))
    page = PAGE + speed + "\n" + rules + "\n" + readers
    print(page)
    if wanted.write:
        wanted.write.write_text(page)
    sys.exit(0 if fast and known and same else 1)


def bench_hour() -> tuple[str, bool]:
    """An hour of words at 150 a minute, each style; the least of a few rounds, for the machine is shared."""
    entries = _talk(Fraction(3600))
    words = sum(isinstance(e.value, Word) for e in entries)
    rows, slowest = [], 0.0
    for name in NAMES:
        taken, cues = min(_timed(entries, style(name)) for _ in range(ROUNDS))
        slowest = max(slowest, taken)
        rows.append({"style": name, "words": str(words), "cues": str(cues), "time": f"{taken:.2f} s"})
    text = "An hour of words, cut while it is said: processor time, held to less than 1 s.\n\n" + table(rows) + "\n"
    return text, slowest < 1


def _talk(length: Fraction) -> list[Entry]:
    entries: list[Entry] = []
    at, n = Fraction(0), 0
    while at < length:
        said: list[Word] = []
        for text in SENTENCE.split():
            said.append(Word(at, at + Fraction(3, 10), text, 0.9, "en", f"s{n}"))
            at += Fraction(2, 5) if not ends_sentence(text) else Fraction(4, 5)
        n += 1
        entries += [Entry("listen.words", "fact", n, w) for w in said]
        transcript = Transcript(said[0].start, said[-1].end, f"s{n - 1}", SENTENCE.strip(), "en", tuple(said))
        entries.append(Entry("listen.words", "record", n, transcript))
    return entries


def _timed(entries: Sequence[Entry], rules: Style) -> tuple[float, int]:
    start = time.process_time()
    cues = _cut(entries, rules)
    return time.process_time() - start, len(cues)


def _told(entries: Sequence[Entry]) -> list[Entry]:
    return [e for e in entries if e.origin in SubtitleCutter.need.origins]


def _cut(entries: Sequence[Entry], rules: Style) -> list[Caption]:
    cutter = SubtitleCutter(rules)
    outputs = [o for e in entries for o in cutter.push(e)] + cutter.finish(entries[-1].end if entries else Fraction(0))
    return [o for o in outputs if isinstance(o, Caption)]


def run(folder: Path) -> None:
    entries = json.loads((MEDIA / "MANIFEST.json").read_text(encoding="utf-8"))["files"]
    paths = [e["path"] for e in entries if e["kind"] in KINDS and e["path"].endswith(SOUND)]
    files = [f"{re.sub('[^a-z0-9]+', '-', path.lower())[-60:].strip('-')}={MEDIA / path}" for path in paths]
    command = [
        Path(sys.executable).with_name("capstream"),
        "run",
        *files,
        "--runtime",
        "local",
        "--out",
        folder,
        "--set",
        "look.text=false",
    ]
    subprocess.run(list(map(str, command)), check=True, stdout=subprocess.DEVNULL)


def _entries(generation: Path) -> list[Entry]:
    """What `look` and `listen` found, in the order in which `narrate` is given it."""
    return sorted((e for lane in ("look", "listen") for e in LogFollower(generation / f"{lane}.jsonl").poll()), key=lambda e: e.key)


def bench_readers(folder: Path) -> tuple[str, bool]:
    """Every format, in every style, by every reader that nobody here wrote."""
    files = [
        [
            Cue(to_ms(c.start), to_ms(c.end), c.lines, c.cue_id, c.speaker, c.language)
            for c in _cut(_told(_entries(generation)), style(name))
        ]
        for generation in sorted(folder.glob("*/[0-9]*"))
        for name in NAMES
    ]
    rows, total = [], 0
    for name, reader in INDEPENDENT:
        wrong = sum(differing(cues, name, reader) for cues in files if cues)
        total += wrong
        told = {"format": name, "read by": reader, "files": str(sum(map(bool, files))), "cues": str(sum(map(len, files)))}
        rows.append(told | {"other text or time": str(wrong)})
    text = "Every file of these, in every format, read back by others; ASS to its hundredth of a second.\n\n" + table(rows) + "\n"
    return text, not total


def bench_media(folder: Path) -> tuple[str, bool]:
    rows, listed, seen = [], list[dict[str, str]](), Counter[str]()
    for name in (*NAMES, "netflix SDH"):
        rules = replace(style(name.split()[0]), sound=name.endswith("SDH"))
        total, wrong, broken = 0, 0, Counter[str]()
        for generation in sorted(folder.glob("*/[0-9]*")):
            entries = _entries(generation)
            cues = sorted(_cut(_told(entries), rules), key=lambda c: (c.start, c.end))
            cuts = sorted({cut for e in entries if isinstance(e.value, Shot) for cut in cuts_of(e.value)})
            shown = [Shown(Span(from_ms(to_ms(c.start)), from_ms(to_ms(c.end))), c.lines, c.language) for c in cues]
            findings = check(shown, rules, cuts)
            total, wrong = total + len(cues), wrong + len(findings)
            broken.update(rule for f in findings for rule in f.rules)
            listed += [_exception(generation.parent.name, name, f, rule, cues[f.number - 1]) for f in findings for rule in f.rules]
        seen += broken
        told = ", ".join(f"{n} {rule}" for rule, n in broken.most_common()) or "-"
        rows.append({"style": name, "cues": str(total), "of these": str(wrong), "rules": told})
    text = "Cues that break a rule of their style.\n\n" + table(rows) + "\n"
    text += "\nEach of them, and why it had to (`reasons` of the caption's record):\n\n" + table(listed) + "\n"
    return text, set(seen) <= SPOKEN


def _exception(stream: str, name: str, found: Finding, rule: str, caption: Caption) -> dict[str, str]:
    why = dict(zip(caption.violations, caption.reasons, strict=True)).get(rule, "NOT SAID")
    told = {"stream": stream, "style": name, "from": clock(found.cue.span.start), "rule": rule, "measured": found.rules[rule] or "-"}
    return told | {"text": " / ".join(found.cue.lines).replace("|", "\\|"), "why": why}


if __name__ == "__main__":
    main()
