"""The Strimzi manifests against the schemas of its own release, made by Strimzi's generator from Maven Central."""

import re
import subprocess
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from shutil import which
from typing import Any

import jsonschema
import pytest
import yaml
from conftest import missing
from manifests import resources

from pipeline.models import cache_folder

VERSION = "1.2.0"
JARS = {
    "api": "566961ae5e5646a001ae91312beda5cba3a5d467e740e205e1b761754335fe4e",
    "crd-annotations": "00963443b04dbb28397f56798adbe97be0a37686a2e6884e69e54117657208a9",
    "crd-generator": "76bb2430e702a1e6a24c071d26c865d5e9572cbc630d176d3b912033ae23ed00",
}
MODELS = {
    "Kafka": "kafka.Kafka",
    "KafkaNodePool": "nodepool.KafkaNodePool",
    "KafkaTopic": "topic.KafkaTopic",
    "KafkaUser": "user.KafkaUser",
}
OLDEST_JAVA = 21
OURS = [r for r in resources() if r["apiVersion"] == "kafka.strimzi.io/v1"]

pytestmark = pytest.mark.strimzi


def javas() -> Iterator[str]:
    yield from (str(path) for path in sorted(Path("/usr/lib/jvm").glob("*/bin/java"), reverse=True))
    if found := which("java"):
        yield found


def java() -> str:
    for path in javas():
        said = subprocess.run([path, "-version"], capture_output=True, text=True, check=False).stderr
        version = re.search(r'version "(\d+)', said)
        if version and int(version[1]) >= OLDEST_JAVA:
            return path
    missing("strimzi", f"no Java {OLDEST_JAVA} or newer: apt-get install openjdk-{OLDEST_JAVA}-jre-headless")
    raise AssertionError


def jars() -> list[Path]:
    """Fetched once into the user's cache; each is the one that was looked at."""
    folder = cache_folder() / "strimzi" / VERSION
    found = [folder / f"{name}-{VERSION}.jar" for name in JARS]
    if not all(jar.exists() for jar in found):
        if which("mvn") is None:
            missing("strimzi", "Maven is not there: apt-get install maven")
        for name in JARS:
            goal = ["dependency:copy", f"-Dartifact=io.strimzi:{name}:{VERSION}", f"-DoutputDirectory={folder}"]
            done = subprocess.run(["mvn", "-q", "-B", *goal], capture_output=True, text=True, check=False)
            if done.returncode:
                missing("strimzi", f"Maven Central does not give io.strimzi:{name}:{VERSION}: {done.stdout[-300:]}")
    assert {jar.name.removesuffix(f"-{VERSION}.jar"): sha256(jar.read_bytes()).hexdigest() for jar in found} == JARS
    return found


@pytest.fixture(scope="session")
def schemas(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """By kind; a field that they do not name is an error, as it is for `kubectl apply` with strict validation."""
    folder = tmp_path_factory.mktemp("crds")
    wanted = [f"io.strimzi.api.kafka.model.{model}={folder / kind}" for kind, model in MODELS.items()]
    command = [java(), "-cp", ":".join(map(str, jars())), "io.strimzi.crdgenerator.CrdGenerator", "--yaml", *wanted]
    subprocess.run(command, check=True, capture_output=True)
    made = {}
    for kind in MODELS:
        [version] = [v for v in yaml.safe_load((folder / kind).read_text())["spec"]["versions"] if v["name"] == "v1"]
        made[kind] = closed(version["schema"]["openAPIV3Schema"]["properties"]["spec"])
    return made


def closed(schema: Any) -> Any:
    if isinstance(schema, list):
        return [closed(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    inner = {key: closed(value) for key, value in schema.items()}
    if isinstance(schema.get("properties"), dict) and not schema.get("x-kubernetes-preserve-unknown-fields"):
        inner.setdefault("additionalProperties", False)
    return inner


@pytest.mark.parametrize("resource", OURS, ids=lambda r: f"{r['kind']}-{r['metadata']['name']}")
def test_it_is_valid(resource: dict[str, Any], schemas: dict[str, Any]) -> None:
    jsonschema.validate(resource["spec"], schemas[resource["kind"]])


def test_a_field_that_is_not_there_is_found(schemas: dict[str, Any]) -> None:
    spec = next(r["spec"] for r in OURS if r["kind"] == "Kafka")
    wrong = spec | {"kafka": spec["kafka"] | {"replicas": 3}}
    with pytest.raises(jsonschema.ValidationError, match="'replicas' was unexpected"):
        jsonschema.validate(wrong, schemas["Kafka"])
