"""How busy the machines of a cluster are, as the actors on them see it."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import psutil


@dataclass(frozen=True, slots=True)
class NodeLoad:
    node: str
    """Ray's id."""
    load: float
    """Share of its processors in use since the report before, 0-1."""


class NodeMeter:
    """One actor's look at its node: full, until it has been looked at twice."""

    def __init__(self, node: str) -> None:
        self._node = node
        self._last = psutil.cpu_times()
        self._load = 1.0

    def read(self) -> NodeLoad:
        now = psutil.cpu_times()
        passed, idle = (sum(now) - sum(self._last), now.idle - self._last.idle)
        if passed > 0:
            self._load, self._last = max(0.0, 1 - idle / passed), now
        return NodeLoad(self._node, self._load)


def cluster_load(nodes: Iterable[Mapping[str, Any]], loads: Iterable[NodeLoad | None]) -> float:
    """Share of a cluster's processors in use, 0-1: of its nodes, as `ray.nodes` says them, on which something runs; full where it is not
    known (None, or nothing runs)."""
    cpus = {node["NodeID"]: node["Resources"].get("CPU", 0.0) for node in nodes if node["Alive"]}
    seen: dict[str, float] = {}
    for load in loads:
        if load is None:
            return 1.0
        if cpus.get(load.node):
            seen[load.node] = max(seen.get(load.node, 0.0), load.load)
    return sum(cpus[node] * load for node, load in seen.items()) / sum(cpus[node] for node in seen) if seen else 1.0
