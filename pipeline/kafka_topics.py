"""The topics: made where they are missing, and judged by what the guarantee asks of them (`capstream topics`)."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from rich.console import Console
from rich.table import Table

from operators.errors import ConfigError
from pipeline.kafka_connection import Kafka
from pipeline.kafka_messages import MESSAGE_BYTES

PARTITIONS = 6
REPLICAS, IN_SYNC = 3, 2
CHECKPOINT_BYTES = 8 << 20
DAY_MS = 86_400_000
TRANSACTION_MS = 10_000
COMPACTED = ("checkpoints", "streams", "control")
SHORT_LIVED = ("partials",)
NAMES = ("transcripts", "captions", "events", "gaps", "checkpoints", "streams", "partials", "control", "dlq")
RECORDS = ("transcripts", "captions", "events", "gaps")

FORGOTTEN = {
    "checkpoints": "what a quiet stream has shipped is forgotten, and shipped twice",
    "streams": "states are forgotten",
    "control": "streams that were added are forgotten",
}
"""Of a topic that should be compacted and is not."""

State = Literal["good", "made", "weak", "broken"]
"""weak: what is promised does not outlive the loss of a broker, or a reader that is away for long; broken: nothing is shipped."""
COLOURS = {"good": "green", "made": "green", "weak": "yellow", "broken": "red"}


@dataclass(frozen=True, slots=True)
class Seen:
    """A topic, or the brokers as a whole, as they are."""

    name: str
    partitions: int
    replicas: int
    config: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Finding:
    topic: str
    state: State
    said: str


@dataclass(frozen=True, slots=True)
class Topics:
    """What was found, and all that one who sends must know."""

    seen: dict[str, Seen]
    """By short name."""
    findings: list[Finding]

    @property
    def limit(self) -> int:
        """Bytes of the largest message that every topic of records takes."""
        return min(MESSAGE_BYTES, *(int(self.seen[name].config["max.message.bytes"]) for name in (*RECORDS, "dlq")))

    def require(self) -> None:
        """Raises ConfigError where something is broken."""
        broken = [f"{f.topic}: {f.said}" for f in self.findings if f.state == "broken"]
        if broken:
            raise ConfigError(f"{'; '.join(broken)} (capstream topics says all)")


def wanted(name: str) -> dict[str, str]:
    """The settings with which a topic is made."""
    if name in COMPACTED:
        # Small segments: only closed ones are compacted, and a starting shipper reads what is not.
        compacted = {"cleanup.policy": "compact", "segment.ms": "3600000", "min.cleanable.dirty.ratio": "0.1"}
        return compacted | ({"max.message.bytes": str(CHECKPOINT_BYTES)} if name == "checkpoints" else {})
    return {"cleanup.policy": "delete", "retention.ms": str(DAY_MS if name in SHORT_LIVED else 7 * DAY_MS)}


def audit(topic: Seen, partitions: int) -> list[tuple[State, str]]:
    """What of a topic's settings breaks the guarantee; `partitions` is the number that all topics should have."""
    name, config = topic.name, topic.config
    found: list[tuple[State, str]] = []
    policy = set(config.get("cleanup.policy", "delete").split(","))
    if name in COMPACTED and policy != {"compact"}:
        state: State = "broken" if name == "checkpoints" else "weak"
        why = FORGOTTEN[name]
        found.append((state, f"cleanup.policy is {','.join(sorted(policy))}, not compact: {why}"))
    if name not in COMPACTED and "compact" in policy:
        found.append(("broken", "cleanup.policy compacts: of each stream only its last record would stay; set it to delete"))
    kept = int(config.get("retention.ms", -1))
    if name in RECORDS and 0 <= kept < DAY_MS:
        found.append(("weak", f"retention.ms is {kept}: a reader that is away for longer misses records"))
    if topic.partitions != partitions:
        found.append(("broken", f"{topic.partitions} partitions where the others have {partitions}: streams would change their partition"))
    if topic.replicas < REPLICAS:
        found.append(("weak", f"replication {topic.replicas}, not {REPLICAS}: records go with a broker"))
    if topic.replicas > 1 and int(config.get("min.insync.replicas", 1)) < IN_SYNC:
        found.append(("weak", "min.insync.replicas is 1, not 2: a record may be on one broker alone"))
    if config.get("unclean.leader.election.enable") == "true":
        found.append(("weak", "unclean.leader.election.enable: records may be lost by an election"))
    if name == "checkpoints" and int(config.get("max.message.bytes", 0)) < CHECKPOINT_BYTES:
        found.append(("weak", f"max.message.bytes is under {CHECKPOINT_BYTES}: the checkpoint of a large stream may not fit"))
    return found


def audit_brokers(config: Mapping[str, str], transaction_replicas: int) -> list[tuple[State, str]]:
    """What of the brokers' own settings breaks the guarantee."""
    found: list[tuple[State, str]] = []
    if config.get("auto.create.topics.enable") == "true":
        found.append(("weak", "auto.create.topics.enable: a wrong prefix makes topics with wrong settings instead of an error"))
    if int(config.get("transaction.max.timeout.ms", 900_000)) < TRANSACTION_MS:
        found.append(("broken", f"transaction.max.timeout.ms is under {TRANSACTION_MS}: no transaction of ours is taken"))
    if transaction_replicas < REPLICAS:
        found.append(("weak", f"transaction.state.log.replication.factor is {transaction_replicas}, not {REPLICAS}"))
    elif int(config.get("transaction.state.log.min.isr", 1)) < IN_SYNC:
        found.append(("weak", f"transaction.state.log.min.isr is under {IN_SYNC}"))
    return found


