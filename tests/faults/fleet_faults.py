"""What is done to a fleet."""

import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field

import msgspec
import psutil
from fleet_world import LIVE, World

from pipeline.kafka_out import OutConfig

NODES = 5
"""Attempts to add a node."""


@dataclass(slots=True)
class Fault:
    name: str
    how: str
    inject: Callable[[World, random.Random], bool]
    """False where there is nothing to be hit just now."""
    weight: int = 2
    seconds: list[float] = field(default_factory=list)
    """From the end of each injection to when what the live streams showed then was shipped."""


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
