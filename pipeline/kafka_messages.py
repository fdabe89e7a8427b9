"""What goes to Kafka, as messages: CloudEvents 1.0 in binary mode, keyed by stream. No connection, no clock."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from operators.records import Wire

TOPIC_OF = {"transcript": "transcripts", "caption": "captions", "event": "events", "gap": "gaps", "end": "gaps", "partial": "partials"}
"""Short name of the topic, by the type of what is told."""
MESSAGE_BYTES = 256 << 10
"""No record is larger: media goes by reference."""
LETTER_BYTES = 64 << 10
"""So much of a record that can not be sent stands in its dead letter."""
OVERHEAD_BYTES = 512
"""Of a message beside its key, value and headers: more than a batch of one takes."""

Headers = list[tuple[str, bytes]]


@dataclass(frozen=True, slots=True)
class Message:
    """One message; its key is the stream's id."""

    topic: str
    """Short name: "captions"."""
    stream_id: str
    value: bytes
    headers: Headers

    @property
    def size(self) -> int:
        """Bytes as a broker counts them, at most."""
        headers = sum(len(name) + len(value) + 4 for name, value in self.headers)
        return OVERHEAD_BYTES + len(self.stream_id) + len(self.value) + headers


def frame(wire: Wire) -> Message:
    """A final record as a message."""
    return _message(wire, f"{wire['generation']}/{wire['sequence']}")


def frame_partial(wire: Wire) -> Message:
    return _message(wire, f"{wire['segment_id']}/{wire['revision']}")


def _message(wire: Wire, event_id: str) -> Message:
    stream_id, origin = wire["stream_id"], wire["origin"]
    attributes = {
        "ce_specversion": "1.0",
        "ce_id": event_id,
        "ce_source": f"/capstream/{stream_id}/{origin}",
        "ce_type": wire["schema"],
        "ce_time": wire["produced_at"],
        "ce_dataschema": f"urn:capstream:{wire['type']}:v1",
        "content-type": "application/json",
    }
    headers = [(name, value.encode()) for name, value in attributes.items()]
    return Message(TOPIC_OF[wire["type"]], stream_id, msgspec.json.encode(wire), headers)


def frame_within(wire: Wire, limit: int) -> list[Message]:
    """A record as a message; one that is larger than `limit` bytes as a Gap in its place and a dead letter."""
    message = frame(wire)
    if message.size <= limit:
        return [message]
    why = f"a {wire['type']} of {message.size} bytes is larger than the {limit} that Kafka takes"
    return [frame(_gap(wire, why)), _dead_letter(message, why)]


def identity(value: Mapping[str, Any]) -> tuple[str, int, str, int]:
    """By which readers tell what they had already: (stream, generation, origin, sequence)."""
    return value["stream_id"], value["generation"], value["origin"], value["sequence"]


def _gap(wire: Wire, why: str) -> Wire:
    common = ("stream_id", "generation", "origin", "sequence", "start_ms", "end_ms", "start_time", "end_time", "clock", "produced_at")
    lane = wire["origin"].partition(".")[0]
    kept = {name: wire.get(name) for name in common}
    return {"schema": "capstream.gap.v1", "type": "gap", **kept, "models": [], "lane": lane, "reason": "record_rejected", "detail": why}


def _dead_letter(message: Message, why: str) -> Message:
    headers = [*message.headers, ("capstream_reason", why.encode()), ("capstream_topic", message.topic.encode())]
    return Message("dlq", message.stream_id, message.value[:LETTER_BYTES], headers)
