"""The checkpoint that Kafka keeps of a stream: how far its logs were shipped, and all that a new folder needs to go on from.

It is written in the transaction that ships what it covers, under the stream's id in a compacted topic. Readers take the last one.
"""

from collections.abc import Callable
from typing import Any

import msgspec

from operators.errors import ConfigError
from operators.protocols import State
from pipeline.kafka_connection import Kafka

VERSION = 1
MOST_BYTES = 8_000_000
"""Under `max.message.bytes` of the topic as it is made."""
WINDOW, WIDER = 200, 8
"""Offsets that are looked at first for a stream's checkpoint, from the end, and how much wider each further look is."""
POLL_MS = 200

Key = tuple[str, str, str, int]
"""`operators.protocols.Entry.key` with an exact instant."""


class Lane(msgspec.Struct, frozen=True):
    """How far one log was shipped."""

    begin: int
    end: int
    crc: int
    """The last line shipped: its bytes in the log, and their CRC-32."""
    header: State
    position: str = "0"
    """Of the last commit shipped, exact."""
    done: bool = False
    latest: Key | None = None
    """The greatest key of an entry up to there."""
    restart: State | None = None
    """The newest commit that says all that `narrate` has not used: a new folder's log begins with it. None: with nothing."""
    restored: bool = False
    """The log began with a checkpoint of another folder: it counts on its own, Kafka's sequences go on."""
    again: dict[str, str] = {}
    """Position of the lane up to which an origin says again what was shipped from another folder."""


class Origin(msgspec.Struct, frozen=True):
    """What of one origin was shipped."""

    sequence: int
    """Of the next record."""
    position: str
    """Up to this instant, exact, its records reach."""


class Checkpoint(msgspec.Struct, frozen=True):
    stream_id: str
    generation: int
    folder_id: str
    source: str
    settings: str
    lanes: dict[str, Lane] = {}
    origins: dict[str, Origin] = {}
    version: int = VERSION


class _Versioned(msgspec.Struct):
    version: int


def encode(checkpoint: Checkpoint) -> bytes:
    """As it is written. One that is too large goes without what a new folder needs: its lanes would begin from the beginning."""
    value = msgspec.json.encode(checkpoint)
    if len(value) <= MOST_BYTES:
        return value
    lanes = {name: msgspec.structs.replace(lane, restart=None) for name, lane in checkpoint.lanes.items()}
    return msgspec.json.encode(msgspec.structs.replace(checkpoint, lanes=lanes))


def decode(value: bytes, where: str) -> Checkpoint:
    """`where` is said in the error. Raises ConfigError where this version can not read it: nothing is then shipped."""
    try:
        version = msgspec.json.decode(value, type=_Versioned).version
        if version == VERSION:
            return msgspec.json.decode(value, type=Checkpoint)
    except (msgspec.DecodeError, UnicodeDecodeError) as e:
        raise ConfigError(f"{where} is damaged ({e}): {_remedy()}") from e
    raise ConfigError(f"{where} is of version {version}, and this capstream reads version {VERSION}: {_remedy()}")


def _remedy() -> str:
    return "ship with the capstream that wrote it, or send a tombstone for the stream to that topic to have all shipped again"


def partition_of(stream_id: str, partitions: int) -> int:
    """The partition of a key as Kafka's own clients choose it, so that whoever produces by key meets it."""
    from kafka.partitioner.default import murmur2

    return int((murmur2(stream_id.encode()) & 0x7FFFFFFF) % partitions)


def read_checkpoint(kafka: Kafka, stream_id: str, wait: Callable[[str], None]) -> Checkpoint | None:
    """What Kafka knows of a stream; None where nothing. Blocking.

    Everything that was written when it is called, and is or will be committed, is seen: it reads up to the high watermark, and
    waits where the open transaction of somebody else stands before it. `wait` is called again and again meanwhile, with what is
    waited for; it raises to give up. Raises ConfigError for a checkpoint that this version can not read, BrokerUnavailable.
    """
    from kafka import OffsetSpec, TopicPartition

    topic = kafka.topic("checkpoints")
    admin = kafka.admin()
    try:
        with kafka.mapped():
            [found] = admin.describe_topics([topic])
            partition = TopicPartition(topic, partition_of(stream_id, _partitions(found, topic)))
            high = admin.list_partition_offsets({partition: OffsetSpec.LATEST})[partition].offset
            low = admin.list_partition_offsets({partition: OffsetSpec.EARLIEST})[partition].offset
    finally:
        admin.close()
    consumer = kafka.consumer(max_poll_records=50, auto_offset_reset="earliest")
    try:
        with kafka.mapped():
            consumer.assign([partition])
            end, width = high, WINDOW
            while end > low:
                begin = max(low, end - width)
                there, value = _last(consumer, partition, (begin, end), stream_id.encode(), wait)
                if there:
                    where = f"the checkpoint of stream {stream_id} in topic {topic}, partition {partition.partition}"
                    return None if value is None else decode(value, where)
                end, width = begin, width * WIDER
            return None
    finally:
        consumer.close()


def _last(consumer: Any, partition: Any, span: tuple[int, int], key: bytes, wait: Callable[[str], None]) -> tuple[bool, bytes | None]:
    """Whether something stands under `key` in the span of offsets, and the last of it: None is a tombstone."""
    begin, end = span
    consumer.seek(partition, begin)
    there, value = False, None
    while consumer.position(partition) < end:
        for records in consumer.poll(POLL_MS).values():
            for record in records:
                if record.offset < end and record.key == key:
                    there, value = True, record.value
        wait(f"an open transaction stands on {partition.topic}, partition {partition.partition} (kafka-transactions.sh shows whose)")
    return there, value


def _partitions(described: dict[str, Any], topic: str) -> int:
    if not described["partitions"]:
        raise ConfigError(f"there is no topic {topic}: capstream topics --kafka makes it")
    return len(described["partitions"])
