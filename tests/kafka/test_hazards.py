"""H1 to H8 of kafka-python's transactions on the real broker, each in the shape in which it loses or doubles records unless its rule holds.

What is lost or held on the way is one exact request or answer (`kafka_proxy`). A rule that is taken out makes its test fail.
"""

import json
import signal
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from fractions import Fraction
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from kafka_proxy import ADD_PARTITIONS, END_TXN, INIT_PRODUCER_ID, LIST_OFFSETS, PRODUCE, KafkaProxy, produce_error
from kafka_streams import Logs, Out, assert_exact, read, sequences, ship, ship_whatever_comes
from real_kafka import RealKafka

from operators.errors import BrokerUnavailable
from operators.records import Caption, Identity, to_wire
from pipeline.kafka_checkpoint import Checkpoint, partition_of
from pipeline.kafka_connection import Kafka
from pipeline.kafka_messages import Message, frame
from pipeline.kafka_out import AGAIN, OutConfig
from pipeline.kafka_producer import DEADLINE_S, DELIVERY_S, TransactionalProducer
from pipeline.kafka_tail import Once
from pipeline.kafka_topics import TRANSACTION_MS

pytestmark = pytest.mark.kafka

ORIGIN = ("one", 1, "listen.words")
OUT_OF_ORDER, UNKNOWN_PRODUCER, NOT_ALLOWED = 45, 59, 29


def config(out: Path, kafka: Kafka) -> OutConfig:
    return OutConfig(out=str(out), kafka=kafka.options, streams=["one"])


class NoDeadline:
    def __init__(self, seconds: float) -> None:
        pass

    def __enter__(self) -> None:
        pass

    def __exit__(self, *_: object) -> None:
        pass


@contextmanager
def producing(kafka: Kafka) -> Iterator[TransactionalProducer]:
    """An open producer that at the end is let go of as by a kill: nothing is flushed, committed or aborted."""
    producer = TransactionalProducer(kafka, "one", NoDeadline)
    producer.open()
    try:
        yield producer
    finally:
        producer._producer._sender.force_close()
        producer._producer._sender.join(10)


def message(sequence: int) -> Any:
    caption = Caption(Fraction(sequence), Fraction(sequence + 1), "subtitle", "so", ("so",), "en", 0.9, f"c{sequence}")
    return frame(to_wire(caption, Identity("one", 1, "narrate.subtitles", sequence), "2026-01-01T00:00:00.000Z"))


CHECKPOINT = Checkpoint("one", 1, "folder", "source", "settings")


def test_h1_a_commit_that_hangs_ends_the_process_at_its_deadline(
    real_kafka: RealKafka, proxy: KafkaProxy, proxied: Kafka, kafka: Kafka, tmp_path: Path
) -> None:
    assert real_kafka.broker is not None
    with Logs(tmp_path) as logs:
        logs.say("listen", 3)
        logs.commit("listen")
        rule = proxy.fail(END_TXN, "hold", times=1000)
        with Out(config(tmp_path, proxied)) as out:
            assert rule.hit.wait(30)
            real_kafka.broker.kill()
            assert out.end(DEADLINE_S + 4) == AGAIN
            assert "takes too long" in out.said[-1]["message"]
        real_kafka.broker.start()
        proxy.clear()
        assert ship(tmp_path, proxied, "one") == 0
    assert_exact(kafka, {ORIGIN: 3})


@pytest.mark.parametrize("code", [OUT_OF_ORDER, UNKNOWN_PRODUCER])
def test_h2_a_lost_sequence_is_never_committed_over(proxy: KafkaProxy, proxied: Kafka, kafka: Kafka, tmp_path: Path, code: int) -> None:
    """The client takes a new epoch by itself, which aborts the transaction, and would then commit an empty one."""
    with Logs(tmp_path) as logs:
        logs.say("listen", 3)
        logs.commit("listen")
        rule = proxy.fail(PRODUCE, "answer", change=produce_error(code))
        with Out(config(tmp_path, proxied)) as out:
            assert rule.hit.wait(30)
            for _ in range(2):
                logs.say("listen", 3)
                logs.commit("listen")
            out.drain()
        ship_whatever_comes(tmp_path, proxied, "one")
    assert_exact(kafka, {ORIGIN: 9})


