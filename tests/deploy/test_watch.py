"""Dashboard and alerts: every expression parses, and every metric in them is one that telemetry exports, with the labels it has."""

import json
import re
from collections.abc import Iterator
from fractions import Fraction
from typing import Any

import promql_parser
import pytest
import yaml
from manifests import DEPLOY, compose
from prometheus_client import CollectorRegistry

from pipeline.plan import StreamProgress
from pipeline.telemetry import DeliveryStats, Histogram, ModelStats, StreamStats, _Collector

DASHBOARD = json.loads((DEPLOY / "grafana" / "capstream.json").read_text())
RULES = yaml.safe_load((DEPLOY / "prometheus" / "rules.yml").read_text())["groups"][0]["rules"]
INTERVAL = {"$__rate_interval": "1m"}


def exported() -> dict[str, set[str]]:
    """Labels by metric, of a stream and a model for which everything was counted once."""
    latency = Histogram()
    latency.observe(1.0)
    stats = StreamStats(latency={"transcript": latency}, gap_s={("look", "source_down"): 3.0}, waiting={"listen": 1})
    stats.records["listen.transcript"] += 1
    progress = StreamProgress("lobby", "running", Fraction(1), None, None, lag_s=0.5, stats=stats)
    registry = CollectorRegistry()
    registry.register(
        _Collector(lambda: [progress], lambda: {"speech/0": ModelStats(1.0, 1, 1, 0)}, lambda: {"lobby": DeliveryStats(9, 0.1)})
    )
    labels: dict[str, set[str]] = {}
    for family in registry.collect():
        for sample in family.samples:
            labels.setdefault(sample.name, set()).update(sample.labels)
    return labels


def expressions() -> Iterator[tuple[str, str]]:
    for panel in DASHBOARD["panels"]:
        yield from ((panel["title"], target["expr"]) for target in panel["targets"])
    yield from ((rule["alert"], rule["expr"]) for rule in RULES)


@pytest.mark.parametrize(("where", "expression"), list(expressions()))
def test_an_expression_asks_for_what_there_is(where: str, expression: str) -> None:
    for name, value in INTERVAL.items():
        expression = expression.replace(name, value)
    promql_parser.parse(expression)
    labels = exported()
    names = set(re.findall(r"\bcapstream_\w+", expression))
    assert names
    assert names <= labels.keys()
    asked = {label for listed in re.findall(r"(?:by|on) \(([^)]*)\)", expression) for label in listed.split(", ")}
    asked |= set(re.findall(r"[{,](\w+)[=!]", expression))
    assert asked <= set().union(*(labels[name] for name in names))


def test_the_dashboard_shows_every_metric() -> None:
    text = " ".join(expression for _, expression in expressions())
    unshown = {name for name in exported() if not name.endswith(("_sum", "_count")) and name not in text}
    assert unshown == set()


@pytest.mark.parametrize("rule", RULES, ids=lambda r: r["alert"])
def test_an_alert_says_what_is_wrong_and_what_to_do(rule: dict[str, Any]) -> None:
    assert rule["labels"]["severity"] in ("info", "warning", "critical")
    assert rule["annotations"].keys() == {"summary", "remedy"}
    shown = set(re.findall(r"\$labels\.(\w+)", rule["annotations"]["summary"]))
    assert shown <= set().union(*(exported()[name] for name in re.findall(r"\bcapstream_\w+", rule["expr"])))


def test_panels_stand_beside_each_other() -> None:
    taken = [
        (x, y)
        for p in (panel["gridPos"] for panel in DASHBOARD["panels"])
        for x in range(p["x"], p["x"] + p["w"])
        for y in range(p["y"], p["y"] + p["h"])
    ]
    assert len(taken) == len(set(taken))
    assert max(x for x, _ in taken) < 24
    assert len({panel["id"] for panel in DASHBOARD["panels"]}) == len(DASHBOARD["panels"])


def test_grafana_and_prometheus_find_what_they_show() -> None:
    services = compose()["services"]
    sources = yaml.safe_load((DEPLOY / "grafana/provisioning/datasources/prometheus.yaml").read_text())["datasources"]
    assert {panel["datasource"]["uid"] for panel in DASHBOARD["panels"]} == {sources[0]["uid"]}
    providers = yaml.safe_load((DEPLOY / "grafana/provisioning/dashboards/capstream.yaml").read_text())["providers"]
    assert f"./grafana/capstream.json:{providers[0]['options']['path']}/capstream.json:ro" in services["grafana"]["volumes"]
    scraped = yaml.safe_load((DEPLOY / "prometheus" / "prometheus.yml").read_text())
    assert scraped["scrape_configs"][0]["static_configs"] == [{"targets": ["serve:9464"]}]
    assert scraped["rule_files"] == ["rules.yml"]
    assert services["serve"]["ports"] == ["127.0.0.1:9464:9464"]
