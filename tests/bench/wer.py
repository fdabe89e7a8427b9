"""Speech on real media: what our path loses or wins against its recognisers used directly. Makes docs/speech.md.

    python -m tests.bench.wer [--only faster_whisper ...] [--write docs/speech.md]

needs the real media (CAPSTREAM_MEDIA, by default ../shared/media beside the repository), ffmpeg, and Whisper base.
"""

import argparse
import json
import random
import resource
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from difflib import SequenceMatcher
from functools import cache
from itertools import repeat
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import jiwer
import numpy as np
from transformers.models.whisper.english_normalizer import BasicTextNormalizer, EnglishTextNormalizer

from operators.facts import Word
from operators.media import SOUND_RATE_HZ, Pcm
from operators.speech import RECOGNISERS
from operators.speech.recognition import Recognition, SpeechItem
from pipeline.models import cache_folder, resolve
from tests.bench.checkpoint import make_checkpoint
from tests.bench.live_speech import KINDS, LivePath
from tests.bench.speech_media import MEDIA, Clip, SpeechPath, decode, from_source, options_of, packets, silent_clips, spoken_clips

NORMAL = {"en": EnglishTextNormalizer({})}
TALK = "video_speech/ai_campus_full_audio.mp3"
ROUNDS = 3
WORKERS = 2
"""Recognisers that are measured at once, one thread each."""
MEASURED = "faster_whisper"
"""What is looked at more closely."""
WITH_WEIGHTS = ("faster_whisper", "transformers", "pocketsphinx")
"""Recognisers whose weights can be had without a model hub."""
HEAD = """# Speech

Made by `python -m tests.bench.wer --write docs/speech.md`, one thread for each recogniser. Error rates: of words, and in brackets of
characters, after Whisper's own normaliser, as transformers carries it (without its list of British spellings). CPU: seconds of
processor time for a second of sound. *direct*: the recogniser given the whole clip at once. *path*: the sound through its source, the voice
gate, packs of speech and back to media time, as a run does it. *live*: word by word as it is spoken, as the `cpu` profile has it for
live streams. *its own call*: faster-whisper's `transcribe` with word times and otherwise its defaults (beam 5, retries by chance).
"""
LIVE_HEAD = f"""Live words ({MEASURED}, a step of 1 s): seconds from the end of a word until it is shown, is certain, and stands in a
transcript, median (95 %), on a clock on which sound and computation follow each other (`tests/bench/live_speech.py`); erasure: words taken
back by the words of the transcripts; packs: error rates against what the path writes with all the sound at hand.
"""


@dataclass(slots=True)
class Column:
    """One way to write speech down, and what came of it."""

    name: str
    said: dict[str, str] = field(default_factory=dict)
    """By the path of the clip."""
    cpu_s: float = 0.0
    sound_s: float = 0.0

    def run(self, write: Callable[[str], str], clips: list[Clip], silent: list[str]) -> "Column":
        """write: what a file, by its path, says."""
        for clip in clips:
            with self._clocked(clip.path):
                self.said[clip.path] = write(clip.path)
        self.said |= {path: write(path) for path in silent}
        print(f"{self.name}: {len(clips) + len(silent)} files", file=sys.stderr, flush=True)
        return self

    def rates(self, clips: list[Clip]) -> str:
        return error_rates([(clip, self.said[clip.path]) for clip in clips])

    @contextmanager
    def _clocked(self, path: str) -> Iterator[None]:
        before = cpu_s()
        yield
        self.cpu_s += cpu_s() - before
        self.sound_s += length_s(path)


def error_rates(said: list[tuple[Clip, str]]) -> str:
    """Of words, and in brackets of characters."""
    normals = [NORMAL.get(clip.language) or BasicTextNormalizer() for clip, _ in said]
    texts = [
        [normal(text) for normal, text in zip(normals, side, strict=True)] for side in zip(*((c.text, t) for c, t in said), strict=True)
    ]
    return f"{jiwer.wer(*texts):.3f} ({jiwer.cer(*texts):.3f})"


