"""Ships logs to Kafka, exactly once. A process of its own: `python -m pipeline.kafka_out [CONFIG]`.

Its configuration (JSON, `OutConfig`) is in the file CONFIG, or the first line of its standard input. There, each further line is the
id of a stream that comes, and the end of the input says that nothing more is written: it ends when everything is shipped. SIGTERM
ends it after the transactions in hand. It says on standard output, in lines of JSON (`Said`), what becomes of the streams.

It may be killed at any moment. R5: any error of a transaction ends it with exit code 75, and whoever started it starts it again.
"""

import logging
import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import BoundedSemaphore, Event, Lock, Thread, get_ident
from time import monotonic, sleep
from typing import Literal

import msgspec

from operators.errors import BrokerUnavailable, CapstreamError, ConfigError
from pipeline.generations import CONTINUED
from pipeline.kafka_checkpoint import Checkpoint, read_checkpoint
from pipeline.kafka_connection import Kafka, KafkaOptions
from pipeline.kafka_folders import generations, restore, set_aside, unshipped
from pipeline.kafka_hanging import end_as_decided, last_decision
from pipeline.kafka_messages import MESSAGE_BYTES
from pipeline.kafka_producer import TransactionalProducer
from pipeline.kafka_shipment import Batch, Shipment

POLL_S = 0.05
FREE_S = 60.0
QUIET_S = 1.0
"""A checkpoint that covers no record waits this long for one that does."""
REST_S = 0.5
WATCH_S = 0.1
OPENING = 32
"""Streams that are taken over at once, of any number."""
SLOW_S = 10.0
"""What is waited for longer is said."""
AGAIN, REFUSED = 75, 1
"""Exit codes: start it again; some stream is not shipped, for a reason that starting again does not remove."""


class OutConfig(msgspec.Struct, frozen=True, kw_only=True):
    out: str
    """The folder of the streams' folders."""
    kafka: KafkaOptions
    streams: list[str] = []
    limit: int = MESSAGE_BYTES
    """Bytes of the largest message that the topics take."""


class Said(msgspec.Struct, frozen=True, omit_defaults=True):
    """One line of what it says. A stream's lanes may start when it is `ready`; `broken` is the last line before exit code 75."""

    state: Literal["ready", "shipped", "refused", "waits", "set aside", "restored", "broken"]
    stream_id: str | None = None
    message: str | None = None
    generation: int | None = None
    ends: dict[str, int] | None = None
    """Bytes of each log that are shipped."""
    latency_ms: int | None = None
    """Of the last transaction."""


class Shipper:
    """All streams of one process. `stop`: end now, in order; `drain`: end when all is shipped. `run` belongs to the main thread."""

    def __init__(self, config: OutConfig, kafka: Kafka) -> None:
        self.config = config
        self.kafka = kafka
        self.stop = Event()
        self.drain = Event()
        self.opening = BoundedSemaphore(OPENING)
        self._wanted: list[str] = []
        self._threads: dict[str, Thread] = {}
        self._deadlines: dict[int, tuple[float, str]] = {}
        self._lock = Lock()
        self._refused = False
        for stream_id in config.streams:
            self.add(stream_id)

    def add(self, stream_id: str) -> None:
        """A stream that is to be shipped. Any thread."""
        self._wanted.append(stream_id)

    def run(self) -> int:
        """Until everything is shipped, or it is told to stop; the exit code. Raises as `Kafka.admin`."""
        self.kafka.admin().close()
        while True:
            draining = self.drain.is_set()
            for stream_id in [s for s in self._wanted if s not in self._threads]:
                self._threads[stream_id] = Thread(target=self._ship, args=(stream_id,), name=stream_id, daemon=True)
                self._threads[stream_id].start()
            self._watch()
            if (draining or self.stop.is_set()) and not any(t.is_alive() for t in self._threads.values()):
                return REFUSED if self._refused else 0
            sleep(WATCH_S)

    def _watch(self) -> None:
        """R4: the client's own calls may hang for ever, so the deadline of a transaction is kept from outside."""
        now = monotonic()
        for at, what in list(self._deadlines.values()):
            if now > at:
                self.give_up(f"{what} takes too long")

    def give_up(self, message: str, stream_id: str | None = None) -> None:
        """R5. Nothing is closed: a client that closes would still send."""
        self.say(Said("broken", stream_id, message))
        os._exit(AGAIN)

    def say(self, said: Said) -> None:
        with self._lock:
            try:
                sys.stdout.buffer.write(msgspec.json.encode(said) + b"\n")
                sys.stdout.buffer.flush()
            except OSError:
                pass  # nobody listens any more; the rest is shipped all the same

    @contextmanager
    def deadline(self, seconds: float, what: str) -> Iterator[None]:
        me = get_ident()
        self._deadlines[me] = (monotonic() + seconds, what)
        try:
            yield
        finally:
            del self._deadlines[me]

    def _ship(self, stream_id: str) -> None:
        try:
            StreamShipper(stream_id, self).run()
        except BrokerUnavailable as e:
            self.give_up(e.message, stream_id)
        except CapstreamError as e:
            self._refused = True
            self.say(Said("refused", stream_id, e.message))
        except Exception as e:
            self.give_up(f"{type(e).__name__}: {e}", stream_id)


