"""The Ray nodes of compose.yaml, started here as it starts them: closed without the token, and models only where there are processors."""

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from time import monotonic, sleep
from urllib.error import HTTPError, URLError
from urllib.request import Request, urlopen

import pytest
from manifests import DEPLOY, compose

from deploy.kafka.broker import free_port

pytestmark = pytest.mark.ray
RAY = str(Path(sys.executable).parent / "ray")
START_S = 60.0
PLACED = """
import json, ray
from pipeline.plan import ModelPlan
from pipeline.ray_runtime import _model_actor
from operators.records import Model
ray.init(logging_level=40)
plan = ModelPlan("speech", dict, Model("speech", "none", None), True, "cpu", 1, 1, 1, 0.0)
where = lambda self: ray.get_runtime_context().get_node_id()
at = ray.get([_model_actor(plan).__ray_call__.remote(where) for _ in range(6)])
cpus = {node["NodeID"]: node["Resources"].get("CPU", 0) for node in ray.nodes()}
print(json.dumps([len(cpus), [cpus[node] for node in at]]))
"""


class Nodes:
    """Processes of `ray start`, with the words of compose.yaml and ports of their own."""

    def __init__(self, folder: Path) -> None:
        self.gcs, self.dashboard, self.agents = free_port(), free_port(), [free_port() for _ in range(3)]
        address = f"{socket.gethostbyname(socket.gethostname())}:{self.gcs}"
        subprocess.run([copied(folder), str(os.getuid())], check=True)
        self.environment = {name: value for name, value in os.environ.items() if not name.startswith("RAY_")} | {
            "RAY_ADDRESS": address,
            "RAY_AUTH_MODE": "token",
            "RAY_AUTH_TOKEN_PATH": str(folder / "secrets" / "ray_token"),
            "RAY_USAGE_STATS_ENABLED": "0",
        }
        services = compose()["services"]
        head, worker = (services[name]["command"] for name in ("ray-head", "ray-worker"))
        [serve] = services["serve"]["command"]
        joined = serve.split("&&")[0].split()[1:]
        ports = {"--port=6379": f"--port={self.gcs}", "--address=ray-head:6379": f"--address={address}"}
        own = [f"--dashboard-port={self.dashboard}", f"--ray-client-server-port={free_port()}", f"--temp-dir={folder}"]
        commands = ([*head, *own], [*worker, "--num-cpus=2"], [*joined, "--block"])
        self.processes: list[subprocess.Popen[bytes]] = []
        for words, agent in zip(commands, self.agents, strict=True):
            command = [RAY, *(ports.get(word, word) for word in words), f"--dashboard-agent-listen-port={agent}"]
            self.processes.append(subprocess.Popen(command, env=self.environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL))
            wait_for(f"http://127.0.0.1:{agent}/api/healthz")

    def end(self) -> None:
        for process in reversed(self.processes):
            process.send_signal(signal.SIGTERM)
        for process in self.processes:
            process.wait(60)


def copied(folder: Path) -> Path:
    script = folder / "secrets.sh"
    script.write_bytes((DEPLOY / "secrets.sh").read_bytes())
    script.chmod(0o700)
    return script


def wait_for(url: str) -> None:
    """The health checks of compose.yaml and of the manifests ask the same."""
    deadline = monotonic() + START_S
    while True:
        try:
            with urlopen(url, timeout=5) as answer:
                assert answer.status == 200
                return
        except (URLError, ConnectionError, TimeoutError):
            assert monotonic() < deadline, f"{url} does not answer"
            sleep(0.2)


@pytest.fixture(scope="module")
def nodes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Nodes]:
    nodes = Nodes(tmp_path_factory.mktemp("r"))
    yield nodes
    nodes.end()


@pytest.mark.parametrize("token", [None, "guessed"])
def test_without_the_token_nobody_runs_a_command(nodes: Nodes, token: str | None) -> None:
    headers = {"Content-Type": "application/json"} | ({"Authorization": f"Bearer {token}"} if token else {})
    request = Request(f"http://127.0.0.1:{nodes.dashboard}/api/jobs/", json.dumps({"entrypoint": "id"}).encode(), headers)
    with pytest.raises(HTTPError) as refused:
        urlopen(request, timeout=10)
    assert refused.value.code == (403 if token else 401)
    refused.value.close()


def test_models_stand_only_where_there_are_processors(nodes: Nodes) -> None:
    done = subprocess.run([sys.executable, "-c", PLACED], env=nodes.environment, capture_output=True, text=True, check=True)
    count, cpus = json.loads(done.stdout.splitlines()[-1])
    assert count == 3
    assert cpus == [2.0] * 6
