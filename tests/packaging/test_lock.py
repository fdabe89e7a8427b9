"""requirements.lock: the pin of everything, served by any mirror."""

import re
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement

ROOT = Path(__file__).parents[2]
LOCKS = [ROOT / "requirements.lock", *sorted((ROOT / "pipeline").glob("*.requirements.txt"))]


def requirements(text: str) -> list[tuple[Requirement, list[str]]]:
    """Each requirement of a lock with its hashes."""
    joined = re.sub(r"\\\n\s*", " ", re.sub(r"^\s*#.*\n?", "", text, flags=re.MULTILINE))
    found = []
    for line in filter(None, map(str.strip, joined.splitlines())):
        stated, *hashes = line.split(" --hash=")
        found.append((Requirement(stated), [h.strip() for h in hashes]))
    return found


@pytest.mark.parametrize("lock", LOCKS, ids=lambda p: p.name)
def test_every_line_is_one_version_by_hash_and_no_index_is_named(lock: Path) -> None:
    text = lock.read_text(encoding="utf-8")
    assert not re.search(r"://|^ *--(extra-)?index-url|^ *--find-links", text, re.MULTILINE)
    for requirement, hashes in requirements(text):
        assert [s.operator for s in requirement.specifier] == ["=="], requirement
        assert hashes, requirement
        assert all(re.fullmatch(r"sha256:[0-9a-f]{64}", h) for h in hashes), requirement


def test_the_lock_holds_all_that_the_project_asks_for() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    pinned = {(r.name.lower(), str(next(iter(r.specifier)).version)) for r, _ in requirements(LOCKS[0].read_text(encoding="utf-8"))}
    for asked in map(Requirement, project["dependencies"] + project["optional-dependencies"]["dev"]):
        versions = [version for name, version in pinned if name == asked.name.lower()]
        assert any(asked.specifier.contains(version) for version in versions), f"{asked} is not in requirements.lock: make lock"


def test_one_cv2_and_it_needs_no_display() -> None:
    names = {r.name for r, _ in requirements(LOCKS[0].read_text(encoding="utf-8"))}
    assert {n for n in names if n.startswith("opencv")} == {"opencv-python-headless"}
