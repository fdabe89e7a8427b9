"""`capstream doctor`: what is here, what is missing, what to do about it."""

import importlib
import os
import platform
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from typing import Literal

from rich.console import Console
from rich.table import Table
from rich.text import Text

from operators.errors import CapstreamError
from operators.sources.binaries import find_ffmpeg
from pipeline.build import cores, has_gpu
from pipeline.config import load, profiles
from pipeline.models import cache_folder, cached, catalogue
from pipeline.number_formats import MATRICES, SPEECH, WHISPER, measure
from pipeline.settings import asked_models, choose_model, choose_operators

State = Literal["good", "note", "missing"]
COLOURS: dict[State, str] = {"good": "green", "note": "yellow", "missing": "red"}
DECODERS = ("h264", "hevc", "mpeg2video", "mpeg4", "vp8", "vp9", "av1", "mjpeg", "aac", "mp3", "opus", "vorbis", "flac", "ac3", "pcm_s16le")
PROTOCOLS = ("file", "pipe", "http", "https", "rtmp", "srt", "udp")
NEEDS = {
    "silero": ("onnxruntime", "silero_vad"),
    "faster_whisper": ("faster_whisper", "ctranslate2"),
    "pocketsphinx": ("pocketsphinx",),
    "rapidocr": ("rapidocr", "onnxruntime"),
    "transformers": ("torch", "transformers"),
    "image_text": ("torch", "transformers"),
}
"""Packages behind what `use` names in a profile."""
LITTLE_MEMORY_GB = 2
LITTLE_DISK_GB = 1
WITHOUT_FETCH = ("cpu", "offline")
SETTINGS = {SPEECH: "--set models.speech.faster_whisper.compute_type", MATRICES: "--set models.frames.transformers.dtype"}
"""Where a number format is said."""


@dataclass(frozen=True, slots=True)
class Finding:
    what: str
    state: State
    found: str
    remedy: str = ""


def examine(bench: bool) -> int:
    """Print all findings; 0 where the profile `cpu` or `offline` can run, else 1."""
    findings: list[Finding] = []
    for finding in _examine():
        findings.append(finding)
        _print(finding)
    for finding in _formats() if bench else ():
        _print(finding)
    able = {f.what.removeprefix("profile ") for f in findings if f.what.startswith("profile ") and f.state != "missing"}
    return 0 if able.intersection(WITHOUT_FETCH) else 1


def _print(finding: Finding) -> None:
    """One finding a line, said as soon as it is known."""
    line = Table.grid(padding=(0, 2))
    line.add_column(width=20)
    line.add_column(width=7)
    line.add_column(overflow="fold")
    said = f"{finding.found}\n→ {finding.remedy}" if finding.remedy else finding.found
    line.add_row(Text(finding.what), Text(finding.state, style=COLOURS[finding.state]), Text(said))
    Console(highlight=False).print(line)


def _examine() -> Iterator[Finding]:
    yield Finding("Python", "good", f"{platform.python_version()} on {platform.platform(terse=True)}")
    yield from _machine()
    yield from _ffmpeg()
    yield from (_library(*wanted) for wanted in (("av", "av"), ("decord", "decord"), ("ray", "ray"), ("onnxruntime", "onnxruntime")))
    yield _ray()
    yield from _gpu()
    yield from _models()
    for name in profiles():
        yield _profile(name)


def _machine() -> Iterator[Finding]:
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9
    few = memory < LITTLE_MEMORY_GB
    yield Finding("cores", "good", f"{cores()}")
    yield Finding("memory", "note" if few else "good", f"{memory:.1f} GB", "close other programs: a run needs about 2 GB" if few else "")


def _ffmpeg() -> Iterator[Finding]:
    try:
        path = find_ffmpeg()
    except CapstreamError as e:
        yield Finding("ffmpeg", "missing", e.message, "apt-get install ffmpeg, or pip install imageio-ffmpeg")
        return
    yield Finding("ffmpeg", "good", f"{_ask(path, '-version').splitlines()[0].split(' Copyright')[0]}, {path}")
    decoders = {line.split()[1] for line in _ask(path, "-decoders").splitlines() if len(line.split()) > 2}
    known = decoders | {"av1"} if decoders & {"libdav1d", "libaom-av1"} else decoders
    yield _complete("decoders", DECODERS, known, "install an ffmpeg that has them")
    protocols = set(_ask(path, "-protocols").partition("Output:")[0].split())
    yield _complete("protocols", PROTOCOLS, protocols, "live sources over them can not be read with this ffmpeg")


def _complete(what: str, wanted: tuple[str, ...], there: set[str], remedy: str) -> Finding:
    if missing := [name for name in wanted if name not in there]:
        return Finding(what, "note", f"without {', '.join(missing)}", remedy)
    return Finding(what, "good", ", ".join(wanted))


