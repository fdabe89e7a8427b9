"""The manifests: valid, least privilege, of one mind with the program and with each other."""

from typing import Any

import jsonschema
import kubernetes_validate
import pytest
import yaml
from manifests import KUBERNETES, groups, of_kind, pinned, pods, resources

from pipeline.config import load
from pipeline.fleet import read_fleet
from pipeline.kafka_connection import Kafka
from pipeline.kafka_delivery import PATIENCE_S
from pipeline.kafka_topics import IN_SYNC, NAMES, PARTITIONS, REPLICAS, Seen, audit, audit_brokers, wanted
from pipeline.supervisor import DEADLINE_S

VERSION = "1.34"
KAFKA, RAY = "kafka.strimzi.io/v1", "ray.io/v1"
CORE = [r for r in resources() if r["apiVersion"] not in (KAFKA, RAY)]
EACH_POD = pytest.mark.parametrize(("name", "spec"), [pytest.param(*pod, id=pod[0]) for pod in pods()])
COUNT = {"type": "integer", "minimum": 0}
START = {"type": "object", "additionalProperties": {"type": "string"}}
RAY_CLUSTER: dict[str, Any] = {
    # The part of KubeRay's RayCluster that is used, from its API reference; its pod templates are checked as pods.
    "type": "object",
    "required": ["headGroupSpec", "workerGroupSpecs", "rayVersion", "authOptions"],
    "additionalProperties": False,
    "properties": {
        "rayVersion": {"type": "string"},
        "authOptions": {"type": "object", "properties": {"mode": {"const": "token"}}, "additionalProperties": False, "required": ["mode"]},
        "headGroupSpec": {
            "type": "object",
            "required": ["rayStartParams", "template"],
            "additionalProperties": False,
            "properties": {"serviceType": {"const": "ClusterIP"}, "rayStartParams": START, "template": {"type": "object"}},
        },
        "workerGroupSpecs": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["groupName", "replicas", "minReplicas", "maxReplicas", "rayStartParams", "template"],
                "additionalProperties": False,
                "properties": {
                    "groupName": {"type": "string"},
                    "replicas": COUNT,
                    "minReplicas": COUNT,
                    "maxReplicas": COUNT,
                    "rayStartParams": START,
                    "template": {"type": "object"},
                },
            },
        },
    },
}


def kafka() -> Kafka:
    fleet = read_fleet(KUBERNETES / "fleet.toml")
    return Kafka(load(fleet.profile, fleet.set).kafka, password="given")


def config_of(resource: dict[str, Any]) -> dict[str, str]:
    return {key: str(value).lower() if isinstance(value, bool) else str(value) for key, value in resource["config"].items()}


@pytest.mark.parametrize("resource", CORE, ids=lambda r: f"{r['kind']}-{r['metadata']['name']}")
def test_it_is_valid(resource: dict[str, Any]) -> None:
    kubernetes_validate.validate(resource, VERSION, strict=True)


@EACH_POD
def test_its_pods_are_valid(name: str, spec: dict[str, Any]) -> None:
    kubernetes_validate.validate({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name}, "spec": spec}, VERSION, strict=True)


def test_the_ray_cluster_is_valid() -> None:
    [cluster] = of_kind("RayCluster")
    jsonschema.validate(cluster["spec"], RAY_CLUSTER)
    assert cluster["spec"]["rayVersion"] == pinned("ray")


@EACH_POD
def test_pods_have_the_least_rights(name: str, spec: dict[str, Any]) -> None:
    """What the namespace's pod security level "restricted" asks, and memory that is bounded."""
    user = spec["securityContext"]
    assert user["runAsNonRoot"]
    assert user["runAsUser"] == 1000
    assert user["seccompProfile"] == {"type": "RuntimeDefault"}
    assert spec["automountServiceAccountToken"] is False
    for container in spec["containers"]:
        assert container["securityContext"] == {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}}
        assert container["resources"]["requests"]["memory"] == container["resources"]["limits"]["memory"]
        assert "livenessProbe" in container


@EACH_POD
def test_all_pods_see_the_streams_folders(name: str, spec: dict[str, Any]) -> None:
    assert {"name": "capstream", "persistentVolumeClaim": {"claimName": "capstream"}} in spec["volumes"]
    [container] = spec["containers"]
    assert {"name": "capstream", "mountPath": "/var/lib/capstream"} in container["volumeMounts"]
    [claim] = of_kind("PersistentVolumeClaim")
    assert claim["spec"]["accessModes"] == ["ReadWriteMany"]


@pytest.mark.parametrize("name", NAMES)
def test_the_topics_are_those_of_the_program(name: str) -> None:
    found = {r["metadata"]["name"]: r["spec"] for r in of_kind("KafkaTopic")}
    assert len(found) == len(NAMES)
    spec = found[kafka().topic(name)]
    assert (spec["partitions"], spec["replicas"]) == (PARTITIONS, REPLICAS)
    assert config_of(spec) == wanted(name) | {"min.insync.replicas": str(IN_SYNC)}
    assert audit(Seen(name, spec["partitions"], spec["replicas"], config_of(spec)), PARTITIONS) == []


