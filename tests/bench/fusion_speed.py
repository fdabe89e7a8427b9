"""What the fusion model costs of real time for one stream on one core, features included.

python tests/bench/fusion_speed.py [MODEL] [--rate FPS]

Fails where it costs more than a tenth.
"""

import argparse
import sys
from fractions import Fraction
from pathlib import Path
from time import process_time
from typing import Any

import numpy as np

from operators.facts import Features
from operators.fusion import FusionReader
from operators.fusion.clip import FRAME_HEIGHT, FRAME_WIDTH, SOUND_RATE
from operators.fusion.looking import Glance
from operators.fusion.mel import CELL_SAMPLES, patches
from operators.fusion.pictures import small
from operators.fusion.reader import SHIPPED, FusionOptions
from operators.timeline import Span
from operators.windows import Window

SECONDS = 10
"""Of a window; captions are written for each, and events found in two that overlap by half."""
ROUNDS = 5
MOST = 0.1


def measure(model: Path, rate: int) -> dict[str, float]:
    """Core seconds a second of media, by part."""
    reader = FusionReader(FusionOptions(str(model)))
    reader.open("cpu", 1)
    rng = np.random.default_rng(0)
    frame = rng.integers(0, 255, (90, 160, 3), dtype=np.uint8)
    pcm = rng.normal(0, 0.1, CELL_SAMPLES).astype(np.float32)
    glance = Glance(np.zeros((FRAME_HEIGHT, FRAME_WIDTH, 3), np.uint8), np.ones((FRAME_HEIGHT, FRAME_WIDTH, 3), np.uint8), 1 / rate)
    [seen], [heard] = reader([glance]), reader([patches(pcm)[0]])
    span = Span(Fraction(0), Fraction(SECONDS))
    frames = tuple(Features(n, rate, seen + 0.1 * rng.standard_normal(len(seen)).astype(np.float32)) for n in range(SECONDS * rate))
    sound = tuple(
        Features(n, SOUND_RATE, heard + 0.1 * rng.standard_normal(len(heard)).astype(np.float32)) for n in range(SECONDS * SOUND_RATE)
    )
    caption, events = (Window(span, span, frames, sound, captions=c) for c in (True, False))
    return {
        "pictures": rate * (cost(lambda: reader([glance])) + cost(lambda: small(frame))),
        "sound": SOUND_RATE * (cost(lambda: reader([patches(pcm)[0]]))),
        "captions": cost(lambda: reader([caption])) / SECONDS,
        "events": cost(lambda: reader([events])) / SECONDS * 2,
    }


def cost(work: Any) -> float:
    """Processor seconds of a call, the least of some after one that warms up."""
    work()
    times = []
    for _ in range(ROUNDS):
        start = process_time()
        work()
        times.append(process_time() - start)
    return min(times)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path, nargs="?", default=SHIPPED)
    parser.add_argument("--rate", type=int, default=2)
    given = parser.parse_args()
    found = measure(given.model, given.rate)
    total = sum(found.values())
    for part, seconds in {**found, "all": total}.items():
        print(f"{part:10}{seconds:8.4f} of real time on one core")
    return 0 if total < MOST else 1


if __name__ == "__main__":
    sys.exit(main())
