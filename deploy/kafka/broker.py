"""A real Apache Kafka broker on this machine, in KRaft mode and without Docker: for the tests, and for people (`make kafka`).

    python deploy/kafka/broker.py [--port 9092] [--folder DIR]

Its jars come from Maven Central, once, into the user's cache folder; Java and Maven are Debian's default-jre-headless and maven.
"""

import argparse
import base64
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import uuid
from dataclasses import dataclass
from pathlib import Path
from string import Template
from time import monotonic, sleep
from xml.etree import ElementTree

from pipeline.file_lock import locked
from pipeline.models import cache_folder

HERE = Path(__file__).parent
START_S = 60.0


class BrokerError(Exception):
    """The broker can not be had or does not start; the message says what to do."""


@dataclass(frozen=True, slots=True)
class Listener:
    """One address on 127.0.0.1. `name` begins with PLAIN, SASL or TLS (SASL over TLS): that is its protocol."""

    name: str
    port: int
    advertised: int | None = None
    """The port that clients are told, where it is another: that of a proxy."""

    @property
    def protocol(self) -> str:
        return {"PLAI": "PLAINTEXT", "SASL": "SASL_PLAINTEXT", "TLS": "SASL_SSL"}[self.name[:4].rstrip("_")]


class Broker:
    """A broker whose data lie in `folder`; it keeps them when it is killed and started again. One thread."""

    def __init__(self, folder: Path, listeners: list[Listener], extra: dict[str, str] | None = None, scram: str | None = None) -> None:
        """`extra` are further server properties, `scram` a user as StorageTool takes it. Raises BrokerError."""
        self._folder = folder
        self._listeners = listeners
        self._extra = extra or {}
        self._scram = scram
        self._libs = fetch_jars()
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def bootstrap(self) -> str:
        return f"127.0.0.1:{self._listeners[0].port}"

    @property
    def running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    @property
    def log(self) -> Path:
        return self._folder / "broker.log"

    def start(self) -> None:
        """Format the folder where that was not done yet, start, and wait until it serves. Raises BrokerError."""
        properties = self._folder / "server.properties"
        if not properties.exists():
            self._folder.mkdir(parents=True, exist_ok=True)
            properties.write_text(self._properties())
            cluster = base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")
            scram = ["--add-scram", self._scram] if self._scram else []
            self._java("kafka.tools.StorageTool", "format", "--standalone", f"--cluster-id={cluster}", "-c", str(properties), *scram)
        begun = self.log.stat().st_size if self.log.exists() else 0
        with self.log.open("ab") as out:
            self._process = subprocess.Popen(
                [*self._command("-Xmx512m", "-XX:TieredStopAtLevel=1"), "kafka.Kafka", str(properties)],
                stdout=out,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        deadline = monotonic() + START_S
        while b"Kafka Server started" not in self.log.read_bytes()[begun:]:
            if not self.running or monotonic() > deadline:
                self.kill()
                raise BrokerError(f"the broker does not start; the last of {self.log}:\n{self.log.read_text()[-2000:]}")
            sleep(0.05)

    def stop(self) -> None:
        """In order; after 20 s by force."""
        if self._process is not None:
            self._process.terminate()
            try:
                self._process.wait(20)
            except subprocess.TimeoutExpired:
                self.kill()

    def kill(self) -> None:
        """kill -9."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def pause(self) -> None:
        """SIGSTOP: connections stay, nothing answers, until `resume`."""
        if self._process is not None:
            self._process.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        if self._process is not None:
            self._process.send_signal(signal.SIGCONT)

    def wait(self) -> int:
        """Its exit code, once it has ended."""
        return 0 if self._process is None else self._process.wait()

    def _properties(self) -> str:
        controller = free_port()
        every = [*self._listeners, Listener("CONTROLLER", controller)]
        text = Template((HERE / "server.properties").read_text()).substitute(
            listeners=",".join(f"{x.name}://127.0.0.1:{x.port}" for x in every),
            advertised=",".join(f"{x.name}://127.0.0.1:{x.advertised or x.port}" for x in self._listeners),
            protocols=",".join([*(f"{x.name}:{x.protocol}" for x in self._listeners), "CONTROLLER:PLAINTEXT"]),
            controller=f"127.0.0.1:{controller}",
            data=self._folder / "data",
        )
        return text + "".join(f"{name}={value}\n" for name, value in self._extra.items())

    def _command(self, *options: str) -> list[str]:
        return ["java", *options, f"-Dlog4j2.configurationFile=file:{HERE / 'log4j2.properties'}", "-cp", f"{self._libs}/*"]

    def _java(self, *arguments: str) -> None:
        done = subprocess.run([*self._command("-XX:TieredStopAtLevel=1"), *arguments], capture_output=True, text=True, check=False)
        if done.returncode:
            raise BrokerError(f"{arguments[0]}: {done.stdout}{done.stderr}")


def fetch_jars() -> Path:
    """The folder of the jars that pom.xml names, fetched where they are not here yet. Raises BrokerError."""
    pom = ElementTree.parse(HERE / "pom.xml")
    version = next(e.text for e in pom.iter() if e.tag.endswith("}version") and e.text and e.text.count(".") == 2)
    libs = cache_folder() / "kafka" / str(version)
    if missing := [name for name in ("java", *([] if libs.exists() else ["mvn"])) if shutil.which(name) is None]:
        raise BrokerError(f"{' and '.join(missing)} not there: apt-get install default-jre-headless maven")
    if not libs.exists():
        with locked(libs):  # two that fetch at once would write into one repository of Maven
            if not libs.exists():
                _fetch(libs)
    return libs


def _fetch(libs: Path) -> None:
    with tempfile.TemporaryDirectory(dir=libs.parent) as folder:
        goal = ["dependency:copy-dependencies", "-DincludeScope=runtime", f"-DoutputDirectory={folder}/libs"]
        done = subprocess.run(["mvn", "-q", "-B", "-f", str(HERE / "pom.xml"), *goal], capture_output=True, text=True, check=False)
        if done.returncode:
            raise BrokerError(f"Maven Central gives no broker: {(done.stdout + done.stderr)[-600:]}")
        os.replace(f"{folder}/libs", libs)


def free_port() -> int:
    """A port that was free a moment ago."""
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        port: int = s.getsockname()[1]
        return port


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--port", type=int, default=9092)
    parser.add_argument("--folder", type=Path, help="where its data stay; without it they go when it ends")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        try:
            broker = Broker(args.folder or Path(folder), [Listener("PLAIN", args.port)])
            broker.start()
        except BrokerError as e:
            sys.exit(f"make kafka: {e}")
        print(f"Kafka at {broker.bootstrap}; try: capstream topics --kafka {broker.bootstrap}. Ctrl-C ends it.", flush=True)
        signal.signal(signal.SIGTERM, lambda *_: broker.stop())
        try:
            sys.exit(broker.wait())
        except KeyboardInterrupt:
            broker.stop()


if __name__ == "__main__":
    main()
