"""Partials to Kafka as they come: a plain producer in the process of the stream, beside the logs and without their guarantee."""

from contextlib import suppress
from queue import Empty, Full, Queue
from threading import Event, Thread
from typing import Any

from operators.errors import BrokerUnavailable, ConfigError
from operators.records import Wire
from pipeline.kafka_checkpoint import partition_of
from pipeline.kafka_connection import Kafka, KafkaOptions
from pipeline.kafka_messages import frame_partial

WAITING = 16
"""Partials that may wait for the broker; then the oldest is forgotten: what it said is in a newer one."""
DELIVERY_MS = 2_000
AGAIN_S = 5.0
CLOSE_S = 2.0


class PartialProducer:
    """`tell` never blocks and never fails: what can not be sent now is not sent. The client works in a thread of its own, which begins
    with the first partial and tries to connect until `close`."""

    def __init__(self, options: KafkaOptions) -> None:
        self._options = options
        self._queue: Queue[Wire | None] = Queue(WAITING)
        self._closed = Event()
        self._thread: Thread | None = None

    def tell(self, partial: Wire) -> None:
        if self._thread is None:
            self._thread = Thread(target=self._work, name="partials", daemon=True)
            self._thread.start()
        self._put(partial)

    def close(self) -> None:
        self._closed.set()
        if self._thread is not None:
            self._put(None)
            self._thread.join(CLOSE_S)

    def _put(self, item: Wire | None) -> None:
        while True:
            try:
                return self._queue.put_nowait(item)
            except Full:
                with suppress(Empty):
                    self._queue.get_nowait()

    def _work(self) -> None:
        connected = self._connect()
        if connected is None:
            return
        kafka, producer = connected
        sent: list[Any] = []
        while (partial := self._queue.get()) is not None:
            sent = [future for future in sent if not future.is_done]
            if len(sent) < WAITING:  # the client's own buffer has no bound
                with suppress(BrokerUnavailable, ConfigError), kafka.mapped():
                    sent.append(_send(kafka, producer, partial))
        producer.close(timeout=CLOSE_S / 2)

    def _connect(self) -> tuple[Kafka, Any] | None:
        """None where it is closed before there is a broker."""
        from kafka import KafkaProducer

        while not self._closed.is_set():
            with suppress(BrokerUnavailable, ConfigError):
                kafka = Kafka.of(self._options)
                with kafka.mapped():
                    return kafka, KafkaProducer(
                        **kafka.client_options(),
                        acks=1,
                        enable_idempotence=False,
                        max_in_flight_requests_per_connection=1,
                        delivery_timeout_ms=DELIVERY_MS,
                        request_timeout_ms=DELIVERY_MS,
                        max_block_ms=DELIVERY_MS,
                        allow_auto_create_topics=False,
                    )
            self._closed.wait(AGAIN_S)
        return None


def _send(kafka: Kafka, producer: Any, partial: Wire) -> Any:
    message = frame_partial(partial)
    name = kafka.topic(message.topic)
    partition = partition_of(message.stream_id, len(producer.partitions_for(name)))
    return producer.send(name, message.value, message.stream_id.encode(), message.headers, partition)