def length_s(path: str) -> float:
    return len(decode(path)) / SOUND_RATE_HZ


def groups(clip: Clip) -> tuple[str, ...]:
    return (clip.group, "all English") if clip.language == "en" else (clip.group, "all others")


def cpu_s() -> float:
    """Processor time of this process and its ended children, decoders included."""
    uses = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(u.ru_utime + u.ru_stime for u in uses)


def opened(name: str) -> Any:
    kind = RECOGNISERS[name]
    options: Any = kind.Options()
    if name == "faster_whisper":
        options = kind.Options(model=str(resolve("whisper-base")))
    elif name == "transformers":
        options = kind.Options(model=str(make_checkpoint(resolve("whisper-base"), cache_folder() / "tests" / "whisper-base-transformers")))
    recogniser = kind(options)
    recogniser.open("cpu", 1)
    return recogniser


def direct(recogniser: Any, pcm: Pcm) -> str:
    """Pocketsphinx and Whisper take up to 30 s at once; longer sound is cut there, as a bare call would."""
    texts = []
    for at in range(0, len(pcm), 30 * SOUND_RATE_HZ):
        heard = recogniser([SpeechItem(pcm[at : at + 30 * SOUND_RATE_HZ])])[0]
        texts += [word.text for segment in heard.segments for word in segment]
    return "".join(texts)


@cache
def faster_whisper_itself() -> Any:
    from faster_whisper import WhisperModel

    return WhisperModel(str(resolve("whisper-base")), compute_type="int8", cpu_threads=1)


def own_call(pcm: Pcm, **settings: Any) -> str:
    segments, _ = faster_whisper_itself().transcribe(pcm, word_timestamps=True, **settings)
    return " ".join(s.text.strip() for s in segments)


def measured(name: str, clips: list[Clip], silent: list[str]) -> tuple[list[Column], str]:
    """All ways of one recogniser, and how far its word times move."""
    recogniser = opened(name)
    path = SpeechPath(recogniser, options_of(name))
    ways: dict[str, Callable[[str], str]] = {
        f"{name}, direct": lambda p: direct(recogniser, decode(p)),
        f"{name}, path": lambda p: path.text(from_source(p)),
    }
    if name == MEASURED:
        live = LivePath(recogniser, options_of(name, live=True))
        ways[f"{name}, live"] = lambda p: " ".join(live(from_source(p)).text)
        ways["its own call"] = lambda p: own_call(decode(p))
    return [Column(way).run(write, clips, silent) for way, write in ways.items()], word_times(name, recogniser)


def error_table(columns: list[Column], clips: list[Clip], silent: list[str]) -> str:
    sets: dict[str, list[Clip]] = defaultdict(list)
    for clip in clips:
        for group in groups(clip):
            sets[group].append(clip)
    ordered = sorted(sets, key=lambda g: (g == "all others", len(g) == 2, g == "all English", g))
    rows = [["set", "clips", "words", *(c.name for c in columns)]]
    rows += [[g, str(len(sets[g])), words_in(sets[g]), *(c.rates(sets[g]) for c in columns)] for g in ordered]
    hours = sum(map(length_s, silent)) / 3600
    invented = [sum(len(c.said[path].split()) for path in silent) for c in columns]
    rows.append([f"words where nobody speaks, {hours * 60:.1f} min", str(len(silent)), "0", *map(str, invented)])
    rows.append(["the same, an hour", "", "0", *(f"{n / hours:.0f}" for n in invented)])
    rows.append(["CPU", "", "", *(f"{c.cpu_s / c.sound_s:.3f}" for c in columns)])
    return table(rows)


def file_table(columns: list[Column], clips: list[Clip]) -> str:
    rows = [["file", "language", "words", *(c.name for c in columns)]]
    rows += [[c.path.removeprefix("speech/"), c.language, words_in([c]), *(column.rates([c]) for column in columns)] for c in clips]
    return table(rows)


def words_in(clips: list[Clip]) -> str:
    return str(sum(len(clip.text.split()) for clip in clips))


