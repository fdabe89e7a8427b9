"""Which settings of topics and brokers break the guarantee."""

from typing import Any

import pytest

from pipeline.kafka_topics import CHECKPOINT_BYTES, NAMES, Seen, audit, audit_brokers, wanted

GOOD = {"min.insync.replicas": "2", "unclean.leader.election.enable": "false"}
BROKER = {"transaction.state.log.min.isr": "2", "auto.create.topics.enable": "false"}


def topic(name: str, partitions: int = 6, replicas: int = 3, **config: Any) -> Seen:
    return Seen(name, partitions, replicas, {**GOOD, **wanted(name), **{k.replace("_", "."): str(v) for k, v in config.items()}})


@pytest.mark.parametrize("name", NAMES)
def test_what_is_made_is_good(name: str) -> None:
    assert audit(topic(name), 6) == []


@pytest.mark.parametrize(
    ("seen", "state", "said"),
    [
        (topic("checkpoints", cleanup_policy="delete"), "broken", "shipped twice"),
        (topic("checkpoints", cleanup_policy="compact,delete"), "broken", "shipped twice"),
        (topic("checkpoints", max_message_bytes=CHECKPOINT_BYTES - 1), "weak", "max.message.bytes"),
        (topic("streams", cleanup_policy="delete"), "weak", "states are forgotten"),
        (topic("captions", cleanup_policy="compact"), "broken", "only its last record"),
        (topic("captions", retention_ms=1000), "weak", "retention.ms is 1000"),
        (topic("captions", partitions=7), "broken", "7 partitions where the others have 6"),
        (topic("captions", replicas=1), "weak", "replication 1"),
        (topic("captions", min_insync_replicas=1), "weak", "min.insync.replicas"),
        (topic("captions", unclean_leader_election_enable="true"), "weak", "unclean"),
    ],
)
def test_what_breaks_the_guarantee_is_said(seen: Seen, state: str, said: str) -> None:
    [(found, what)] = audit(seen, 6)
    assert found == state
    assert said in what


def test_brokers_are_judged() -> None:
    assert audit_brokers(BROKER, 3) == []
    assert [s for s, _ in audit_brokers({**BROKER, "auto.create.topics.enable": "true"}, 3)] == ["weak"]
    assert [s for s, _ in audit_brokers({**BROKER, "transaction.max.timeout.ms": "5000"}, 3)] == ["broken"]
    assert [s for s, _ in audit_brokers(BROKER, 1)] == ["weak"]
    assert [s for s, _ in audit_brokers({**BROKER, "transaction.state.log.min.isr": "1"}, 3)] == ["weak"]
