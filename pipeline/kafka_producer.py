"""Transactions of one stream by kafka-python, by the rules that make them exact (R3 to R8; R1, R2 and R5 are those of `kafka_out`).

Nothing here goes on after an error: a transaction whose end is not known may not be followed by another of the same epoch, so any
exception is the end of the process. The next one begins with what Kafka says was committed.
"""

from collections.abc import Callable
from contextlib import AbstractContextManager
from time import monotonic
from typing import Any

from pipeline.kafka_checkpoint import Checkpoint, encode, partition_of
from pipeline.kafka_connection import Kafka
from pipeline.kafka_messages import Message
from pipeline.kafka_topics import CHECKPOINT_BYTES, TRANSACTION_MS

DELIVERY_S = 6.0
DEADLINE_S = 8.0
"""R8: a send gives up before the transaction's outside deadline, that before the broker aborts it (TRANSACTION_MS)."""
REQUEST_MS = 4_000
OPENING_S = 60.0
"""For `init_transactions`: an earlier transaction is waited for, and a broker that comes back."""
RETRY_MS = 10
"""With 100, the default, most transactions wait 100 ms for the markers of the one before."""
WINDOW_MS = 30 * 86_400_000
"""The client's rates are over this window: within it one that has grown says that something was counted."""

Deadline = Callable[[float], AbstractContextManager[None]]
"""`with deadline(seconds):` ends the process from outside where the block takes longer."""


class TransactionalProducer:
    """Sends batches of a stream, each with its checkpoint in one transaction, in order. One thread; `deadline` is R4."""

    def __init__(self, kafka: Kafka, stream_id: str, deadline: Deadline) -> None:
        self._kafka = kafka
        self._stream_id = stream_id
        self._deadline = deadline
        self.latency_s = 0.0
        """Of the last transaction."""

    def open(self) -> None:
        """Take the stream over: every earlier producer of it is fenced, and its transaction ended.

        Raises BrokerUnavailable, ConfigError.
        """
        from kafka import KafkaProducer

        with self._kafka.mapped(), self._deadline(OPENING_S + DEADLINE_S):
            self._producer = KafkaProducer(
                **self._kafka.client_options(),
                transactional_id=f"{self._kafka.options.prefix}.{self._stream_id}",
                transaction_timeout_ms=TRANSACTION_MS,
                delivery_timeout_ms=round(DELIVERY_S * 1000),
                request_timeout_ms=REQUEST_MS,
                retry_backoff_ms=RETRY_MS,
                max_block_ms=round(OPENING_S * 1000),
                max_request_size=CHECKPOINT_BYTES,
                compression_type="zstd",
                allow_auto_create_topics=False,
                metrics_sample_window_ms=WINDOW_MS,
            )
            self._producer.init_transactions()

    def ship(self, messages: list[Message], checkpoint: Checkpoint) -> None:
        """R6: the messages and the checkpoint that covers them, all or none. Any exception means: end the process (R5)."""
        begun, troubles = monotonic(), self._troubles()
        with self._kafka.mapped(), self._deadline(DEADLINE_S):
            self._producer.begin_transaction()
            sent = [self._send(m.topic, m.value, m.headers) for m in messages]
            sent.append(self._send("checkpoints", encode(checkpoint), []))
            self._producer.flush(DELIVERY_S)
            for future in sent:
                future.get(0)  # R3: a commit would succeed without those that failed
            self._producer.commit_transaction()
        self.latency_s = monotonic() - begun
        if self._troubles() > troubles:
            self.renew()

    def renew(self) -> None:
        """R7: a new epoch after a retry or a lost connection: a request that is still under way somewhere then means nothing."""
        self.close()
        self.open()

    def close(self) -> None:
        """Between transactions only."""
        self._producer.close(timeout=1)

    def _send(self, topic: str, value: bytes, headers: list[tuple[str, bytes]]) -> Any:
        name = self._kafka.topic(topic)
        partition = partition_of(self._stream_id, len(self._producer.partitions_for(name)))
        return self._producer.send(name, value, self._stream_id.encode(), headers, partition)

    def _troubles(self) -> float:
        rates = self._producer.metrics()["producer-metrics"]
        return float(rates["record-retry-rate"] + rates["connection-close-rate"])