def table(rows: list[list[str]]) -> str:
    lines = ["| " + " | ".join(row) + " |" for row in rows]
    return "\n".join([lines[0], "|" + "---|" * len(rows[0]), *lines[1:]])


def word_times(name: str, recogniser: Any) -> str:
    """How far the path's word times are from the recogniser's own, on jfk.flac."""
    heard = recogniser([SpeechItem(decode("speech/jfk.flac"))])[0]
    assert isinstance(heard, Recognition)
    own = [w for segment in heard.segments for w in segment]
    ours = [w for w in SpeechPath(recogniser, options_of(name))(from_source("speech/jfk.flac")) if isinstance(w, Word)]
    if [w.text.strip() for w in own] != [w.text for w in ours]:
        return f"- {name}: other words: {' '.join(w.text for w in ours)}"
    apart = max(max(abs(a.start - b.start), abs(a.end - b.end)) for a, b in zip(own, ours, strict=True))
    return f"- {name}: {float(apart):.3f} s"


def machine_times(recogniser: Any, manifest: list[dict[str, Any]]) -> str:
    """How far the path's word times are from those of another recogniser (Leopard), for the words that both hear alike."""
    path, apart = SpeechPath(recogniser, options_of(MEASURED)), dict[str, list[float]](start=[], end=[])
    for entry in manifest:
        theirs = (entry.get("ground_truth") or {}).get("words_machine") if isinstance(entry.get("ground_truth"), dict) else None
        if not theirs:
            continue
        ours = [w for w in path(from_source(entry["path"])) if isinstance(w, Word)]
        said, meant = [plain(w.text) for w in ours], [plain(w["w"]) for w in theirs]
        for a, b, count in SequenceMatcher(None, said, meant, autojunk=False).get_matching_blocks():
            for mine, other in zip(ours[a : a + count], theirs[b : b + count], strict=True):
                apart["start"].append(abs(float(mine.start) - other["s"]))
                apart["end"].append(abs(float(mine.end) - other["e"]))
    told = [f"{name} {np.median(s):.2f} s (95 %: {np.quantile(s, 0.95):.2f} s)" for name, s in apart.items()]
    return f"- {MEASURED} against Leopard's (a machine's too), {len(apart['start'])} words in four languages, median: {', '.join(told)}"


def plain(word: str) -> str:
    return "".join(c for c in word.lower() if c.isalnum())


def live_table(recogniser: Any, clips: list[Clip]) -> str:
    path = LivePath(recogniser, options_of(MEASURED, live=True))
    sounds = {"the English clips one after another": long_stream(clips, 0, None)[0], f"`{Path(TALK).name}`": decode(TALK)}
    rows = [["sound", "words", "shown", "certain", "in a transcript", "erasure", "packs"]]
    for name, pcm in sounds.items():
        heard, packed = path(packets(pcm)), SpeechPath(recogniser, options_of(MEASURED)).text(packets(pcm))
        delays = ["{:.2f} ({:.2f})".format(*heard.quantiles(kind)) for kind in KINDS]
        apart = error_rates([(Clip("", "", "en", packed), " ".join(heard.text))])
        rows.append([name, str(heard.words), *delays, f"{heard.erasure:.2f}", apart])
    return table(rows)


def long_stream(clips: list[Clip], seed: int, snr_db: float | None) -> tuple[Pcm, str]:
    """The English clips one after another at one loudness, pauses of 0.3 to 8 s between them, with real noise under them."""
    chance = random.Random(seed)
    parts = []
    for clip in (order := chance.sample(clips, len(clips))):
        pcm = decode(clip.path)
        pause = np.zeros(int(chance.choice([0.3, 0.6, 1, 2, 4, 8]) * SOUND_RATE_HZ), np.float32)
        parts += [pause, 0.05 * pcm / np.sqrt(np.mean(np.square(pcm)))]
    sound = np.concatenate(parts)
    if snr_db is not None:
        noise = np.concatenate([decode(f"audio_events/noise/noise{n}.wav") for n in (4, 3, 2)])
        sound = sound + np.resize(noise / np.sqrt(np.mean(np.square(noise))), len(sound)) * 0.05 * 10 ** (-snr_db / 20)
    return np.clip(sound, -1, 1).astype(np.float32), " ".join(clip.text for clip in order)


