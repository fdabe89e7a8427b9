"""Words of real speech, live: shown while they are spoken, certain soon after, and then as the transcript has them."""

import json
import subprocess
import sys
from collections import defaultdict
from importlib.resources import files
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from broadcasts import free_port, sender

from pipeline.kafka_connection import Kafka

CAPSTREAM = str(Path(sys.executable).with_name("capstream"))
CLIP = Path(str(files("pipeline"))) / "demo" / "clip.mp4"

pytestmark = [pytest.mark.ray, pytest.mark.kafka, pytest.mark.ffmpeg, pytest.mark.whisper, pytest.mark.timeout(240)]


def read(kafka: Kafka, name: str) -> list[tuple[int, dict[str, Any]]]:
    """When each message came to the broker (ms), and what it says; in order."""
    from kafka import TopicPartition

    consumer = kafka.consumer(auto_offset_reset="earliest")
    partitions = [TopicPartition(kafka.topic(name), p) for p in consumer.partitions_for_topic(kafka.topic(name))]
    consumer.assign(partitions)
    ends = consumer.end_offsets(partitions)
    found = []
    while any(consumer.position(p) < ends[p] for p in partitions):
        for records in consumer.poll(500).values():
            found += [(r.timestamp, json.loads(r.value)) for r in records]
    consumer.close()
    return found


def test_words_are_shown_while_they_are_spoken_and_never_change_once_they_are_certain(
    kafka: Kafka, whisper_base: Path, tmp_path: Path
) -> None:
    port = free_port()
    changes = ["look.shots=false", "look.text=false", "narrate.captions=false", f"kafka.prefix={kafka.options.prefix}", "spool.give_up_s=3"]
    with sender(CLIP, f"srt://127.0.0.1:{port}?mode=listener", speed=("-re", "-stream_loop", "2")):
        command = [CAPSTREAM, "run", f"talk=srt://127.0.0.1:{port}", "--to", "25", "--out", str(tmp_path / "out")]
        command += ["--kafka", kafka.options.bootstrap, *(word for change in changes for word in ("--set", change))]
        done = subprocess.run(command, capture_output=True, text=True, timeout=200, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    partials: dict[str, list[tuple[int, dict[str, Any]]]] = defaultdict(list)
    for at, partial in read(kafka, "partials"):
        partials[partial["segment_id"]].append((at, partial))
    finals = {transcript["segment_id"]: (at, transcript) for at, transcript in read(kafka, "transcripts")}
    assert finals
    assert len(set(partials) & set(finals)) >= len(finals) / 2
    for segment, told in partials.items():
        assert all(a["revision"] < b["revision"] for (_, a), (_, b) in pairwise(told)), segment
        certain = [[_word(w) for w in partial["words"] if w["stable"]] for _, partial in told]
        assert all(b[: len(a)] == a for a, b in pairwise(certain)), segment
        if segment in finals:
            at, transcript = finals[segment]
            assert [_word(w) for w in transcript["words"]][: len(certain[-1])] == certain[-1]
            assert told[0][0] <= at
    assert any(w["stable"] for told in partials.values() for _, partial in told for w in partial["words"])


def _word(word: dict[str, Any]) -> tuple[str, int, int]:
    return word["text"], word["start_ms"], word["end_ms"]
