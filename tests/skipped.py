"""Closes `make test`: what pytest's JUnit reports count, and what was skipped, why, and the command that provides it.

A skip's reason is written by the fixture that skips, and names that command.
"""

import sys
from collections import Counter
from pathlib import Path
from xml.etree import ElementTree

Outcome = tuple[str, str]
"""(passed | failed | skipped, the reason of a skip)"""


def outcomes(report: str) -> list[Outcome]:
    """One for each test of a JUnit report."""
    found: list[Outcome] = []
    for case in ElementTree.fromstring(report).iter("testcase"):
        skipped = case.find("skipped")
        if case.find("failure") is not None or case.find("error") is not None:
            found.append(("failed", ""))
        elif skipped is not None:
            found.append(("skipped", skipped.get("message", "")))
        else:
            found.append(("passed", ""))
    return found


def summary(found: list[Outcome]) -> str:
    """Reasons of skips, the most frequent first, above the line that counts."""
    reasons = Counter(reason for outcome, reason in found if outcome == "skipped")
    lines = [f"skipped {count}: {reason}" for reason, count in reasons.most_common()]
    count = Counter(outcome for outcome, _ in found)
    return "\n".join([*lines, f"{count['passed']} passed, {count['failed']} failed, {count['skipped']} skipped"])


if __name__ == "__main__":
    print(summary([outcome for path in sys.argv[1:] for outcome in outcomes(Path(path).read_text())]))
