"""Streams are added and removed by the control topic, and how they stand is said in another."""

import json
import subprocess
import sys
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path
from time import monotonic, sleep
from typing import Any

import pytest

from operators.errors import ConfigError
from pipeline.fleet import StreamSpec
from pipeline.kafka_checkpoint import partition_of
from pipeline.kafka_connection import Kafka
from pipeline.kafka_control import KafkaControl, read_control

CAPSTREAM = str(Path(sys.executable).with_name("capstream"))
CLIP = Path(str(files("pipeline"))) / "demo" / "clip.mp4"


def test_a_control_message_adds_or_removes() -> None:
    added = read_control(b"lobby", json.dumps({"action": "add", "source": "srt://10.0.0.7:9000", "language": "en"}).encode())
    assert added == ("lobby", StreamSpec(source="srt://10.0.0.7:9000", language="en"))
    assert read_control(b"lobby", b'{"action": "remove"}') == ("lobby", None)
    assert read_control(b"lobby", None) == ("lobby", None)


@pytest.mark.parametrize(
    ("key", "value", "said"),
    [
        (None, b"{}", "can not be the id"),
        (b"../x", b"{}", "can not be the id"),
        (b"lobby", b"[]", "no JSON object"),
        (b"lobby", b"nonsense", "malformed"),
        (b"lobby", b'{"action": "shout"}', "'shout': add or remove"),
        (b"lobby", b'{"action": "add"}', "source"),
        (b"lobby", b'{"action": "add", "source": "x", "run": "rm"}', "run"),
        (b"\xff", b"{}", "decode"),
    ],
)
def test_a_control_message_that_makes_no_sense_is_passed_over_in_one_line(key: bytes | None, value: bytes, said: str) -> None:
    with pytest.raises(ConfigError, match=said) as refused:
        read_control(key, value)
    assert "\n" not in refused.value.message


class Remote:
    """Somebody elsewhere, who asks by Kafka and reads what is said there."""

    def __init__(self, kafka: Kafka) -> None:
        from kafka import KafkaProducer, TopicPartition

        self.kafka = kafka
        self.producer = KafkaProducer(**kafka.client_options())
        self.consumer = kafka.consumer(auto_offset_reset="earliest")
        name = kafka.topic("streams")
        self.consumer.assign([TopicPartition(name, p) for p in self.consumer.partitions_for_topic(name)])
        self.statuses: dict[str, Any] = {}

    def ask(self, stream_id: str, **said: Any) -> None:
        name = self.kafka.topic("control")
        partition = partition_of(stream_id, len(self.producer.partitions_for(name)))
        self.producer.send(name, json.dumps(said).encode(), stream_id.encode(), None, partition).get(10)

    def until(self, stream_id: str, state: str | None) -> dict[str, Any] | None:
        end = monotonic() + 90
        while True:
            for records in self.consumer.poll(200).values():
                for record in records:
                    self.statuses[record.key.decode()] = record.value and json.loads(record.value)
            status = self.statuses.get(stream_id, {})
            if (status and status["state"]) == state:
                return status
            assert monotonic() < end, self.statuses

    def close(self) -> None:
        self.producer.close()
        self.consumer.close()


@pytest.fixture
def remote(kafka: Kafka) -> Iterator[Remote]:
    remote = Remote(kafka)
    yield remote
    remote.close()


@pytest.mark.kafka
def test_the_last_word_on_a_stream_holds_also_for_one_that_starts_later(kafka: Kafka, remote: Remote) -> None:
    remote.ask("a", action="add", source="a.mp4")
    remote.ask("b", action="add", source="b.mp4")
    remote.ask("b", action="remove")
    remote.ask("c", action="shout")
    said: list[str] = []
    control = KafkaControl(kafka, said.append)
    try:
        end = monotonic() + 30
        while control.wanted() != {"a": StreamSpec(source="a.mp4"), "b": None} or not said:
            assert monotonic() < end, (control.wanted(), said)
            sleep(0.05)
        assert "'shout': add or remove" in said[0]
        control.tell([{"stream_id": "a", "state": "running", "error": None, "restarts": 0}])
        status = remote.until("a", "running")
        assert status is not None
        assert (status["schema"], status["type"]) == ("capstream.status.v1", "status")
        control.tell([])
        remote.until("a", None)
    finally:
        control.close()


@pytest.mark.kafka
@pytest.mark.ffmpeg
@pytest.mark.timeout(180)
def test_serve_takes_streams_from_the_control_topic_and_delivers_their_records(kafka: Kafka, remote: Remote, tmp_path: Path) -> None:
    fleet = tmp_path / "fleet.toml"
    changes = json.dumps(["look.text=false", "listen.words=false", f"kafka.prefix={kafka.options.prefix}"])
    fleet.write_text(f'profile = "offline"\nmetrics = "127.0.0.1:0"\nset = {changes}\n')
    command = [CAPSTREAM, "serve", str(fleet), "--out", str(tmp_path / "out"), "--runtime", "local", "--kafka", kafka.options.bootstrap]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        try:
            remote.ask("film", action="add", source=str(CLIP))
            status = remote.until("film", "complete")
            assert status is not None
            assert status["error"] is None
            process.terminate()
            _, said = process.communicate(timeout=60)
            assert process.returncode == 0, said
        finally:
            process.kill()
    from kafka import TopicPartition

    consumer = kafka.consumer(auto_offset_reset="earliest")
    partitions = [TopicPartition(kafka.topic(n), partition_of("film", 6)) for n in ("events", "captions", "gaps")]
    consumer.assign(partitions)
    ends = consumer.end_offsets(partitions)
    delivered = []
    while any(consumer.position(p) < ends[p] for p in partitions):
        delivered += [json.loads(r.value) for records in consumer.poll(500).values() for r in records]
    consumer.close()
    view = [json.loads(line) for line in (tmp_path / "out/film/film.jsonl").read_text().splitlines()]
    order = lambda r: (r["origin"], r["sequence"])  # noqa: E731
    assert sorted(delivered, key=order) == sorted(view, key=order)
