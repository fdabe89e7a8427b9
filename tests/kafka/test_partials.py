"""Words that may still change: told at once by a plain producer, which never holds its stream up."""

import json
from collections.abc import Callable
from time import monotonic, sleep
from typing import Any

import pytest

from pipeline.kafka_checkpoint import partition_of
from pipeline.kafka_connection import Kafka, KafkaOptions
from pipeline.kafka_messages import frame_partial
from pipeline.kafka_partials import WAITING, PartialProducer
from pipeline.kafka_tail import line


def partial(revision: int, text: str = "hello") -> dict[str, Any]:
    words = [{"text": w, "start_ms": n, "end_ms": n + 1, "confidence": 0.9, "stable": n == 0} for n, w in enumerate(text.split())]
    return {
        "schema": "capstream.partial.v1", "type": "partial", "stream_id": "lobby", "generation": 1, "origin": "listen.words",
        "start_ms": 0, "end_ms": 9, "produced_at": "2026-11-30T08:00:00.000Z", "segment_id": "16000-0", "revision": revision, "text": text,
        "words": words,
    }  # fmt: skip


def test_a_partial_is_named_by_its_segment_and_revision() -> None:
    message = frame_partial(partial(2048))
    headers = dict(message.headers)
    assert message.topic == "partials"
    assert headers["ce_id"] == b"16000-0/2048"
    assert headers["ce_type"] == b"capstream.partial.v1"
    assert headers["ce_source"] == b"/capstream/lobby/listen.words"


def test_people_see_what_is_certain_and_what_is_not() -> None:
    assert line(partial(1, "good morning all")).endswith("good | morning all")


def test_without_a_broker_nothing_waits_and_nothing_piles_up() -> None:
    producer = PartialProducer(KafkaOptions(bootstrap="127.0.0.1:1"))
    begun = monotonic()
    for n in range(1000):
        producer.tell(partial(n))
    assert producer._queue.qsize() <= WAITING
    producer.close()
    assert monotonic() - begun < 30


def test_a_producer_that_told_nothing_costs_nothing() -> None:
    producer = PartialProducer(KafkaOptions(bootstrap="127.0.0.1:1"))
    producer.close()
    assert producer._thread is None


@pytest.mark.kafka
def test_a_consumer_has_them_at_once_and_in_order(kafka: Kafka) -> None:
    from kafka import TopicPartition

    producer = PartialProducer(kafka.options)
    consumer = kafka.consumer(auto_offset_reset="earliest")
    name = kafka.topic("partials")
    partitions = sorted(consumer.partitions_for_topic(name))
    consumer.assign([TopicPartition(name, p) for p in partitions])
    found: list[Any] = []

    def until(done: Callable[[], bool]) -> None:
        deadline = monotonic() + 60
        while not done():
            assert monotonic() < deadline, found
            for records in consumer.poll(200).values():
                found.extend(records)

    producer.tell(partial(0))
    until(lambda: len(found) == 1)
    for n in range(1, 6):
        producer.tell(partial(n, f"hello {n}"))
        sleep(0.05)
    until(lambda: len(found) == 6)
    producer.close()
    consumer.close()
    values = [json.loads(r.value) for r in found]
    assert values == [partial(0), *(partial(n, f"hello {n}") for n in range(1, 6))]
    assert {(r.key, r.partition) for r in found} == {(b"lobby", partition_of("lobby", len(partitions)))}