def test_the_brokers_keep_the_guarantee() -> None:
    [cluster] = of_kind("Kafka")
    config = config_of(cluster["spec"]["kafka"])
    assert audit_brokers(config, int(config["transaction.state.log.replication.factor"])) == []
    assert config["unclean.leader.election.enable"] == "false"
    assert config["min.insync.replicas"] == str(IN_SYNC)
    assert config["offsets.topic.replication.factor"] == config["default.replication.factor"] == str(REPLICAS)
    for pool in of_kind("KafkaNodePool"):
        assert pool["spec"]["replicas"] >= REPLICAS
        [apart] = pool["spec"]["template"]["pod"]["affinity"]["podAntiAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"]
        assert apart["topologyKey"] == "kubernetes.io/hostname"
        assert apart["labelSelector"]["matchLabels"]["strimzi.io/pool-name"] == pool["metadata"]["name"]


def test_the_rights_of_the_user_end_with_the_prefix() -> None:
    [user] = of_kind("KafkaUser")
    prefix = {"name": f"{kafka().options.prefix}.", "patternType": "prefix"}
    allowed = {rule["resource"]["type"]: rule for rule in user["spec"]["authorization"]["acls"]}
    assert allowed["topic"]["resource"] == {"type": "topic", **prefix}
    assert allowed["transactionalId"]["resource"] == {"type": "transactionalId", **prefix}
    assert allowed["cluster"]["operations"] == ["DescribeConfigs"]


def test_serve_logs_in_as_that_user_where_kafka_is() -> None:
    options = kafka().options
    [cluster], [user] = of_kind("Kafka"), of_kind("KafkaUser")
    [listener] = cluster["spec"]["kafka"]["listeners"]
    assert options.bootstrap == f"{cluster['metadata']['name']}-kafka-bootstrap:{listener['port']}"
    assert (options.security_protocol, listener["tls"]) == ("SASL_SSL", True)
    assert options.sasl_mechanism.lower() == listener["authentication"]["type"] == user["spec"]["authentication"]["type"]
    assert options.user == user["metadata"]["name"]
    [serve] = of_kind("Deployment")
    spec = serve["spec"]["template"]["spec"]
    [mount] = [m for m in spec["containers"][0]["volumeMounts"] if m["name"] == "kafka-ca"]
    assert options.ca_file == f"{mount['mountPath']}/ca.crt"
    secrets = {v["secret"]["secretName"] for v in spec["volumes"] if "secret" in v}
    assert secrets == {f"{cluster['metadata']['name']}-cluster-ca-cert"}
    taken = {e["name"]: e["valueFrom"]["secretKeyRef"] for e in spec["containers"][0]["env"] if "valueFrom" in e}
    assert taken["CAPSTREAM_KAFKA_PASSWORD"] == {"name": user["metadata"]["name"], "key": "password"}


def test_serve_joins_the_cluster_with_its_token() -> None:
    [cluster], [serve] = of_kind("RayCluster"), of_kind("Deployment")
    name = cluster["metadata"]["name"]
    [container] = serve["spec"]["template"]["spec"]["containers"]
    environment = {e["name"]: e.get("value") or e["valueFrom"]["secretKeyRef"] for e in container["env"]}
    assert environment["RAY_ADDRESS"] == f"{name}-head-svc:6379"
    assert f"--address={environment['RAY_ADDRESS']} " in container["args"][0]
    assert environment["RAY_AUTH_MODE"] == cluster["spec"]["authOptions"]["mode"] == "token"
    assert environment["RAY_AUTH_TOKEN"] == {"name": name, "key": "auth_token"}


def test_no_stream_and_no_model_runs_where_serve_or_the_head_stands() -> None:
    [serve] = of_kind("Deployment")
    assert "--num-cpus=0 " in serve["spec"]["template"]["spec"]["containers"][0]["args"][0]
    assert [name for name, group in groups() if group["rayStartParams"].get("num-cpus") == "0"] == ["head"]


def test_there_is_one_serve_and_it_has_the_time_to_stop_in_order() -> None:
    [serve] = of_kind("Deployment")
    assert serve["spec"]["replicas"] == 1
    assert serve["spec"]["strategy"] == {"type": "Recreate"}
    assert serve["spec"]["template"]["spec"]["terminationGracePeriodSeconds"] > DEADLINE_S + PATIENCE_S


def test_only_metrics_are_reached_from_outside() -> None:
    ours = {"matchLabels": {"app.kubernetes.io/part-of": "capstream"}}
    policies = {p["metadata"]["name"]: p["spec"] for p in of_kind("NetworkPolicy")}
    assert policies["capstream"]["podSelector"] == ours
    assert policies["capstream"]["ingress"] == [{"from": [{"podSelector": ours}]}]
    assert "169.254.0.0/16" in str(policies["capstream"]["egress"])
    [opened] = policies["capstream-metrics"]["ingress"]
    assert [p["port"] for p in opened["ports"]] == [9464]
    labels = [group["template"]["metadata"]["labels"] for _, group in groups()]
    labels += [d["spec"]["template"]["metadata"]["labels"] for d in of_kind("Deployment")]
    assert all(found["app.kubernetes.io/part-of"] == "capstream" for found in labels)


def test_the_fleet_is_mounted_as_it_is_generated() -> None:
    made = yaml.safe_load((KUBERNETES / "kustomization.yaml").read_text())
    assert made["configMapGenerator"] == [{"name": "capstream-fleet", "files": ["fleet.toml"]}]
    [serve] = of_kind("Deployment")
    assert {"name": "fleet", "configMap": {"name": "capstream-fleet"}} in serve["spec"]["template"]["spec"]["volumes"]
    assert made["images"][0]["name"] == serve["spec"]["template"]["spec"]["containers"][0]["image"]
