"""Real speech with its text, and our path from a file to words, for benchmarks and tests."""

import os
import subprocess
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np

from operators.media import PACKET_SAMPLES, SOUND_RATE_HZ, Pcm, Samples
from operators.protocols import Item, Output, StreamOperator
from operators.records import Transcript
from operators.sources import open_source
from operators.speech.vad import SileroVad
from operators.speech.words import SpeechOptions, SpeechTranscriber
from operators.timeline import ZERO, Span
from pipeline.config import load
from pipeline.operator_run import Asked, OperatorRun

MEDIA = Path(os.environ.get("CAPSTREAM_MEDIA") or Path(__file__).parents[3] / "shared" / "media")


@dataclass(frozen=True, slots=True)
class Clip:
    path: str
    group: str
    language: str
    text: str


def spoken_clips(manifest: list[dict[str, Any]]) -> list[Clip]:
    """Clips with a human text of what is said; those in English by folder, the others by language."""
    clips = []
    for entry in manifest:
        path, truth = entry["path"], entry.get("ground_truth") or {}
        if entry["kind"] == "speech" and path.endswith((".wav", ".flac")) and isinstance(truth, dict) and truth.get("text"):
            folder = path.split("/")[1] if path.count("/") > 1 else "single clips"
            language = truth["language"]
            clips.append(Clip(path, folder if language == "en" else language, language, truth["text"]))
    return clips


def silent_clips(manifest: list[dict[str, Any]]) -> list[str]:
    """Clips in which nobody speaks: noise, rain, music, animals, rooms."""
    sounds = [e["path"] for e in manifest if e["kind"] == "audio_events" and e["path"].endswith((".wav", ".mp3", ".ogg"))]
    return sounds + [e["path"] for e in manifest if isinstance(e.get("ground_truth"), dict) and e["ground_truth"].get("speech") is False]


def decode(path: str) -> Pcm:
    """The whole sound of a file, mixed as the source mixes it."""
    shape = ["-map", "0:a:0", "-ac", "1", "-rematrix_maxval", "1", "-ar", str(SOUND_RATE_HZ), "-f", "f32le", "-"]
    command = ["ffmpeg", "-v", "error", "-nostdin", "-i", str(MEDIA / path), *shape]
    return np.frombuffer(subprocess.run(command, capture_output=True, check=True).stdout, np.float32)


def from_source(path: str) -> Iterator[Item]:
    source, info = open_source(str(MEDIA / path))
    return source.samples(info, Span(ZERO, Fraction(10**9)))


def packets(pcm: Pcm) -> Iterator[Item]:
    return (Samples(n, pcm[n * PACKET_SAMPLES : (n + 1) * PACKET_SAMPLES]) for n in range(-(-len(pcm) // PACKET_SAMPLES)))


def options_of(recogniser: str, live: bool = False) -> SpeechOptions:
    """As the profile that has this recogniser sets them, for files or for live streams."""
    settings = load("offline" if recogniser == "pocketsphinx" else "cpu", live=live)
    options = settings.listen.words
    assert isinstance(options, SpeechOptions)
    return options


class SpeechPath:
    """Our path, each ask answered at once, on one recogniser."""

    def __init__(self, recogniser: Any, options: SpeechOptions) -> None:
        self.options = options
        self.make: Callable[[], StreamOperator] = lambda: SpeechTranscriber(self.options)
        self.models = {"vad": SileroVad(), "speech": recogniser}
        self.models["vad"].open("cpu", 1)

    def __call__(self, items: Iterable[Item]) -> list[Output]:
        run, outputs, end = OperatorRun(self.make(), "listen"), list[Output](), ZERO
        for item in items:
            self._settle(run, run.feed(item))
            outputs += run.take()
            end = item.end
        self._settle(run, run.finish(end))
        return outputs + run.take()

    def text(self, items: Iterable[Item]) -> str:
        return " ".join(o.text for o in self(items) if isinstance(o, Transcript))

    def _settle(self, run: OperatorRun, asks: list[Asked]) -> None:
        while asks:
            asked = asks.pop(0)
            asks += run.answer(asked, self.models[asked.ask.model]([asked.ask.item])[0])
