"""Speed and memory of the whole, as ratios within one run of this machine.

    python tests/bench/speed.py [--only NAME ...] [--write docs/benchmarks.md]

prints a table; each row says what was measured, the ratio, and the bound it is held to. Exit 1 where a bound is missed.
"""

import argparse
import asyncio
import os
import platform
import resource
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import psutil
from markdown import table

from operators.protocols import FramesNeed
from operators.speech.faster_whisper import FasterWhisperRecogniser
from operators.timeline import ZERO, Span
from pipeline.build import Cut, plan_models, plan_streams
from pipeline.config import load
from pipeline.models import resolve
from pipeline.operator_run import Asked, OperatorRun
from pipeline.plan import RunSettings
from pipeline.stream_status import StreamStatus
from pipeline.supervisor import make_runtime

MEDIA = Path(os.environ.get("CAPSTREAM_MEDIA") or Path(__file__).parents[3] / "shared" / "media")
CORES = len(os.sched_getaffinity(0))
FOREVER = Fraction(10**9)
ROUNDS, SPEECH_ROUNDS = 3, 5
PAGE = """# Speed and memory

Made by `make bench WRITE=docs/benchmarks.md` on the real media, two cores, no GPU. Ratios within one run; the machine is shared, so single
times vary.

"""
said: list[str] = []


def tell(text: str) -> None:
    """Print it, and keep it for the page."""
    print(text, flush=True)
    said.append(text)


CAPSTREAM = str(Path(sys.executable).with_name("capstream"))


@dataclass(frozen=True, slots=True)
class Row:
    what: str
    measured: str
    bound: str
    held: bool


@dataclass(frozen=True, slots=True)
class Cost:
    """What a piece of work took: wall clock, and CPU of this process and its ended children. Seconds."""

    wall_s: float
    cpu_s: float


def cost(work: Callable[[], Any]) -> Cost:
    before, start = _cpu(), time.perf_counter()
    work()
    return Cost(time.perf_counter() - start, _cpu() - before)


def _cpu() -> float:
    uses = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(u.ru_utime + u.ru_stime for u in uses)


def make_talk(folder: Path, seconds: int | None = None, height: int = 1080) -> Path:
    """A talk: the real narration of an explainer over the real pictures of a clean room, at 25 pictures a second; looped to `seconds`."""
    path = folder / f"talk_{seconds}_{height}.mp4"
    if not path.exists():
        pictures, sound = MEDIA / "video_speech/nasa_13013.mp4", MEDIA / "video_speech/ai_campus_full_audio.mp3"
        length = ["-t", str(seconds)] if seconds else ["-shortest"]
        command = [
            "ffmpeg", "-v", "error", "-y", "-stream_loop", "-1", "-i", pictures, *(["-stream_loop", "-1"] if seconds else []), "-i", sound,
            "-map", "0:3", "-map", "1:a:0", "-vf", f"fps=25,scale=-2:{height}", "-c:v", "libx264", "-preset", "ultrafast", "-g", "50",
            "-c:a", "aac", "-ac", "1", *length, path,
        ]  # fmt: skip
        subprocess.run([str(c) for c in command], check=True)
    return path


class Whole:
    """The `cpu` profile on one file, as a whole and stage by stage."""

    def __init__(self, clip: Path, folder: Path) -> None:
        self.clip, self.folder = clip, folder
        settings = load("cpu")
        self.plans, _ = plan_streams([str(clip)], settings, Cut(ZERO, None))
        self.models = plan_models(self.plans, settings, lambda line: None)

    def run(self, runtime: str) -> float:
        """Wall time of the stream alone: the runtime and its shared models are started before."""

        async def timed() -> float:
            with tempfile.TemporaryDirectory(dir=self.folder) as out:
                here = make_runtime(self.models, RunSettings(Path(out), runtime, False))  # type: ignore[arg-type]
                await here.start()
                start = time.perf_counter()
                outcome = await here.run(self.plans[0], StreamStatus("bench"), asyncio.Event())
                wall = time.perf_counter() - start
                await here.close()
                assert outcome.state == "complete", outcome
                return wall

        return asyncio.run(timed())

    def stages(self) -> dict[str, Cost]:
        """Each stage run alone, on what the stage before gave it."""
        source, info = self.plans[0].open_source(Path())
        stages: dict[str, Cost] = {}
        asks: dict[str, list[Any]] = {}
        hosts = {}
        for model in self.models:
            hosts[model.name] = model.make()
            hosts[model.name].open(model.device, model.threads)

        def answer(asked: Asked) -> Any:
            asks.setdefault(asked.ask.model, []).append(asked.ask.item)
            return hosts[asked.ask.model]([asked.ask.item])[0]

        def operate(lane: Any, items: list[Any]) -> None:
            runs = [OperatorRun(o, lane) for o in self.plans[0].operators(lane, lambda instants: [])]
            for item in items:
                for run in runs:
                    todo = run.feed(item)
                    while todo:
                        asked = todo.pop(0)
                        todo += run.answer(asked, answer(asked))
                    run.take()

        everything = Span(ZERO, FOREVER)
        needs = [o.need for o in self.plans[0].operators("look", lambda i: []) if isinstance(o.need, FramesNeed)]
        need = FramesNeed(max(n.rate for n in needs), max(n.size_px for n in needs))
        frames: list[Any] = []
        stages["look: decode and scale"] = cost(lambda: frames.extend(source.frames(info, need, everything)))
        packets: list[Any] = []
        stages["listen: decode and resample"] = cost(lambda: packets.extend(source.samples(info, everything)))
        look = cost(lambda: operate("look", frames))
        frames.clear()
        listen = cost(lambda: operate("listen", packets))
        names = {"vad": "listen: voice activity", "speech": "listen: recogniser", "text": "look: text on screen"}
        for name, items in asks.items():
            stages[names[name]] = cost(lambda name=name, items=items: [hosts[name]([item]) for item in items])  # type: ignore[misc]
        for lane, whole in (("look", look), ("listen", listen)):
            of_models = [c for s, c in stages.items() if s in names.values() and s.startswith(lane)]
            wall, cpu = (sum(getattr(c, k) for c in of_models) for k in ("wall_s", "cpu_s"))
            stages[f"{lane}: operators"] = Cost(max(0.0, whole.wall_s - wall), max(0.0, whole.cpu_s - cpu))
        for host in hosts.values():
            host.close()
        return stages


