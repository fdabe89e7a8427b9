"""Passwords and certificates, on the real broker: what is right works, what is wrong is one line that shows no secret."""

import gc
import warnings
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from kafka_streams import Logs, Out, assert_exact
from real_kafka import SCRAM_USER, SECRET, USER, RealKafka

from operators.errors import BrokerUnavailable, ConfigError
from pipeline.kafka_connection import PASSWORD, Kafka, KafkaOptions
from pipeline.kafka_out import AGAIN, OutConfig

pytestmark = pytest.mark.kafka


@pytest.fixture
def ways(real_kafka: RealKafka, kafka: Kafka) -> dict[str, KafkaOptions]:
    if real_kafka.broker is None:
        pytest.skip("needs a broker of its own: unset KAFKA_BOOTSTRAP")
    plain = replace(kafka.options, bootstrap=real_kafka.sasl, security_protocol="SASL_PLAINTEXT", sasl_mechanism="PLAIN", user=USER)
    scram = replace(plain, sasl_mechanism="SCRAM-SHA-256", user=SCRAM_USER)
    tls = {"security_protocol": "SASL_SSL", "bootstrap": real_kafka.tls, "ca_file": str(real_kafka.ca_file)}
    return {"plain": plain, "scram": scram, "tls": replace(plain, **tls), "tls scram": replace(scram, **tls)}


@pytest.mark.parametrize("way", ["plain", "scram", "tls", "tls scram"])
def test_records_are_delivered_by(way: str, ways: dict[str, KafkaOptions], kafka: Kafka, tmp_path: Path) -> None:
    with Logs(tmp_path) as logs:
        logs.say("listen", 3)
        logs.commit("listen")
        with Out(OutConfig(out=str(tmp_path), kafka=ways[way], streams=["one"]), password=SECRET) as out:
            assert out.drain() == 0
    assert_exact(kafka, {("one", 1, "listen.words"): 3})


@pytest.mark.parametrize(
    ("way", "change", "said"),
    [
        ("plain", {"user": "nobody"}, "that it takes the user 'nobody' by PLAIN with the password in CAPSTREAM_KAFKA_PASSWORD"),
        ("plain", {"sasl_mechanism": "SCRAM-SHA-512"}, "by SCRAM-SHA-512"),
        ("scram", {"user": "nobody"}, "'nobody' by SCRAM-SHA-256"),
        ("tls", {"ca_file": ""}, "the certificates"),
        ("tls", {"ca_file": "/nowhere.pem"}, "the certificates"),
        ("tls", {"security_protocol": "SSL"}, "the certificates"),
        ("plain", {"security_protocol": "PLAINTEXT"}, "its address"),
    ],
)
def test_what_is_wrong_is_said_without_the_secret(
    way: str, change: dict[str, Any], said: str, ways: dict[str, KafkaOptions], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pipeline.kafka_connection.BOOTSTRAP_MS", 2000)
    kafka = Kafka(replace(ways[way], **change), SECRET)
    refused = refusal(kafka)
    assert said in refused
    assert SECRET not in refused
    assert SECRET not in repr(kafka)


def refusal(kafka: Kafka) -> str:
    """All that the error says, and its cause. The client leaves sockets of failed handshakes to the garbage collector: here, at once."""
    said = ""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        try:
            kafka.admin()
        except BrokerUnavailable as e:
            said = f"{e!r} {e} {e.__cause__!r}"
        gc.collect()
    return said


def test_a_wrong_password_is_a_line_that_does_not_show_it(ways: dict[str, KafkaOptions], tmp_path: Path) -> None:
    with Out(OutConfig(out=str(tmp_path), kafka=ways["plain"], streams=["one"]), password="wr0ng-word") as out:
        assert out.end() == AGAIN
        assert "that it takes the user" in out.said[-1]["message"]
        assert "wr0ng-word" not in str(out.said)
        assert out.process.stderr is not None
        assert b"wr0ng-word" not in out.process.stderr.read()


def test_the_password_comes_from_the_environment_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    options = KafkaOptions(bootstrap="a:1", security_protocol="SASL_SSL", user="me")
    monkeypatch.delenv(PASSWORD, raising=False)
    with pytest.raises(ConfigError, match=PASSWORD):
        Kafka.of(options)
    monkeypatch.setenv(PASSWORD, "hush")
    assert Kafka.of(options).password == "hush"
    assert "hush" not in repr(Kafka.of(options))


def test_a_file_of_certificates_that_is_not_there_is_said() -> None:
    with pytest.raises(ConfigError, match=r"kafka\.ca_file: there is no file /nowhere"):
        Kafka.of(KafkaOptions(bootstrap="a:1", security_protocol="SSL", ca_file="/nowhere.pem"))
