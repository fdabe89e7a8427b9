"""`make demo`: capstream on our own clip, what was expected beside what was found; or on any clip, what was found.

Exit codes: 0 all that was expected was found; 1 it was not, or nothing could be done; 2 the clip or the command line is wrong.
"""

import argparse
import json
import sys
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import Any, TypeAlias

from rich.console import Console

from operators.errors import CapstreamError, ConfigError, ModelUnavailable
from operators.records import Wire
from pipeline.demo import CLIP, EXPECTED
from pipeline.demo.judge import Finding, judge, read_expected, surplus
from pipeline.demo.show import comparison, timeline

OUT, KAFKA_OUT = Path("out/demo"), Path("out/demo-kafka")
DEFAULT, FALLBACK = "cpu", "offline"
FILE_WIDTH = 140
"""Characters in a line where the tables go into a file or a pipe."""


Within: TypeAlias = Callable[[str], AbstractContextManager[Any]]
"""What a run of the stream with this id happens in."""


@dataclass(frozen=True, slots=True)
class Run:
    """What one run of the pipeline on the clip left behind."""

    profile: str
    wall_s: float
    folder: Path
    records: list[Wire]


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m pipeline.demo", description="Run capstream on a clip and show what it found.")
    parser.add_argument("clip", nargs="?", default=str(CLIP), help="a video or audio file; without it, the clip that comes with capstream")
    parser.add_argument("--kafka", action="store_true", help="through a broker that is started for it")
    parser.add_argument("--json", action="store_true", help="print the findings as JSON instead of tables")
    asked = parser.parse_args(arguments)
    try:
        run = _through_kafka(asked.clip) if asked.kafka else run_clip(asked.clip)
    except CapstreamError as e:
        print(f"capstream: {e}", file=sys.stderr)
        return 2 if isinstance(e, ConfigError) else 1
    own = Path(asked.clip).resolve() == CLIP.resolve()
    expected = read_expected(EXPECTED) if own else []
    findings = judge(expected, run.records, exact_words=run.profile == DEFAULT)
    extra = surplus(expected, findings, run.records)
    if asked.json:
        print(json.dumps({"profile": run.profile, "findings": [f.to_wire() for f in findings], "surplus": extra, "records": run.records}))
    else:
        _show(run, findings, extra)
    return 0 if run.records and not extra and all(f.right for f in findings) else 1


def run_clip(clip: str, out: Path = OUT, within: Within = nullcontext) -> Run:
    """Run the clip through Ray, anew; with `offline` where the speech model can not be had. Raises CapstreamError."""
    try:
        return _run(clip, DEFAULT, out, within)
    except ModelUnavailable as e:
        print(f"{e}\nGoing on with the profile {FALLBACK}, which needs no model fetched; its words are poor.", file=sys.stderr)
        return _run(clip, FALLBACK, out, within)


def _through_kafka(clip: str) -> Run:
    from pipeline.demo.through_kafka import broker, consume, delivered

    with broker(KAFKA_OUT) as kafka:
        run = run_clip(clip, KAFKA_OUT, lambda stream_id: delivered(kafka, KAFKA_OUT, stream_id))
        consumed = consume(kafka)
    if consumed != run.records:
        raise CapstreamError(f"{len(consumed)} records came out of Kafka and {len(run.records)} are in {run.folder}: please report it")
    print(f"{len(consumed)} records came out of Kafka, each once and in order, the same as in {run.folder}/", file=sys.stderr)
    return replace(run, records=consumed)


def _run(clip: str, profile: str, out: Path, within: Within) -> Run:
    from pipeline.build import Cut, plan_models, plan_streams
    from pipeline.config import load
    from pipeline.plan import RunSettings
    from pipeline.progress import ProgressView
    from pipeline.supervisor import supervise

    errors = Console(stderr=True, highlight=False)
    settings = load(profile)
    streams, refused = plan_streams([clip], settings, Cut(Fraction(0), None))
    began = time.monotonic()
    for outcome in refused:
        raise CapstreamError(outcome.error or outcome.state, outcome.stream_id)
    models = plan_models(streams, settings, lambda line: errors.print(line, style="dim", markup=False, soft_wrap=True))
    with within(streams[0].stream_id) as ships, ProgressView(errors) as view:
        (outcome,) = supervise(streams, models, RunSettings(out, "ray", True, ships=ships is not None), view)
    if outcome.state != "complete":
        raise CapstreamError(outcome.error or outcome.state, outcome.stream_id)
    folder = out / outcome.stream_id
    lines = (folder / f"{outcome.stream_id}.jsonl").read_text(encoding="utf-8").splitlines()
    return Run(profile, time.monotonic() - began, folder, [json.loads(line) for line in lines])


def _show(run: Run, findings: list[Finding], extra: list[Wire]) -> None:
    console = Console(highlight=False)
    if not console.is_terminal:
        console.width = FILE_WIDTH
    console.print(timeline(run.records))
    if findings:
        console.print()
        console.print(comparison(findings, extra))
        right = sum(f.right for f in findings)
        words = "" if run.profile == DEFAULT else f" (profile {run.profile}: words not held exact)"
        console.print(f"\n{right} of {len(findings)} as expected, {len(extra)} found that are not there{words}")
    console.print(f"{run.wall_s:.1f} s, profile {run.profile}; records and subtitles in {run.folder}/")


if __name__ == "__main__":
    sys.exit(main())
