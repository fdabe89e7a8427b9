"""Kill -9 of anything at random moments of a real run, then compare with an unbroken one.

    python tests/faults/chaos.py CLIP [--seed N] [--kills N] [--profile cpu]

prints a line for every kill and ends 0 when the broken run said what the unbroken one says.
"""

import argparse
import json
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil

VICTIMS = ("decoder", "stream actor", "model actor", "driver", "whole run")
WEIGHTS = (3, 3, 3, 1, 1)
QUIET_S = (0.5, 3.0)
"""Least and most time between two kills."""
PATIENCE_S = 240.0


@dataclass(slots=True)
class Chaos:
    """Runs one clip to its end while things are killed under it."""

    clip: Path
    out: Path
    profile: str
    seed: int
    kills: int
    done: list[tuple[str, float]] = field(default_factory=list)

    def run(self) -> Iterator[list[dict[str, Any]]]:
        """What each completed generation said, until enough was killed.

        Raises AssertionError where a run that was not killed fails or hangs.
        """
        chance = random.Random(self.seed)
        complete = 0
        while len(self.done) < self.kills:
            # A fresh run that was killed before it made its generation is to be begun anew.
            begun = any(self.out.glob(f"*/{complete + 1}/generation.json"))
            fresh = ["--fresh"] if complete and not begun else []
            process = start(self.clip, self.out, self.profile, *fresh)
            if self._harass(process, chance, time.monotonic()):
                yield said(self.out)
                complete += 1

    def _harass(self, process: subprocess.Popen[str], chance: random.Random, begun: float) -> bool:
        """True when the run came to its end; False when it was killed as a whole."""
        due = begun + chance.uniform(*QUIET_S)
        victim = chance.choices(VICTIMS, WEIGHTS)[0]
        while process.poll() is None:
            assert time.monotonic() - begun < PATIENCE_S, f"the run hangs; killed so far: {self.done}"
            time.sleep(0.05)
            if len(self.done) >= self.kills or time.monotonic() < due:
                continue
            if not kill(victim, process.pid):
                continue
            self.done.append((victim, time.monotonic() - begun))
            print(f"{len(self.done):3} {victim:13} {time.monotonic() - begun:6.2f} s after the start", flush=True)
            due = time.monotonic() + chance.uniform(*QUIET_S)
            victim = chance.choices(VICTIMS, WEIGHTS)[0]
        output = process.communicate()[0]
        if process.returncode == -9:
            return False
        assert process.returncode == 0, f"exit {process.returncode} after {self.done}: {output}"
        return True


def start(clip: Path, out: Path, profile: str, *more: str) -> subprocess.Popen[str]:
    command = [str(Path(sys.executable).with_name("capstream")), "run", str(clip), "--out", str(out), "--profile", profile, *more]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def kill(victim: str, pid: int) -> bool:
    """Kill -9 the victim among the processes of the run; False where there is none just now."""
    try:
        root = psutil.Process(pid)
        family = root.children(recursive=True)
    except psutil.NoSuchProcess:
        return False
    chosen = {
        "decoder": [p for p in family if "ffmpeg" in _line(p) or "decord_child" in _line(p)],
        "stream actor": [p for p in family if "StreamActor" in _line(p)],
        "model actor": [p for p in family if "ModelActor" in _line(p)],
        "driver": [root],
        "whole run": [root, *family],
    }[victim]
    if victim in ("decoder", "stream actor", "model actor"):
        chosen = chosen[:1]
    for process in chosen:
        with suppress(psutil.NoSuchProcess):
            process.kill()
    return bool(chosen)


def _line(process: psutil.Process) -> str:
    try:
        return " ".join(process.cmdline())
    except (psutil.NoSuchProcess, psutil.AccessDenied):
        return ""


def said(out: Path) -> list[dict[str, Any]]:
    """The final records of the one stream in `out`, but for production times."""
    view = next(p for p in out.glob("*/*.jsonl"))
    records = [json.loads(line) for line in view.read_text().splitlines()]
    for record in records:
        record.pop("produced_at")
    return records


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("clip", type=Path)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(10**6))
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--profile", default="cpu")
    args = parser.parse_args()
    print(f"seed {args.seed}")
    with tempfile.TemporaryDirectory() as folder:
        whole, broken = Path(folder) / "whole", Path(folder) / "broken"
        assert start(args.clip, whole, args.profile).wait() == 0
        expected = said(whole)
        for generation, records in enumerate(Chaos(args.clip, broken, args.profile, args.seed, args.kills).run(), 1):
            for right, wrong in zip(expected, records, strict=False):
                if {**right, "generation": generation} != wrong:
                    raise SystemExit(f"generation {generation} says something else:\n{right}\n{wrong}")
            print(f"generation {generation}: {len(records)} records, of {len(expected)} expected, the same")
            assert len(records) == len(expected)


if __name__ == "__main__":
    main()
