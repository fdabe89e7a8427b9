"""`make demo`: capstream on our own clip, what was expected beside what was found; or on any clip, what was found.

Exit codes: 0 all that was expected was found; 1 it was not, or nothing could be done; 2 the clip or the command line is wrong.
"""

import argparse
import json
import sys
import time
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from rich.console import Console

from operators.errors import CapstreamError, ConfigError, ModelUnavailable
from operators.records import Wire
from pipeline.demo import CLIP, EXPECTED
from pipeline.demo.judge import Finding, judge, read_expected, surplus
from pipeline.demo.show import comparison, timeline

OUT = Path("out/demo")
DEFAULT, FALLBACK = "cpu", "offline"
FILE_WIDTH = 140
"""Characters in a line where the tables go into a file or a pipe."""


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
    parser.add_argument("--json", action="store_true", help="print the findings as JSON instead of tables")
    asked = parser.parse_args(arguments)
    try:
        run = run_clip(asked.clip)
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


def run_clip(clip: str) -> Run:
    """Run the clip through Ray, anew; with `offline` where the speech model can not be had. Raises CapstreamError."""
    try:
        return _run(clip, DEFAULT)
    except ModelUnavailable as e:
        print(f"{e}\nGoing on with the profile {FALLBACK}, which needs no model fetched; its words are poor.", file=sys.stderr)
        return _run(clip, FALLBACK)


def _run(clip: str, profile: str) -> Run:
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
    with ProgressView(errors) as view:
        (outcome,) = supervise(streams, models, RunSettings(OUT, "ray", True), view)
    if outcome.state != "complete":
        raise CapstreamError(outcome.error or outcome.state, outcome.stream_id)
    folder = OUT / outcome.stream_id
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
