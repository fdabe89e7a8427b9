"""Logs that grow without media or models, a `kafka_out` that ships them, and a reader that sees what consumers see."""

import json
import os
import signal
import subprocess
import sys
import threading
from collections import defaultdict
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from time import monotonic
from typing import Any, Self

import msgspec

from operators.facts import Word
from operators.records import Caption, Clock, End, Event, Gap, Model, Record, Transcript
from pipeline.generations import Generation
from pipeline.kafka_connection import Kafka, KafkaOptions
from pipeline.kafka_messages import MESSAGE_BYTES
from pipeline.kafka_out import OutConfig
from pipeline.log import Header, LogWriter

LANES = ("look", "listen", "narrate")
Identity = tuple[str, int, str]


@dataclass
class Logs:
    """The three logs of one generation. `say` appends a record, `commit` makes it final; a second of media passes with each record."""

    out: Path
    stream_id: str = "one"
    number: int = 1
    folder_id: str = "folder-a"
    clock: Clock | None = None
    seconds: dict[str, int] = field(default_factory=lambda: dict.fromkeys(LANES, 0))

    def __post_init__(self) -> None:
        self.place.mkdir(parents=True, exist_ok=True)
        generation = Generation(self.number, "source", "settings", "run", self.folder_id, "")
        if not (self.place / "generation.json").exists():
            (self.place / "generation.json").write_bytes(msgspec.json.encode(generation))
        header = {"look.black": [Model("text", "none")]}
        self.writers = {
            lane: LogWriter(
                self.place / f"{lane}.jsonl", Header(self.stream_id, self.number, lane, header, "source", "settings", self.clock)
            )
            for lane in LANES
        }

    @property
    def place(self) -> Path:
        return self.out / self.stream_id / str(self.number)

    def say(self, lane: str, count: int = 1, text: str = "so it goes") -> None:
        for _ in range(count):
            at = self.seconds[lane] = self.seconds[lane] + 1
            origin, record = _record(lane, Fraction(at), text)
            self.writers[lane].append(origin, record)

    def fact(self, lane: str, end: int) -> None:
        self.writers[lane].append(f"{lane}.words", Word(Fraction(end - 1), Fraction(end), "word", 0.5, "en", "s1"))

    def commit(self, lane: str, operators: dict[str, Any] | None = None, done: bool = False) -> None:
        position = Fraction(self.seconds[lane])
        self.writers[lane].commit(position, None if done else position, operators or {}, done)

    def finish(self) -> None:
        """Every lane says its End."""
        for lane in LANES:
            at = Fraction(self.seconds[lane])
            self.writers[lane].append(lane, End(at, at, lane, None, self.seconds[lane] * 1000, {}))
            self.commit(lane, done=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for writer in self.writers.values():
            writer.close()


def _record(lane: str, at: Fraction, text: str) -> tuple[str, Record]:
    begin = at - 1
    if lane == "look":
        return "look.black", Event(begin, at, f"e{at}", "start", "black", "picture", 0.9, 0.9)
    if lane == "listen":
        return "listen.words", Transcript(begin, at, f"s{at}", text, "en")
    return "narrate.subtitles", Caption(begin, at, "subtitle", text, (text,), "en", 0.9, f"c{at}")


def gap(lane: str, at: int) -> Gap:
    return Gap(Fraction(at), Fraction(at), lane, "model_error")


class Out:
    """A `kafka_out` that runs, and what it says."""

    def __init__(self, config: OutConfig, command: tuple[str, ...] = ("-m", "pipeline.kafka_out"), password: str = "") -> None:
        self.said: list[dict[str, Any]] = []
        environment = {**os.environ, "CAPSTREAM_KAFKA_PASSWORD": password}
        self.process = subprocess.Popen(
            [sys.executable, *command], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment
        )
        self._news = threading.Condition()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        assert self.process.stdin is not None
        self.process.stdin.write(msgspec.json.encode(config) + b"\n")
        self.process.stdin.flush()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            with self._news:
                self.said.append(json.loads(line))
                self._news.notify_all()
        with self._news:
            self._news.notify_all()

    def wait_for(self, state: str, count: int = 1, timeout: float = 60, **more: Any) -> dict[str, Any]:
        """The last of `count` lines that say so. Raises AssertionError with all that was said."""
        deadline = monotonic() + timeout
        with self._news:
            while True:
                found = [s for s in self.said if s["state"] == state and more.items() <= s.items()]
                if len(found) >= count:
                    return found[-1]
                going = monotonic() < deadline and self._reader.is_alive()
                assert going, f"not {state}: {self.said[-5:]} {self._errors()}"
                self._news.wait(1)

    def _errors(self) -> str:
        if self.process.poll() is None or self.process.stderr is None:
            return ""
        return self.process.stderr.read().decode()[-2000:]

    def drain(self, timeout: float = 60) -> int:
        """Nothing more is written: its exit code once it has shipped everything."""
        assert self.process.stdin is not None
        self.process.stdin.close()
        return self.end(timeout)

    def end(self, timeout: float = 60) -> int:
        """Its exit code. Raises AssertionError with what it said where it does not end."""
        try:
            code = self.process.wait(timeout)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"kafka_out does not end: {self.said[-5:]}") from None
        self._reader.join(5)
        return code

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.process.send_signal(signal.SIGCONT)
        self.kill()
        self._reader.join(5)
        for pipe in (self.process.stdin, self.process.stdout, self.process.stderr):
            with suppress(OSError):
                pipe.close()  # type: ignore[union-attr]


