"""Chaos over a whole fleet: files and live streams through Ray's multi-node cluster into a real Kafka, while everything is killed.

    python tests/faults/fleet_chaos.py [--seed N] [--faults N] [--write docs/chaos.md]

ends 0 when a read_committed consumer has every final record exactly once and in order, and all else holds (invariants I1 to I7).
"""

import argparse
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime
from fractions import Fraction
from importlib.resources import files
from itertools import pairwise
from pathlib import Path
from typing import Any
from uuid import uuid4

import msgspec
import psutil

ROOT = Path(__file__).parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "tests"), str(ROOT / "tests" / "kafka")]

from kafka_proxy import KafkaProxy  # noqa: E402

from deploy.kafka.broker import Broker, Listener, free_port  # noqa: E402
from pipeline.kafka_checkpoint import decode  # noqa: E402
from pipeline.kafka_connection import Kafka, KafkaOptions  # noqa: E402
from pipeline.kafka_out import OutConfig  # noqa: E402
from pipeline.kafka_topics import ensure_topics  # noqa: E402

CLIP = Path(str(files("pipeline"))) / "demo" / "clip.mp4"
CAPSTREAM = str(Path(sys.executable).with_name("capstream"))
CHANGES = ["look.text=false", "spool.stall_s=4", "spool.answer_s=4"]
LIVE = ("srt", "udp")
QUIET_S = (0.5, 2.5)
"""Between the recovery from one fault and the next."""
FILMS_S = 30.0
"""Between the beginnings of two pairs of files, at least: for a while two cores have the live streams alone."""
NODES = 5
"""Attempts to add a node."""
PATIENCE_S = 90.0
"""What does not recover by then hangs."""


PAGE = """# Chaos

Made by `python tests/faults/fleet_chaos.py --seed {seed} --faults {total} --write docs/chaos.md`: files, two at a time, and two
live streams (SRT, UDP) through `capstream serve` on Ray's multi-node test cluster into Apache Kafka, two cores. Recovery: from the end of
the injection until what both live streams showed at that instant was analysed and shipped (seen by a read_committed consumer; without a
fault 1 to 2 s: a quiet stream writes a checkpoint once a second).

| fault | how | times | recovery, median s | longest s |
|---|---|---|---|---|
{rows}

{total} faults; {records} records at the consumer: 0 lost, 0 twice, 0 out of order, each valid against its schema; all {logged} records
that the logs still hold among them; {gaps} gaps stated, none overlapping; {films} files say what they say without faults.
"""


@dataclass(slots=True)
class Fault:
    name: str
    how: str
    inject: Callable[["World", random.Random], bool]
    """False where there is nothing to be hit just now."""
    weight: int = 2
    seconds: list[float] = field(default_factory=list)
    """From the end of each injection to when what the live streams showed then was shipped."""


