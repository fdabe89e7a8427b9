"""The checkpoint that comes with the package: its size, and that it knows what its card says, on made clips that no training saw."""

import numpy as np
import pytest

from operators.fusion.corpus import Corpus, CorpusOptions
from operators.fusion.labels import FUSED, LABELS, PICTURE, SOUND
from operators.fusion.network.checkpoint import load
from operators.fusion.network.examiner import Marks, examine, mark
from operators.fusion.reader import SHIPPED


def test_it_is_small_and_whole() -> None:
    assert sum(p.stat().st_size for p in SHIPPED.iterdir()) <= 20e6
    assert {p.name for p in SHIPPED.iterdir()} == {"README.md", "config.json", "model.safetensors", "tokenizer.json"}
    assert load(SHIPPED)[0].config.labels == list(LABELS)


@pytest.fixture(scope="module")
def marks() -> Marks:
    """Of clips that are wholly synthetic, with drawn pictures and made sounds of the test split alone: a test needs no sources."""
    model, tokenizer = load(SHIPPED)
    clips = list(Corpus(CorpusOptions(split="test", clips=48, voices=False)))
    return mark(clips, examine(model, tokenizer, clips), model.config.labels, model.config.thresholds)


def test_it_tells_what_is_seen_heard_and_said(marks: Marks) -> None:
    assert marks.cider > 4.5
    assert marks.soda > 0.65
    assert marks.to_text[5] > 0.9
    assert marks.to_moment[5] > 0.9


def test_it_answers_what_one_and_what_two_modalities_know(marks: Marks) -> None:
    assert marks.answers > 0.65
    together = [share for need, share in marks.by_need.items() if "+" in need]
    assert len(together) == 3
    assert np.mean(together) > 0.35


@pytest.mark.parametrize(("labels", "least"), [(PICTURE, 0.85), (SOUND, 0.85), (FUSED, 0.6)])
def test_it_finds_events(marks: Marks, labels: tuple[str, ...], least: float) -> None:
    there = [s.f1 for label, s in marks.segments.items() if label in labels and s.true]
    assert len(there) > len(labels) / 2
    assert np.mean(there) > least