def options(bootstrap: str, prefix: str, **more: Any) -> KafkaOptions:
    return KafkaOptions(bootstrap=bootstrap, prefix=prefix, **more)


def ship(out: Path, kafka: Kafka, *streams: str, limit: int = MESSAGE_BYTES) -> int:
    """Ship what is there; the exit code."""
    with Out(OutConfig(out=str(out), kafka=kafka.options, streams=list(streams), limit=limit)) as process:
        return process.drain()


def ship_whatever_comes(out: Path, kafka: Kafka, *streams: str) -> None:
    """Ship what is there as who starts `kafka_out` does: again until it says that all is shipped."""
    codes: list[int] = []
    while not codes or codes[-1]:
        codes.append(ship(out, kafka, *streams))
        assert len(codes) < 10, codes


def read(kafka: Kafka, *topics: str, isolation: str = "read_committed") -> list[Any]:
    """Every message of the topics that is there now, in the order of each partition."""
    return list(_read(kafka, topics or ("transcripts", "captions", "events", "gaps"), isolation))


def _read(kafka: Kafka, topics: tuple[str, ...], isolation: str) -> Iterator[Any]:
    from kafka import KafkaConsumer, TopicPartition

    more = {"enable_auto_commit": False, "auto_offset_reset": "earliest", "group_id": None, "isolation_level": isolation}
    consumer = KafkaConsumer(**kafka.client_options(), **more)
    try:
        names = [kafka.topic(t) for t in topics]
        partitions = [TopicPartition(n, p) for n in names for p in sorted(consumer.partitions_for_topic(n) or ())]
        consumer.assign(partitions)
        consumer.seek_to_beginning()
        ends = consumer.end_offsets(partitions)
        while any(consumer.position(p) < ends[p] for p in partitions):
            for records in consumer.poll(100).values():
                yield from records
    finally:
        consumer.close()


def sequences(messages: list[Any]) -> dict[Identity, list[int]]:
    """The sequences that a reader saw, in its order, by (stream, generation, origin)."""
    seen: dict[Identity, list[int]] = defaultdict(list)
    for message in messages:
        value = json.loads(message.value)
        seen[value["stream_id"], value["generation"], value["origin"]].append(value["sequence"])
    return dict(seen)


def assert_exact(kafka: Kafka, expected: dict[Identity, int]) -> list[Any]:
    """Every origin counts 0, 1, 2, … to its number: none missing, none twice, in order. The messages."""
    messages = read(kafka)
    assert sequences(messages) == {name: list(range(count)) for name, count in expected.items()}
    return messages