def test_h3_a_zombie_dies_and_nothing_is_there_twice(kafka: Kafka, tmp_path: Path) -> None:
    with Logs(tmp_path) as logs:
        logs.say("listen", 3)
        logs.commit("listen")
        with Out(config(tmp_path, kafka)) as zombie:
            zombie.wait_for("shipped")
            zombie.process.send_signal(signal.SIGSTOP)
            logs.say("listen", 3)
            logs.commit("listen")
            with Out(config(tmp_path, kafka)) as successor:
                successor.wait_for("shipped")
                zombie.process.send_signal(signal.SIGCONT)
                logs.say("listen", 3)
                logs.commit("listen")
                assert zombie.end() == AGAIN  # H5: with whatever error, it ends
                successor.drain()  # alive, or fenced by what the zombie did
        ship(tmp_path, kafka, "one")
    assert_exact(kafka, {ORIGIN: 9})


def test_r1_what_is_read_of_the_last_owner_is_its_last_word(proxy: KafkaProxy, proxied: Kafka, kafka: Kafka, tmp_path: Path) -> None:
    """The last owner ships on while its successor looks for the checkpoint: it must have been fenced before."""
    with Logs(tmp_path) as logs, Out(config(tmp_path, kafka)) as last:
        logs.say("listen", 3)
        logs.commit("listen")
        last.wait_for("shipped")

        def meanwhile(answer: bytes, version: int) -> bytes:
            logs.say("listen", 3)
            logs.commit("listen")
            with suppress(AssertionError):
                last.wait_for("shipped", 2, 10)
            return answer

        rule = proxy.fail(LIST_OFFSETS, "answer", change=meanwhile)
        with Out(config(tmp_path, proxied)) as successor:
            assert rule.hit.wait(30)
            successor.drain()
        assert last.end() == AGAIN
        ship_whatever_comes(tmp_path, kafka, "one")
    assert_exact(kafka, {ORIGIN: 6})


def test_r8_a_send_gives_up_before_the_deadline_and_that_is_before_the_broker_aborts() -> None:
    assert DELIVERY_S < DEADLINE_S < TRANSACTION_MS / 1000


def test_h4_what_could_not_be_sent_is_not_committed_without(proxy: KafkaProxy, proxied: Kafka, kafka: Kafka, tmp_path: Path) -> None:
    """A send that times out leaves the transaction as it is: a commit would succeed, with a checkpoint that covers what is missing."""
    with Logs(tmp_path) as logs:
        logs.say("listen", 3)
        logs.commit("listen")
        proxy.fail(PRODUCE, "lose", times=10_000)
        with Out(config(tmp_path, proxied)) as out:
            assert out.end(DELIVERY_S + DEADLINE_S + 10) == AGAIN
            assert not [s for s in out.said if s["state"] == "shipped"]
        proxy.clear()
        assert ship(tmp_path, proxied, "one") == 0
    assert_exact(kafka, {ORIGIN: 3})


def test_h5_a_fenced_producer_raises_whatever_the_client_calls_it(kafka: Kafka) -> None:
    with producing(kafka) as first, producing(kafka) as second:
        second.ship([message(0)], CHECKPOINT)
        with pytest.raises(BrokerUnavailable, match="taken this stream over"):
            first.ship([message(0)], CHECKPOINT)
    assert sequences(read(kafka)) == {("one", 1, "narrate.subtitles"): [0]}


def test_h6_after_an_error_no_other_transaction_is_begun(proxy: KafkaProxy, proxied: Kafka, kafka: Kafka, tmp_path: Path) -> None:
    """The client would begin one, and what the failed one held would be missing."""
    with Logs(tmp_path) as logs:
        logs.say("listen", 3)
        logs.commit("listen")
        rule = proxy.fail(PRODUCE, "answer", change=produce_error(NOT_ALLOWED))
        with Out(config(tmp_path, proxied)) as out:
            assert rule.hit.wait(30)
            logs.say("listen", 3)
            logs.commit("listen")
            assert out.end(30) == AGAIN
            assert [s["state"] for s in out.said] == ["ready", "broken"]
        ship_whatever_comes(tmp_path, proxied, "one")
    assert_exact(kafka, {ORIGIN: 6})