class World:
    """Everything that runs. One thread."""

    def __init__(self, folder: Path, stack: ExitStack) -> None:
        self.folder, self.out, self.fleet = folder, folder / "out", folder / "fleet.toml"
        port, behind = free_port(), free_port()
        self.broker = Broker(folder / "broker", [Listener("PLAIN", behind, advertised=port)])
        self.broker.start()
        stack.callback(self.broker.kill)
        self.proxy = stack.enter_context(KafkaProxy(port, behind))
        self.kafka = Kafka(KafkaOptions(bootstrap=f"127.0.0.1:{port}", prefix=f"c{uuid4().hex[:8]}"))
        ensure_topics(self.kafka)
        self.cluster = _cluster(stack)
        self.worker = self.cluster.add_node(num_cpus=2)
        self.ports = {name: free_port() for name in LIVE}
        self.senders: dict[str, subprocess.Popen[bytes]] = {}
        for name in LIVE:
            self.send(name)
        stack.callback(self.silence)
        self.films: list[str] = []
        self.more_films()
        self.serve()
        stack.callback(lambda: (self.process.kill(), self.process.wait()))

    def serve(self) -> None:
        command = [CAPSTREAM, "serve", str(self.fleet), "--out", str(self.out), "--kafka", self.kafka.options.bootstrap]
        environment = os.environ | {"RAY_ADDRESS": self.cluster.address}
        with (self.folder / "serve.log").open("a") as said:
            self.process = subprocess.Popen(command, stdout=said, stderr=said, env=environment)

    def write_fleet(self, names: list[str]) -> None:
        uris = {"srt": f"srt://127.0.0.1:{self.ports['srt']}", "udp": f"udp://127.0.0.1:{self.ports['udp']}"}
        lines = [
            'profile = "offline"',
            'metrics = "127.0.0.1:0"',
            f"set = {json.dumps([*CHANGES, f'kafka.prefix={self.kafka.options.prefix}'])}",
        ]
        for name in names:
            lines += [f"[streams.{name}]", f'source = "{uris.get(name, CLIP)}"']
        temporary = self.fleet.with_suffix(".new")
        temporary.write_text("\n".join(lines) + "\n")
        os.replace(temporary, self.fleet)

    def send(self, name: str) -> None:
        target = {
            "srt": f"srt://127.0.0.1:{self.ports['srt']}?mode=listener",
            "udp": f"udp://127.0.0.1:{self.ports['udp']}?pkt_size=1316",
        }[name]
        command = ["ffmpeg", "-v", "error", "-nostdin", "-re", "-stream_loop", "-1", "-i", str(CLIP), "-c", "copy", "-f", "mpegts", target]
        self.senders[name] = subprocess.Popen(command, stderr=subprocess.DEVNULL)

    def silence(self) -> None:
        for sender in self.senders.values():
            sender.kill()
            sender.wait()

    def more_films(self) -> None:
        self.films_at = time.monotonic()
        self.films += [f"film-{len(self.films) + n}" for n in (1, 2)]
        self.write_fleet([*self.films, *LIVE])

    @property
    def films_done(self) -> bool:
        if not (self.out / "fleet.json").exists():
            return False
        streams = {s["stream_id"]: s["state"] for s in json.loads((self.out / "fleet.json").read_bytes())["streams"]}
        return all(streams.get(name) in ("complete", "already") for name in self.films)

    def tend(self) -> None:
        """What users do: a sender that ended is started again; there is always another file."""
        if self.films_done and time.monotonic() - self.films_at > FILMS_S:
            self.more_films()
        for name, sender in self.senders.items():
            if sender.poll() is not None:
                self.send(name)

    def processes(self, word: str) -> list[psutil.Process]:
        """Those below this one with the word in their command line."""
        return [p for p in psutil.Process().children(recursive=True) if word in _line(p)]

    @property
    def decoders(self) -> list[psutil.Process]:
        return [c for actor in self.processes("StreamActor") for c in _quiet(actor.children, []) if "ffmpeg" in _line(c)]

    @property
    def recorders(self) -> list[psutil.Process]:
        """They are nobody's children any more once their stream's actor was killed."""
        recorders = [p for p in psutil.process_iter() if "pipeline.spool" in _line(p)]
        return [p for p in recorders if any(f.path.startswith(str(self.out)) for f in _quiet(p.open_files, []))]

    @property
    def receivers(self) -> list[psutil.Process]:
        return [child for recorder in self.recorders for child in _quiet(recorder.children, [])]


def _cluster(stack: ExitStack) -> Any:
    from ray.cluster_utils import Cluster

    quick = {"health_check_initial_delay_ms": 500, "health_check_period_ms": 500, "health_check_timeout_ms": 500}
    head = {"num_cpus": 1, "_system_config": quick | {"health_check_failure_threshold": 3, "worker_niceness": 0}}
    cluster = Cluster(initialize_head=True, head_node_args=head)
    stack.callback(cluster.shutdown)
    return cluster


def _line(process: psutil.Process) -> str:
    return " ".join(_quiet(process.cmdline, []))


def _quiet(ask: Callable[[], Any], otherwise: Any) -> Any:
    """What is asked of a process that may have ended."""
    try:
        return ask()
    except psutil.Error:
        return otherwise