def _ask(path: str, question: str) -> str:
    return subprocess.run([path, "-hide_banner", question], capture_output=True, text=True, timeout=60, check=False).stdout


def _library(name: str, module: str) -> Finding:
    """Imported in earnest, for a library that is installed may lack one of its own."""
    try:
        importlib.import_module(module)
        return Finding(name, "good", version(name))
    except (ImportError, OSError, PackageNotFoundError, RuntimeError) as e:
        return Finding(name, "missing", str(e).strip().splitlines()[0], f"pip install {name}")


def _ray() -> Finding:
    """Where a run would go; whether its shared memory has room."""
    if address := os.environ.get("RAY_ADDRESS"):
        return Finding("Ray cluster", "good", f"RAY_ADDRESS is {address}: runs go there")
    shared = Path("/dev/shm")
    if shared.is_dir() and shutil.disk_usage(shared).free < LITTLE_DISK_GB * 1e9 / 2:
        return Finding(
            "Ray cluster", "note", "/dev/shm has less than 0.5 GB free", "start the container with --shm-size=1g, or use --runtime local"
        )
    return Finding("Ray cluster", "good", "none named: a run starts its own here, on all cores")


def _gpu() -> Iterator[Finding]:
    if not has_gpu():
        yield Finding("GPU", "note", "no NVIDIA GPU is seen (nvidia-smi)", "the profile gpu needs one; the others do not")
        return
    import torch

    if torch.cuda.is_available():
        names = ", ".join(torch.cuda.get_device_name(n) for n in range(torch.cuda.device_count()))
        yield Finding("GPU", "good", f"{names}; torch {torch.__version__}")
    else:
        yield Finding(
            "GPU", "note", f"nvidia-smi sees one, torch {torch.__version__} does not", "install a torch that is built for its driver's CUDA"
        )


def _models() -> Iterator[Finding]:
    here = cached()
    yield Finding(
        "models fetched",
        "good" if here else "note",
        ", ".join(here) or "none yet",
        "" if here else "capstream models list shows what there is",
    )
    folder = cache_folder()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            free = shutil.disk_usage(folder).free / 1e9
    except OSError as e:
        yield Finding("model cache", "missing", f"{folder} can not be written: {e.strerror}", "set CAPSTREAM_CACHE to a folder that can")
        return
    little = free < LITTLE_DISK_GB
    yield Finding(
        "model cache", "note" if little else "good", f"{folder}, {free:.1f} GB free", "make room, or set CAPSTREAM_CACHE" if little else ""
    )


def _profile(name: str) -> Finding:
    """Whether a run with it would start now."""
    settings = load(name)
    problems = [] if _reads_media() else ["ffmpeg and av are needed to read any media"]
    fetches, no_gpu, here, entries = [], [], cached(), catalogue()
    for role in asked_models(choose_operators(settings)):
        model = choose_model(role, settings)
        if model is None:
            problems.append(f"{role} is asked, and no model named for it")
            continue
        if lacking := [p for p in NEEDS.get(model.table.use, ()) if find_spec(p) is None]:
            problems.append(f"{role} needs {', '.join(lacking)}: pip install {' '.join(lacking)}")
        if model.table.device == "cuda" and not has_gpu():
            no_gpu.append(role)
        weights = getattr(model.options, "model", "")
        if weights in entries and weights not in here:
            fetches.append(f"{weights} ({entries[weights].size_mb} MB)")
    if no_gpu:
        problems.append(f"an NVIDIA GPU is needed for {', '.join(no_gpu)}")
    if problems:
        return Finding(f"profile {name}", "missing", "can not run", "; ".join(problems))
    if fetches:
        return Finding(f"profile {name}", "note", f"fetches {', '.join(fetches)} once", "capstream models fetch does it beforehand")
    return Finding(f"profile {name}", "good", settings.description)


def _formats() -> Iterator[Finding]:
    taken = sorted(measure(cores(), "cuda" if has_gpu() else "cpu"), key=itemgetter(0, 2))
    for what, group in groupby(taken, key=itemgetter(0)):
        times = [(name, seconds) for _, name, seconds in group]
        told = ", ".join(f"{name} {seconds * 1000:.0f} ms" for name, seconds in times)
        yield Finding(what, "good", told, f"{SETTINGS[what]}={times[0][0]} is the fastest here")
    if WHISPER not in cached():
        yield Finding("speech", "note", f"not measured: {WHISPER} is not fetched", f"capstream models fetch {WHISPER}")


def _reads_media() -> bool:
    try:
        find_ffmpeg()
    except CapstreamError:
        return False
    return find_spec("av") is not None
