"""The real broker of the tests: one a session, with an address behind a proxy that fails on command, one with passwords, one with TLS."""

import os
import subprocess
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