def bench_whole(folder: Path) -> list[Row]:
    whole = Whole(make_talk(folder), folder)
    seconds = _duration(whole.clip)
    stages = whole.stages()
    bound = max(max(c.wall_s for c in stages.values()), sum(c.cpu_s for c in stages.values()) / CORES)
    runs = [(whole.run("ray"), whole.run("local")) for _ in range(ROUNDS)]
    on_ray, local = (statistics.median(r) for r in zip(*runs, strict=True))
    tell(f"Where the time of a 1080p talk of {seconds:.0f} s goes, `cpu` profile, each stage alone on {CORES} cores:\n")
    costs = {name: (f"{c.wall_s:.1f}", f"{c.cpu_s:.1f}", f"{c.cpu_s / seconds:.3f}") for name, c in stages.items()}
    names = ("stage", "wall, s", "CPU, s", "CPU for a second of media")
    tell(table([dict(zip(names, (stage, *figures), strict=True)) for stage, figures in costs.items()]) + "\n")
    ratios = sorted(r / b for r, b in runs)
    return [
        row("pipeline wall time over its bound (Ray started)", on_ray / bound, 1.25),
        row(f"Ray over local, median of {ROUNDS} alternating rounds ({ratios[0]:.2f}-{ratios[-1]:.2f})", on_ray / local, 1.15),
        row("`cpu` profile on a 1080p talk over real time, Ray started", on_ray / seconds, 0.5),
    ]


def bench_speech(folder: Path) -> list[Row]:
    """Our words of a sound file against faster-whisper's own call with word times and its gate: same model, same cores."""
    from faster_whisper import WhisperModel

    sound = MEDIA / "video_speech/ai_campus_full_audio.mp3"
    settings = load("cpu")
    plans, _ = plan_streams([str(sound)], settings, Cut(ZERO, None))
    models = {m.name: m for m in plan_models(plans, settings, lambda line: None) if m.name in ("vad", "speech")}
    hosts = {name: m.make() for name, m in models.items()}
    for name, host in hosts.items():
        host.open("cpu", models[name].threads)
    speech = hosts["speech"]
    assert isinstance(speech, FasterWhisperRecogniser)
    theirs = WhisperModel(str(resolve("whisper-base")), device="cpu", compute_type="int8", cpu_threads=models["speech"].threads)

    def ours() -> None:
        source, info = plans[0].open_source(Path())
        [operator] = [o for o in plans[0].operators("listen", lambda i: []) if o.origin == "listen.words"]
        run = OperatorRun(operator, "listen")
        for packet in source.samples(info, Span(ZERO, FOREVER)):
            settle(run, run.feed(packet))
        settle(run, run.finish(run.position[0]))

    def settle(run: OperatorRun, todo: list[Asked]) -> None:
        while todo:
            asked = todo.pop(0)
            todo += run.answer(asked, hosts[asked.ask.model]([asked.ask.item])[0])
        run.take()

    def direct() -> None:
        segments, _ = theirs.transcribe(str(sound), word_timestamps=True, vad_filter=True, beam_size=speech.options.beam)
        list(segments)

    direct()
    rounds = [(cost(ours).wall_s, cost(direct).wall_s) for _ in range(SPEECH_ROUNDS)]
    ratios = sorted(a / b for a, b in rounds)
    return [
        row(
            f"speech over faster-whisper's own call, median of {SPEECH_ROUNDS} ({ratios[0]:.2f}-{ratios[-1]:.2f})",
            statistics.median(ratios),
            1.05,
        )
    ]