def ensure_topics(kafka: Kafka) -> Topics:
    """Make what is missing and judge everything. Blocking.

    Raises:
        BrokerUnavailable: nobody answers.
        ConfigError: the broker is too old or does not allow it.
    """
    admin = kafka.admin()
    try:
        with kafka.mapped():
            there = _describe(admin, kafka)
            partitions = _partitions(there)
            missing = [name for name in NAMES if name not in there]
            if missing:
                brokers = len(admin.describe_cluster()["brokers"])
                _create(admin, kafka, missing, (partitions, min(REPLICAS, brokers)))
                there |= _describe(admin, kafka, missing)
            config, replicas = _describe_brokers(admin)
    finally:
        admin.close()
    findings = [Finding(kafka.topic(n), s, said) for n in NAMES for s, said in _judge(there[n], partitions, n in missing)]
    return Topics(there, [*findings, *(Finding("the brokers", s, said) for s, said in audit_brokers(config, replicas))])


def show(kafka: Kafka) -> int:
    """`capstream topics`: make, check, print. 0, or 1 where nothing could be shipped. Raises as `ensure_topics`."""
    topics = ensure_topics(kafka)
    table = Table("topic", "partitions", "replication", "cleanup", "kept", "state", box=None, pad_edge=False)
    for name, seen in topics.seen.items():
        states = [f.state for f in topics.findings if f.topic == kafka.topic(name)]
        worst = max(states, key=list(COLOURS).index)
        kept = int(seen.config.get("retention.ms", -1))
        days = "-" if name in COMPACTED else "always" if kept < 0 else f"{kept / DAY_MS:g} d"
        row = (kafka.topic(name), str(seen.partitions), str(seen.replicas), seen.config.get("cleanup.policy", ""), days)
        table.add_row(*row, f"[{COLOURS[worst]}]{worst}[/]")
    console = Console(highlight=False, soft_wrap=True)
    console.print(table)
    said: dict[tuple[State, str], list[str]] = {}
    for f in topics.findings:
        if f.said:
            said.setdefault((f.state, f.said), []).append(f.topic)
    for (state, what), where in said.items():
        console.print(f"[{COLOURS[state]}]{state}[/]: {what} ({'all topics' if len(where) == len(NAMES) else ', '.join(where)})")
    return int(any(f.state == "broken" for f in topics.findings))


def _judge(topic: Seen, partitions: int, made: bool) -> list[tuple[State, str]]:
    return audit(topic, partitions) or [("made" if made else "good", "")]


def _partitions(there: Mapping[str, Seen]) -> int:
    """As many as the checkpoints' topic has: in it stands what was shipped from where."""
    counted = there.get("checkpoints") or next(iter(there.values()), None)
    return counted.partitions if counted else PARTITIONS


def _describe(admin: Any, kafka: Kafka, names: list[str] | None = None) -> dict[str, Seen]:
    from kafka.admin import ConfigResource, ConfigResourceType

    topics = {kafka.topic(name): name for name in names or NAMES}
    found = {t["name"]: t["partitions"] for t in admin.describe_topics(list(topics)) if t["partitions"]}
    if not found:
        return {}
    asked = [ConfigResource(ConfigResourceType.TOPIC, name) for name in found]
    configs = _values(admin.describe_configs(asked, config_filter="all"))
    return {topics[n]: Seen(topics[n], len(p), len(p[0]["replica_nodes"]), configs[n]) for n, p in sorted(found.items())}


def _create(admin: Any, kafka: Kafka, names: list[str], shape: tuple[int, int]) -> None:
    from kafka.errors import TopicAlreadyExistsError

    partitions, replicas = shape
    held = {"min.insync.replicas": str(IN_SYNC)} if replicas >= REPLICAS else {}
    specs = {
        kafka.topic(name): {"num_partitions": partitions, "replication_factor": replicas, "configs": wanted(name) | held} for name in names
    }
    try:
        admin.create_topics(specs, wait_for_metadata=True)
    except TopicAlreadyExistsError:
        admin.wait_for_topics(list(specs))  # somebody else makes them at the same time


def _describe_brokers(admin: Any) -> tuple[dict[str, str], int]:
    from kafka.admin import ConfigResource, ConfigResourceType

    node = admin.describe_cluster()["brokers"][0]["broker_id"]
    [config] = _values(admin.describe_configs([ConfigResource(ConfigResourceType.BROKER, str(node))], config_filter="all")).values()
    return config, int(config.get("transaction.state.log.replication.factor", 1))


def _values(described: Any) -> dict[str, dict[str, str]]:
    """Settings by the name of the topic or the number of the broker."""
    return {name: {key: str(c["value"]) for key, c in config.items()} for kind in described.values() for name, config in kind.items()}
