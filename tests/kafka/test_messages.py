"""Records as messages: CloudEvents headers, partitions, and what is too large."""

import json
from fractions import Fraction
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from operators.records import Caption, Identity, to_wire
from pipeline.kafka_checkpoint import partition_of
from pipeline.kafka_messages import LETTER_BYTES, TOPIC_OF, frame, frame_within


def wire(text: str = "so it goes", sequence: int = 7) -> dict[str, Any]:
    caption = Caption(Fraction(1), Fraction(2), "subtitle", text, (text,), "en", 0.9, "c1")
    return to_wire(caption, Identity("one", 3, "narrate.subtitles", sequence), "2026-01-01T00:00:00.000Z")


def test_a_record_is_a_cloud_event_in_binary_mode() -> None:
    message = frame(wire())
    assert message.topic == "captions"
    assert json.loads(message.value) == wire()
    assert {name: value.decode() for name, value in message.headers} == {
        "ce_specversion": "1.0",
        "ce_id": "3/7",
        "ce_source": "/capstream/one/narrate.subtitles",
        "ce_type": "capstream.caption.v1",
        "ce_time": "2026-01-01T00:00:00.000Z",
        "ce_dataschema": "urn:capstream:caption:v1",
        "content-type": "application/json",
    }


@pytest.mark.parametrize("kind", sorted(TOPIC_OF))
def test_the_schema_that_is_named_is_shipped(kind: str) -> None:
    schema = json.loads(Path(f"operators/schemas/{kind}.v1.json").read_text())
    assert schema["$id"] == f"urn:capstream:{kind}:v1"


def test_what_is_too_large_leaves_a_gap_in_its_place_and_a_dead_letter() -> None:
    large = wire("x" * 300_000)
    gap, letter = frame_within(large, 200_000)
    value = json.loads(gap.value)
    jsonschema.validate(value, json.loads(Path("operators/schemas/gap.v1.json").read_text()))
    assert gap.topic == "gaps"
    assert [value[k] for k in ("origin", "sequence", "generation", "reason")] == ["narrate.subtitles", 7, 3, "record_rejected"]
    assert (letter.topic, len(letter.value)) == ("dlq", LETTER_BYTES)
    assert dict(letter.headers)["capstream_topic"] == b"captions"
    assert frame_within(large, 700_000) == [frame(large)]


def test_size_is_never_less_than_what_the_client_counts() -> None:
    from kafka.record.default_records import DefaultRecordBatchBuilder

    message = frame(wire())
    batch = DefaultRecordBatchBuilder(2, 0, True, 1, 1, 0, 1 << 20)
    batch.append(0, 0, b"one", message.value, message.headers)
    assert len(batch.build()) <= message.size


def test_a_stream_has_the_partition_that_kafkas_own_clients_give_its_id() -> None:
    # murmur2 of org.apache.kafka.common.utils.Utils, as its own test states it: "21" -> -973932308.
    assert partition_of("21", 1000) == (-973932308 & 0x7FFFFFFF) % 1000
