"""What deploy/ says, read for the tests."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"
KUBERNETES = DEPLOY / "kubernetes"


def compose() -> dict[str, Any]:
    read: dict[str, Any] = yaml.safe_load((DEPLOY / "compose.yaml").read_text())
    return read


def resources() -> list[dict[str, Any]]:
    """All that `kubectl apply -k deploy/kubernetes` makes, but for what kustomize generates."""
    names = yaml.safe_load((KUBERNETES / "kustomization.yaml").read_text())["resources"]
    return [document for name in names for document in yaml.safe_load_all((KUBERNETES / name).read_text())]


def of_kind(kind: str) -> list[dict[str, Any]]:
    return [r for r in resources() if r["kind"] == kind]


def groups() -> Iterator[tuple[str, dict[str, Any]]]:
    """The Ray cluster's head and worker groups by name."""
    [cluster] = of_kind("RayCluster")
    yield "head", cluster["spec"]["headGroupSpec"]
    yield from ((group["groupName"], group) for group in cluster["spec"]["workerGroupSpecs"])


def pods() -> Iterator[tuple[str, dict[str, Any]]]:
    """Pod specifications of our own by name."""
    yield from ((name, group["template"]["spec"]) for name, group in groups())
    yield from ((d["metadata"]["name"], d["spec"]["template"]["spec"]) for d in of_kind("Deployment"))


def pinned(package: str) -> str:
    """Its version in requirements.lock."""
    lines = (ROOT / "requirements.lock").read_text().splitlines()
    return next(line.split("==")[1].split()[0] for line in lines if line.startswith(f"{package}=="))


def complaints(tool: str, *arguments: str) -> str:
    """What a checking tool of the environment says; empty: nothing."""
    done = subprocess.run([Path(sys.executable).parent / tool, *arguments], capture_output=True, text=True, check=False)
    return f"{done.stdout}{done.stderr}" if done.returncode else ""
