"""The control topic, by which others add streams to a resident capstream and remove them, and the topic of how all streams stand.

A control message has the stream's id as its key and says, in JSON, `{"action": "add", "source": …, "language": …, "set": […]}`
or `{"action": "remove"}`. The topic is compacted: the last word on a stream holds, also for a capstream that starts later. Who may
write there is for the broker's ACLs.
"""

import logging
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from threading import Event, Lock, Thread
from time import monotonic
from typing import Any

import msgspec

from operators.errors import CapstreamError, ConfigError
from pipeline.fleet import StreamSpec, check_table
from pipeline.kafka_checkpoint import partition_of
from pipeline.kafka_connection import Kafka
from pipeline.naming import check_id

POLL_MS = 250
RETRY_S = 2.0
AGAIN_S = 10.0
"""What has not changed is said again after this long: a reader sees that it is watched."""
SEND_S = 30.0
Status = Mapping[str, Any]


class KafkaControl:
    """Follows the control topic and tells the status topic, in threads of its own; the broker may come and go.

    `say` is told of troubles, a line each.
    """

    def __init__(self, kafka: Kafka, say: Callable[[str], None]) -> None:
        logging.getLogger("kafka").setLevel(logging.CRITICAL)
        self._kafka, self._say = kafka, say
        self._wanted: dict[str, StreamSpec | None] = {}
        self._lock = Lock()
        self._stop = Event()
        self._statuses: dict[str, Status] = {}
        self._told: dict[str, tuple[float, Status]] = {}
        self._threads = [Thread(target=self._keep, args=(work,), daemon=True) for work in (self._follow, self._tell)]
        for thread in self._threads:
            thread.start()

    def wanted(self) -> dict[str, StreamSpec | None]:
        """What was last asked for of each stream; None: not to be watched."""
        with self._lock:
            return dict(self._wanted)

    def tell(self, streams: Sequence[Status]) -> None:
        """How the streams stand now. Those that are no longer among them are forgotten in the topic."""
        with self._lock:
            self._statuses = {s["stream_id"]: s for s in streams}

    def close(self) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join(5)

    def _keep(self, work: Callable[[], None]) -> None:
        """Go on with it, whatever becomes of the broker."""
        trouble = ""
        while not self._stop.is_set():
            try:
                work()
            except CapstreamError as e:
                if e.message != trouble:
                    trouble = e.message
                    self._say(trouble)
                self._stop.wait(RETRY_S)

    def _follow(self) -> None:
        from kafka import TopicPartition

        consumer = self._kafka.consumer(auto_offset_reset="earliest")
        try:
            with self._kafka.mapped():
                name = self._kafka.topic("control")
                consumer.assign([TopicPartition(name, p) for p in sorted(consumer.partitions_for_topic(name) or ())])
                consumer.seek_to_beginning()
                while not self._stop.is_set():
                    for records in consumer.poll(POLL_MS).values():
                        for record in records:
                            self._hear(record.key, record.value)
        finally:
            consumer.close()

    def _hear(self, key: bytes | None, value: bytes | None) -> None:
        try:
            stream_id, spec = read_control(key, value)
        except ConfigError as e:
            self._say(e.message)
            return
        with self._lock:
            self._wanted[stream_id] = spec

    def _tell(self) -> None:
        from kafka import KafkaProducer

        with self._kafka.mapped():
            producer = KafkaProducer(**self._kafka.client_options(), allow_auto_create_topics=False)
            try:
                while not self._stop.wait(POLL_MS / 1000):
                    self._send(producer)
                self._send(producer)
            finally:
                producer.close(timeout=1)

    def _send(self, producer: Any) -> None:
        """What is new, and wait for it: where the broker is away nothing piles up."""
        now = monotonic()
        with self._lock:
            due: dict[str, Status | None] = {s: status for s, status in self._statuses.items() if self._due(s, status, now)}
            due |= {s: None for s in self._told if s not in self._statuses}
        name = self._kafka.topic("streams")
        sent = []
        for stream_id, status in due.items():
            partition = partition_of(stream_id, len(producer.partitions_for(name)))
            value = None if status is None else msgspec.json.encode(_wire(status))
            sent.append(producer.send(name, value, stream_id.encode(), _headers(stream_id), partition))
        for future in sent:
            future.get(SEND_S)
        for stream_id, status in due.items():
            if status is None:
                del self._told[stream_id]
            else:
                self._told[stream_id] = now, status

    def _due(self, stream_id: str, status: Status, now: float) -> bool:
        at, told = self._told.get(stream_id, (float("-inf"), {}))
        return now - at > AGAIN_S or any(told.get(name) != status[name] for name in ("state", "error", "restarts"))


def read_control(key: bytes | None, value: bytes | None) -> tuple[str, StreamSpec | None]:
    """(stream id, what is wanted of it). Raises ConfigError where a message makes no sense."""
    try:
        stream_id = check_id((key or b"").decode())
        if value is None:
            return stream_id, None
        said = msgspec.json.decode(value)
        if not isinstance(said, dict):
            raise ConfigError("it is no JSON object")
        action = said.pop("action", None)
        if action == "remove":
            return stream_id, None
        if action != "add":
            raise ConfigError(f"its action is {action!r}: add or remove")
        return stream_id, check_table(StreamSpec, said, "its stream")
    except (ConfigError, UnicodeDecodeError, msgspec.DecodeError) as e:
        why = e.message if isinstance(e, ConfigError) else str(e)
        raise ConfigError(f"a control message (key {(key or b'')[:64]!r}) is passed over: {why}") from e


def _wire(status: Status) -> dict[str, Any]:
    said_at = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return {"schema": "capstream.status.v1", "type": "status", "produced_at": said_at, **status}


def _headers(stream_id: str) -> list[tuple[str, bytes]]:
    attributes = {"ce_specversion": "1.0", "ce_source": f"/capstream/{stream_id}", "ce_type": "capstream.status.v1"}
    return [(name, value.encode()) for name, value in {**attributes, "content-type": "application/json"}.items()]