def test_h7_a_checkpoint_behind_a_foreign_transaction_is_waited_for(kafka: Kafka, tmp_path: Path) -> None:
    from kafka import KafkaProducer

    foreign = KafkaProducer(**kafka.client_options(), transactional_id=f"{kafka.options.prefix}-foreign", transaction_timeout_ms=6000)
    topic = kafka.topic("checkpoints")
    foreign.init_transactions()
    foreign.begin_transaction()
    foreign.send(topic, b"{}", b"other", partition=partition_of("one", len(foreign.partitions_for(topic)))).get(10)
    with Logs(tmp_path) as logs:
        logs.say("listen", 3)
        logs.commit("listen")
        assert ship(tmp_path, kafka, "one") == 0  # its checkpoint is committed, and hidden behind the open transaction
        logs.say("listen", 3)
        logs.commit("listen")
        assert ship(tmp_path, kafka, "one") == 0
    foreign.close(timeout=0)
    assert_exact(kafka, {ORIGIN: 6})


def test_h8_a_late_end_of_an_earlier_transaction_commits_nothing(proxy: KafkaProxy, proxied: Kafka, kafka: Kafka) -> None:
    """The answer to EndTxn is lost, the client asks again, and the first request comes once more in the middle of the next transaction."""
    with producing(proxied) as producer:
        proxy.fail(END_TXN, "lose answer")
        producer.ship([message(0)], CHECKPOINT)
        [late] = proxy.copies
        rule = proxy.fail(END_TXN, "hold", times=1000)
        Thread(target=abandoned, args=(producer, message(1)), daemon=True).start()
        assert rule.hit.wait(10)  # everything of the second transaction was sent, and it is not committed
        proxy.repeat(late)
        assert sequences(read(kafka)) == {("one", 1, "narrate.subtitles"): [0]}
        assert len(read(kafka, "captions", isolation="read_uncommitted")) == 2


def abandoned(producer: TransactionalProducer, sent: Message) -> None:
    with suppress(Exception):
        producer.ship([sent], CHECKPOINT)


def test_t12_what_such_an_end_lets_through_readers_drop_by_identity(kafka: Kafka) -> None:
    """Without a retry that could be seen, the half that was sent is committed, and sent again by the next process."""
    with producing(kafka) as producer:
        producer.ship([message(0)], CHECKPOINT)
        producer._producer.begin_transaction()
        for n in (1, 2):
            sent = message(n)
            producer._send(sent.topic, sent.value, sent.headers).get(10)
        producer._producer.commit_transaction()  # as the duplicate would
    with producing(kafka) as again:
        again.ship([message(1), message(2), message(3)], CHECKPOINT)
    values = [json.loads(m.value) for m in read(kafka)]
    assert [v["sequence"] for v in values] == [0, 1, 2, 1, 2, 3]
    new = Once()
    assert [v["sequence"] for v in values if new(v)] == [0, 1, 2, 3]
    assert new.twice == 2


@pytest.mark.parametrize("api", [PRODUCE, END_TXN, ADD_PARTITIONS, INIT_PRODUCER_ID])
@pytest.mark.parametrize("action", ["lose", "lose answer"])
def test_t06_any_request_and_any_answer_may_be_lost(
    proxy: KafkaProxy, proxied: Kafka, kafka: Kafka, tmp_path: Path, api: int, action: Any
) -> None:
    with Logs(tmp_path) as logs:
        logs.say("listen", 3)
        logs.commit("listen")
        proxy.fail(api, action)
        codes = [ship(tmp_path, proxied, "one") for _ in range(2)]
        assert codes[-1] == 0
        logs.say("listen", 3)
        logs.commit("listen")
        assert ship(tmp_path, proxied, "one") == 0
    assert_exact(kafka, {ORIGIN: 6})


@pytest.mark.parametrize("action", ["hold", "hold answer"])
def test_t02_killed_between_flush_and_commit_or_after_the_commit(
    proxy: KafkaProxy, proxied: Kafka, kafka: Kafka, tmp_path: Path, action: Any
) -> None:
    with Logs(tmp_path) as logs:
        logs.say("listen", 3)
        logs.commit("listen")
        rule = proxy.fail(END_TXN, action, times=1000)
        with Out(config(tmp_path, proxied)) as out:
            assert rule.hit.wait(30)
            out.kill()
        proxy.clear()
        assert ship(tmp_path, proxied, "one") == 0
    assert_exact(kafka, {ORIGIN: 3})
