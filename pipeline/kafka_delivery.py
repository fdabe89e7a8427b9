"""`kafka_out` beside a run: started with it, started again whenever it ends early, and waited for at the end. It never holds a lane up."""

import random
import subprocess
import sys
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager, closing, nullcontext, suppress
from dataclasses import dataclass, field
from pathlib import Path
from threading import Condition, Event, Thread
from time import monotonic

import msgspec

from operators.errors import BrokerUnavailable
from pipeline.kafka_connection import Kafka, KafkaOptions
from pipeline.kafka_folders import generations
from pipeline.kafka_out import AGAIN, REFUSED, OutConfig, Said
from pipeline.kafka_shipment import LANES, CommittedLines
from pipeline.kafka_topics import ensure_topics
from pipeline.telemetry import DeliveryStats

ADMIT_S = 90.0
"""For the first word on a stream: a transaction of its last owner may have to run out."""
PATIENCE_S = 30.0
"""At the end of a run, without anything shipped."""
BACKOFF_S = (0.2, 5.0)
EVERYTHING = 1 << 62


@dataclass(slots=True)
class Delivered:
    """What was said of one stream."""

    ready: bool = False
    refused: str | None = None
    ends: dict[int, dict[str, int]] = field(default_factory=dict)
    """By generation: bytes of each log that are shipped."""
    latency_s: float = 0.0
    """Of the last transaction."""


class Delivery(AbstractContextManager["Delivery"]):
    """One `kafka_out` for the streams of `out`. Any thread. `say` is told of troubles, a line each, from a thread of its own."""

    def __init__(self, kafka: Kafka, out: Path, limit: int, say: Callable[[str], None]) -> None:
        self._kafka, self._out, self._limit, self._say = kafka, out, limit, say
        self._streams: dict[str, Delivered] = {}
        self._news = Condition()
        self._trouble = ""
        self._moved_s = monotonic()
        self._process: subprocess.Popen[bytes] | None = None
        self._draining = False
        self._closing = Event()
        self._thread = Thread(target=self._keep, name="kafka_out", daemon=True)
        self._thread.start()

    def admit(self, stream_ids: Iterable[str]) -> dict[str, str]:
        """Before the lanes of these streams start: their folders are looked at, set aside, or made from what Kafka has.

        Returns the streams that must not run, and why. Raises BrokerUnavailable where nothing is heard.
        """
        wanted = list(stream_ids)
        with self._news:
            for stream_id in wanted:
                self._streams.setdefault(stream_id, Delivered())
                self._write(stream_id)
            heard = self._news.wait_for(lambda: all(self._streams[s].ready or self._streams[s].refused for s in wanted), ADMIT_S)
            if not heard:
                raise BrokerUnavailable(f"Kafka says nothing of {', '.join(wanted)} ({self._trouble or 'no answer'}): try again later")
            return {s: why for s in wanted if (why := self._streams[s].refused)}

    def finish(self) -> list[str]:
        """The lanes have ended: wait until everything is shipped, and while there is progress. What is not, a line a stream."""
        with self._news:
            self._draining, self._moved_s = True, monotonic()
            self._hang_up()
        while self._thread.is_alive() and monotonic() - self._moved_s < PATIENCE_S:
            self._thread.join(0.1)
        self._stop()
        return [line for stream_id, told in self._streams.items() if (line := self._left(stream_id, told))]

    def stats(self) -> dict[str, DeliveryStats]:
        """How each stream stands that something was shipped of."""
        with self._news:
            shipped = {stream_id: (max(told.ends), told) for stream_id, told in self._streams.items() if told.ends}
        return {
            s: DeliveryStats(_size(self._out / s / str(n)) - sum(told.ends[n].values()), told.latency_s) for s, (n, told) in shipped.items()
        }

    def __exit__(self, *error: object) -> None:
        self._stop()

    def _left(self, stream_id: str, told: Delivered) -> str | None:
        if told.refused:
            return f"{stream_id}: not delivered to Kafka: {told.refused}"
        folder = self._out / stream_id
        count = sum(_records(folder / str(n), told.ends.get(n, {})) for n in generations(folder) if n >= max(told.ends, default=0))
        if not count:
            return None
        why = f" ({self._trouble})" if self._trouble else ""
        return f"{stream_id}: {count} records are not in Kafka yet{why}; run the same command again to deliver them"

    def _keep(self) -> None:
        """Start it, and start it again as long as it says so."""
        failures = 0
        while not self._closing.is_set():
            moved_s = self._moved_s
            if self._run_once() in (0, REFUSED) or self._closing.is_set():
                return
            failures = 0 if self._moved_s > moved_s else failures + 1
            self._closing.wait(min(BACKOFF_S[1], BACKOFF_S[0] * 2**failures) * random.uniform(0.5, 1.5))

    def _run_once(self) -> int:
        command = [sys.executable, "-m", "pipeline.kafka_out"]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True) as process:
            assert process.stdout is not None
            with self._news:
                self._process = process
                config = OutConfig(out=str(self._out), kafka=self._kafka.options, streams=list(self._streams), limit=self._limit)
                self._write(msgspec.json.encode(config).decode())
                if self._draining:
                    self._hang_up()
            for line in process.stdout:
                self._hear(msgspec.json.decode(line, type=Said))
            code = process.wait()
        with self._news:
            self._process = None
            if code not in (0, REFUSED, AGAIN):
                self._trouble = f"kafka_out ended with {code}"
        return code

    def _hear(self, said: Said) -> None:
        with self._news:
            told = self._streams.get(said.stream_id or "", Delivered())
            if said.generation is not None:
                told.ends[said.generation] = said.ends or {}
                told.latency_s = (said.latency_ms or 0) / 1000
            if said.state in ("ready", "shipped"):
                told.ready = True
                self._moved_s, self._trouble = monotonic(), ""
            elif said.state == "refused":
                told.refused = said.message
            if said.message and said.message != self._trouble:
                self._trouble = said.message
                self._say(f"{said.stream_id or 'Kafka'}: {said.message}")
            self._news.notify_all()

    def _write(self, line: str) -> None:
        with suppress(OSError, ValueError):
            if self._process is not None and self._process.stdin is not None:
                self._process.stdin.write(line.encode() + b"\n")
                self._process.stdin.flush()

    def _hang_up(self) -> None:
        with suppress(OSError):
            if self._process is not None and self._process.stdin is not None:
                self._process.stdin.close()

    def _stop(self) -> None:
        self._closing.set()
        if (process := self._process) is not None:
            process.terminate()
        self._thread.join(2)
        if (process := self._process) is not None:
            process.kill()
            self._thread.join(5)


def deliver(options: KafkaOptions, out: Path, say: Callable[[str], None]) -> AbstractContextManager[Delivery | None]:
    """The delivery of a run, its topics made and checked; of None where no broker is named.

    Raises:
        BrokerUnavailable: nobody answers.
        ConfigError: too old a broker, a refusal, or a topic with settings under which records would be lost or come twice.
    """
    if not options.bootstrap:
        return nullcontext()
    kafka = Kafka.of(options)
    topics = ensure_topics(kafka)
    topics.require()
    return Delivery(kafka, out, topics.limit, say)


def _size(place: Path) -> int:
    return sum(log.stat().st_size for name in LANES if (log := place / f"{name}.jsonl").exists())


def _records(place: Path, ends: dict[str, int]) -> int:
    count = 0
    for name in LANES:
        with closing(CommittedLines(place / f"{name}.jsonl", ends.get(name, 0))) as lines:
            count += sum("record" in line.content for line in lines.read(EVERYTHING))
    return count
