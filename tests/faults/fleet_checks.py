"""Whether a fleet goes on after a fault, and whether the invariants I1 to I7 hold at its end."""

import json
import time
from collections import defaultdict
from datetime import datetime
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Any

from fleet_world import World
from jsonschema import Draft202012Validator
from kafka import TopicPartition

from pipeline.kafka_checkpoint import decode
from pipeline.kafka_connection import Kafka
from pipeline.log import committed_records

SCHEMAS = Path(__file__).parents[2] / "operators/schemas"
PATIENCE_S = 90.0
"""What does not recover by then hangs."""


class Shipped:
    """How far each stream was shipped, as its checkpoints in Kafka say."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._consumer = world.kafka.consumer(auto_offset_reset="earliest")
        name = world.kafka.topic("checkpoints")
        self._consumer.assign([TopicPartition(name, p) for p in self._consumer.partitions_for_topic(name)])
        self.upto: dict[str, float] = {}
        """The clock at what was analysed and shipped of a live stream, by both lanes that read it."""

    def poll(self) -> dict[str, float]:
        for records in self._consumer.poll(200).values():
            for record in records:
                found = decode(record.value, "checkpoint")
                lanes = [lane for name, lane in found.lanes.items() if name != "narrate"]
                if len(lanes) == 2 and all(lane.header.get("clock") for lane in lanes):
                    zero = datetime.fromisoformat(lanes[0].header["clock"]["zero"]).timestamp()
                    self.upto[found.stream_id] = zero + min(float(Fraction(lane.position)) for lane in lanes)
        return self.upto

    def until_now(self, names: tuple[str, ...]) -> float:
        """Seconds until what these streams show now was analysed and shipped."""
        begun, now = time.monotonic(), time.time()
        while any(self.poll().get(name, 0) < now for name in names):
            self._world.tend()
            assert self._world.process.poll() is None, "serve has ended"
            late = {name: round(now - at, 1) for name, at in self.upto.items()}
            assert time.monotonic() - begun < PATIENCE_S, f"hangs, seconds behind: {late}; see {self._world.folder / 'serve.log'}"
        return time.monotonic() - begun


def consumed(kafka: Kafka) -> dict[str, list[dict[str, Any]]]:
    """All records that a read_committed consumer gets, by topic, in the order of each partition."""
    consumer = kafka.consumer(auto_offset_reset="earliest")
    found: dict[str, list[dict[str, Any]]] = defaultdict(list)
    partitions = [
        TopicPartition(kafka.topic(n), p)
        for n in ("transcripts", "captions", "events", "gaps")
        for p in consumer.partitions_for_topic(kafka.topic(n))
    ]
    consumer.assign(partitions)
    ends = consumer.end_offsets(partitions)
    while any(consumer.position(p) < ends[p] for p in partitions):
        for partition, records in consumer.poll(500).items():
            found[f"{partition.topic}/{partition.partition}"] += [json.loads(r.value) for r in records]
    consumer.close()
    return found


def check(world: World, unbroken: list[dict[str, Any]]) -> dict[str, int]:
    """Raises AssertionError where an invariant does not hold; what was counted."""
    schemas = {p.name.partition(".")[0]: Draft202012Validator(json.loads(p.read_text())) for p in SCHEMAS.glob("*.json")}
    by_origin: dict[tuple[str, int, str], list[dict[str, Any]]] = defaultdict(list)
    for records in consumed(world.kafka).values():
        for record in records:
            schemas[record["type"]].validate(record)  # I5
            by_origin[record["stream_id"], record["generation"], record["origin"]].append(record)
    for key, records in by_origin.items():
        assert [r["sequence"] for r in records] == list(range(len(records))), f"I1 to I3 do not hold for {key}"
    logged = 0
    for log in world.out.glob("*/*/*.jsonl"):
        for record in committed_records(log):
            key = (record["stream_id"], record["generation"], record["origin"])
            assert by_origin[key][record["sequence"]] == record, f"{key} {record['sequence']} is in the log and not in Kafka"
            logged += 1
    gaps: dict[tuple[str, int, str], list[tuple[int, int]]] = defaultdict(list)
    for (stream_id, generation, origin), records in by_origin.items():
        if "." not in origin:
            gaps[stream_id, generation, origin] = sorted((r["start_ms"], r["end_ms"]) for r in records if r["type"] == "gap")
    for key, stretches in gaps.items():
        assert all(a[1] <= b[0] + 200 for a, b in pairwise(stretches)), f"I4: gaps of {key} overlap: {stretches}"
    for name in world.films:
        told = [r for (stream_id, *_), records in by_origin.items() if stream_id == name for r in records]
        assert _plain(told) == _plain(unbroken), f"I7: {name} says something else than without faults"
    return {"records": sum(map(len, by_origin.values())), "logged": logged, "gaps": sum(map(len, gaps.values())), "films": len(world.films)}


def _plain(records: list[dict[str, Any]]) -> list[dict[str, Any]]:
    own = ("produced_at", "stream_id", "generation")
    return sorted(({k: v for k, v in r.items() if k not in own} for r in records), key=lambda r: (r["origin"], r["sequence"]))
