"""`kafka_out` beside a run: started again by `Delivery` through whatever happens to it, the broker and the network, on the real broker."""

import signal
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import psutil
import pytest
from kafka_proxy import API_VERSIONS, KafkaProxy, oldest_init_producer_id
from kafka_streams import LANES, Logs, Out, assert_exact, read, ship
from real_kafka import RealKafka

import pipeline.kafka_delivery as delivery_module
from operators.errors import BrokerUnavailable, ConfigError
from pipeline.kafka_checkpoint import partition_of
from pipeline.kafka_connection import Kafka, KafkaOptions
from pipeline.kafka_delivery import Delivery, deliver
from pipeline.kafka_messages import MESSAGE_BYTES
from pipeline.kafka_out import REFUSED, OutConfig
from pipeline.kafka_topics import ensure_topics

pytestmark = pytest.mark.kafka

ORIGINS = {"look": "look.black", "listen": "listen.words", "narrate": "narrate.subtitles"}


@contextmanager
def delivering(kafka: Kafka, out: Path, *streams: str) -> Iterator[Delivery]:
    with Delivery(kafka, out, MESSAGE_BYTES, lambda line: None) as delivery:
        assert delivery.admit(streams) == {}
        yield delivery


def expected(logs: Logs) -> dict[Any, int]:
    ends = {(logs.stream_id, logs.number, lane): 1 for lane in LANES}
    return ends | {(logs.stream_id, logs.number, ORIGINS[lane]): logs.seconds[lane] for lane in LANES if logs.seconds[lane]}