def _kill(processes: list[psutil.Process]) -> bool:
    for process in processes:
        with suppress(psutil.Error):
            process.kill()
    return bool(processes)


def _one(find: Callable[[World], list[psutil.Process]]) -> Callable[[World, random.Random], bool]:
    def inject(world: World, chance: random.Random) -> bool:
        found = find(world)
        return bool(found) and _kill([chance.choice(found)])

    return inject


def _paused(find: Callable[[World], list[psutil.Process]], seconds: tuple[float, float]) -> Callable[[World, random.Random], bool]:
    def inject(world: World, chance: random.Random) -> bool:
        found = find(world)
        if not found:
            return False
        process = chance.choice(found)
        with suppress(psutil.Error):
            process.send_signal(signal.SIGSTOP)
            time.sleep(chance.uniform(*seconds))
            process.send_signal(signal.SIGCONT)
        return True

    return inject


def _restart_broker(world: World, chance: random.Random) -> bool:
    world.broker.kill()
    time.sleep(chance.uniform(0.5, 4))
    world.broker.start()
    return True


def _pause_broker(world: World, chance: random.Random) -> bool:
    world.broker.pause()
    time.sleep(chance.uniform(2, 12))
    world.broker.resume()
    return True


def _stall_network(world: World, chance: random.Random) -> bool:
    world.proxy.stalled = True
    time.sleep(chance.uniform(1, 9))
    world.proxy.stalled = False
    return True


def _reset_network(world: World, chance: random.Random) -> bool:
    world.proxy.reset()
    return True


def _zombie(world: World, chance: random.Random) -> bool:
    """A second owner of every stream, as after a partition: it fences the first, which fences it when it comes back."""
    streams = [f.name for f in world.out.iterdir() if (f / "1").is_dir()]
    config = msgspec.json.encode(OutConfig(out=str(world.out), kafka=world.kafka.options, streams=streams))
    with subprocess.Popen([sys.executable, "-m", "pipeline.kafka_out"], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL) as other:
        assert other.stdin is not None
        other.stdin.write(config + b"\n")
        other.stdin.flush()
        time.sleep(chance.uniform(1, 5))
        other.kill()
    return True


def _lose_node(world: World, chance: random.Random) -> bool:
    world.cluster.remove_node(world.worker, allow_graceful=False)
    for left in reversed(range(NODES)):
        try:
            world.worker = world.cluster.add_node(num_cpus=2)
        except Exception:  # Ray's own: a busy machine starts a node too slowly
            if not left:
                raise
        else:
            return True
    return False


def _kill_serve(world: World, chance: random.Random) -> bool:
    world.process.kill()
    world.process.wait()
    world.serve()
    return True


def _cut_source(world: World, chance: random.Random) -> bool:
    name = chance.choice(LIVE)
    world.senders[name].kill()
    world.senders[name].wait()
    time.sleep(chance.uniform(0.5, 6))
    return True


def faults() -> list[Fault]:
    return [
        Fault("decoder", "kill -9", _one(lambda w: w.decoders), 4),
        Fault("receiver", "kill -9 of the recorder's ffmpeg", _one(lambda w: w.receivers)),
        Fault("recorder", "kill -9", _one(lambda w: w.recorders)),
        Fault("stream actor", "kill -9", _one(lambda w: w.processes("StreamActor")), 4),
        Fault("model actor", "kill -9", _one(lambda w: w.processes("ModelActor"))),
        Fault("kafka_out", "kill -9", _one(lambda w: w.processes("pipeline.kafka_out")), 4),
        Fault("kafka_out, held", "SIGSTOP for 5 to 15 s, then on", _paused(lambda w: w.processes("pipeline.kafka_out"), (5, 15))),
        Fault("kafka_out, twice", "a second one of the same streams", _zombie),
        Fault("stream actor, held", "SIGSTOP for 2 to 8 s, then on", _paused(lambda w: w.processes("StreamActor"), (2, 8))),
        Fault("broker", "kill -9, back after 0.5 to 4 s", _restart_broker),
        Fault("broker, held", "SIGSTOP for 2 to 12 s, then on", _pause_broker),
        Fault("network, stalled", "nothing moves for 1 to 9 s", _stall_network),
        Fault("network, reset", "every connection broken off", _reset_network, 4),
        Fault("node", "its raylet and all on it killed, another added", _lose_node),
        Fault("serve", "kill -9, started again", _kill_serve, 1),
        Fault("source", "the sender killed, back after 0.5 to 6 s", _cut_source),
    ]


