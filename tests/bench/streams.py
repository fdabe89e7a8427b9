"""How many live 1080p25 streams this machine holds before words come later: `live.py` with one stream, two, and so on.

    python tests/bench/streams.py [--upto 4] [--minutes 4] [--profile cpu] [--write docs/streams.md]

Those that serve does not admit say nothing.
"""

import argparse
import statistics
import tempfile
from pathlib import Path

from live import WARM_S, processors, run, told
from markdown import table
from speed import CORES

WORDS = {"shown": "partial", "certain": "stable", "in a transcript": "word"}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--upto", type=int, default=4)
    parser.add_argument("--minutes", type=float, default=4)
    parser.add_argument("--profile", default="cpu")
    parser.add_argument("--write", type=Path)
    args = parser.parse_args()
    rows = []
    for streams in range(1, args.upto + 1):
        with tempfile.TemporaryDirectory() as folder:
            every, consumer = run(args.minutes, args.profile, Path(folder), streams)
        samples = [s for s in every if s.at_s > WARM_S]
        lags = [s.lag_s for s in samples]
        words = {name: told(consumer.late_s[what]) if consumer.late_s[what] else "" for name, what in WORDS.items()}
        rows.append(
            {"streams": str(streams), "admitted": str(len(consumer.streams)), "processors": f"{processors(samples):.2f} of {CORES}"}
            | {"lag, median and longest": f"{statistics.median(lags):.1f} s, {max(lags):.1f} s"}
            | words
        )
        print(rows[-1], flush=True)
    text = (
        f"Live 1080p25 streams of a talk over SRT, `{args.profile}` profile through Ray and Kafka, {args.minutes:.0f} minutes each on"
        f" {CORES} cores (`python tests/bench/streams.py --upto {args.upto} --minutes {args.minutes:.0f}`). Words: from their end to a"
        f" consumer, median and 95th percentile.\n\n{table(rows)}\n"
    )
    print(text)
    if args.write:
        args.write.write_text(f"# How many live streams a machine holds\n\n{text}")


if __name__ == "__main__":
    main()
