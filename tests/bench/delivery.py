"""What exactly-once costs: transactions against plain sends, on a real broker that is started for it, as ratios within one run.

    python tests/bench/delivery.py [--write FILE]

prints a table; exit 1 where a bound is missed.
"""

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from fractions import Fraction
from pathlib import Path
from uuid import uuid4

from markdown import table

sys.path[:0] = [str(Path(__file__).parents[2]), str(Path(__file__).parents[1] / "kafka")]

from kafka_streams import LANES, Logs, read, ship  # noqa: E402

from deploy.kafka.broker import Broker, Listener, free_port  # noqa: E402
from operators.records import Caption, Identity, to_wire  # noqa: E402
from pipeline.kafka_checkpoint import Checkpoint, partition_of  # noqa: E402
from pipeline.kafka_connection import Kafka, KafkaOptions  # noqa: E402
from pipeline.kafka_messages import Message, frame  # noqa: E402
from pipeline.kafka_producer import TransactionalProducer  # noqa: E402
from pipeline.kafka_topics import ensure_topics  # noqa: E402

CLIP = Path(__file__).parents[2] / "pipeline" / "demo" / "clip.mp4"
CAPSTREAM = str(Path(sys.executable).with_name("capstream"))
TRANSACTIONS, RECORDS, APART_S = 300, 4, 0.05
BACKLOG = 30_000
ROUNDS = 3


def messages(count: int) -> list[Message]:
    made = []
    for n in range(count):
        caption = Caption(Fraction(n), Fraction(n + 1), "subtitle", "so it goes, and goes", ("so it goes, and goes",), "en", 0.9, f"c{n}")
        made.append(frame(to_wire(caption, Identity("one", 1, "narrate.subtitles", n), "2026-01-01T00:00:00.000Z")))
    return made


def transactions(kafka: Kafka) -> list[float]:
    """Seconds of each transaction, as a live stream makes them."""
    producer = TransactionalProducer(kafka, "one", lambda seconds: nullcontext())
    producer.open()
    batch, checkpoint = messages(RECORDS), Checkpoint("one", 1, "folder", "source", "settings")
    took = []
    for _ in range(TRANSACTIONS):
        producer.ship(batch, checkpoint)
        took.append(producer.latency_s)
        time.sleep(APART_S)
    producer.close()
    return sorted(took[10:])


def plain(kafka: Kafka) -> list[float]:
    """Seconds of the same records sent by an idempotent producer and waited for."""
    from kafka import KafkaProducer

    producer = KafkaProducer(**kafka.client_options(), compression_type="zstd")
    topic = kafka.topic("captions")
    partition = partition_of("one", len(producer.partitions_for(topic)))
    batch, took = messages(RECORDS), []
    for _ in range(TRANSACTIONS):
        begun = time.perf_counter()
        for message in batch:
            producer.send(topic, message.value, b"one", message.headers, partition)
        producer.flush(10)
        took.append(time.perf_counter() - begun)
        time.sleep(APART_S)
    producer.close()
    return sorted(took[10:])


def backlog(kafka: Kafka, folder: Path) -> tuple[float, float]:
    """Records a second of whole logs: shipped exactly once, the process started and ended included; and sent plainly."""
    with Logs(folder) as logs:
        for n in range(BACKLOG // 100):
            logs.say(LANES[n % 3], 100)
            logs.commit(LANES[n % 3])
    begun = time.perf_counter()
    assert ship(folder, kafka, "one") == 0
    exactly = time.perf_counter() - begun
    assert len(read(kafka)) == BACKLOG
    begun = time.perf_counter()
    sends(kafka, folder)
    return BACKLOG / exactly, BACKLOG / (time.perf_counter() - begun)


def sends(kafka: Kafka, folder: Path) -> None:
    from kafka import KafkaProducer

    from pipeline.log import committed_records

    producer = KafkaProducer(**kafka.client_options(), compression_type="zstd")
    partition = partition_of("one", len(producer.partitions_for(kafka.topic("captions"))))
    for lane in LANES:
        for wire in committed_records(folder / "one" / "1" / f"{lane}.jsonl"):
            message = frame(wire)
            producer.send(kafka.topic(message.topic), message.value, b"one", message.headers, partition)
    producer.flush(60)
    producer.close()


def runs(kafka: Kafka, folder: Path) -> float:
    """Wall time of runs that deliver over runs that do not, medians of alternating rounds, one clip taken many times."""

    def run(*more: str) -> float:
        sources = [f"s{n}={CLIP}" for n in range(6)]
        out = str(folder / uuid4().hex)
        begun = time.perf_counter()
        subprocess.run([CAPSTREAM, "run", *sources, "--runtime", "local", "--out", out, *more], check=True, capture_output=True)
        return time.perf_counter() - begun

    rounds = []
    for _ in range(ROUNDS):
        without = run()
        rounds.append(run("--kafka", kafka.options.bootstrap, "--set", f"kafka.prefix=b{uuid4().hex[:8]}") / without)
    return statistics.median(rounds)


@contextmanager
def broker(folder: Path) -> Iterator[Kafka]:
    running = Broker(folder, [Listener("PLAIN", free_port())])
    running.start()
    try:
        kafka = Kafka(KafkaOptions(bootstrap=running.bootstrap, prefix="bench"))
        ensure_topics(kafka)
        yield kafka
    finally:
        running.kill()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--write", type=Path)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, broker(Path(folder) / "broker") as kafka:
        once, sent = transactions(kafka), plain(kafka)
        fresh = Kafka(KafkaOptions(bootstrap=kafka.options.bootstrap, prefix="backlog"))
        ensure_topics(fresh)
        exactly, bare = backlog(fresh, Path(folder) / "out")
        ratio = runs(kafka, Path(folder))
    median, p99 = (1000 * once[int(len(once) * q)] for q in (0.5, 0.99))
    rows = [
        (
            f"a transaction of {RECORDS} records and their checkpoint, median of {len(once)} (p99 {p99:.0f} ms)",
            f"{median:.1f} ms",
            10.0,
            median,
        ),
        ("a run that delivers to Kafka over one that does not, wall time", f"{ratio:.2f}", 1.10, ratio),
    ]
    said = [
        {"measured": what, "here": here, "bound": f"at most {bound:g}", "held": "yes" if value <= bound else "NO"}
        for what, here, bound, value in rows
    ]
    said.append(
        {
            "measured": f"{RECORDS} plain sends, waited for, median",
            "here": f"{1000 * statistics.median(sent):.1f} ms",
            "bound": "",
            "held": "",
        }
    )
    said.append(
        {
            "measured": f"a log of {BACKLOG} records, exactly once (plain sends)",
            "here": f"{exactly:.0f} ({bare:.0f}) records a second",
            "bound": "",
            "held": "",
        }
    )
    print(table(said))
    if args.write:
        args.write.write_text(table(said) + "\n")
    sys.exit(any(value > bound for *_, bound, value in rows))


if __name__ == "__main__":
    main()
