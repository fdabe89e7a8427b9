"""A live 1080p25 stream watched for long: does it keep up, does anything grow, and how late are words and events at a consumer of Kafka?

    python tests/bench/live.py [--minutes 30] [--profile cpu] [--write docs/live_bench.md]

prints a table; exit 1 where a bound is missed. The stream is a looped talk, sent over SRT by the clock.
"""

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterable
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psutil
from markdown import table
from speed import CAPSTREAM, CORES, make_talk

sys.path.insert(0, str(Path(__file__).parents[2]))
from deploy.kafka.broker import Broker, Listener, free_port
from pipeline.kafka_connection import Kafka, KafkaOptions

EVERY_S = 10.0
WARM_S = 120.0
"""What happens before is start-up."""
SPOOL_BYTES = 64 << 20
"""A spool of this bound is full after about three minutes: the disk has to be flat then, as with a large one later."""
TOPICS = ("transcripts", "captions", "events", "partials")
DISK = """Logs and stills grow up to their own bounds: 64 to 80 MiB a log (what Kafka has of older ones is freed), stills of the last hour.
"""
NAMES = {
    "partial": "a word, to the partial that shows it first",
    "stable": "a word, to the partial that calls it certain",
    "word": "a word, to the final transcript",
    "start": "start of an event",
    "subtitle": "subtitle",
    "description": "description",
}


@dataclass(frozen=True, slots=True)
class Sample:
    """Of the whole process tree, the broker left out."""

    at_s: float
    lag_s: float
    rss_mb: float
    handles: int
    threads: int
    spool_mb: float
    kept_mb: float
    cpu_s: float


@dataclass(slots=True)
class Consumer:
    """A read_committed consumer in a thread: how late each record came, by what it is."""

    kafka: Kafka
    stop: threading.Event = field(default_factory=threading.Event)
    late_s: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    newest: dict[tuple[str, str], int] = field(default_factory=dict)
    streams: set[str] = field(default_factory=set)
    words: int = 0
    erased: int = 0

    def run(self) -> None:
        from kafka import TopicPartition

        consumer = self.kafka.consumer(auto_offset_reset="earliest", fetch_max_wait_ms=20)
        names = [self.kafka.topic(t) for t in TOPICS]
        consumer.assign([TopicPartition(n, p) for n in names for p in consumer.partitions_for_topic(n)])
        while not self.stop.is_set():
            for records in consumer.poll(100).values():
                for record in records:
                    self._hear(json.loads(record.value))
        consumer.close()

    def _hear(self, record: dict[str, Any]) -> None:
        self.streams.add(record["stream_id"])
        now, zero = datetime.now(UTC), datetime.fromisoformat(record["start_time"]) - timedelta(milliseconds=record["start_ms"])

        def late(name: str, end_ms: int) -> None:
            self.late_s[name].append((now - zero).total_seconds() - end_ms / 1000)

        match record:
            case {"type": "partial", "words": words, "stable": stable}:
                self.erased += record["erased"]
                for name, count in (("partial", len(words)), ("stable", stable)):
                    key = record["stream_id"], name
                    if count and words[count - 1]["end_ms"] > self.newest.get(key, 0):
                        self.newest[key] = words[count - 1]["end_ms"]
                        late(name, self.newest[key])
            case {"type": "transcript", "words": words}:
                self.words += len(words)
                for word in words:
                    late("word", word["end_ms"])
            case _:
                what = record.get("lifecycle") or record["kind"]
                if what in NAMES:
                    late(what, record["end_ms"])


def watch(out: Path, process: psutil.Process, since: float) -> Sample | None:
    """None where no stream runs yet; the longest lag."""
    with suppress(FileNotFoundError, psutil.Error):
        lags = [s["lag_ms"] for s in json.loads((out / "fleet.json").read_bytes())["streams"] if s["lag_ms"] is not None]
        if not lags:
            return None
        recorders = [p for p in psutil.process_iter() if any(f.path.startswith(str(out)) for f in _of(p.open_files, []))]
        tree = {p.pid: p for root in (process, *recorders) for p in (root, *root.children(recursive=True))}.values()
        cpu_s = sum(sum(_of(p.cpu_times, (0, 0))[:2]) for p in tree)
        return Sample(
            time.monotonic() - since, max(lags) / 1000, sum(_of(lambda p=p: p.memory_info().rss, 0) for p in tree) / 2**20,
            sum(_of(p.num_fds, 0) for p in tree), sum(_of(p.num_threads, 0) for p in tree),
            _disk_mb(out.glob("*/*/spool/*")), _disk_mb(f for f in out.rglob("*") if f.parent.name != "spool"), cpu_s,
        )  # fmt: skip
    return None


def _disk_mb(files: Iterable[Path]) -> float:
    return sum(_of(lambda f=f: f.stat().st_blocks, 0) for f in files if f.is_file()) * 512 / 2**20


def _of(ask: Callable[[], Any], otherwise: Any) -> Any:
    try:
        return ask()
    except (psutil.Error, FileNotFoundError):
        return otherwise