def grow(logs: Logs, seconds: float) -> None:
    """A lane that commits every 50 ms; how long each commit took is no matter of Kafka's."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        for lane in LANES:
            logs.say(lane)
            begun = time.monotonic()
            logs.commit(lane)
            assert time.monotonic() - begun < 5, "a lane was held up"
        time.sleep(0.05)


def test_t03_a_broker_that_is_killed_and_comes_back(real_kafka: RealKafka, kafka: Kafka, tmp_path: Path) -> None:
    broker = own(real_kafka)
    with Logs(tmp_path) as logs, delivering(kafka, tmp_path, "one") as delivery:
        grow(logs, 1)
        broker.kill()
        grow(logs, 1)
        broker.start()
        begun = time.monotonic()
        logs.finish()
        assert delivery.finish() == []
        assert time.monotonic() - begun < 30
        assert_exact(kafka, expected(logs))


@pytest.mark.timeout(240)
@pytest.mark.parametrize("seconds", [12, 60])
def test_t04_a_broker_that_is_away_for_longer_than_a_transaction_lasts(
    real_kafka: RealKafka, kafka: Kafka, tmp_path: Path, seconds: int
) -> None:
    broker = own(real_kafka)
    with Logs(tmp_path) as logs, delivering(kafka, tmp_path, "one") as delivery:
        grow(logs, 0.5)
        broker.kill()
        grow(logs, seconds)
        broker.start()
        logs.finish()
        assert delivery.finish() == []
        assert_exact(kafka, expected(logs))


@pytest.mark.timeout(240)
def test_t14_many_streams_that_commit_at_once_in_one_process(kafka: Kafka, tmp_path: Path) -> None:
    names = [f"s{n:02}" for n in range(64)]
    with ExitStack() as stack:
        logs = [stack.enter_context(Logs(tmp_path, name)) for name in names]
        delivery = stack.enter_context(delivering(kafka, tmp_path, *names))
        assert delivery._process is not None
        process, sizes = psutil.Process(delivery._process.pid), []
        for _ in range(20):
            begun = time.monotonic()
            for log in logs:
                log.say("listen")
                log.commit("listen")
            sizes.append(process.memory_info().rss)
            time.sleep(max(0.0, 1 - (time.monotonic() - begun)))
        for log in logs:
            log.finish()
        assert delivery.finish() == []
        waited = sorted(stats.transaction_s for stats in delivery.stats().values())
        print(f"64 streams: the last transactions took {waited[32] * 1000:.0f} ms at the median, {waited[-1] * 1000:.0f} ms at most")
        assert sizes[-1] < sizes[len(sizes) // 2] + 20_000_000
        assert_exact(kafka, {origin: count for log in logs for origin, count in expected(log).items()})


def test_t08_held_for_longer_than_a_transaction_lasts(kafka: Kafka, tmp_path: Path) -> None:
    with Logs(tmp_path) as logs, delivering(kafka, tmp_path, "one") as delivery:
        grow(logs, 0.5)
        assert delivery._process is not None
        delivery._process.send_signal(signal.SIGSTOP)
        grow(logs, 15)
        delivery._process.send_signal(signal.SIGCONT)
        logs.finish()
        assert delivery.finish() == []
        assert_exact(kafka, expected(logs))


def test_a_network_that_stands_still(proxy: KafkaProxy, proxied: Kafka, kafka: Kafka, tmp_path: Path) -> None:
    with Logs(tmp_path) as logs, delivering(proxied, tmp_path, "one") as delivery:
        grow(logs, 0.5)
        proxy.stalled = True
        grow(logs, 10)
        proxy.stalled = False
        proxy.reset()
        logs.finish()
        assert delivery.finish() == []
        assert_exact(kafka, expected(logs))


def test_what_could_not_be_delivered_is_said_and_the_next_run_delivers_it(
    real_kafka: RealKafka, kafka: Kafka, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(delivery_module, "PATIENCE_S", 3.0)
    broker = own(real_kafka)
    with Logs(tmp_path) as logs:
        with delivering(kafka, tmp_path, "one") as delivery:
            logs.say("listen", 3)
            logs.commit("listen")
            wait_until_shipped(delivery, "one")
            broker.kill()
            logs.say("listen", 4)
            logs.commit("listen")
            [line] = delivery.finish()
            assert line.startswith("one: 4 records are not in Kafka yet (")
            assert line.endswith("run the same command again to deliver them")
        broker.start()
        with delivering(kafka, tmp_path, "one") as delivery:
            assert delivery.finish() == []
        assert_exact(kafka, {("one", 1, "listen.words"): 7})


def wait_until_shipped(delivery: Delivery, stream_id: str) -> None:
    with delivery._news:
        assert delivery._news.wait_for(lambda: delivery._streams[stream_id].ends.get(1), 20)


def test_a_new_generation_follows_the_old_one(kafka: Kafka, tmp_path: Path) -> None:
    with delivering(kafka, tmp_path, "one") as delivery:
        with Logs(tmp_path) as first:
            first.say("listen", 3)
            first.commit("listen")
        with Logs(tmp_path, number=2, folder_id="folder-b") as second:
            second.say("listen", 2)
            second.commit("listen")
            assert delivery.finish() == []
    messages = assert_exact(kafka, {("one", 1, "listen.words"): 3, ("one", 2, "listen.words"): 2})
    assert [b'"generation":1' in m.value for m in messages] == [True] * 3 + [False] * 2


def test_a_stream_that_has_ended_costs_nothing_and_is_shipped_again_when_it_runs_again(kafka: Kafka, tmp_path: Path) -> None:
    def threads() -> int:
        assert delivery._process is not None
        return psutil.Process(delivery._process.pid).num_threads()

    with Logs(tmp_path) as first, delivering(kafka, tmp_path, "one") as delivery:
        first.say("listen", 3)
        first.commit("listen")
        wait_until_shipped(delivery, "one")
        working = threads()
        first.finish()
        until = time.monotonic() + 20
        while threads() >= working:
            assert time.monotonic() < until, "its thread and its producer are still there"
            time.sleep(0.05)
        with Logs(tmp_path, number=2, folder_id="folder-b") as second:
            assert delivery.admit(["one"]) == {}
            second.say("listen", 2)
            second.finish()
            assert delivery.finish() == []
        assert_exact(kafka, expected(first) | expected(second))


def test_streams_do_not_touch_one_another(kafka: Kafka, tmp_path: Path) -> None:
    """I7: of one the log is damaged, the others are delivered."""
    with Logs(tmp_path) as good, Logs(tmp_path, "two") as bad:
        for logs in (good, bad):
            logs.say("listen", 3)
            logs.commit("listen")
        (bad.place / "listen.jsonl").write_bytes((bad.place / "listen.jsonl").read_bytes().replace(b'{"record"', b'{"rec!rd', 1))
        with Delivery(kafka, tmp_path, MESSAGE_BYTES, lambda line: None) as delivery:
            assert delivery.admit(["one", "two"]).keys() <= {"two"}  # it is seen when its log is looked into
            [line] = delivery.finish()
        assert line.startswith("two: not delivered to Kafka: ")
        assert "is damaged at byte" in line
    assert_exact(kafka, {("one", 1, "listen.words"): 3})


def test_a_folder_that_came_back_after_its_stream_moved_is_set_aside(kafka: Kafka, tmp_path: Path) -> None:
    here, there = tmp_path / "a", tmp_path / "b"
    with Logs(here) as logs:
        logs.say("listen", 3)
        logs.commit("listen")
        assert ship(here, kafka, "one") == 0
        assert ship(there, kafka, "one") == 0  # made anew where no folder was
        with Logs(there) as moved:
            moved.say("listen", 5)
            moved.commit("listen")
            assert ship(there, kafka, "one") == 0
        logs.say("listen", 9)
        logs.commit("listen")
        with Out(OutConfig(out=str(here), kafka=kafka.options, streams=["one"])) as out:
            assert "set aside" in out.wait_for("set aside")["message"]
            assert out.drain() == 0
    assert_exact(kafka, {("one", 1, "listen.words"): 5})


def test_t13_a_checkpoint_that_can_not_be_read_stops_loudly(kafka: Kafka, tmp_path: Path) -> None:
    from kafka import KafkaProducer

    topic = kafka.topic("checkpoints")
    producer = KafkaProducer(**kafka.client_options())
    producer.send(topic, b'{"version":9}', b"one", partition=partition_of("one", len(producer.partitions_for(topic)))).get(10)
    producer.close()
    with Logs(tmp_path) as logs:
        logs.say("listen", 3)
        logs.commit("listen")
        with Out(OutConfig(out=str(tmp_path), kafka=kafka.options, streams=["one"])) as out:
            assert "is of version 9" in out.wait_for("refused")["message"]
            assert out.drain() == REFUSED
    assert read(kafka) == []


def test_t15_a_record_that_is_too_large_leaves_a_gap_and_a_dead_letter(kafka: Kafka, tmp_path: Path) -> None:
    with Logs(tmp_path) as logs:
        logs.say("listen", 2)
        logs.say("listen", 1, "x" * 400_000)
        logs.say("listen", 2)
        logs.commit("listen")
        assert ship(tmp_path, kafka, "one") == 0
    messages = assert_exact_in_two_topics(kafka)
    [gap] = [m for m in messages if b'"record_rejected"' in m.value]
    assert gap.topic == kafka.topic("gaps")
    [letter] = read(kafka, "dlq")
    assert dict(letter.headers)["ce_id"] == b"1/2"


def assert_exact_in_two_topics(kafka: Kafka) -> list[Any]:
    """A Gap stands in another topic than what it stands for: together they count without a hole."""
    messages = read(kafka)
    assert sorted(int(dict(m.headers)["ce_id"].split(b"/")[1]) for m in messages) == [0, 1, 2, 3, 4]
    return messages


def test_t10_a_broker_before_2_7_is_refused(proxy: KafkaProxy, proxied: Kafka, tmp_path: Path) -> None:
    proxy.fail(API_VERSIONS, "answer", times=100, change=oldest_init_producer_id)
    with pytest.raises(ConfigError, match=r"older than 2\.7"):
        ensure_topics(proxied)
    with Out(OutConfig(out=str(tmp_path), kafka=proxied.options, streams=["one"])) as out:
        assert out.end() == REFUSED
        assert "older than 2.7" in out.said[-1]["message"]


def test_a_broker_that_is_not_there_is_one_clear_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pipeline.kafka_connection.BOOTSTRAP_MS", 500)
    with pytest.raises(BrokerUnavailable, match=r"127\.0\.0\.1:1 does not answer"):
        deliver(KafkaOptions(bootstrap="127.0.0.1:1"), tmp_path, print)


def test_a_checkpoint_topic_that_forgets_is_refused(kafka: Kafka, tmp_path: Path) -> None:
    from kafka.admin import ConfigResource, ConfigResourceType

    admin = kafka.admin()
    resource = ConfigResource(ConfigResourceType.TOPIC, kafka.topic("checkpoints"), {"cleanup.policy": "delete"})
    admin.alter_configs([resource])
    admin.close()
    until = time.monotonic() + 20
    while not any(f.state == "broken" for f in ensure_topics(kafka).findings) and time.monotonic() < until:
        time.sleep(0.1)  # the broker answers before it knows
    with pytest.raises(ConfigError, match="shipped twice"):
        deliver(kafka.options, tmp_path, print)


def own(real_kafka: RealKafka) -> Any:
    if real_kafka.broker is None:
        pytest.skip("needs a broker of its own: unset KAFKA_BOOTSTRAP")
    return real_kafka.broker
