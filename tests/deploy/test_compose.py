"""compose.yaml: valid, closed to the outside, of one mind with the program."""

import stat
import subprocess
from pathlib import Path
from shutil import copy

from manifests import DEPLOY, complaints, compose

from pipeline.config import load
from pipeline.fleet import read_fleet
from pipeline.kafka_delivery import PATIENCE_S
from pipeline.kafka_topics import audit_brokers
from pipeline.supervisor import DEADLINE_S

OURS = ("ray-head", "ray-worker", "serve")


def test_it_is_valid() -> None:
    assert complaints("check-jsonschema", "--builtin-schema", "vendor.compose-spec", str(DEPLOY / "compose.yaml")) == ""


def test_nothing_is_reached_from_outside_this_machine() -> None:
    ports = [port for service in compose()["services"].values() for port in service.get("ports", [])]
    assert ports
    assert all(port.startswith("127.0.0.1:") for port in ports)
    assert "--dashboard-host=127.0.0.1" in compose()["services"]["ray-head"]["command"]


def test_every_ray_node_asks_for_the_token() -> None:
    services = compose()["services"]
    for name in OURS:
        assert services[name]["environment"]["RAY_AUTH_MODE"] == "token"
        assert services[name]["environment"]["RAY_AUTH_TOKEN_PATH"] == "/run/secrets/ray_token"
        assert services[name]["secrets"] == ["ray_token"]


def test_the_token_is_made_once_and_is_its_owners_alone(tmp_path: Path) -> None:
    copy(DEPLOY / "secrets.sh", tmp_path)
    token = tmp_path / "secrets" / "ray_token"
    texts = []
    for _ in range(2):
        subprocess.run([tmp_path / "secrets.sh", str(tmp_path.stat().st_uid)], check=True)
        texts.append(token.read_text())
        assert stat.S_IMODE(token.stat().st_mode) == 0o600
    assert len(texts[0]) == 64
    assert texts[0] == texts[1]
    assert compose()["secrets"]["ray_token"]["file"] == "./secrets/ray_token"


def test_no_stream_and_no_model_runs_where_serve_or_the_head_stands() -> None:
    services = compose()["services"]
    assert "--num-cpus=0" in services["ray-head"]["command"]
    assert "--num-cpus=0" in services["serve"]["command"][0]
    assert not any("num-cpus" in word for word in services["ray-worker"]["command"])


def test_all_parts_see_the_same_folders() -> None:
    services = compose()["services"]
    for name in OURS:
        assert {"out:/var/lib/capstream", "models:/var/cache/capstream"} <= set(services[name]["volumes"])
    assert "--out /var/lib/capstream/out" in services["serve"]["command"][0]


def test_serve_has_the_time_to_stop_in_order() -> None:
    assert int(compose()["services"]["serve"]["stop_grace_period"].rstrip("s")) > DEADLINE_S + PATIENCE_S


def test_the_fleet_file_is_one_and_names_the_broker() -> None:
    fleet = read_fleet(DEPLOY / "fleet" / "fleet.toml")
    kafka = load(fleet.profile, fleet.set).kafka
    advertised = compose()["services"]["kafka"]["environment"]["KAFKA_ADVERTISED_LISTENERS"].split(",")
    assert f"INSIDE://{kafka.bootstrap}" in advertised
    assert fleet.metrics == "0.0.0.0:9464"


def test_the_broker_keeps_the_guarantee_as_far_as_one_can() -> None:
    environment = compose()["services"]["kafka"]["environment"]
    config = {key.removeprefix("KAFKA_").lower().replace("_", "."): str(value) for key, value in environment.items()}
    found = audit_brokers(config, int(config["transaction.state.log.replication.factor"]))
    assert [state for state, _ in found] == ["weak"]
    assert "replication" in found[0][1]
    assert config["log.flush.interval.messages"] == "1"
    assert config["unclean.leader.election.enable"] == "false"
