"""`capstream tail`: transcripts, captions and events from Kafka as they come, for people."""

import sys
from collections.abc import Sequence
from typing import Any

import msgspec

from operators.errors import ConfigError
from operators.timeline import clock, from_ms
from pipeline.kafka_connection import Kafka
from pipeline.kafka_messages import identity

SHOWN = ("transcripts", "captions", "events")
POLL_MS = 250
Origin = tuple[str, int, str]


class Once:
    """Tells what was had before from what is new: an origin counts upwards. This is what every reader should do (H8)."""

    def __init__(self) -> None:
        self._next: dict[Origin, int] = {}
        self.twice = 0
        """Records that came again: on a topic that is read from one place on there are none, but by H8."""

    def __call__(self, value: dict[str, Any]) -> bool:
        """Whether the record is new."""
        stream_id, generation, origin, sequence = identity(value)
        key = (stream_id, generation, origin)
        if sequence < self._next.get(key, 0):
            self.twice += 1
            return False
        self._next[key] = sequence + 1
        return True


def tail(kafka: Kafka, streams: Sequence[str], beginning: bool, partials: bool) -> int:
    """Print until interrupted; `partials`: what is heard of live speech too.

    Raises:
        ConfigError: there are no such topics.
        BrokerUnavailable: nobody answers.
    """
    from kafka import TopicPartition

    consumer = kafka.consumer(auto_offset_reset="latest")
    try:
        with kafka.mapped():
            names = [kafka.topic(name) for name in (*SHOWN, *(["partials"] if partials else []))]
            partitions = [TopicPartition(name, p) for name in names for p in sorted(consumer.partitions_for_topic(name) or ())]
            if not partitions:
                raise ConfigError(f"there is no topic {names[0]}: check --prefix, or make it with capstream topics")
            consumer.assign(partitions)
            (consumer.seek_to_beginning if beginning else consumer.seek_to_end)()
            new = Once()
            while True:
                for records in consumer.poll(POLL_MS).values():
                    for record in records:
                        value = msgspec.json.decode(record.value)
                        if streams and value["stream_id"] not in streams:
                            continue
                        if value["type"] == "partial" or new(value):
                            print(line(value), flush=True)
                        else:
                            what = f"{value['stream_id']}: {value['origin']} {value['sequence']}"
                            print(f"capstream: {what} came again and is passed over; {new.twice} did so far", file=sys.stderr, flush=True)
    finally:
        consumer.close()


def line(value: dict[str, Any]) -> str:
    """A record in one line: when, which stream, what."""
    at = clock(from_ms(value["start_ms"]))
    said = {
        "transcript": lambda: f"transcript  {value['text']}",
        "partial": lambda: f"…           {_words(value, stable=True)} | {_words(value, stable=False)}",
        "caption": lambda: f"{value['kind']:<11} {value['text']}{_until(value)}",
        "event": lambda: f"event       {value['label']} {value['lifecycle']} ({value['source']}, {value['score']:.2f})",
    }[value["type"]]()
    plain = " ".join("".join(c if c.isprintable() else " " for c in said).split(" "))
    return f"{at}  {value['stream_id']:<16} {plain}"


def _until(caption: dict[str, Any]) -> str:
    """A caption that is revised still holds."""
    return f" (still, at {clock(from_ms(caption['end_ms']))})" if caption["revision"] else ""


def _words(partial: dict[str, Any], stable: bool) -> str:
    return " ".join(word["text"] for word in partial["words"] if word["stable"] == stable)
