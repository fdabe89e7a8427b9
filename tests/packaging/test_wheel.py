"""The wheel, installed into an environment of its own, and used from another folder: nothing of the checkout is in reach."""

import json
import os
import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def run(*command: str | Path, cwd: Path) -> str:
    """Its standard output. What this run's environment says of Python is kept from it."""
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("PYTHON", "VIRTUAL_ENV"))}
    done = subprocess.run(list(map(str, command)), cwd=cwd, env=environment, capture_output=True, text=True, timeout=240, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    run(sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", folder, cwd=ROOT)
    (built,) = folder.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An environment that holds the wheel, and reaches this one's dependencies by a path file: no editable install comes with it."""
    folder = tmp_path_factory.mktemp("installed")
    run(sys.executable, "-m", "venv", "--without-pip", folder, cwd=folder)
    python = folder / "bin" / "python"
    run(sys.executable, "-m", "uv", "pip", "install", "--quiet", "--no-deps", "--offline", "--python", python, wheel, cwd=folder)
    (site,) = folder.glob("lib/python*/site-packages")
    (site / "shared.pth").write_text(sysconfig.get_path("purelib") + "\n")
    return folder


def test_the_wheel_holds_the_data_and_nothing_else(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    assert {n.split("/")[0].partition("-")[0] for n in names} == {"pipeline", "operators", "capstream"}
    for needed in (
        "pipeline/py.typed",
        "operators/py.typed",
        "pipeline/models.toml",
        "pipeline/profiles/cpu.toml",
        "pipeline/demo/clip.mp4",
        "operators/fusion/shipped/model.safetensors",
    ):
        assert needed in names
    assert [n for n in names if n.startswith("operators/schemas/") and n.endswith(".json")]
    assert [n for n in names if n.endswith("licenses/LICENSE")]
    assert [n for n in names if n.endswith("licenses/NOTICE")]
    assert not [n for n in names if "__pycache__" in n or n.startswith("tests")]


def test_the_version_is_said_once(wheel: Path, installed: Path) -> None:
    assert run(installed / "bin" / "capstream", "--version", cwd=installed).split()[1] == wheel.name.split("-")[1]


def test_the_command_is_the_wheels(installed: Path, tmp_path: Path) -> None:
    where = run(
        installed / "bin" / "python", "-c", "import operators, pipeline; print(operators.__file__, pipeline.__file__)", cwd=tmp_path
    )
    assert all(path.startswith(str(installed)) for path in where.split())
    assert "SOURCE" in run(installed / "bin" / "capstream", "run", "--help", cwd=tmp_path)
    names = run(installed / "bin" / "capstream", "schema", cwd=tmp_path).split()
    assert names
    assert json.loads(run(installed / "bin" / "capstream", "schema", names[0], cwd=tmp_path))["$schema"].endswith("2020-12/schema")


def test_a_file_goes_through_it(installed: Path, tmp_path: Path) -> None:
    clip = ROOT / "pipeline" / "demo" / "clip.mp4"
    flags = ["--profile", "offline", "--runtime", "local", "--to", "4", "--out", tmp_path / "out"]
    run(installed / "bin" / "capstream", "run", clip, *flags, cwd=tmp_path)
    records = [json.loads(line) for line in (tmp_path / "out" / "clip" / "clip.jsonl").read_text().splitlines()]
    assert {"end"} <= {r["type"] for r in records}
    assert {r["stream_id"] for r in records} == {"clip"}
