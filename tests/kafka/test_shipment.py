"""What is shipped of a log that grows: whole commits, from where it was left, in bounded pieces."""

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from kafka_streams import LANES, Logs

import pipeline.kafka_shipment as shipment_module
from operators.errors import StorageError
from operators.records import Clock
from pipeline import retention
from pipeline.kafka_checkpoint import Checkpoint, decode, encode
from pipeline.kafka_folders import restore, set_aside, unshipped
from pipeline.kafka_shipment import Batch, CommittedLines, Shipment

WORDS = "listen.words"


@pytest.fixture
def logs(tmp_path: Path) -> Iterator[Logs]:
    with Logs(tmp_path) as logs:
        yield logs


def begin(logs: Logs, checkpoint: Checkpoint | None = None) -> Shipment:
    return Shipment(logs.place, checkpoint or unshipped(logs.place, logs.stream_id))


def said(batch: Batch | None) -> list[tuple[str, int]]:
    values = [json.loads(m.value) for m in batch.messages] if batch else []
    return [(v["origin"], v["sequence"]) for v in values]


def waits(at: int) -> dict[str, Any]:
    """The operators of a `narrate` that has used everything up to an instant."""
    return {"narrate.x": {"position": [str(at), "", "", 0], "needs_from": None, "finished": False, "state": {}}}


def test_only_what_is_committed_is_shipped(logs: Logs) -> None:
    shipment = begin(logs)
    logs.say("listen", 2)
    assert said(shipment.take()) == []
    logs.commit("listen")
    logs.say("listen", 2)
    assert said(shipment.take()) == [(WORDS, 0), (WORDS, 1)]
    assert shipment.take() is None
    logs.commit("listen")
    assert said(shipment.take()) == [(WORDS, 2), (WORDS, 3)]
    shipment.close()


def test_what_was_cut_off_and_written_anew_is_read_anew(logs: Logs) -> None:
    shipment = begin(logs)
    logs.say("listen", 2)
    logs.commit("listen")
    shipment.take()
    logs.say("listen", 3, "a long thing that is never committed")
    logs.writers["listen"]._file.flush()
    assert shipment.take() is None
    for writer in logs.writers.values():
        writer.close()
    with Logs(logs.out) as again:
        again.say("listen", 1)
        again.commit("listen")
        assert said(shipment.take()) == [(WORDS, 2)]
    shipment.close()


def test_a_torn_commit_is_none(logs: Logs) -> None:
    logs.say("listen")
    logs.commit("listen")
    path = logs.place / "listen.jsonl"
    whole = path.read_bytes()
    path.write_bytes(whole[:-4])
    shipment = begin(logs)
    assert said(shipment.take()) == []
    path.write_bytes(whole)
    assert said(shipment.take()) == [(WORDS, 0)]
    shipment.close()


def test_it_goes_on_behind_what_the_checkpoint_covers_and_reads_nothing_before(logs: Logs) -> None:
    shipment = begin(logs)
    logs.say("listen", 2)
    logs.commit("listen")
    batch = shipment.take()
    shipment.close()
    assert batch is not None
    known = decode(encode(batch.checkpoint), "it")
    path, end = logs.place / "listen.jsonl", known.lanes["listen"].begin
    with path.open("r+b") as file:
        file.write(b"\0" * end)  # all but the last line that was shipped
    logs.say("listen", 2)
    logs.commit("listen")
    again = begin(logs, known)
    assert said(again.take()) == [(WORDS, 2), (WORDS, 3)]
    again.close()


def test_a_large_commit_comes_in_bounded_pieces_each_with_its_checkpoint(logs: Logs, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shipment_module, "LANE_BYTES", 2000)
    logs.say("listen", 50)
    logs.commit("listen")
    seen: list[tuple[str, int]] = []
    known: Checkpoint | None = None
    while True:
        shipment = begin(logs, known)  # each by a process of its own
        batch = shipment.take()
        shipment.close()
        if batch is None:
            break
        assert sum(len(m.value) for m in batch.messages) < 8000
        seen += said(batch)
        known = batch.checkpoint
    assert seen == [(WORDS, n) for n in range(50)]


