"""Kill, hold and cut off everything between logs that grow and their readers, then count what arrived.

    python tests/kafka/kafka_chaos.py [--seed N] [--faults 40] [--streams 3]

prints a line for each fault and ends 0 when every record was read once, in order.
"""

import argparse
import os
import random
import signal
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from uuid import uuid4

sys.path[:0] = [str(Path(__file__).parents[i]) for i in (2, 1, 0)]

from kafka_proxy import END_TXN, PRODUCE, KafkaProxy  # noqa: E402
from kafka_streams import LANES, Logs, Out, assert_exact  # noqa: E402
from real_kafka import RealKafka, start  # noqa: E402

from pipeline.kafka_connection import Kafka, KafkaOptions  # noqa: E402
from pipeline.kafka_delivery import Delivery  # noqa: E402
from pipeline.kafka_messages import MESSAGE_BYTES  # noqa: E402
from pipeline.kafka_out import OutConfig  # noqa: E402
from pipeline.kafka_topics import ensure_topics  # noqa: E402

QUIET_S = (0.3, 2.5)
"""Between two faults."""
ORIGINS = {"look": "look.black", "listen": "listen.words", "narrate": "narrate.subtitles"}


@dataclass
class Chaos:
    """One run of `faults` faults, the same ones for the same seed. `kafka` is reached through `proxy`."""

    real: RealKafka
    proxy: KafkaProxy
    kafka: Kafka
    out: Path
    seed: int
    streams: list[str]
    tell: Callable[[str], None]
    counted: Counter[str] = field(default_factory=Counter)

    def run(self, faults: int) -> int:
        """Records that were read once, in order. Raises AssertionError where any was not."""
        chance = random.Random(self.seed)
        logs = [Logs(self.out, stream) for stream in self.streams]
        ended = threading.Event()
        growing = threading.Thread(target=self._grow, args=(logs, ended, random.Random(self.seed)))
        with Delivery(self.kafka, self.out, MESSAGE_BYTES, lambda line: None) as delivery:
            assert delivery.admit(self.streams) == {}
            growing.start()
            try:
                for _ in range(faults):
                    time.sleep(chance.uniform(*QUIET_S))
                    name, inject = chance.choice(list(self._faults(delivery).items()))
                    self.tell(f"{sum(self.counted.values()) + 1:4}  {name}")
                    inject(chance)
                    self.counted[name] += 1
            finally:
                ended.set()
                growing.join()
            assert delivery.finish() == []
        expected = {(log.stream_id, 1, ORIGINS[lane]): log.seconds[lane] for log in logs for lane in LANES if log.seconds[lane]}
        for log in logs:
            log.__exit__()
        return len(assert_exact(self.kafka, expected))

    def _grow(self, logs: list[Logs], ended: threading.Event, chance: random.Random) -> None:
        while not ended.wait(0.02):
            log, lane = chance.choice(logs), chance.choice(LANES)
            log.say(lane, chance.randint(0, 5))
            log.commit(lane)

    def _faults(self, delivery: Delivery) -> dict[str, Callable[[random.Random], None]]:
        broker = self.real.broker
        assert broker is not None

        def kill(chance: random.Random) -> None:
            if (process := delivery._process) is not None:
                process.kill()

        def hold(chance: random.Random) -> None:
            if (process := delivery._process) is not None:
                process.send_signal(signal.SIGSTOP)
                time.sleep(chance.uniform(0.5, 3))
                process.send_signal(signal.SIGCONT)

        def zombie(chance: random.Random) -> None:
            with Out(OutConfig(out=str(self.out), kafka=self.kafka.options, streams=self.streams)):
                time.sleep(chance.uniform(0.5, 3))

        def restart(chance: random.Random) -> None:
            broker.kill()
            time.sleep(chance.uniform(0, 2))
            broker.start()

        def pause(chance: random.Random) -> None:
            broker.pause()
            time.sleep(chance.uniform(0.5, 4))
            broker.resume()

        def stall(chance: random.Random) -> None:
            self.proxy.stalled = True
            time.sleep(chance.uniform(0.5, 4))
            self.proxy.stalled = False

        return {
            "kafka_out: kill -9": kill,
            "kafka_out: held": hold,
            "kafka_out: a second one": zombie,
            "broker: kill -9, started again": restart,
            "broker: held": pause,
            "network: reset": lambda chance: self.proxy.reset(),
            "network: stalled": stall,
            "answer to Produce lost": lambda chance: void(self.proxy.fail(PRODUCE, "lose answer")),
            "answer to EndTxn lost": lambda chance: void(self.proxy.fail(END_TXN, "lose answer")),
            "EndTxn lost": lambda chance: void(self.proxy.fail(END_TXN, "lose")),
        }


def void(_: object) -> None:
    pass


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed", type=int, default=int.from_bytes(os.urandom(2)))
    parser.add_argument("--faults", type=int, default=40)
    parser.add_argument("--streams", type=int, default=3)
    args = parser.parse_args()
    print(f"seed {args.seed}", flush=True)
    with tempfile.TemporaryDirectory() as folder:
        real = start(Path(folder) / "kafka")
        try:
            kafka = Kafka(KafkaOptions(bootstrap=real.proxied, prefix=f"c{uuid4().hex[:8]}"))
            with KafkaProxy(real.proxy_port, real.behind_port) as proxy:
                ensure_topics(kafka)
                streams = [f"stream-{n}" for n in range(args.streams)]
                chaos = Chaos(real, proxy, kafka, Path(folder) / "out", args.seed, streams, lambda line: print(line, flush=True))
                records = chaos.run(args.faults)
        finally:
            if real.broker is not None:
                real.broker.resume()
                real.broker.kill()
    for name, count in sorted(chaos.counted.items()):
        print(f"{count:4} times {name}")
    print(f"{records} records, each read once and in order")


if __name__ == "__main__":
    main()
