"""A proxy before the real broker that knows Kafka's frames: one exact request or answer can be lost, held, repeated or falsified."""

import asyncio
import socket
import struct
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Literal, Self

PRODUCE, LIST_OFFSETS, API_VERSIONS, INIT_PRODUCER_ID, ADD_PARTITIONS, END_TXN = 0, 2, 18, 22, 24, 26
Action = Literal["lose", "hold", "lose answer", "hold answer", "copy", "answer"]
"""lose: the request never arrives, and the connection breaks; hold: it never arrives, and nothing breaks; lose answer: it is carried
out, then the connection breaks; hold answer: it is carried out, and nothing comes back; copy: it passes, and is kept for `repeat`;
answer: what comes back is changed."""


@dataclass
class Rule:
    api: int
    action: Action
    times: int
    skip: int
    change: Callable[[bytes, int], bytes] = lambda answer, version: answer
    hit: threading.Event = field(default_factory=threading.Event)
    """The first request that it concerned has come (its answer, for those of answers)."""


class KafkaProxy:
    """Listens on 127.0.0.1 in a thread of its own; any thread may change its rules. `stalled`: nothing moves, connections stay."""

    def __init__(self, port: int, behind: int) -> None:
        self.stalled = False
        self.copies: list[bytes] = []
        self._ports = (port, behind)
        self._rules: list[Rule] = []
        self._writers: set[asyncio.StreamWriter] = set()
        self._loop = asyncio.new_event_loop()
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        assert self._ready.wait(10)
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)

    def fail(self, api: int, action: Action, times: int = 1, skip: int = 0, change: Callable[[bytes, int], bytes] | None = None) -> Rule:
        """Let the next `times` requests of a kind fail, after `skip` that pass."""
        rule = Rule(api, action, times, skip, *([change] if change else []))
        self._rules.append(rule)
        return rule

    def clear(self) -> None:
        self._rules.clear()

    def reset(self) -> None:
        """Break every connection off (RST)."""
        self._loop.call_soon_threadsafe(self._break)

    def repeat(self, request: bytes) -> None:
        """Send a copy of a request to the broker once more, by a connection of its own, as a network may that delays packets."""
        with socket.create_connection(("127.0.0.1", self._ports[1]), 10) as s:
            s.settimeout(5)
            s.sendall(struct.pack(">i", len(request)) + request)
            size = struct.unpack(">i", s.recv(4))[0]
            while size > 0:
                size -= len(s.recv(size))

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        server = self._loop.run_until_complete(asyncio.start_server(self._take, "127.0.0.1", self._ports[0]))
        self._ready.set()
        self._loop.run_forever()
        server.close()
        self._break()
        tasks = asyncio.all_tasks(self._loop)
        for task in tasks:
            task.cancel()
        self._loop.run_until_complete(asyncio.gather(*tasks, return_exceptions=True))
        self._loop.run_until_complete(asyncio.sleep(0.05))
        self._loop.close()

    def _break(self) -> None:
        for writer in list(self._writers):
            writer.transport.abort()

    async def _take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(asyncio.CancelledError):  # of the proxy's own end: asyncio would report it
            await self._serve(reader, writer)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            onward = await asyncio.open_connection("127.0.0.1", self._ports[1])
        except (OSError, asyncio.CancelledError):
            writer.transport.abort()
            return
        pair = {writer, onward[1]}
        self._writers |= pair
        pending: dict[int, tuple[int, Rule]] = {}
        try:
            await asyncio.gather(self._requests(reader, onward[1], pending), self._answers(onward[0], writer, pending))
        except (OSError, asyncio.IncompleteReadError):
            pass
        finally:
            for one in pair:
                one.transport.abort()
            self._writers -= pair

    async def _requests(self, reader: asyncio.StreamReader, onward: asyncio.StreamWriter, pending: dict[int, tuple[int, Rule]]) -> None:
        while True:
            frame = await _frame(reader)
            api, version, correlation = struct.unpack(">hhi", frame[:8])
            rule = self._match(api)
            await self._flow()
            if rule is not None:
                if rule.action in ("lose", "hold", "copy"):
                    rule.hit.set()
                if rule.action == "lose":
                    raise ConnectionResetError
                if rule.action == "hold":
                    continue
                if rule.action in ("copy", "lose answer"):
                    self.copies.append(frame)
                pending[correlation] = (version, rule)
            onward.write(struct.pack(">i", len(frame)) + frame)
            await onward.drain()

    async def _answers(self, reader: asyncio.StreamReader, back: asyncio.StreamWriter, pending: dict[int, tuple[int, Rule]]) -> None:
        while True:
            frame = await _frame(reader)
            await self._flow()
            version, rule = pending.pop(struct.unpack(">i", frame[:4])[0], (0, None))
            if rule is not None:
                rule.hit.set()
                if rule.action == "lose answer":
                    raise ConnectionResetError
                if rule.action == "hold answer":
                    continue
                if rule.action == "answer":
                    frame = rule.change(frame, version)
            back.write(struct.pack(">i", len(frame)) + frame)
            await back.drain()

    async def _flow(self) -> None:
        while self.stalled:
            await asyncio.sleep(0.02)

    def _match(self, api: int) -> Rule | None:
        for rule in self._rules:
            if rule.api == api:
                if rule.skip:
                    rule.skip -= 1
                    return None
                rule.times -= 1
                if rule.times <= 0:
                    self._rules.remove(rule)
                return rule
        return None


async def _frame(reader: asyncio.StreamReader) -> bytes:
    return await reader.readexactly(struct.unpack(">i", await reader.readexactly(4))[0])


def produce_error(code: int) -> Callable[[bytes, int], bytes]:
    """The answer to a Produce that was carried out, as if it had failed with `code`."""

    def change(frame: bytes, version: int) -> bytes:
        from kafka.protocol.producer import ProduceResponse

        answer = ProduceResponse.decode(frame, version=version, header=True)
        for topic in answer.responses:
            for partition in topic.partition_responses:
                partition.error_code = code
        return _encoded(answer)

    return change


def oldest_init_producer_id(frame: bytes, version: int) -> bytes:
    """The answer of a broker before 2.7 to ApiVersions: it knows InitProducerId up to version 3."""
    from kafka.protocol.metadata import ApiVersionsResponse

    answer = ApiVersionsResponse.decode(frame, version=version, header=True)
    for key in answer.api_keys:
        if key.api_key == INIT_PRODUCER_ID:
            key.max_version = 3
    return _encoded(answer)


def _encoded(answer: Any) -> bytes:
    return bytes(answer.encode(header=True))