@pytest.mark.parametrize("damage", ["older", "other", "gone"])
def test_a_folder_that_is_behind_or_another_is_refused(logs: Logs, damage: str) -> None:
    path = logs.place / "listen.jsonl"
    logs.say("listen", 2)
    logs.commit("listen")
    old = path.read_bytes()
    logs.say("listen", 2)
    logs.commit("listen")
    shipment = begin(logs)
    batch = shipment.take()
    shipment.close()
    assert batch is not None
    if damage == "older":
        path.write_bytes(old)
    elif damage == "other":
        path.write_bytes(path.read_bytes().replace(b'"position":"4"', b'"position":"5"'))
    else:
        path.unlink()
    with pytest.raises(StorageError, match="is behind what Kafka has of it, or damaged"):
        begin(logs, batch.checkpoint)


def test_a_hole_in_an_origins_count_is_refused(logs: Logs) -> None:
    logs.writers["listen"].sequences[f"{WORDS}/record"] = 5
    logs.say("listen")
    logs.commit("listen")
    shipment = begin(logs)
    with pytest.raises(StorageError, match="counts 5 where Kafka has 0 next"):
        shipment.take()
    shipment.close()


def test_a_commit_without_records_is_no_news_and_an_end_is(logs: Logs) -> None:
    shipment = begin(logs)
    logs.commit("look")
    batch = shipment.take()
    assert batch is not None
    assert not batch.news
    assert not shipment.done
    logs.finish()
    batch = shipment.take()
    assert batch is not None
    assert batch.news
    assert shipment.done
    shipment.close()


def test_the_commits_that_a_new_folder_begins_with_reach_back_to_what_narrate_needs(logs: Logs) -> None:
    shipment = begin(logs)
    for second in range(1, 6):
        logs.fact("listen", second)
        logs.seconds["listen"] = second
        logs.commit("listen")
    logs.commit("narrate", waits(3))
    batch = shipment.take()
    assert batch is not None
    chosen = batch.checkpoint.lanes["listen"].restart
    assert chosen is not None
    # The fact that ends at 3 was not used when narrate had come to the beginning of it.
    assert chosen["position"] == "2"
    logs.commit("narrate", waits(9))
    batch = shipment.take()
    assert batch is not None
    assert batch.checkpoint.lanes["listen"].restart == {**chosen, "position": "5", "watermark": "5", "sequences": {"listen.words/fact": 5}}
    shipment.close()


def test_what_narrate_needs_is_remembered_through_a_restart_of_the_shipper(logs: Logs) -> None:
    logs.fact("listen", 4)
    logs.seconds["listen"] = 4
    logs.commit("listen")
    logs.commit("narrate", waits(2))
    shipment = begin(logs)
    batch = shipment.take()
    shipment.close()
    assert batch is not None
    again = begin(logs, decode(encode(batch.checkpoint), "it"))
    logs.commit("listen")
    batch = again.take()
    again.close()
    assert batch is not None
    assert batch.checkpoint.lanes["listen"].restart is None


