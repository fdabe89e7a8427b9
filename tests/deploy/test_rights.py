"""The rights of the KafkaUser on a real broker: enough for what serve does, and not a topic or a transactional id more."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from manifests import of_kind

from deploy.kafka.broker import Broker, Listener, free_port
from operators.errors import ConfigError
from pipeline.kafka_connection import Kafka, KafkaOptions
from pipeline.kafka_topics import ensure_topics

pytestmark = pytest.mark.kafka
USERS = {"root": "root-secret", "capstream": "its secret"}


@pytest.fixture(scope="module")
def broker(real_kafka: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kafka]:
    """As its root: a broker on which nobody else may do what no rule allows."""
    if real_kafka.broker is None:
        pytest.skip("needs a broker of its own: unset KAFKA_BOOTSTRAP")
    login = " ".join(f'user_{name}="{secret}"' for name, secret in USERS.items())
    extra = {
        "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
        "super.users": "User:root;User:ANONYMOUS",  # ANONYMOUS: the broker itself
        "sasl.enabled.mechanisms": "PLAIN",
        "listener.name.sasl.plain.sasl.jaas.config": f"org.apache.kafka.common.security.plain.PlainLoginModule required {login};",
    }
    listeners = [Listener("PLAIN", free_port()), Listener("SASL", free_port())]
    broker = Broker(tmp_path_factory.mktemp("rights"), listeners, extra)
    broker.start()
    options = KafkaOptions(f"127.0.0.1:{listeners[1].port}", security_protocol="SASL_PLAINTEXT", sasl_mechanism="PLAIN", user="root")
    kafka = Kafka(options, USERS["root"])
    allow(kafka)
    yield kafka
    broker.kill()


def allow(kafka: Kafka) -> None:
    """The manifest's rules, as Strimzi's user operator would set them."""
    from kafka.admin import ACL, ACLOperation, ACLPermissionType, ACLResourcePatternType, ResourcePattern, ResourceType

    [user] = of_kind("KafkaUser")
    rules = []
    for rule in user["spec"]["authorization"]["acls"]:
        kind = {"topic": ResourceType.TOPIC, "transactionalId": ResourceType.TRANSACTIONAL_ID, "cluster": ResourceType.CLUSTER}
        prefixed = rule["resource"].get("patternType") == "prefix"
        pattern = ResourcePattern(
            kind[rule["resource"]["type"]],
            rule["resource"].get("name", "kafka-cluster"),
            ACLResourcePatternType.PREFIXED if prefixed else ACLResourcePatternType.LITERAL,
        )
        for operation in rule["operations"]:
            name = "".join(f"_{c}" if c.isupper() else c for c in operation).strip("_").upper()
            rules.append(ACL("User:capstream", "*", ACLOperation[name], ACLPermissionType.ALLOW, pattern))
    admin = kafka.admin()
    assert not admin.create_acls(rules)["failed"]
    admin.close()


def user(broker: Kafka, prefix: str) -> Kafka:
    return Kafka(replace(broker.options, user="capstream", prefix=prefix), USERS["capstream"])


def produce(kafka: Kafka, transactional_id: str, topic: str) -> None:
    from kafka import KafkaProducer

    with kafka.mapped():
        producer = KafkaProducer(**kafka.client_options(), transactional_id=transactional_id, max_block_ms=10_000)
        try:
            producer.init_transactions()
            producer.begin_transaction()
            producer.send(topic, b"{}").get(10)
            producer.commit_transaction()
        finally:
            producer.close(timeout=1)


def test_it_may_do_all_that_serve_does(broker: Kafka) -> None:
    kafka = user(broker, "capstream")
    topics = ensure_topics(kafka)
    topics.require()
    produce(kafka, "capstream.lobby", kafka.topic("captions"))
    consumer = kafka.consumer(auto_offset_reset="earliest")
    partitions = consumer.partitions_for_topic(kafka.topic("captions"))
    consumer.close()
    assert len(partitions) == topics.seen["captions"].partitions


def test_it_may_not_make_topics_of_another_prefix(broker: Kafka) -> None:
    with pytest.raises(ConfigError, match="does not allow"):
        ensure_topics(user(broker, "other"))


def test_it_may_not_take_over_who_ships_another_prefix(broker: Kafka) -> None:
    with pytest.raises(ConfigError, match="TransactionalIdAuthorizationFailed"):
        produce(user(broker, "capstream"), "other.lobby", "capstream.captions.v1")
