"""`make demo KAFKA=1`: the same run, its records delivered to a real broker that is started for it, and read back from there."""

import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec

from operators.errors import BrokerUnavailable, ConfigError
from operators.records import Wire
from pipeline.kafka_connection import Kafka, KafkaOptions
from pipeline.kafka_delivery import Delivery, deliver
from pipeline.kafka_tail import Once

RECORDS = ("transcripts", "captions", "events", "gaps")


@contextmanager
def broker(out: Path) -> Iterator[Kafka]:
    """A broker of its own while it lasts; what an earlier demo shipped to another one is removed from `out`. Raises CapstreamError."""
    try:
        from deploy.kafka.broker import Broker, BrokerError, Listener, free_port
    except ImportError as e:
        raise ConfigError("the broker of the demo comes with a checkout of capstream: run make demo KAFKA=1 there") from e
    shutil.rmtree(out, ignore_errors=True)
    with tempfile.TemporaryDirectory() as folder:
        try:
            server = Broker(Path(folder), [Listener("PLAIN", free_port())])
            server.start()
        except BrokerError as e:
            raise BrokerUnavailable(str(e)) from e
        try:
            yield Kafka(KafkaOptions(bootstrap=server.bootstrap))
        finally:
            server.kill()


@contextmanager
def delivered(kafka: Kafka, out: Path, stream_id: str) -> Iterator[Delivery]:
    """While the stream runs its records are delivered; at the end all of them were. Raises BrokerUnavailable."""

    def say(line: str) -> None:
        print(f"capstream: {line}", file=sys.stderr)

    with deliver(kafka.options, out, say) as delivery:
        assert delivery is not None
        delivery.admit([stream_id])
        yield delivery
        if late := delivery.finish():
            raise BrokerUnavailable("; ".join(late))


def consume(kafka: Kafka) -> list[Wire]:
    """All records that a read_committed consumer gets, by start, origin and sequence."""
    from kafka import TopicPartition

    consumer = kafka.consumer(auto_offset_reset="earliest")
    try:
        with kafka.mapped():
            names = [kafka.topic(name) for name in RECORDS]
            partitions = [TopicPartition(name, p) for name in names for p in consumer.partitions_for_topic(name)]
            consumer.assign(partitions)
            ends = consumer.end_offsets(partitions)
            new: Callable[[Wire], bool] = Once()
            records: list[Wire] = []
            while any(consumer.position(p) < ends[p] for p in partitions):
                found = [msgspec.json.decode(r.value) for batch in consumer.poll(500).values() for r in batch]
                records += [record for record in found if new(record)]
    finally:
        consumer.close()
    return sorted(records, key=lambda r: (r["start_ms"], r["origin"], r["sequence"]))
