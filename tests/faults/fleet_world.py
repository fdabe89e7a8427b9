"""All that the chaos hits: a broker behind a proxy, a cluster, senders of live streams, files without end, and `capstream serve`."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from importlib.resources import files
from pathlib import Path
from typing import Any
from uuid import uuid4

import psutil
from kafka_proxy import KafkaProxy

from deploy.kafka.broker import Broker, Listener, free_port
from pipeline.kafka_connection import Kafka, KafkaOptions
from pipeline.kafka_topics import ensure_topics

CLIP = Path(str(files("pipeline"))) / "demo" / "clip.mp4"
CAPSTREAM = str(Path(sys.executable).with_name("capstream"))
CHANGES = ["look.text=false", "spool.stall_s=4", "spool.answer_s=4"]
LIVE = ("srt", "udp")
FILMS_S = 30.0
"""Between the beginnings of two pairs of files, at least: for a while two cores have the live streams alone."""


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
        return [p for p in psutil.Process().children(recursive=True) if word in line(p)]

    @property
    def decoders(self) -> list[psutil.Process]:
        return [c for actor in self.processes("StreamActor") for c in quiet(actor.children, []) if "ffmpeg" in line(c)]

    @property
    def recorders(self) -> list[psutil.Process]:
        """They are nobody's children any more once their stream's actor was killed."""
        recorders = [p for p in psutil.process_iter() if "pipeline.spool" in line(p)]
        return [p for p in recorders if any(f.path.startswith(str(self.out)) for f in quiet(p.open_files, []))]

    @property
    def receivers(self) -> list[psutil.Process]:
        return [child for recorder in self.recorders for child in quiet(recorder.children, [])]


def _cluster(stack: ExitStack) -> Any:
    from ray.cluster_utils import Cluster

    quick = {"health_check_initial_delay_ms": 500, "health_check_period_ms": 500, "health_check_timeout_ms": 500}
    head = {"num_cpus": 1, "_system_config": quick | {"health_check_failure_threshold": 3, "worker_niceness": 0}}
    cluster = Cluster(initialize_head=True, head_node_args=head)
    stack.callback(cluster.shutdown)
    return cluster


def line(process: psutil.Process) -> str:
    return " ".join(quiet(process.cmdline, []))


def quiet(ask: Callable[[], Any], otherwise: Any) -> Any:
    """What is asked of a process that may have ended."""
    try:
        return ask()
    except psutil.Error:
        return otherwise


@contextmanager
def world(folder: Path) -> Iterator[World]:
    with ExitStack() as stack:
        yield World(folder, stack)
