"""A transaction whose end the broker lost, as after a kill of Kafka 4.3.1 between the decision and the marker: here a batch of it comes
late, while the broker does not check that its transaction goes on."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from time import monotonic, sleep
from typing import Any

import pytest
from kafka_streams import Logs, Out, assert_exact, ship

from pipeline.kafka_checkpoint import encode, partition_of, read_checkpoint
from pipeline.kafka_connection import Kafka
from pipeline.kafka_hanging import Decision, end_as_decided, last_decision
from pipeline.kafka_out import OutConfig

pytestmark = pytest.mark.kafka


@contextmanager
def trusting(admin: Any) -> Iterator[None]:
    """The broker takes what comes, as those before 3.6 did."""
    from kafka.admin import AlterConfigOp, ConfigResource, ConfigResourceType

    def set_to(value: str) -> None:
        change = {"transaction.partition.verification.enable": (AlterConfigOp.SET, value)}
        admin.alter_configs([ConfigResource(ConfigResourceType.BROKER, "1", change)])

    set_to("false")
    try:
        yield
    finally:
        set_to("true")


def hang(kafka: Kafka, decision: Decision) -> None:
    """Its last checkpoint once more, after the end of the transaction."""
    from kafka import TopicPartition
    from kafka.protocol.producer import ProduceRequest
    from kafka.record import MemoryRecordsBuilder

    known = read_checkpoint(kafka, "one", lambda what: None)
    assert known is not None
    admin = kafka.admin()
    topic = kafka.topic("checkpoints")
    [described] = admin.describe_topics([topic])
    partition = TopicPartition(topic, partition_of("one", len(described["partitions"])))
    [state] = [s for s in admin.describe_producers([partition])[partition].active_producers if s.producer_id == decision.producer_id]
    records = MemoryRecordsBuilder(
        2,
        0,
        1 << 20,
        transactional=True,
        producer_id=decision.producer_id,
        producer_epoch=decision.epoch,
        base_sequence=state.last_sequence + 1,
    )
    records.append(timestamp=None, key=b"one", value=encode(known), headers=[])
    records.close()
    topics = ProduceRequest.TopicProduceData
    one = topics(name=topic, partition_data=[topics.PartitionProduceData(index=partition.partition, records=records.buffer())])

    async def send() -> Any:
        leader = next(iter(await admin._async_get_leader_for_partitions([partition])))
        name = f"{kafka.options.prefix}.one"
        request = ProduceRequest(transactional_id=name, acks=-1, timeout_ms=5000, topic_data=[one], min_version=3, max_version=9)
        return await admin._manager.send(request, node_id=leader)

    with trusting(admin):
        deadline = monotonic() + 30
        while admin._manager.run(send).responses[0].partition_responses[0].error_code != 0:
            assert monotonic() < deadline, "the broker does not take up its new setting"
            sleep(0.1)
    [state] = [s for s in admin.describe_producers([partition])[partition].active_producers if s.producer_id == decision.producer_id]
    assert state.current_transaction_start_offset >= 0
    admin.close()


def test_what_was_decided_is_known_until_the_stream_is_taken_over(kafka: Kafka, tmp_path: Path) -> None:
    assert last_decision(kafka, "one") is None
    with Logs(tmp_path) as logs:
        logs.say("listen", 3)
        logs.commit("listen")
        assert ship(tmp_path, kafka, "one") == 0
    decision = last_decision(kafka, "one")
    assert decision is not None
    assert decision.commit
    assert end_as_decided(kafka, "one", decision) == []


def test_a_transaction_that_hangs_is_ended_as_it_was_decided_and_nothing_is_lost_or_twice(kafka: Kafka, tmp_path: Path) -> None:
    with Logs(tmp_path) as logs:
        logs.say("listen", 3)
        logs.commit("listen")
        assert ship(tmp_path, kafka, "one") == 0
        decision = last_decision(kafka, "one")
        assert decision is not None
        hang(kafka, decision)
        logs.say("listen", 2)
        logs.commit("listen")
        with Out(OutConfig(out=str(tmp_path), kafka=kafka.options, streams=["one"])) as out:
            assert "marked as committed" in out.wait_for("waits")["message"]
            assert out.drain() == 0
    assert_exact(kafka, {("one", 1, "listen.words"): 5})