class StreamShipper:
    """One stream, in a thread of its own. Of one that has ended it only looks, now and then, whether it was begun anew."""

    def __init__(self, stream_id: str, shipper: Shipper) -> None:
        self._stream_id = stream_id
        self._shipper = shipper
        self._folder = Path(shipper.config.out) / stream_id
        self._producer = self._own_producer()

    def run(self) -> None:
        """Raises CapstreamError where this stream can not be shipped, and whatever a transaction raises."""
        while True:
            with self._shipper.opening:
                known = self._take_over()
                shipment = self._open(known)
            self._shipper.say(Said("ready", self._stream_id, None, *_shipped(known)))
            ended = self._ship_all(known, shipment)
            self._producer.close()
            if ended is None or not self._rest(ended):
                return
            self._producer = self._own_producer()

    def _own_producer(self) -> TransactionalProducer:
        shipper, what = self._shipper, f"a transaction of {self._stream_id}"
        return TransactionalProducer(shipper.kafka, self._stream_id, lambda seconds: shipper.deadline(seconds, what))

    def _ship_all(self, known: Checkpoint | None, shipment: Shipment | None) -> Checkpoint | None:
        """Until nothing more is to come; what is known of a stream that has ended, while others go on."""
        held: Batch | None = None
        since = freed = monotonic()
        while not self._shipper.stop.is_set():
            # Asked before the logs are looked at: what they hold then is all.
            last_look, newer = self._shipper.drain.is_set(), self._newer(known)
            batch = shipment.take() if shipment else None
            held = batch or held
            if held and (held.news or last_look or newer or monotonic() - since > QUIET_S):
                self._ship(held)
                known, held, since = held.checkpoint, None, monotonic()
                if shipment and since - freed > FREE_S:
                    shipment.free()
                    freed = since
            elif batch is None and newer is not None:
                known = unshipped(self._folder / str(newer), self._stream_id)
                if shipment:
                    shipment.close()
                shipment = self._open(known)
            elif batch is None and last_look:
                break
            elif batch is None and shipment and known and shipment.done and not self._continued(known):
                shipment.close()
                return known
            else:
                self._shipper.stop.wait(POLL_S)
        return None

    def _continued(self, known: Checkpoint) -> bool:
        """A live stream that goes on in the next generation: it is to be there at once."""
        return (self._folder / str(known.generation) / CONTINUED).exists()

    def _rest(self, known: Checkpoint) -> bool:
        """Until there is a newer generation; False where none comes any more."""
        while not self._shipper.stop.is_set():
            last_look = self._shipper.drain.is_set()
            if self._newer(known) is not None:
                return True
            if last_look:
                return False
            self._shipper.stop.wait(REST_S)
        return False

    def _take_over(self) -> Checkpoint | None:
        """Become the stream's one owner; what Kafka knows of it."""
        kafka = self._shipper.kafka
        decision = last_decision(kafka, self._stream_id)
        self._producer.open()  # R1: only now is what is read next the last word
        if decision and (lost := end_as_decided(kafka, self._stream_id, decision)):
            was = "committed" if decision.commit else "aborted"
            self._say("waits", f"the broker had lost the end of its last transaction in {', '.join(lost)}: marked as {was} now")
        return self._reconcile(read_checkpoint(kafka, self._stream_id, self._waits()))  # R2

    def _reconcile(self, known: Checkpoint | None) -> Checkpoint | None:
        """Set a foreign folder aside, and make one anew where none is here."""
        if known is None:
            return None
        if moved := set_aside(self._folder, known):
            self._say("set aside", moved)
        if max(generations(self._folder), default=0) >= known.generation:
            return known
        restored = restore(self._folder, known, lambda new: self._producer.ship([], new))
        self._say(
            "restored", f"{self._folder / str(known.generation)} was begun anew from what Kafka has; what was said before is there only"
        )
        return restored

    def _newer(self, known: Checkpoint | None) -> int | None:
        """The next generation that is here."""
        return min((n for n in generations(self._folder) if known is None or n > known.generation), default=None)

    def _open(self, known: Checkpoint | None) -> Shipment | None:
        if known is None or known.generation not in generations(self._folder):
            return None
        return Shipment(self._folder / str(known.generation), known, self._shipper.config.limit)

    def _ship(self, batch: Batch) -> None:
        try:
            self._producer.ship(batch.messages, batch.checkpoint)
        except Exception as e:  # R5, whatever it is
            self._shipper.give_up(str(e) or type(e).__name__, self._stream_id)
        latency_ms = round(self._producer.latency_s * 1000)
        self._shipper.say(Said("shipped", self._stream_id, None, *_shipped(batch.checkpoint), latency_ms))

    def _say(self, state: Literal["waits", "set aside", "restored"], message: str) -> None:
        self._shipper.say(Said(state, self._stream_id, message))

    def _waits(self) -> Callable[[str], None]:
        """Says now and then what is waited for, and ends the wait where the process is to stop."""
        next_s = monotonic() + SLOW_S

        def wait(what: str) -> None:
            nonlocal next_s
            if self._shipper.stop.is_set():
                raise BrokerUnavailable(f"told to stop while {what}")
            if monotonic() > next_s:
                self._say("waits", what)
                next_s = monotonic() + SLOW_S

        return wait