class Shipped:
    """How far each stream was shipped, as its checkpoints in Kafka say."""

    def __init__(self, world: World) -> None:
        from kafka import TopicPartition

        self._world = world
        self._consumer = world.kafka.consumer(auto_offset_reset="earliest")
        name = world.kafka.topic("checkpoints")
        self._consumer.assign([TopicPartition(name, p) for p in self._consumer.partitions_for_topic(name)])
        self.upto: dict[str, float] = {}
        """The clock at what was analysed and shipped of a live stream, by both lanes that read it."""

    def poll(self) -> dict[str, float]:
        for records in self._consumer.poll(200).values():
            for record in records:
                found = decode(record.value, "checkpoint")
                lanes = [lane for name, lane in found.lanes.items() if name != "narrate"]
                if len(lanes) == 2 and all(lane.header.get("clock") for lane in lanes):
                    zero = datetime.fromisoformat(lanes[0].header["clock"]["zero"]).timestamp()
                    self.upto[found.stream_id] = zero + min(float(Fraction(lane.position)) for lane in lanes)
        return self.upto

    def until_now(self, names: tuple[str, ...]) -> float:
        """Seconds until what these streams show now was analysed and shipped."""
        begun, now = time.monotonic(), time.time()
        while any(self.poll().get(name, 0) < now for name in names):
            self._world.tend()
            assert self._world.process.poll() is None, "serve has ended"
            late = {name: round(now - at, 1) for name, at in self.upto.items()}
            assert time.monotonic() - begun < PATIENCE_S, f"hangs, seconds behind: {late}; see {self._world.folder / 'serve.log'}"
        return time.monotonic() - begun


def consumed(kafka: Kafka) -> dict[str, list[dict[str, Any]]]:
    """All records that a read_committed consumer gets, by topic, in the order of each partition."""
    from kafka import TopicPartition

    consumer = kafka.consumer(auto_offset_reset="earliest")
    found: dict[str, list[dict[str, Any]]] = defaultdict(list)
    partitions = [
        TopicPartition(kafka.topic(n), p)
        for n in ("transcripts", "captions", "events", "gaps")
        for p in consumer.partitions_for_topic(kafka.topic(n))
    ]
    consumer.assign(partitions)
    ends = consumer.end_offsets(partitions)
    while any(consumer.position(p) < ends[p] for p in partitions):
        for partition, records in consumer.poll(500).items():
            found[f"{partition.topic}/{partition.partition}"] += [json.loads(r.value) for r in records]
    consumer.close()
    return found


def check(world: World, unbroken: list[dict[str, Any]]) -> dict[str, int]:
    """Raises AssertionError where an invariant does not hold; what was counted."""
    from jsonschema import Draft202012Validator

    from pipeline.log import committed_records

    schemas = {
        p.name.partition(".")[0]: Draft202012Validator(json.loads(p.read_text())) for p in (ROOT / "operators/schemas").glob("*.json")
    }
    by_origin: dict[tuple[str, int, str], list[dict[str, Any]]] = defaultdict(list)
    for records in consumed(world.kafka).values():
        for record in records:
            schemas[record["type"]].validate(record)  # I5
            by_origin[record["stream_id"], record["generation"], record["origin"]].append(record)
    for key, records in by_origin.items():
        assert [r["sequence"] for r in records] == list(range(len(records))), f"I1 to I3 do not hold for {key}"
    logged = 0
    for log in world.out.glob("*/*/*.jsonl"):
        for record in committed_records(log):
            key = (record["stream_id"], record["generation"], record["origin"])
            assert by_origin[key][record["sequence"]] == record, f"{key} {record['sequence']} is in the log and not in Kafka"
            logged += 1
    gaps: dict[tuple[str, int, str], list[tuple[int, int]]] = defaultdict(list)
    for (stream_id, generation, origin), records in by_origin.items():
        if "." not in origin:
            gaps[stream_id, generation, origin] = sorted((r["start_ms"], r["end_ms"]) for r in records if r["type"] == "gap")
    for key, stretches in gaps.items():
        assert all(a[1] <= b[0] + 200 for a, b in pairwise(stretches)), f"I4: gaps of {key} overlap: {stretches}"
    for name in world.films:
        told = [r for (stream_id, *_), records in by_origin.items() if stream_id == name for r in records]
        assert _plain(told) == _plain(unbroken), f"I7: {name} says something else than without faults"
    return {"records": sum(map(len, by_origin.values())), "logged": logged, "gaps": sum(map(len, gaps.values())), "films": len(world.films)}


