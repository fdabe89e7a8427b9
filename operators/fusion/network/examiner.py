"""Asks a model about examples, and marks what it says."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from fractions import Fraction

import numpy as np
import numpy.typing as npt

from operators.fusion.clip import Example
from operators.fusion.measures import Dense, EventScores, cider, meteor, onset_scores, recalls, segment_scores, segments, soda
from operators.fusion.network.lessons import truth_of
from operators.fusion.network.model import FusionModel
from operators.fusion.network.readout import Numbers, Reader, embed_texts
from operators.fusion.network.spotter import EVENT_RATE
from operators.fusion.network.tokenizer import Tokenizer
from operators.timeline import Span

BATCH = 16
OPENINGS = ("cut", "fade", "dissolve")
"""Labels at which a new stretch begins, for dense captions."""
SHORTEST = Fraction(1)
"""Seconds of a stretch."""
TRIED = tuple(n / 20 for n in range(1, 19))
"""Thresholds."""


@dataclass(frozen=True, slots=True)
class Found:
    """What a model said of one example."""

    captions: tuple[str, ...]
    """Of the true stretches."""
    dense: tuple[Dense, ...]
    """Of the stretches that it found itself."""
    answers: tuple[str, ...]
    scores: Numbers = field(repr=False)
    """float32 [cells, labels]"""
    moments: Numbers = field(repr=False)
    """float32 [captions, E]"""
    sentences: Numbers = field(repr=False)
    """float32 [captions, E]: of the last way to say each."""


@dataclass(frozen=True, slots=True)
class Marks:
    """cider: 0-10; all else 0-1."""

    cider: float
    meteor: float
    soda: float
    answers: float
    by_need: dict[str, float]
    """Share of right answers by the modalities that a question needs."""
    segment_f1: float
    """Mean over labels that occur."""
    onset_f1: float
    to_text: dict[int, float]
    """R@k of the text of a moment."""
    to_moment: dict[int, float]
    segments: dict[str, EventScores] = field(repr=False)
    onsets: dict[str, EventScores] = field(repr=False)
    worth: tuple[float, ...] = field(repr=False)
    """CIDEr of each caption, in order."""


def examine(
    model: FusionModel, tokenizer: Tokenizer, examples: Sequence[Example], progress: Callable[[int], None] = lambda n: None
) -> list[Found]:
    """In the order of `examples`; `progress` is told how many are done."""
    model.eval()
    found: list[Found] = []
    for first in range(0, len(examples), BATCH):
        found += _examine(model, tokenizer, examples[first : first + BATCH])
        progress(len(found))
    return found


def _examine(model: FusionModel, tokenizer: Tokenizer, examples: Sequence[Example]) -> list[Found]:
    reader = Reader(model, tokenizer, [e.clip for e in examples])
    asked = [(n, told.span) for n, e in enumerate(examples) for told in e.captions]
    said = reader.captions(asked)
    none = np.zeros((0, model.config.embedding_size), np.float32)
    sentences = embed_texts(model, tokenizer, [t.ways[-1] for e in examples for t in e.captions]) if asked else none
    moments = reader.embeddings(asked) if asked else none
    answers = reader.answers([(n, q.text) for n, e in enumerate(examples) for q in e.questions])
    scores = reader.events()
    labels, thresholds = model.config.labels, np.array(model.config.thresholds)
    stretches = [stretches_of(s > thresholds, labels, e.clip.span) for s, e in zip(scores, examples, strict=True)]
    own = reader.captions([(n, span) for n, spans in enumerate(stretches) for span in spans])
    found, c, a, d = [], 0, 0, 0
    for example, score, spans in zip(examples, scores, stretches, strict=True):
        k, m, p = len(example.captions), len(example.questions), len(spans)
        dense = tuple(Dense(span, (s.text,)) for span, s in zip(spans, own[d : d + p], strict=True))
        texts, told = tuple(s.text for s in said[c : c + k]), tuple(s.text for s in answers[a : a + m])
        found.append(Found(texts, dense, told, score, moments[c : c + k], sentences[c : c + k]))
        c, a, d = c + k, a + m, d + p
    return found


def stretches_of(active: npt.NDArray[np.bool_], labels: Sequence[str], span: Span) -> list[Span]:
    """The clip, cut where a transition is found: a cut at its start, a fade or dissolve in its middle."""
    opening = [e for e in segments(active, labels, EVENT_RATE, span.start) if e.label in OPENINGS]
    at = [span.start]
    for event in sorted(opening, key=lambda e: e.span.start):
        border = event.span.start if event.label == "cut" else (event.span.start + event.span.end) / 2
        if border - at[-1] >= SHORTEST and span.end - border >= SHORTEST:
            at.append(border)
    return [Span(a, b) for a, b in zip(at, [*at[1:], span.end], strict=True)]


def mark(examples: Sequence[Example], found: Sequence[Found], labels: Sequence[str], thresholds: Sequence[float]) -> Marks:
    said = [text for f in found for text in f.captions]
    references = [told.texts for e in examples for told in e.captions]
    worth = cider(said, references)
    judged = [(e, f) for e, f in zip(examples, found, strict=True) if e.events is not None]
    active = [f.scores > np.array(thresholds) for _, f in judged]
    by_segment = segment_scores(active, [truth_of(e, labels, len(a)) for (e, _), a in zip(judged, active, strict=True)]) if judged else []
    events = [segments(a, labels, EVENT_RATE, e.clip.span.start) for (e, _), a in zip(judged, active, strict=True)]
    by_onset = onset_scores(events, [e.events or () for e, _ in judged], labels)
    rights = [(q, right(q.answer, a)) for e, f in zip(examples, found, strict=True) for q, a in zip(e.questions, f.answers, strict=True)]
    moments, sentences = (np.concatenate([getattr(f, n) for f in found]) for n in ("moments", "sentences"))
    last = [told.ways[-1] for e in examples for told in e.captions]
    return Marks(
        cider=_mean(worth),
        meteor=_mean([meteor(s, r) for s, r in zip(said, references, strict=True)]),
        soda=_mean(
            [soda(f.dense, [Dense(t.span, t.texts) for t in e.captions]) for e, f in zip(examples, found, strict=True) if e.captions]
        ),
        answers=_mean([r for _, r in rights]),
        by_need={need: _mean([r for q, r in rights if _need(q.needs) == need]) for need in sorted({_need(q.needs) for q, _ in rights})},
        segment_f1=_mean([s.f1 for s in by_segment if s.true]),
        onset_f1=_mean([s.f1 for s in by_onset if s.true]),
        to_text=recalls(moments, sentences, last) if last else {},
        to_moment=recalls(sentences, moments, last) if last else {},
        segments=dict(zip(labels, by_segment, strict=False)),
        onsets=dict(zip(labels, by_onset, strict=True)),
        worth=tuple(worth),
    )


def scores_of(model: FusionModel, tokenizer: Tokenizer, examples: Sequence[Example]) -> list[Numbers]:
    """Event scores alone."""
    model.eval()
    batches = [examples[n : n + BATCH] for n in range(0, len(examples), BATCH)]
    return [scores for batch in batches for scores in Reader(model, tokenizer, [e.clip for e in batch]).events()]


def tuned(examples: Sequence[Example], scores: Sequence[Numbers], labels: Sequence[str], before: Sequence[float]) -> list[float]:
    """For each label the threshold with the best segment F1 on these examples; those that do not occur keep that of `before`."""
    judged = [(e, s) for e, s in zip(examples, scores, strict=True) if e.events is not None]
    if not judged:
        return list(before)
    true = [truth_of(e, labels, len(s)) for e, s in judged]
    tried = [segment_scores([s > t for _, s in judged], true) for t in TRIED]
    best = [max(range(len(TRIED)), key=lambda n, k=k: (tried[n][k].f1, -abs(TRIED[n] - 0.5))) for k in range(len(labels))]  # type: ignore[misc]
    return [TRIED[n] if tried[n][k].true else before[k] for k, n in enumerate(best)]


def right(answer: str, said: str) -> bool:
    """The same words, whatever their case."""
    return answer.casefold().strip(" .") == said.casefold().strip(" .")


def _need(needs: frozenset[str]) -> str:
    return "+".join(sorted(needs)) or "unsaid"


def _mean(values: Sequence[float | bool]) -> float:
    return float(np.mean(values)) if len(values) else 0.0