def _shipped(known: Checkpoint | None) -> tuple[int | None, dict[str, int] | None]:
    return (known.generation, {name: lane.end for name, lane in known.lanes.items()}) if known else (None, None)


def main() -> int:
    logging.getLogger("kafka").setLevel(logging.CRITICAL)
    file = Path(sys.argv[1]) if len(sys.argv) > 1 else None
    raw = file.read_bytes() if file else sys.stdin.buffer.readline()
    config = msgspec.json.decode(raw, type=OutConfig)
    try:
        shipper = Shipper(config, Kafka.of(config.kafka))
        signal.signal(signal.SIGTERM, lambda *_: shipper.stop.set())
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # of a terminal: whoever started this one decides
        if file is None:
            Thread(target=_listen, args=(shipper,), daemon=True).start()
        return shipper.run()
    except CapstreamError as e:
        print(msgspec.json.encode(Said("broken", None, e.message)).decode(), flush=True)
        return REFUSED if isinstance(e, ConfigError) else AGAIN


def _listen(shipper: Shipper) -> None:
    for line in sys.stdin.buffer:
        shipper.add(line.decode().strip())
    shipper.drain.set()


if __name__ == "__main__":
    code = main()
    sys.stdout.flush()
    os._exit(code)  # threads of clients may hang; nothing is left to be said