def stream_table(name: str, recogniser: Any, clips: list[Clip]) -> str:
    path = SpeechPath(recogniser, options_of(name))
    live = LivePath(recogniser, options_of(name, live=True))
    ways: dict[str, Callable[[Pcm], str]] = {
        "path": lambda pcm: path.text(packets(pcm)),
        "live": lambda pcm: " ".join(live(packets(pcm)).text),
        "its own call": lambda pcm: own_call(pcm),
        "its own call, with its gate": lambda pcm: own_call(pcm, vad_filter=True),
    }
    rows = [["sound", *ways]]
    for seed, snr_db in enumerate((None, 15.0, 5.0)):
        pcm, text = long_stream(clips, seed, snr_db)
        row = ["clean" if snr_db is None else f"noise at {snr_db:.0f} dB"]
        for write in ways.values():
            before = cpu_s()
            said = write(pcm)
            row.append(f"{error_rates([(Clip('', '', 'en', text), said)])}, CPU {(cpu_s() - before) / (len(pcm) / SOUND_RATE_HZ):.3f}")
        rows.append(row)
    return table(rows)


def speed_table(name: str, recogniser: Any) -> str:
    """Alternating rounds on one talk; the least of each, for other work on the machine only adds."""
    pcm, path = decode(TALK), SpeechPath(recogniser, options_of(name))
    ways: dict[str, Callable[[], Any]] = {
        "path": lambda: path.text(from_source(TALK)),
        "its own call, with its gate": lambda: own_call(pcm, vad_filter=True),
        "the same with beam 1": lambda: own_call(pcm, vad_filter=True, beam_size=1),
    }
    costs: dict[str, list[tuple[float, float]]] = defaultdict(list)
    for _ in range(ROUNDS):
        for name, work in ways.items():
            start, before = time.perf_counter(), cpu_s()
            work()
            costs[name].append((time.perf_counter() - start, cpu_s() - before))
    best = {name: [min(c[n] for c in cost) for n in (0, 1)] for name, cost in costs.items()}
    ours = best["path"]
    rows = [["", "wall clock, s", "CPU, s", "path / it, wall", "path / it, CPU"]]
    rows += [[name, *(f"{x:.1f}" for x in b), *(f"{o / x:.2f}" for o, x in zip(ours, b, strict=True))] for name, b in best.items()]
    return table(rows)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--only", nargs="+", choices=WITH_WEIGHTS, default=WITH_WEIGHTS)
    parser.add_argument("--write", type=Path)
    args = parser.parse_args()
    manifest = json.loads((MEDIA / "MANIFEST.json").read_text(encoding="utf-8"))["files"]
    clips, silent = spoken_clips(manifest), silent_clips(manifest)
    with ProcessPoolExecutor(WORKERS, get_context("spawn")) as pool:
        told = list(pool.map(measured, args.only, repeat(clips), repeat(silent)))
    columns = [column for several, _ in told for column in several]
    parts = [HEAD, error_table(columns, clips, silent)]
    parts += ["", "Word times, on `jfk.flac` the largest difference of the path's from the recogniser's own:", ""]
    parts += [moved for _, moved in told]
    if MEASURED in args.only:
        recogniser, english = opened(MEASURED), [c for c in clips if c.language == "en"]
        parts += [
            machine_times(recogniser, manifest),
            "",
            f"The English clips one after another, pauses of 0.3 to 8 s between them ({MEASURED}):",
            "",
        ]
        parts += [stream_table(MEASURED, recogniser, english), "", LIVE_HEAD, live_table(recogniser, english)]
        parts += ["", f"Speed on `{Path(TALK).name}`, the least of {ROUNDS} rounds:", "", speed_table(MEASURED, recogniser)]
    parts += ["", "## File by file", "", file_table(columns, clips)]
    text = "\n".join(parts) + "\n"
    print(text)
    if args.write:
        args.write.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
