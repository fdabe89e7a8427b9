"""The logs of live streams stay bounded on the disk, and say from then on what they said."""

from fractions import Fraction
from pathlib import Path

import pytest

from operators.facts import Speech, Still
from operators.records import Gap
from pipeline import retention
from pipeline.kept import KeptFiles
from pipeline.log import Header, LogFollower, LogWriter, committed_records, last_commit

HEADER = Header("film", 1, "look", {}, "source", "settings")


@pytest.fixture(autouse=True)
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retention, "STEP_BYTES", 1 << 14)


def disk(path: Path) -> int:
    return path.stat().st_blocks * 512


def write(log: LogWriter, begin: int, end: int) -> None:
    for n in range(begin, end):
        log.append("look.black", Speech(Fraction(n), Fraction(n + 1), 0.5))
        log.append("look", Gap(Fraction(n), Fraction(n + 1), "look", "source_down", "x" * 200))
        if n % 10 == 9:
            log.commit(Fraction(n + 1), Fraction(n + 1), {})


def test_a_trimmed_log_frees_disk_and_goes_on_where_it_was(tmp_path: Path) -> None:
    path = tmp_path / "look.jsonl"
    log = LogWriter(path, HEADER)
    write(log, 0, 2000)
    follower = LogFollower(path)
    assert len(follower.poll()) == 4000
    size = path.stat().st_size
    retention.trim(path, size, keep=100_000)
    if disk(path) >= size:
        pytest.skip("this file system can not free the middle of a file")
    assert disk(path) < 100_000 + retention.HEAD_BYTES + 3 * retention.BLOCK
    assert path.stat().st_size == size

    kept = list(committed_records(path))
    assert [r["sequence"] for r in kept] == list(range(2000 - len(kept), 2000))
    assert len(kept) > 200
    assert last_commit(path) == log.last

    write(log, 2000, 2010)
    assert len(follower.poll()) == 20
    log.close()
    again = LogWriter(path, HEADER)
    assert again.last is not None
    assert (again.last.position, again.sequences) == (2010, {"look.black/fact": 2010, "look/record": 2010})
    again.close()


def test_what_is_not_shipped_or_little_stays(tmp_path: Path) -> None:
    path = tmp_path / "look.jsonl"
    log = LogWriter(path, HEADER)
    write(log, 0, 2000)
    log.close()
    before = disk(path)
    retention.trim(path, 70_000, keep=1000)
    retention.trim(path, path.stat().st_size, keep=path.stat().st_size - 70_000)
    assert disk(path) == before
    assert len(list(committed_records(path))) == 2000


def test_old_stills_are_deleted(tmp_path: Path) -> None:
    log = LogWriter(tmp_path / "look.jsonl", HEADER)
    for hour in range(3):
        log.append("look.shots", Still(Fraction(hour * 3600), b"jpeg"))
    log.commit(Fraction(3 * 3600 - 1), None, {})
    log.trim()
    assert [p.name for p in (tmp_path / "frames").iterdir()] == ["0007200000.jpg"]
    log.close()


def test_a_narrator_is_given_the_stills_that_are_still_there(tmp_path: Path) -> None:
    log = LogWriter(tmp_path / "look.jsonl", HEADER)
    for second in (1, 2, 3):
        log.append("look.shots", Still(Fraction(second), bytes([second])))
    log.close()
    (tmp_path / "frames" / "0000002000.jpg").unlink()
    stills = KeptFiles(tmp_path)([Fraction(second) for second in (1, 2, 3)])
    assert [(s.at, s.jpeg) for s in stills] == [(1, b"\x01"), (3, b"\x03")]
