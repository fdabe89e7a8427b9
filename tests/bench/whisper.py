"""What Whisper costs, and what it gets wrong, when it is not given 30 s, and in batches. Makes docs/whisper_measured.md.

    python -m tests.bench.whisper [--only faster_whisper transformers] [--clips 20] [--write docs/whisper_measured.md]

needs the real media (CAPSTREAM_MEDIA), ffmpeg, and Whisper base. Processor time, one thread.
"""

import argparse
import json
import random
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest.mock import patch

import jiwer

from operators.media import SOUND_RATE_HZ, Pcm
from operators.speech.recognition import SpeechItem
from operators.speech.whisper_windows import LONGEST_CONTEXT, Window
from tests.bench.speech_media import MEDIA, Clip, decode, silent_clips, spoken_clips
from tests.bench.wer import NORMAL, TALK, cpu_s, direct, error_rates, opened, table

LENGTHS_S = (2, 5, 10, 15)
OFFSETS_S = (7, 31, 58, 90)
"""Where the buffers begin in the talk: in the middle of a phrase, as those of a live stream do."""
BATCH = 8
HEAD = """# Whisper, measured

Made by `python -m tests.bench.whisper {args}`. Whisper hears 30 s at once; it is given the sound and 2 to 4 s of silence instead
(`Window.context`). *30 s*: the same sound with silence up to 30 s. CPU: seconds of processor time on one thread; the machine is shared, so
only ratios count.
"""


@contextmanager
def whole_context() -> Iterator[None]:
    with patch.object(Window, "context", property(lambda window: LONGEST_CONTEXT)):
        yield


def clocked(work: Callable[[], Any]) -> tuple[Any, float]:
    before = cpu_s()
    made = work()
    return made, cpu_s() - before


def errors(meant: Sequence[str], said: Sequence[str]) -> str:
    return f"{jiwer.wer([NORMAL['en'](t) for t in meant], [NORMAL['en'](t) for t in said]):.3f}"


def buffers(length_s: int) -> list[Pcm]:
    talk = decode(TALK)
    return [talk[at * SOUND_RATE_HZ : (at + length_s) * SOUND_RATE_HZ] for at in OFFSETS_S]


def buffer_table(recogniser: Any) -> str:
    rows = [["buffer", "CPU of a call, 30 s", "CPU of a call", "ratio", "words that differ from those of 30 s"]]
    for length in LENGTHS_S:
        sounds = buffers(length)
        with whole_context():
            long, long_s = clocked(lambda sounds=sounds: [direct(recogniser, pcm) for pcm in sounds])
        short, short_s = clocked(lambda sounds=sounds: [direct(recogniser, pcm) for pcm in sounds])
        count = len(sounds)
        costs = [f"{long_s / count:.2f}", f"{short_s / count:.2f}", f"{short_s / long_s:.2f}"]
        rows.append([f"{length} s", *costs, errors(long, short)])
    return table(rows)


def clip_table(recogniser: Any, clips: Sequence[Clip], silent: Sequence[str]) -> str:
    rows = [["context", "WER (CER), English", "WER (CER), other languages", "words where nobody speaks, without the gate", "CPU"]]
    for name in ("30 s", "as needed"):
        said: dict[bool, list[tuple[Clip, str]]] = {True: [], False: []}

        def work(said: dict[bool, list[tuple[Clip, str]]] = said) -> int:
            for clip in clips:
                said[clip.language == "en"].append((clip, direct(recogniser, decode(clip.path))))
            return sum(len(direct(recogniser, decode(path)).split()) for path in silent)

        if name == "30 s":
            with whole_context():
                invented, cost = clocked(work)
        else:
            invented, cost = clocked(work)
        rows.append(
            [name, *(error_rates(said[english]) if said[english] else "" for english in (True, False)), str(invented), f"{cost:.0f} s"]
        )
    return table(rows)


def batch_table(recogniser: Any) -> str:
    talk = decode(TALK)
    rows = [["buffers", "CPU, one by one", f"CPU, {BATCH} at once", "ratio", "words that differ"]]
    for length in (3, 9):
        items = [SpeechItem(talk[(7 + 12 * n) * SOUND_RATE_HZ :][: length * SOUND_RATE_HZ], "en") for n in range(BATCH)]
        alone, alone_s = clocked(lambda items=items: [recogniser([item])[0] for item in items])
        together, together_s = clocked(lambda items=items: recogniser(items))
        texts = [["".join(w.text for s in r.segments for w in s) for r in results] for results in (alone, together)]
        rows.append([f"{BATCH} of {length} s", f"{alone_s:.1f} s", f"{together_s:.1f} s", f"{together_s / alone_s:.2f}", errors(*texts)])
    return table(rows)


def word_times_table(recogniser: Any) -> str:
    """transformers: all that we do against its own call without word times, on the same windows of 30 s."""
    import torch

    engine = recogniser._listener._engine
    talk = decode(TALK)
    items = [SpeechItem(talk[at * SOUND_RATE_HZ :][: 28 * SOUND_RATE_HZ], "en") for at in (0, 28, 56)]

    def bare() -> None:
        for item in items:
            features = engine._extractor(item.pcm, sampling_rate=SOUND_RATE_HZ, return_tensors="pt").input_features
            with torch.inference_mode():
                engine._model.generate(features, language="en", task="transcribe", return_timestamps=True, num_beams=1, do_sample=False)

    rows = [["", "CPU, best of 3"]]
    costs = [(clocked(bare)[1], clocked(lambda: [recogniser([item]) for item in items])[1]) for _ in range(3)]
    theirs, ours = (min(c[n] for c in costs) for n in (0, 1))
    rows += [["its own call, no word times", f"{theirs:.1f} s"], ["ours, with word times", f"{ours:.1f} s"]]
    return table([*rows, ["ratio", f"{ours / theirs:.2f}"]])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--only", nargs="+", choices=("faster_whisper", "transformers"), default=("faster_whisper", "transformers"))
    parser.add_argument("--clips", type=int, help="only so many of the spoken clips, chosen by chance")
    parser.add_argument("--write", type=Path)
    args = parser.parse_args()
    manifest = json.loads((MEDIA / "MANIFEST.json").read_text(encoding="utf-8"))["files"]
    clips, silent = spoken_clips(manifest), silent_clips(manifest)
    if args.clips:
        clips = random.Random(1).sample(clips, args.clips)
    parts = [HEAD.format(args=" ".join([*(["--clips", str(args.clips)] if args.clips else []), f"--write {args.write}"]))]
    for name in args.only:
        recogniser = opened(name)
        parts += [f"## {name}\n", "Buffers of a talk, cut in the middle of phrases:\n", buffer_table(recogniser)]
        parts += [f"\n{len(clips)} clips of speech and {len(silent)} of none:\n", clip_table(recogniser, clips, silent)]
        parts += ["\nIn batches:\n", batch_table(recogniser), ""]
        if name == "transformers":
            parts += ["Word times, three windows of 28 s:\n", word_times_table(recogniser)]
        recogniser.close()
    text = "\n".join(parts) + "\n"
    print(text)
    if args.write:
        args.write.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
