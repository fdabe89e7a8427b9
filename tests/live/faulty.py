"""A TCP proxy on loopback that does to a connection what networks do: stall, reset, close, slow down, corrupt, never answer."""

import random
import socket
import struct
from contextlib import suppress
from threading import Event, Lock, Thread
from time import monotonic, sleep
from types import TracebackType

CHUNK = 8192
RESET = struct.pack("ii", 1, 0)
"""To linger for no time: closing sends RST."""


class FaultProxy:
    """Between a client and the server at `port`. A context manager; `mode` may be set at any time:

    pass, stall (nothing more goes through), slow (`bytes_per_s`), corrupt (each byte with a chance of `share`), and black_hole
    (new connections are accepted and never served). `reset` and `close` end what is connected.
    """

    def __init__(self, port: int) -> None:
        self.mode = "pass"
        self.bytes_per_s = 20_000
        self.share = 0.001
        self.connections = 0
        self._to = port
        self._chance = random.Random(1)
        self._over = Event()
        self._lock = Lock()
        self._open: list[socket.socket] = []
        self._server = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._server.getsockname()[1])

    def __enter__(self) -> "FaultProxy":
        Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._over.set()
        self._server.close()
        self.close()

    def reset(self) -> None:
        self._end(reset=True)

    def close(self) -> None:
        self._end(reset=False)

    def _end(self, reset: bool) -> None:
        with self._lock:
            connected, self._open = self._open, []
        for one in connected:
            with suppress(OSError):
                if reset:
                    one.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
                else:
                    one.shutdown(socket.SHUT_RDWR)
            one.close()

    def _accept(self) -> None:
        while not self._over.is_set():
            try:
                client, _ = self._server.accept()
            except OSError:
                return
            self.connections += 1
            Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        with self._lock:
            self._open.append(client)
        while self.mode == "black_hole" and not self._over.is_set():
            sleep(0.02)
        try:
            server = socket.create_connection(("127.0.0.1", self._to))
        except OSError:
            client.close()
            return
        with self._lock:
            self._open.append(server)
        Thread(target=self._pump, args=(client, server, False), daemon=True).start()
        self._pump(server, client, True)

    def _pump(self, source: socket.socket, sink: socket.socket, down: bool) -> None:
        with suppress(OSError):
            while data := source.recv(CHUNK):
                while self.mode == "stall" and not self._over.is_set():
                    sleep(0.02)
                if down and self.mode == "slow":
                    sleep(len(data) / self.bytes_per_s)
                sink.sendall(self._corrupted(data) if down and self.mode == "corrupt" else data)
        for one in (source, sink):
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
            one.close()

    def _corrupted(self, data: bytes) -> bytes:
        changed = bytearray(data)
        for _ in range(sum(self._chance.random() < self.share for _ in data)):
            changed[self._chance.randrange(len(changed))] ^= 1 << self._chance.randrange(8)
        return bytes(changed)


class LossyUdp:
    """Between one client and the server at `port`, datagram by datagram: each is lost with a chance of `share`. A context manager."""

    def __init__(self, port: int, share: float) -> None:
        self.share = share
        self.lost = 0
        self._chance = random.Random(1)
        self._over = Event()
        self._front = socket.socket(type=socket.SOCK_DGRAM)
        self._front.bind(("127.0.0.1", 0))
        self._back = socket.socket(type=socket.SOCK_DGRAM)
        self._back.connect(("127.0.0.1", port))
        self._client: tuple[str, int] | None = None
        self.port = int(self._front.getsockname()[1])

    def __enter__(self) -> "LossyUdp":
        for pump in (self._ahead, self._back_again):
            Thread(target=pump, daemon=True).start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._over.set()
        for one in (self._front, self._back):
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
            one.close()

    def _ahead(self) -> None:
        while not self._over.is_set():
            with suppress(OSError):
                data, self._client = self._front.recvfrom(65536)
                if self._passes():
                    self._back.send(data)

    def _back_again(self) -> None:
        while not self._over.is_set():
            with suppress(OSError):
                data = self._back.recv(65536)
                if self._client is not None and self._passes():
                    self._front.sendto(data, self._client)

    def _passes(self) -> bool:
        lost = self._chance.random() < self.share
        self.lost += lost
        return not lost


class TsServer:
    """MPEG-TS over HTTP, live: whoever connects gets what is sent from now on, by the clock, up to the end of `media`."""

    def __init__(self, media: bytes, seconds: float, packet: int = 188) -> None:
        self._media, self._seconds, self._packet = media, seconds, packet
        self._began_s: float | None = None
        self._over = Event()
        self._server = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._server.getsockname()[1])
        self.requests: list[bytes] = []

    def __enter__(self) -> "TsServer":
        Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._over.set()
        self._server.close()

    @property
    def sent(self) -> bool:
        """Everything has gone by."""
        return self._at() >= len(self._media)

    def _at(self) -> int:
        if self._began_s is None:
            return 0
        share = min(1.0, (monotonic() - self._began_s) / self._seconds)
        return int(len(self._media) * share) // self._packet * self._packet

    def _accept(self) -> None:
        while not self._over.is_set():
            try:
                client, _ = self._server.accept()
            except OSError:
                return
            Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        with suppress(OSError), client:
            self.requests.append(client.recv(65536))
            client.sendall(b"HTTP/1.0 200 OK\r\nContent-Type: video/mp2t\r\n\r\n")
            self._began_s = self._began_s or monotonic()
            at = self._at()
            while not self._over.is_set() and at < len(self._media):
                to = self._at()
                client.sendall(self._media[at:to])
                at = to
                sleep(0.01)
            while not self._over.is_set():
                sleep(0.05)