def bench_decode(folder: Path) -> list[Row]:
    """Decode and sample at 2 frames a second, long side 384, against bare decord and bare ffmpeg."""
    clip = make_talk(folder)
    plans, _ = plan_streams([str(clip)], load("cpu"), Cut(ZERO, None))
    source, info = plans[0].open_source(Path())
    bare = (
        "import decord,sys; r=decord.VideoReader(sys.argv[1],width=384,height=216); n=len(r); f=r.get_avg_fps();"
        "i=[int(k*f/2) for k in range(int(n*2/f))]\nfor k in range(0,len(i),16): r.get_batch(i[k:k+16]).asnumpy()"
    )
    ffmpeg = [
        "ffmpeg",
        "-v",
        "error",
        "-i",
        str(clip),
        "-an",
        "-vf",
        "fps=2:round=up,scale=384:216",
        "-f",
        "rawvideo",
        "-pix_fmt",
        "rgb24",
        "-",
    ]
    rounds = []
    for _ in range(ROUNDS):
        ours = cost(lambda: sum(1 for _ in source.frames(info, FramesNeed(2, 384), Span(ZERO, FOREVER)))).wall_s
        decord = cost(lambda: subprocess.run([sys.executable, "-c", bare, str(clip)], check=True)).wall_s
        theirs = cost(lambda: subprocess.run(ffmpeg, check=True, stdout=subprocess.DEVNULL)).wall_s
        rounds.append(min(decord, theirs) / ours)
    ratio = statistics.median(rounds)
    return [
        Row(
            f"decode and sample at 2 fps ({info.reader}), speed over the fastest bare reader",
            f"{ratio:.2f}",
            "at least 0.85",
            ratio >= 0.85,
        )
    ]


def bench_memory(folder: Path) -> list[Row]:
    """Peak resident memory of the whole process tree: an hour against six minutes of the same."""
    peaks = {}
    for minutes in (6, 60):
        clip = make_talk(folder, minutes * 60, height=360)
        with tempfile.TemporaryDirectory(dir=folder) as out:
            peaks[minutes] = peak_rss([CAPSTREAM, "run", str(clip), "--out", out, "--runtime", "local"])
    what = f"peak memory of 60 minutes ({peaks[60] / 2**20:.0f} MiB) over 6 minutes ({peaks[6] / 2**20:.0f} MiB)"
    return [row(what, peaks[60] / peaks[6], 1.10)]


def peak_rss(command: list[str]) -> int:
    """Highest sum over the process tree, bytes, looked at five times a second."""
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    peak = 0
    while process.poll() is None:
        total = 0
        for p in [psutil.Process(process.pid), *psutil.Process(process.pid).children(recursive=True)]:
            try:
                total += p.memory_info().rss
            except psutil.NoSuchProcess:
                continue
        peak = max(peak, total)
        threading.Event().wait(0.2)
    assert process.returncode == 0, command
    return peak


def bench_commands(folder: Path) -> list[Row]:
    help_s = min(cost(lambda: subprocess.run([CAPSTREAM, "--help"], check=True, capture_output=True)).wall_s for _ in range(5))
    demo_s = cost(lambda: subprocess.run([sys.executable, "-m", "pipeline.demo"], check=True, capture_output=True)).wall_s
    return [
        Row("`capstream --help`", f"{help_s:.2f} s", "under 0.3 s", help_s < 0.3),
        Row("`make demo` after set-up", f"{demo_s:.0f} s", "under 60 s", demo_s < 60),
    ]


def row(what: str, ratio: float, bound: float) -> Row:
    return Row(what, f"{ratio:.2f}", f"at most {bound:g}", ratio <= bound)


def _duration(clip: Path) -> float:
    found = subprocess.run(
        ["ffprobe", "-v", "error", "-show_entries", "format=duration", "-of", "csv=p=0", str(clip)], capture_output=True, text=True
    )
    return float(found.stdout)


BENCHES = {"whole": bench_whole, "speech": bench_speech, "decode": bench_decode, "commands": bench_commands, "memory": bench_memory}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", nargs="+", choices=BENCHES, default=list(BENCHES))
    parser.add_argument("--write", type=Path)
    args = parser.parse_args()
    print(f"{platform.processor() or platform.machine()}, {CORES} cores, Python {platform.python_version()}", file=sys.stderr)
    rows: list[Row] = []
    with tempfile.TemporaryDirectory() as folder:
        for name in args.only:
            rows += BENCHES[name](Path(folder))
    tell(table([{"measured": r.what, "here": r.measured, "bound": r.bound, "held": "yes" if r.held else "NO"} for r in rows]))
    if args.write:
        args.write.write_text(PAGE + "\n".join(said) + "\n")
    sys.exit(0 if all(r.held for r in rows) else 1)


if __name__ == "__main__":
    main()
