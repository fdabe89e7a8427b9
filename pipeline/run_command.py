"""`capstream run`, from what the user wrote to an exit code. What is wrong is found before anything expensive starts."""

import shutil
import sys
import tempfile
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from rich.console import Console

from operators.errors import StorageError
from operators.timeline import ZERO, clock
from pipeline.build import Cut, plan_models, plan_streams
from pipeline.config import load
from pipeline.kafka_delivery import deliver
from pipeline.plan import Outcome, RunSettings
from pipeline.progress import ProgressView
from pipeline.supervisor import supervise

NOTHING, USAGE, PARTLY, INTERRUPTED = 1, 2, 3, 130
SAID = {"listen.words": "transcript", "narrate.subtitles": "subtitle", "narrate.captions": "description"}
TRANSLATED = {"narrate.translations": "translated subtitle"}
"""What records of an origin are to people, those of translations where there are any; those of all others are of events."""

STATES = {"already": "complete before (--fresh runs it anew)", "interrupted": "interrupted (run it again to go on)"}


@dataclass(frozen=True, slots=True)
class Request:
    sources: Sequence[str]
    profile: str
    changes: Sequence[str]
    cut: Cut
    out: Path
    runtime: Literal["ray", "local"]
    fresh: bool
    records: bool
    """--json: final records on stdout."""


def execute(request: Request) -> int:
    """Run it and say how it went; the exit code. Raises CapstreamError where nothing could be started."""
    errors = Console(stderr=True, highlight=False)
    settings, live = (load(request.profile, request.changes, live) for live in (False, True))
    _check_out(request.out)
    planned, refused = plan_streams(request.sources, settings, request.cut, live)
    for outcome in refused:
        _complain(outcome)
    if not planned:
        return _exit_code(refused)

    def say(line: str) -> None:
        errors.print(line, style="dim", markup=False, soft_wrap=True)

    for plan in planned:
        for note in plan.notes:
            print(f"capstream: {plan.stream_id}: {note}", file=sys.stderr)
    late: list[str] = []
    with deliver(settings.kafka, request.out, say) as delivery:
        models = plan_models(planned, settings, say)
        if delivery:
            stopped = delivery.admit(plan.stream_id for plan in planned)
            refused += [Outcome(s, "failed", f"not run: {why}", ZERO, {}, ()) for s, why in stopped.items()]
            planned = [plan for plan in planned if plan.stream_id not in stopped]
        outcomes = []
        if planned:
            with ProgressView(errors) as view:
                run = RunSettings(request.out, request.runtime, request.fresh, delivery is not None, settings.kafka if delivery else None)
                outcomes = supervise(planned, models, run, view)
        if delivery:
            late = delivery.finish()
    for outcome in outcomes:
        _complain(outcome)
    for line in late:
        print(f"capstream: {line}", file=sys.stderr)
    if request.records:
        _print_records(outcomes, request.out)
    else:
        for outcome in outcomes:
            if outcome.state != "failed":
                print(_summary(outcome, request.out))
    return _exit_code([*refused, *outcomes]) or (PARTLY if late else 0)


def _check_out(out: Path) -> None:
    try:
        out.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=out):
            pass
    except OSError as e:
        raise StorageError(f"can not write to {out}: {e.strerror}; choose another folder with --out") from e


def _complain(outcome: Outcome) -> None:
    for line in (*outcome.warnings, *([outcome.error or "failed"] if outcome.state == "failed" else [])):
        print(f"capstream: {outcome.stream_id}: {line}", file=sys.stderr)


def _print_records(outcomes: Sequence[Outcome], out: Path) -> None:
    for outcome in outcomes:
        if (view := out / outcome.stream_id / f"{outcome.stream_id}.jsonl").is_file():
            with view.open("rb") as records:
                shutil.copyfileobj(records, sys.stdout.buffer)
    sys.stdout.flush()


def _summary(outcome: Outcome, out: Path) -> str:
    said: Counter[str] = Counter()
    for origin, count in outcome.counts.items():
        if "." in origin:
            said[(SAID | TRANSLATED).get(origin, "event record")] += count
    names = (*SAID.values(), *(name for name in TRANSLATED.values() if said[name]), "event record")
    counts = ", ".join(f"{said[name]} {name}{'' if said[name] == 1 else 's'}" for name in names)
    state = STATES.get(outcome.state, outcome.state)
    return f"{outcome.stream_id}: {state}, {clock(outcome.position)}: {counts}; in {out / outcome.stream_id}"


def _exit_code(outcomes: Sequence[Outcome]) -> int:
    states = [o.state for o in outcomes]
    if "interrupted" in states:
        return INTERRUPTED
    if all(state == "failed" for state in states):
        return USAGE if all(o.usage for o in outcomes) else NOTHING
    return PARTLY if "failed" in states else 0
