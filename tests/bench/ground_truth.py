"""What is true of the real media beside what capstream finds in it.

    python tests/bench/ground_truth.py [--write docs/ground_truth.md]

Each table is made by the operators that a run uses, on the same frames and samples.
"""

import argparse
from pathlib import Path

import events
import shots
from markdown import table

TITLE = """# Ground truth against found

Made by `python tests/bench/ground_truth.py --write docs/ground_truth.md` on the shared real media. The truth is that of their manifest:
from their makers, or judged by eye with the stated tolerance.
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", type=Path)
    args = parser.parse_args()
    page = f"{TITLE}\n## Shots, fades, titles\n\n{table(shots.rows())}\n\n## Events\n\n{table(events.rows())}\n"
    print(page)
    if args.write:
        args.write.write_text(page)


if __name__ == "__main__":
    main()