def test_only_new_bytes_are_looked_at(tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.write_bytes(b'{"commit":1}\n')
    lines = CommittedLines(path, 0)
    assert [x.content for x in lines.read(100)] == [{"commit": 1}]
    with path.open("r+b") as file:
        file.write(b"\0")
        file.seek(0, os.SEEK_END)
        file.write(b'{"commit":2}\n')
    assert [x.content for x in lines.read(100)] == [{"commit": 2}]
    lines.close()


def moved(logs: Logs, target: Path) -> tuple[Checkpoint, Checkpoint]:
    """Everything of the logs shipped; then a new folder in `target`. The checkpoint before, and of the new folder."""
    shipment = begin(logs)
    batch = shipment.take()
    shipment.close()
    assert batch is not None
    known = decode(encode(batch.checkpoint), "it")
    shipped: list[Checkpoint] = []
    new = restore(target / logs.stream_id, known, shipped.append)
    assert shipped == [new]
    return known, new


def test_a_folder_made_anew_goes_on_from_the_commits_of_the_checkpoint(logs: Logs, tmp_path: Path) -> None:
    logs.say("listen", 3)
    logs.commit("listen")
    logs.commit("narrate", waits(1))
    known, new = moved(logs, tmp_path / "elsewhere")
    with Logs(tmp_path / "elsewhere") as here:
        assert here.writers["narrate"].last == logs.writers["narrate"].last
        assert here.writers["listen"].last is None  # narrate needs what ends after 1: from the beginning
        assert new.folder_id != known.folder_id
        # The lane says again what it said, with other words, one record more; then something new.
        shipment = begin(here, new)
        here.say("listen", 4, "other words")
        here.commit("listen")
        batch = shipment.take()
        assert said(batch) == [(WORDS, 3)]
        here.say("listen", 1)
        here.commit("listen")
        batch = shipment.take()
        assert said(batch) == [(WORDS, 4)]
        shipment.close()


def test_a_lane_that_had_ended_says_nothing_again(logs: Logs, tmp_path: Path) -> None:
    for lane in LANES:
        logs.say(lane, 2)
        logs.commit(lane, waits(1) if lane == "narrate" else None)
    at = logs.writers["listen"]
    logs.commit("listen", done=True)
    assert at.last is not None
    _, new = moved(logs, tmp_path / "elsewhere")
    with Logs(tmp_path / "elsewhere") as here:
        shipment = begin(here, new)
        here.say("listen", 3)
        here.commit("listen", done=True)
        here.say("narrate")
        here.commit("narrate", waits(1))
        assert said(shipment.take()) == [("narrate.subtitles", 2)]
        shipment.close()


def test_a_folder_that_kafka_does_not_know_is_set_aside(logs: Logs) -> None:
    ours = unshipped(logs.place, "one")
    folder = logs.place.parent
    assert set_aside(folder, ours) is None
    line = set_aside(folder, Checkpoint("one", 1, "folder-b", "source", "settings"))
    assert line is not None
    assert "was set aside and is not shipped" in line
    assert not logs.place.exists()
    [aside] = folder.glob("1.set-aside-*")
    assert (aside / "listen.jsonl").exists()


def test_a_folder_that_could_not_be_made_known_is_not_there(logs: Logs, tmp_path: Path) -> None:
    logs.say("listen")
    logs.commit("listen")
    shipment = begin(logs)
    batch = shipment.take()
    shipment.close()
    assert batch is not None

    def fail(checkpoint: Checkpoint) -> None:
        raise ConnectionError

    with pytest.raises(StorageError):
        restore(tmp_path / "elsewhere" / "one", batch.checkpoint, fail)
    assert not (tmp_path / "elsewhere" / "one" / "1").exists()
    restore(tmp_path / "elsewhere" / "one", batch.checkpoint, lambda new: None)
    assert (tmp_path / "elsewhere" / "one" / "1").exists()


@pytest.mark.parametrize("live", [True, False])
def test_what_of_a_live_stream_was_shipped_is_freed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, live: bool) -> None:
    monkeypatch.setattr(retention, "STEP_BYTES", 1 << 14)
    monkeypatch.setattr(shipment_module, "trim", lambda path, before: retention.trim(path, before, keep=4096))
    with Logs(tmp_path, clock=Clock("arrival", "2026-01-01T00:00:00+00:00") if live else None) as logs:
        shipment = begin(logs)
        for lane in LANES:
            logs.say(lane, 2000, "x" * 100)
            logs.commit(lane, waits(2000) if lane == "narrate" else None)
        while shipment.take():
            pass
        log = logs.place / "listen.jsonl"
        before = log.stat().st_blocks
        logs.say("listen", 500, "y" * 100)
        logs.commit("listen")
        shipment.free()
        if live and log.stat().st_blocks >= before:
            pytest.skip("this file system can not free the middle of a file")
        assert (log.stat().st_blocks < before) == live
        assert said(shipment.take()) == [(WORDS, n) for n in range(2000, 2500)]
        shipment.close()
