"""The real broker of the tests: one a session, with an address behind a proxy that fails on command, one with passwords, one with TLS."""

import asyncio
import json
import os
import socket
import subprocess
import sys
import threading
from dataclasses import dataclass, field
from pathlib import Path

from deploy.kafka.broker import Broker, Listener, free_port

USER, SECRET = "shipper", "pass word-$ecret"
SCRAM_USER = "scram-shipper"
JAAS = "listener.name.{name}.{mechanism}.sasl.jaas.config"
PLAIN_LOGIN = f'org.apache.kafka.common.security.plain.PlainLoginModule required user_{USER}="{SECRET}";'
SCRAM_LOGIN = "org.apache.kafka.common.security.scram.ScramLoginModule required;"


@dataclass
class RealKafka:
    """Addresses of a broker; `broker` and what needs it are there unless KAFKA_BOOTSTRAP named another."""

    bootstrap: str
    broker: Broker | None = None
    proxied: str = ""
    """Through a proxy that listens on `proxy_port` and passes on to `behind_port`, where a test starts one."""
    proxy_port: int = 0
    behind_port: int = 0
    sasl: str = ""
    tls: str = ""
    ca_file: Path = field(default_factory=Path)

    def ensure(self) -> None:
        """Running and awake, whatever an earlier test left."""
        if self.broker is not None:
            self.broker.resume()
            if not self.broker.running:
                self.broker.start()


def start(folder: Path) -> RealKafka:
    """Raises BrokerError where it can not be had."""
    if named := os.environ.get("KAFKA_BOOTSTRAP"):
        return RealKafka(named)
    plain, behind, proxy, sasl, tls = (free_port() for _ in range(5))
    certify(folder)
    mechanisms = {name: {"plain": PLAIN_LOGIN, "scram-sha-256": SCRAM_LOGIN} for name in ("sasl", "tls")}
    extra = {
        "sasl.enabled.mechanisms": "PLAIN,SCRAM-SHA-256",
        "ssl.keystore.type": "PEM",
        "ssl.keystore.location": str(folder / "server.pem"),
        **{JAAS.format(name=n, mechanism=m): login for n, logins in mechanisms.items() for m, login in logins.items()},
    }
    listeners = [
        Listener("PLAIN", plain),
        Listener("PLAIN_PROXIED", behind, advertised=proxy),
        Listener("SASL", sasl),
        Listener("TLS", tls),
    ]
    broker = Broker(folder / "broker", listeners, extra, scram=f"SCRAM-SHA-256=[name={SCRAM_USER},password={SECRET}]")
    broker.start()
    found = RealKafka(broker.bootstrap, broker, f"127.0.0.1:{proxy}", proxy, behind)
    found.sasl, found.tls, found.ca_file = f"127.0.0.1:{sasl}", f"localhost:{tls}", folder / "ca.pem"
    return found


def certify(folder: Path) -> None:
    """A certificate authority and a server certificate for localhost and 127.0.0.1, as PEM files."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "names").write_text("subjectAltName=DNS:localhost,IP:127.0.0.1\n")
    new = ["openssl", "req", "-newkey", "rsa:2048", "-nodes", "-days", "2"]
    signed = ["-CAcreateserial", "-extfile", "names"]
    made = (
        [*new, "-x509", "-keyout", "ca.key", "-out", "ca.pem", "-subj", "/CN=capstream tests"],
        [*new[:5], "-keyout", "server.key", "-out", "server.csr", "-subj", "/CN=localhost"],
        ["openssl", "x509", "-req", "-in", "server.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-days", "2", "-out", "server.crt", *signed],
    )
    for command in made:
        subprocess.run(command, cwd=folder, check=True, capture_output=True)
    (folder / "server.pem").write_text((folder / "server.key").read_text() + (folder / "server.crt").read_text())


class FaultProxy:
    """A TCP proxy on 127.0.0.1 in a thread of its own. Modes: pass, stall (nothing moves, connections stay), blackhole (stall, and new
    connections are taken and stay silent); `reset` breaks all connections off."""

    def __init__(self, port: int, behind: int) -> None:
        self.mode = "pass"
        self._ports = (port, behind)
        self._writers: set[asyncio.StreamWriter] = set()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._ready = threading.Event()
        self._thread.start()
        self._ready.wait(10)

    def reset(self) -> None:
        """RST on every connection."""
        self._loop.call_soon_threadsafe(self._reset)

    def close(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()

    def _run(self) -> None:
        server = self._loop.run_until_complete(asyncio.start_server(self._serve, "127.0.0.1", self._ports[0]))
        self._ready.set()
        self._loop.run_forever()
        server.close()
        self._reset()
        tasks = asyncio.all_tasks(self._loop)
        for task in tasks:
            task.cancel()
        self._loop.run_until_complete(asyncio.gather(*tasks, return_exceptions=True))
        self._loop.run_until_complete(asyncio.sleep(0))

    def _reset(self) -> None:
        for writer in list(self._writers):
            writer.transport.abort()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while self.mode == "blackhole":
            await asyncio.sleep(0.05)
        try:
            onward = await asyncio.open_connection("127.0.0.1", self._ports[1])
        except OSError:
            writer.transport.abort()
            return
        self._writers |= {writer, onward[1]}
        await asyncio.gather(self._pump(reader, onward[1]), self._pump(onward[0], writer))
        self._writers -= {writer, onward[1]}

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while data := await reader.read(1 << 16):
                while self.mode != "pass":
                    await asyncio.sleep(0.02)
                writer.write(data)
                await writer.drain()
        except OSError:
            pass
        finally:
            writer.close()


class TxBroker:
    """`tests/kafka/txbroker.py`, the broker that fails on command, as a process."""

    def __init__(self, folder: Path, *more: str) -> None:
        self.port, self._control = free_port(), free_port()
        program = Path(__file__).parent / "kafka" / "txbroker.py"
        self._command = ["--dir", str(folder), "--port", str(self.port), "--ctl", str(self._control), *more]
        self._program = [sys.executable, str(program)]
        self.start()

    @property
    def bootstrap(self) -> str:
        return f"127.0.0.1:{self.port}"

    def start(self) -> None:
        self._process = subprocess.Popen([*self._program, *self._command], stdout=subprocess.PIPE)
        assert self._process.stdout is not None
        assert self._process.stdout.readline() == b"ready\n"

    def kill(self) -> None:
        self._process.kill()
        self._process.wait()
        assert self._process.stdout is not None
        self._process.stdout.close()

    def inject(self, api: str, code: int | str, times: int = 1, skip: int = 0) -> None:
        """Fail the next requests of a kind: with an error code, or drop_before (not carried out), drop_after (carried out, not answered),
        stall."""
        self._ask({"op": "inject", "api": api, "code": code, "n": times, "skip": skip})

    def clear(self) -> None:
        self._ask({"op": "clear"})

    def _ask(self, question: dict[str, object]) -> dict[str, object]:
        with socket.create_connection(("127.0.0.1", self._control), 10) as s, s.makefile("rw") as lines:
            lines.write(json.dumps(question) + "\n")
            lines.flush()
            answer: dict[str, object] = json.loads(lines.readline())
            return answer
