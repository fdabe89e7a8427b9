"""Which encoder of sound serves the fusion model best: its own, trained with it, or that of Whisper base, which is at hand. A model that
only listens is trained for the same number of steps on each, on the same clips, and judged by what only sound tells.

    python tests/bench/fusion_encoders.py DATA OUT [--clips 1200] [--steps 600] [--seeds 3] [--write docs/fusion_encoders.md]

DATA holds the corpora train/, validation/ and test/ (`capstream corpus`); their sound is made again, for Whisper reads it otherwise.
"""

import argparse
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from operators.fusion.clip import SOUND_RATE, Example, Track
from operators.fusion.corpus import audio
from operators.fusion.labels import LABELS, SOUND
from operators.fusion.measures import interval
from operators.fusion.network.config import FusionConfig
from operators.fusion.network.examiner import examine, mark, scores_of, tuned
from operators.fusion.network.lessons import shares
from operators.fusion.network.model import FusionModel
from operators.fusion.network.tokenizer import Tokenizer
from operators.fusion.network.trainer import Trainer, TrainingOptions
from operators.media import Pcm
from pipeline.build import cores
from pipeline.clip_cache import load_examples
from pipeline.corpus_command import made_in
from pipeline.evaluate_command import markdown
from pipeline.models import resolve
from pipeline.train_command import texts_of

WIDTH = 512
"""Of a row of Whisper base's encoder, 50 a second."""
LONGEST_FRAMES = 1200
"""Of 10 ms: what is encoded of a clip, which is no longer than 12 s."""
SPLITS = ("train", "validation", "test")


class WhisperEncoder:
    """Rows on the model's own grid: the mean of those that fall into a cell."""

    def __init__(self) -> None:
        from faster_whisper import WhisperModel

        self._model = WhisperModel(str(resolve("whisper-base")), compute_type="int8", cpu_threads=cores())

    def rows(self, pcm: Pcm, count: int) -> np.ndarray:
        """float32 [count, WIDTH]"""
        features = self._model.feature_extractor(pcm)[:, :LONGEST_FRAMES]
        known = np.asarray(self._model.encode(np.ascontiguousarray(features)), np.float32)[0]
        each = 50 // SOUND_RATE
        whole = np.pad(known, ((0, max(0, count * each - len(known))), (0, 0)), mode="edge")[: count * each]
        return np.asarray(whole.reshape(count, each, WIDTH).mean(axis=1))


def heard(data: Path, split: str, out: Path, examples: Sequence[Example]) -> Iterator[Example]:
    """The clips with Whisper's rows for their sound; the rows are kept in `out`."""
    corpus = made_in(data / split)
    path, encoder = out / f"{split}.npz", None
    kept = dict(np.load(path)) if path.exists() else {}
    for n, example in enumerate(examples):
        sound = example.clip.sound
        assert sound is not None
        if example.clip_id not in kept:
            encoder = encoder or WhisperEncoder()
            script = corpus.script(int(example.clip_id.rpartition("-")[2]))
            kept[example.clip_id] = encoder.rows(audio.render(script), len(sound.rows)).astype(np.float16)
            if n % 100 == 0:
                print(f"{split}: {n} of {len(examples)} clips", flush=True)
        yield replace(example, clip=replace(example.clip, sound=Track(kept[example.clip_id].astype(np.float32), sound.times)))
    np.savez(path, **kept)


def run(folder: Path, clips: dict[str, list[Example]], width: str | int, steps: int, seed: int) -> dict[str, float]:
    torch.manual_seed(seed)
    tokenizer = Tokenizer.learned((t for e in clips["train"] for t in texts_of(e)), FusionConfig().vocab_size)
    model = FusionModel(FusionConfig(modalities=["sound"], sound=width, shares=shares(clips["train"], LABELS), vocab_size=len(tokenizer)))
    began = time.monotonic()
    options = TrainingOptions(steps=steps, seed=seed, save_every=steps)
    Trainer(model, tokenizer, folder, options).run(clips["train"], [], lambda told: None)
    minutes = (time.monotonic() - began) / 60
    thresholds = tuned(clips["validation"], scores_of(model, tokenizer, clips["validation"]), LABELS, model.config.thresholds)
    marks = mark(clips["test"], examine(model, tokenizer, clips["test"]), LABELS, thresholds)
    scores = [marks.segments[label] for label in SOUND if marks.segments[label].true]
    return {"events": sum(s.f1 for s in scores) / len(scores), "answers": marks.by_need["sound"], "minutes": minutes}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--clips", type=int, default=1200, help="to train on")
    parser.add_argument("--steps", type=int, default=600)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--write", type=Path)
    given = parser.parse_args()
    given.out.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(cores())
    own = {split: load_examples(given.data / split, list(LABELS), print)[: given.clips] for split in SPLITS}
    whisper = {split: list(heard(given.data, split, given.out, examples)) for split, examples in own.items()}
    ways: dict[str, tuple[dict[str, list[Example]], str | int]] = {
        "its own, trained with it": (own, "own"),
        "Whisper base's": (whisper, WIDTH),
    }
    head, rows = ("encoder of sound", "sound events F1", "answers that need sound", "training"), list[tuple[str, ...]]()
    for name, (clips, width) in ways.items():
        found: list[dict[str, Any]] = [run(given.out / f"{width}-{s}", clips, width, given.steps, s) for s in range(1, given.seeds + 1)]
        told = [str(interval([f[column] for f in found])) for column in ("events", "answers")]
        rows.append((name, *told, f"{sum(f['minutes'] for f in found) / len(found):.1f} min"))
        print(markdown(head, rows), flush=True)
    if given.write:
        command = f"python tests/bench/fusion_encoders.py DATA OUT --clips {given.clips} --steps {given.steps} --seeds {given.seeds}"
        what = f"a fusion model that only listens, mean and 95 % interval over {given.seeds} seeds, on the test split"
        page = f"# Encoders of sound\n\nMade by `{command} --write docs/fusion_encoders.md`: {what}.\n\n{markdown(head, rows)}\n"
        given.write.write_text(page, encoding="utf-8")


if __name__ == "__main__":
    main()
