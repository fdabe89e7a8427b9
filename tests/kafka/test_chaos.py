"""A short chaos run; `python tests/kafka/kafka_chaos.py --faults 200` is the long one."""

from pathlib import Path

import pytest
from kafka_chaos import Chaos
from kafka_proxy import KafkaProxy
from real_kafka import RealKafka

from pipeline.kafka_connection import Kafka


@pytest.mark.kafka
def test_t01_everything_is_killed_and_each_record_is_read_once_and_in_order(
    real_kafka: RealKafka, proxy: KafkaProxy, proxied: Kafka, tmp_path: Path
) -> None:
    chaos = Chaos(real_kafka, proxy, proxied, tmp_path, 1, ["one", "two"], print)
    assert chaos.run(12) > 100
