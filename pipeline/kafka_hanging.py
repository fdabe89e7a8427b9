"""Transactions whose end the broker lost. Apache Kafka 4.3.1, killed after a coordinator has decided a transaction and before it has
marked it, may forget the marker when it is back: to the coordinator all is done, in the partition the transaction stands open for ever,
and every read_committed reader waits before it. Who takes the stream over knows what was decided, and writes the marker itself, which
is what `kafka-transactions.sh abort` does, but by the decision.
"""

from dataclasses import dataclass
from time import monotonic, sleep
from typing import Any

from operators.errors import BrokerUnavailable, ConfigError
from pipeline.kafka_checkpoint import partition_of
from pipeline.kafka_connection import Kafka

SHIPPED = ("transcripts", "captions", "events", "gaps", "dlq", "checkpoints")
"""Topics that a transaction may have written to."""
COORDINATOR_S, AGAIN_S = 30.0, 0.1


@dataclass(frozen=True, slots=True)
class Decision:
    """The last transaction of a stream's producer before it was taken over."""

    producer_id: int
    epoch: int
    commit: bool
    """False: it was aborted, or is by the takeover."""


def last_decision(kafka: Kafka, stream_id: str) -> Decision | None:
    """To be asked before the stream is taken over, which makes the coordinator forget it; None where there is none, or where the broker
    does not tell. Raises BrokerUnavailable."""
    name = f"{kafka.options.prefix}.{stream_id}"
    admin = kafka.admin()
    try:
        last = _described(kafka, admin, name)
    except ConfigError:
        return None
    finally:
        admin.close()
    if last is None:
        return None
    state = last.state.value
    return None if state in ("Empty", "Dead") else Decision(last.producer_id, last.producer_epoch, state.endswith("Commit"))


def _described(kafka: Kafka, admin: Any, name: str) -> Any:
    """None where the coordinator knows no such id."""
    from kafka import errors

    until = monotonic() + COORDINATOR_S
    while True:
        try:
            with kafka.mapped():
                return admin.describe_transactions([name])[name]
        except BrokerUnavailable as e:
            if isinstance(e.__cause__, errors.TransactionalIdNotFoundError):
                return None
            if not isinstance(e.__cause__, errors.RetriableError) or monotonic() > until:
                raise
            sleep(AGAIN_S)  # a broker that has just begun makes or loads what it knows of transactions


def end_as_decided(kafka: Kafka, stream_id: str, decision: Decision) -> list[str]:
    """To be called after the takeover, when nobody can write in that epoch any more. The topics in which the transaction was still open.

    Raises:
        ConfigError: it is open and the broker does not allow this user to end it.
        BrokerUnavailable: nobody answers.
    """
    admin = kafka.admin()
    try:
        found = [(topic, *one) for topic in SHIPPED if (one := _open_in(kafka, admin, (topic, stream_id), decision))]
        for topic, partition, state in found:
            try:
                with kafka.mapped():
                    _mark(admin, partition, state, decision.commit)
            except ConfigError as e:
                kept = "commit" if decision.commit else "abort"
                raise ConfigError(
                    f"the broker lost the end of a transaction ({kept}) of {stream_id} in {kafka.topic(topic)}, partition "
                    f"{partition.partition}: give this user ClusterAction, or end it with kafka-transactions.sh"
                ) from e
        return [topic for topic, *_ in found]
    finally:
        admin.close()


def _open_in(kafka: Kafka, admin: Any, place: tuple[str, str], decision: Decision) -> tuple[Any, Any] | None:
    """The partition of a topic and stream, and the state in it of the transaction, where it is open there; None also where this user may
    not look."""
    from kafka import TopicPartition

    topic, stream_id = place
    try:
        with kafka.mapped():
            [described] = admin.describe_topics([kafka.topic(topic)])
            partition = TopicPartition(kafka.topic(topic), partition_of(stream_id, len(described["partitions"])))
            states = admin.describe_producers([partition])[partition].active_producers
    except ConfigError:
        return None
    same = [s for s in states if (s.producer_id, s.producer_epoch) == (decision.producer_id, decision.epoch)]
    return next(((partition, s) for s in same if s.current_transaction_start_offset >= 0), None)


def _mark(admin: Any, partition: Any, state: Any, commit: bool) -> None:
    """As kafka-python's `abort_transaction`, which can only abort."""
    from kafka.admin import AbortTransactionSpec

    spec = AbortTransactionSpec(partition, state.producer_id, state.producer_epoch, state.coordinator_epoch)

    async def send() -> None:
        leader = next(iter(await admin._async_get_leader_for_partitions([partition])))
        request = admin._abort_transaction_request(spec)
        request.markers[0].transaction_result = commit
        admin._abort_transaction_process_response(await admin._manager.send(request, node_id=leader), spec)

    admin._manager.run(send)
