"""The catalogue: what is fetched is verified, kept, and never fetched again; what is wrong is refused and says so."""

import hashlib
import json
import multiprocessing
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from operators.errors import ConfigError, ModelUnavailable, StorageError
from pipeline import fetching, models
from pipeline.file_lock import locked
from pipeline.models import Entry

CT2 = (6).to_bytes(4, "little") + b"the weights"
FILES = {"model.bin": CT2, "config.json": b"{}"}
HASHES = {name: hashlib.sha256(data).hexdigest() for name, data in FILES.items()}


@dataclass
class Shop:
    """A source that gives these files, and counts."""

    files: dict[str, bytes] = field(default_factory=lambda: dict(FILES))
    fetched: int = 0
    error: str = ""

    def __str__(self) -> str:
        return "the shop"

    def fetch(self, into: Path, progress: Callable[[str], None]) -> str:
        self.fetched += 1
        if self.error:
            raise ModelUnavailable(self.error)
        for name, data in self.files.items():
            (into / name).write_bytes(data)
        return "shop"


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("CAPSTREAM_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache" / "models"


@pytest.fixture
def sell(cache: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Make the catalogue one model, "m", from these sources."""

    def entry(*sources: Shop, files: dict[str, str] | None = None) -> None:
        entry = Entry("m", "a model", "speech", "MIT", 1, sources, HASHES if files is None else files)  # type: ignore[arg-type]
        monkeypatch.setattr(models, "catalogue", lambda: {"m": entry})

    return entry


def test_a_model_is_fetched_once_and_verified(sell: Callable[..., None], cache: Path) -> None:
    shop = Shop()
    sell(shop)
    folder = models.resolve("m")
    assert folder == cache / "m"
    assert (folder / "model.bin").read_bytes() == CT2
    assert models.resolve("m") == folder
    assert shop.fetched == 1
    assert models.verify("m") == []
    assert models.cached() == {"m": folder}
    assert models.identify("m") == ("m", HASHES["model.bin"][:12])
    assert sorted(p.name for p in cache.iterdir()) == ["m", "m.lock"]


def test_a_wrong_hash_is_refused_and_nothing_is_kept(sell: Callable[..., None], cache: Path) -> None:
    sell(Shop({**FILES, "model.bin": CT2 + b"!"}))
    with pytest.raises(ModelUnavailable, match=r"model.bin has SHA-256 .*, expected .*--profile offline"):
        models.resolve("m")
    assert [p.name for p in cache.iterdir()] == ["m.lock"]


def test_the_next_source_is_tried_and_all_reasons_are_said(sell: Callable[..., None]) -> None:
    sell(Shop(error="closed"), Shop())
    assert models.resolve("m").is_dir()
    models.remove("m")
    sell(Shop(error="closed"), Shop(error="moved away"))
    with pytest.raises(ModelUnavailable, match=r"m can not be had \(the shop: closed; the shop: moved away\)"):
        models.resolve("m")


def test_a_missing_file_is_refused(sell: Callable[..., None]) -> None:
    sell(Shop({"model.bin": CT2}))
    with pytest.raises(ModelUnavailable, match=r"config.json has SHA-256 None"):
        models.resolve("m")


def test_a_file_changed_in_the_cache_is_refused_removed_and_fetched_anew(sell: Callable[..., None]) -> None:
    shop = Shop()
    sell(shop)
    folder = models.resolve("m")
    (folder / "model.bin").write_bytes(CT2 + b"!")
    with pytest.raises(ModelUnavailable, match="was refused and removed"):
        models.resolve("m")
    assert not folder.exists()
    models.resolve("m")
    assert shop.fetched == 2


def test_verify_reads_every_file_again(sell: Callable[..., None]) -> None:
    sell(Shop())
    folder = models.resolve("m")
    (folder / "config.json").unlink()
    (folder / "model.bin").write_bytes(b"\x06\0\0\0nonsense")
    assert [line.split()[:2] for line in models.verify("m")] == [["config.json", "is"], ["model.bin", "has"]]


def test_without_known_hashes_the_first_fetch_decides(sell: Callable[..., None]) -> None:
    sell(Shop(), files={})
    folder = models.resolve("m")
    (folder / "config.json").write_bytes(b"{} ")
    assert models.verify("m")[0].startswith(
        f"config.json has SHA-256 {hashlib.sha256(b'{} ').hexdigest()}, expected {HASHES['config.json']}"
    )


def test_what_a_killed_fetch_left_is_swept(sell: Callable[..., None], cache: Path) -> None:
    (cache / ".m-abc" / "model").mkdir(parents=True)
    (cache / "m").mkdir()
    sell(Shop())
    models.resolve("m")
    assert sorted(p.name for p in cache.iterdir()) == ["m", "m.lock"]


def test_many_at_once_fetch_once(sell: Callable[..., None]) -> None:
    shop = Shop()
    sell(shop)
    found: list[Path] = []
    threads = [threading.Thread(target=lambda: found.append(models.resolve("m"))) for _ in range(8)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert len(found) == 8
    assert shop.fetched == 1


def test_processes_wait_for_each_other(cache: Path) -> None:
    """The lock is the file system's: another process that holds it is waited for."""
    cache.mkdir(parents=True)
    context = multiprocessing.get_context("spawn")
    held, free = context.Event(), context.Event()
    other = context.Process(target=_hold, args=(str(cache / "m"), held, free))
    other.start()
    assert held.wait(30)
    entered = threading.Event()

    def enter() -> None:
        with locked(cache / "m"):
            entered.set()

    waiting = threading.Thread(target=enter)
    waiting.start()
    assert not entered.wait(0.2)
    free.set()
    assert entered.wait(30)
    waiting.join()
    other.join()


def _hold(folder: str, held: "multiprocessing.synchronize.Event", free: "multiprocessing.synchronize.Event") -> None:
    with locked(Path(folder)):
        held.set()
        free.wait(30)


def test_a_cache_that_can_not_be_written_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("CAPSTREAM_CACHE", str(tmp_path / "file" / "cache"))
    with pytest.raises(StorageError, match="CAPSTREAM_CACHE"):
        models.resolve("whisper-base")


def test_remove(sell: Callable[..., None]) -> None:
    sell(Shop())
    folder = models.resolve("m")
    assert models.remove("m")
    assert not folder.exists()
    assert not models.remove("m")
    with pytest.raises(ModelUnavailable, match="capstream models fetch m"):
        models.verify("m")


@pytest.mark.parametrize("name", ["wisper", "/no/such/folder", "a/b/c", "../x", "-x/y"])
def test_an_unknown_name_is_an_error_that_lists_the_known(name: str) -> None:
    with pytest.raises(ConfigError, match="whisper-base"):
        models.resolve(name)


def test_a_directory_is_used_where_it_is_if_it_is_safe(tmp_path: Path, cache: Path) -> None:
    (tmp_path / "model.safetensors").write_bytes(b"")
    (tmp_path / "config.json").write_text("{}")
    assert models.resolve(str(tmp_path)) == tmp_path
    assert models.identify(str(tmp_path)) == (tmp_path.name, None)
    with pytest.raises(ConfigError, match="does not remove"):
        models.remove(str(tmp_path))
    (tmp_path / "tokenizer_config.json").write_text(json.dumps({"auto_map": {"AutoTokenizer": "x.Y"}}))
    with pytest.raises(ModelUnavailable, match=r"tokenizer_config.json wants code of its own"):
        models.resolve(str(tmp_path))


@pytest.mark.parametrize("pickle", ["pytorch_model.bin", "model.bin", "weights.pt"])
def test_pickles_are_refused(tmp_path: Path, pickle: str) -> None:
    (tmp_path / pickle).write_bytes(b"PK\x03\x04 and so on")
    with pytest.raises(ModelUnavailable, match="pickles are never loaded"):
        models.resolve(str(tmp_path))


def test_every_entry_states_where_it_comes_from() -> None:
    for name, entry in models.catalogue().items():
        assert entry.name == name
        assert entry.sources
        assert entry.licence
        assert entry.size_mb
        assert all(len(digest) == 64 for digest in entry.files.values())
        for source in entry.sources:
            if isinstance(source, fetching.PackagesSource):
                assert set(source.parts) == set(entry.files)
                assert (fetching.HERE / source.requirements).is_file()


def test_only_safe_files_of_a_repository_are_fetched() -> None:
    names = ["config.json", "pytorch_model.bin", "model.safetensors", "onnx/model.onnx", "tokenizer.json", "code.py", "flax_model.msgpack"]
    assert fetching._choose(names) == ["config.json", "model.safetensors", "tokenizer.json"]
    assert fetching._choose(["config.json", "pytorch_model.bin", "modeling.py"]) == []
    assert fetching._choose(["model.bin", "config.json", "vocabulary.txt"]) == ["model.bin", "config.json", "vocabulary.txt"]
    assert fetching._choose(["model.bin", "config.json"]) == []
    shards = [
        "model-00001-of-00002.safetensors",
        "model-00002-of-00002.safetensors",
        "model.safetensors.index.json",
        "model.fp16.safetensors",
    ]
    assert fetching._choose(shards) == shards[:3]
