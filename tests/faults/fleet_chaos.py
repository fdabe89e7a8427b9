"""Chaos over a whole fleet: files and live streams through Ray's multi-node cluster into a real Kafka, while everything is killed.

    python tests/faults/fleet_chaos.py [--seed N] [--faults N] [--write docs/chaos.md]

ends 0 when a read_committed consumer has every final record exactly once and in order, and all else holds (invariants I1 to I7).
"""

import argparse
import json
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "tests" / "kafka")]

from fleet_checks import PATIENCE_S, Shipped, check  # noqa: E402
from fleet_faults import Fault, faults  # noqa: E402
from fleet_world import CAPSTREAM, CHANGES, CLIP, LIVE, world  # noqa: E402

QUIET_S = (0.5, 2.5)
"""Between the recovery from one fault and the next."""

PAGE = """# Chaos

Made by `python tests/faults/fleet_chaos.py --seed {seed} --faults {total} --write docs/chaos.md`: files, two at a time, and two
live streams (SRT, UDP) through `capstream serve` on Ray's multi-node test cluster into Apache Kafka, two cores. Recovery: from the end of
the injection until what both live streams showed at that instant was analysed and shipped (seen by a read_committed consumer; without a
fault 1 to 2 s: a quiet stream writes a checkpoint once a second).

| fault | how | times | recovery, median s | longest s |
|---|---|---|---|---|
{rows}

{total} faults; {records} records at the consumer: 0 lost, 0 twice, 0 out of order, each valid against its schema; all {logged} records
that the logs still hold among them; {gaps} gaps stated, none overlapping; {films} files say what they say without faults.
"""


def unbroken(folder: Path) -> list[dict[str, Any]]:
    """What the files say when nothing happens to them."""
    changes = [a for change in CHANGES for a in ("--set", change)]
    command = [CAPSTREAM, "run", f"film={CLIP}", "--out", str(folder / "unbroken"), "--profile", "offline", "--runtime", "local", *changes]
    subprocess.run(command, check=True, capture_output=True)
    return [json.loads(line) for line in (folder / "unbroken/film/film.jsonl").read_text().splitlines()]


def run(folder: Path, seed: int, count: int) -> tuple[list[Fault], dict[str, int]]:
    """Raises AssertionError where something hangs or an invariant does not hold."""
    chance = random.Random(seed)
    kinds = faults()
    expected = unbroken(folder)
    with world(folder) as w:
        shipped = Shipped(w)
        shipped.until_now(LIVE)
        begun = time.monotonic()
        done = 0
        while done < count:
            time.sleep(chance.uniform(*QUIET_S))
            [fault] = chance.choices(kinds, [k.weight for k in kinds])
            if not fault.inject(w, chance):
                continue
            done += 1
            print(f"{done:3} {time.monotonic() - begun:6.0f} s  {fault.name:20}", end="", flush=True)
            fault.seconds.append(shipped.until_now(LIVE))
            print(f" {fault.seconds[-1]:5.1f} s", flush=True)
        ended = time.monotonic()
        while not w.films_done:
            shipped.poll()
            assert time.monotonic() - ended < 10 * PATIENCE_S, "the last files hang"
        w.process.terminate()
        assert w.process.wait(120) == 0, (folder / "serve.log").read_text()[-3000:]
        w.broker.resume()
        return kinds, check(w, expected)


def page(kinds: list[Fault], counted: dict[str, int], seed: int) -> str:
    rows = [
        f"| {k.name} | {k.how} | {len(k.seconds)} | {sorted(k.seconds)[len(k.seconds) // 2]:.1f} | {max(k.seconds):.1f} |"
        for k in kinds
        if k.seconds
    ]
    return PAGE.format(seed=seed, rows="\n".join(rows), total=sum(len(k.seconds) for k in kinds), **counted)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(10**6))
    parser.add_argument("--faults", type=int, default=200)
    parser.add_argument("--folder", type=Path, help="kept when it ends, for looking into")
    parser.add_argument("--write", type=Path)
    args = parser.parse_args()
    print(f"seed {args.seed}", flush=True)
    with tempfile.TemporaryDirectory() as temporary:
        folder = args.folder or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        kinds, counted = run(folder, args.seed, args.faults)
    text = page(kinds, counted, args.seed)
    print(text)
    if args.write:
        args.write.write_text(text)


if __name__ == "__main__":
    main()