def _plain(records: list[dict[str, Any]]) -> list[dict[str, Any]]:
    own = ("produced_at", "stream_id", "generation")
    return sorted(({k: v for k, v in r.items() if k not in own} for r in records), key=lambda r: (r["origin"], r["sequence"]))


@contextmanager
def world(folder: Path) -> Iterator[World]:
    with ExitStack() as stack:
        yield World(folder, stack)


def unbroken(folder: Path) -> list[dict[str, Any]]:
    """What the files say when nothing happens to them."""
    changes = [a for change in CHANGES for a in ("--set", change)]
    command = [CAPSTREAM, "run", f"film={CLIP}", "--out", str(folder / "unbroken"), "--profile", "offline", "--runtime", "local", *changes]
    subprocess.run(command, check=True, capture_output=True)
    return [json.loads(line) for line in (folder / "unbroken/film/film.jsonl").read_text().splitlines()]


def run(folder: Path, seed: int, count: int) -> tuple[list[Fault], dict[str, int]]:
    """Raises AssertionError where something hangs or an invariant does not hold."""
    chance = random.Random(seed)
    kinds = faults()
    expected = unbroken(folder)
    with world(folder) as w:
        shipped = Shipped(w)
        shipped.until_now(LIVE)
        begun = time.monotonic()
        done = 0
        while done < count:
            time.sleep(chance.uniform(*QUIET_S))
            [fault] = chance.choices(kinds, [k.weight for k in kinds])
            if not fault.inject(w, chance):
                continue
            done += 1
            print(f"{done:3} {time.monotonic() - begun:6.0f} s  {fault.name:20}", end="", flush=True)
            fault.seconds.append(shipped.until_now(LIVE))
            print(f" {fault.seconds[-1]:5.1f} s", flush=True)
        ended = time.monotonic()
        while not w.films_done:
            shipped.poll()
            assert time.monotonic() - ended < 10 * PATIENCE_S, "the last files hang"
        w.process.terminate()
        assert w.process.wait(120) == 0, (folder / "serve.log").read_text()[-3000:]
        w.broker.resume()
        return kinds, check(w, expected)


def page(kinds: list[Fault], counted: dict[str, int], seed: int) -> str:
    rows = [
        f"| {k.name} | {k.how} | {len(k.seconds)} | {sorted(k.seconds)[len(k.seconds) // 2]:.1f} | {max(k.seconds):.1f} |"
        for k in kinds
        if k.seconds
    ]
    return PAGE.format(seed=seed, rows="\n".join(rows), total=sum(len(k.seconds) for k in kinds), **counted)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(10**6))
    parser.add_argument("--faults", type=int, default=200)
    parser.add_argument("--folder", type=Path, help="kept when it ends, for looking into")
    parser.add_argument("--write", type=Path)
    args = parser.parse_args()
    print(f"seed {args.seed}", flush=True)
    with tempfile.TemporaryDirectory() as temporary:
        folder = args.folder or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        kinds, counted = run(folder, args.seed, args.faults)
    text = page(kinds, counted, args.seed)
    print(text)
    if args.write:
        args.write.write_text(text)


if __name__ == "__main__":
    main()
