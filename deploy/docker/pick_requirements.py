"""The part of requirements.lock that an image needs: no tools of the tests, and nothing that only the named packages bring.

    python pick_requirements.py requirements.lock pyproject.toml [PACKAGE...] > picked.lock

Pins and hashes stay as they are. The profiles cpu and offline need neither torch nor transformers, which are most of the bytes.
"""

import re
import sys
import tomllib
from collections.abc import Collection
from pathlib import Path

PIN = re.compile(r"^(?=[a-z0-9])", re.M)
NAME = re.compile(r"[a-z0-9._-]+")
NEEDED_BY = re.compile(r"^ +#(?: via)? +([a-z0-9._-]+)$", re.M)


def pick(lock: str, roots: Collection[str], without: Collection[str]) -> str:
    """The pins that are reached from `roots` on paths that avoid `without`, in the order of the lock."""
    pins = [(match[0], block) for block in PIN.split(lock)[1:] if (match := NAME.match(block))]
    if unknown := sorted({*roots, *without} - {name for name, _ in pins}):
        raise SystemExit(f"requirements.lock does not pin {', '.join(unknown)}")
    kept: set[str] = set()
    new = set(roots) - set(without)
    while new:
        kept |= new
        new = {name for name, block in pins if kept.intersection(NEEDED_BY.findall(block))} - kept - set(without)
    return "".join(block for name, block in pins if name in kept)


def main(lock: str, project: str, *without: str) -> None:
    needed = tomllib.loads(Path(project).read_text())["project"]["dependencies"]
    roots = {re.split(r"[^A-Za-z0-9._-]", requirement, maxsplit=1)[0].lower() for requirement in needed}
    print(pick(Path(lock).read_text(), roots, without), end="")


if __name__ == "__main__":
    main(*sys.argv[1:])