def run(minutes: float, profile: str, folder: Path, streams: int = 1) -> tuple[list[Sample], Consumer]:
    with ExitStack() as stack:
        broker = Broker(folder / "broker", [Listener("PLAIN", free_port())])
        broker.start()
        stack.callback(broker.kill)
        clip, ports = make_talk(folder), [free_port() for _ in range(streams)]
        for port in ports:
            stack.callback(_send(clip, f"srt://127.0.0.1:{port}?mode=listener"))
        fleet, out = folder / "fleet.toml", folder / "out"
        head = f'profile = "{profile}"\nmetrics = "127.0.0.1:0"\nset = ["spool.max_bytes={SPOOL_BYTES}"]\n'
        fleet.write_text(head + "".join(f'[streams.talk-{n}]\nsource = "srt://127.0.0.1:{port}"\n' for n, port in enumerate(ports, 1)))
        command = [CAPSTREAM, "serve", str(fleet), "--out", str(out), "--kafka", broker.bootstrap]
        process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
        stack.callback(lambda: (process.terminate(), process.wait(60)))
        consumer = Consumer(Kafka(KafkaOptions(bootstrap=broker.bootstrap)))
        begun = time.monotonic()
        samples: list[Sample] = []
        thread: threading.Thread | None = None
        while time.monotonic() - begun < minutes * 60:
            time.sleep(EVERY_S)
            assert process.poll() is None, "serve has ended"
            if sample := watch(out, psutil.Process(process.pid), begun):
                samples.append(sample)
                if thread is None:
                    thread = threading.Thread(target=consumer.run)
                    thread.start()
                if len(samples) % 6 == 1:
                    print(f"{sample.at_s / 60:5.1f} min  lag {sample.lag_s:.1f} s  {sample.rss_mb:.0f} MB", file=sys.stderr, flush=True)
        consumer.stop.set()
        if thread:
            thread.join()
        return samples, consumer


def _send(clip: Path, target: str) -> Callable[[], object]:
    """Over and over, by the clock; what ends it."""
    command = ["ffmpeg", "-v", "error", "-nostdin", "-re", "-stream_loop", "-1", "-i", str(clip), "-c", "copy", "-f", "mpegts", target]
    sender = subprocess.Popen(command)
    return lambda: (sender.kill(), sender.wait())


def processors(samples: list[Sample]) -> float:
    """In use, on average."""
    return (samples[-1].cpu_s - samples[0].cpu_s) / (samples[-1].at_s - samples[0].at_s)


def told(seconds: list[float]) -> str:
    """Median, 95th percentile."""
    ordered = sorted(seconds)
    return f"{statistics.median(ordered):.2f} s, {ordered[min(len(ordered) - 1, len(ordered) * 95 // 100)]:.2f} s"


def growth(samples: list[Sample], name: str) -> float:
    """The last quarter's median over the first one's."""
    values = [getattr(s, name) for s in samples]
    quarter = max(1, len(values) // 4)
    return float(statistics.median(values[-quarter:]) / max(statistics.median(values[:quarter]), 1e-9))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=30)
    parser.add_argument("--profile", default="cpu")
    parser.add_argument("--write", type=Path)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        every, consumer = run(args.minutes, args.profile, Path(folder))
    samples = [s for s in every if s.at_s > WARM_S]
    lags = sorted(s.lag_s for s in samples)
    rows = [
        {"measured": "lag behind the clock, median and longest", "here": f"{statistics.median(lags):.1f} s, {lags[-1]:.1f} s"},
        {"measured": "processors used", "here": f"{processors(samples):.2f} of {CORES}"},
    ]
    names = {"rss_mb": "memory, MB", "handles": "files and sockets", "threads": "threads", "spool_mb": "disk, the spool, MB"}
    names |= {"kept_mb": "disk, logs and stills, MB"}
    for name, title in names.items():
        first, last = getattr(samples[0], name), getattr(samples[-1], name)
        rows.append({"measured": title, "here": f"{first:.0f} at first, {last:.0f} at last; {growth(samples, name):.2f} times"})
    for what, title in NAMES.items():
        if seconds := consumer.late_s[what]:
            here = f"{told(seconds)} ({len(seconds)})"
            rows.append({"measured": f"from its end to a read_committed consumer, median and p95: {title}", "here": here})
    if consumer.words:
        erasure = consumer.erased / consumer.words
        rows.append({"measured": "normalised erasure: words shown and taken back, over words", "here": f"{erasure:.3f} ({consumer.words})"})
    text = (
        f"One live 1080p25 stream over SRT, `{args.profile}` profile through Ray and Kafka, {args.minutes:.0f} minutes on {CORES} cores"
        f" (`python tests/bench/live.py --minutes {args.minutes:.0f}`), the spool bounded to {SPOOL_BYTES >> 20} MiB:"
        f"\n\n{table(rows)}\n\n{DISK}"
    )
    print(text)
    if args.write:
        args.write.write_text(f"# A live stream for long\n\n{text}")
    flat = growth(samples, "lag_s") < 1.5 and all(growth(samples, name) < 1.1 for name in names if name != "kept_mb")
    sys.exit(0 if flat else 1)


if __name__ == "__main__":
    main()
