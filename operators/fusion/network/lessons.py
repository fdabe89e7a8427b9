"""What one step of training is about: clips, what is withheld of them, and the texts and events they are to be told by."""

import random
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from typing import Any, Self

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from operators.fusion.clip import MODALITIES, Clip, Example, Track
from operators.fusion.labels import NEEDS
from operators.fusion.network.batch import Clips, Texts, collate, texts
from operators.fusion.network.cropping import cropped
from operators.fusion.network.model import cells
from operators.fusion.network.renaming import Renames
from operators.fusion.network.spotter import EVENT_RATE
from operators.fusion.network.tokenizer import Tokenizer
from operators.fusion.network.writer import LONGEST_TEXT
from operators.timeline import Span

CAPTIONS, QUESTIONS = 2, 3
"""Of a clip in one step: it is the clip that costs most to look at."""
LOST = 0.4
"""Of all clips this share has only every second frame: streams have other rates, and holes."""
CROPPED = 0.5
"""Of all clips this share is seen in part, as in a pipeline."""
RENAMED = 0.7
"""Of clips with names, this share has invented ones in their place: they must be copied, for no corpus has those of the world."""
IGNORED = -100
RAREST = 1e-3
"""Share of all time of a label that hardly occurs."""


@dataclass(frozen=True)
class Lesson:
    clips: Clips
    captions: Texts
    """Up to CAPTIONS a clip."""
    caption_ids: Tensor
    """int64 [S, L]: the prefix, the text, the end; filled up with the pad token."""
    caption_targets: Tensor
    """int64 [S, L]: the next piece where it is to be learned; IGNORED elsewhere."""
    bare_ids: Tensor
    """int64 [S, L]: the same in one of all ways to say it, without prefix, for the text encoder."""
    questions: Texts
    question_ids: Tensor
    question_targets: Tensor
    events: Tensor
    """float [B, G, labels]: 1 where an event is."""
    judged: Tensor
    """bool [B, G]: cells whose events are known."""

    def to(self, device: Any) -> Self:
        return type(self)(*(getattr(self, f.name).to(device) for f in fields(self)))


class Teacher:
    """Makes lessons. `withhold`: the share of clips from which a modality is withheld; never one that leaves nothing to see. `rename`: the
    share of clips with names that get others. `modalities`: those that the model reads."""

    def __init__(
        self,
        tokenizer: Tokenizer,
        labels: Sequence[str],
        withhold: float = 0.15,
        rename: float = RENAMED,
        modalities: Sequence[str] = MODALITIES,
    ) -> None:
        self.tokenizer, self.labels = tokenizer, {label: n for n, label in enumerate(labels)}
        self.withhold, self.rename = withhold if len(modalities) > 1 else 0.0, rename
        self._withheld = [frozenset({m}) for m in modalities]

    def lesson(self, examples: Sequence[Example], rng: random.Random, whole: bool = False) -> Lesson:
        """`whole`: of whole clips alone; else some are cropped."""
        examples = [e if whole or rng.random() >= CROPPED else cropped(e, rng) for e in examples]
        without = [rng.choice(self._withheld) if rng.random() < self.withhold else frozenset[str]() for _ in examples]
        renames = [Renames(e.names if rng.random() < self.rename else (), rng) for e in examples]
        clips = [r.clip(_thinned(e.clip) if rng.random() < LOST else e.clip) for e, r in zip(examples, renames, strict=True)]
        told, asked = [], []
        for n, (example, renamed) in enumerate(zip(examples, renames, strict=True)):
            for caption in rng.sample(example.captions, min(CAPTIONS, len(example.captions))):
                left = next((caption.without[missing] for missing in without[n] if missing in caption.without), None)
                if text := rng.choice(left or caption.texts):
                    other = text if left else rng.choice(caption.ways)
                    told.append((n, caption.span, renamed.text(text), renamed.text(other)))
            known = [q for q in example.questions if not q.needs & without[n]]
            chosen = rng.sample(known, min(QUESTIONS, len(known)))
            asked += [(n, renamed.text(q.text), renamed.text(q.answer)) for q in chosen]
        prompts = [self.prompt(text) for _, _, text, _ in told]
        answers = [self.dialogue(question, answer) for _, question, answer in asked]
        events, judged = self.targets(examples, without)
        return Lesson(
            collate(clips, self.tokenizer, without),
            texts([(n, clips[n].span, span) for n, span, _, _ in told]),
            *self._filled(prompts, 1),
            self._filled([self.prompt(other)[1:] for _, _, _, other in told], 0)[0],
            texts([(n, clips[n].span, clips[n].span) for n, _, _ in asked]),
            *self._filled(answers, 0),
            events,
            judged,
        )

    def prompt(self, text: str) -> list[int]:
        """A caption's pieces after the token that asks for one."""
        t = self.tokenizer
        return [t.caption, *t.ids(text)[: LONGEST_TEXT - 2], t.end]

    def dialogue(self, question: str, answer: str) -> list[int]:
        return [*self.asked(question), *self.tokenizer.ids(answer)[:20], self.tokenizer.end]

    def asked(self, question: str) -> list[int]:
        """A question as the prefix of its answer."""
        t = self.tokenizer
        return [t.question, *t.ids(question)[: LONGEST_TEXT - 24], t.answer]

    def targets(self, examples: Sequence[Example], without: Sequence[frozenset[str]]) -> tuple[Tensor, Tensor]:
        """An event that can not be told without what is withheld is none."""
        most = cells(max(float(e.clip.span.duration) for e in examples))
        events = torch.zeros(len(examples), most, len(self.labels))
        judged = torch.zeros(len(examples), most, dtype=torch.bool)
        for n, (example, withheld) in enumerate(zip(examples, without, strict=True)):
            length = cells(float(example.clip.span.duration))
            judged[n, :length] = example.events is not None
            told = tuple(e for e in example.events or () if not NEEDS.get(e.label, frozenset()) & withheld)
            events[n, :length] = torch.from_numpy(truth_of(replace(example, events=told), tuple(self.labels), length))
        return events, judged

    def _filled(self, texts: Sequence[list[int]], prefix: int) -> tuple[Tensor, Tensor]:
        """(ids, targets): what is learned begins behind the answer token, or after `prefix` pieces."""
        most = max((len(t) for t in texts), default=2)
        ids = torch.full((len(texts), most), self.tokenizer.pad)
        targets = torch.full((len(texts), most), IGNORED)
        for n, text in enumerate(texts):
            first = prefix or (text.index(self.tokenizer.answer) + 1 if self.tokenizer.answer in text else 1)
            ids[n, : len(text)] = torch.tensor(text)
            targets[n, first - 1 : len(text) - 1] = torch.tensor(text[first:])
        return ids, targets


def shares(examples: Sequence[Example], labels: Sequence[str]) -> list[float]:
    """Of each label the share of the cells whose events are known that it fills; never quite none, and never all."""
    known = [truth_of(e, labels, cells(float(e.clip.span.duration))) for e in examples if e.events is not None]
    found = np.concatenate(known).mean(axis=0) if known else np.zeros(len(labels))
    return [float(share) for share in found.clip(RAREST, 1 - RAREST)]


def truth_of(example: Example, labels: Sequence[str], length: int) -> npt.NDArray[np.bool_]:
    """bool [length, labels]: the cells of an example's events."""
    filled = np.zeros((length, len(labels)), bool)
    number = {label: n for n, label in enumerate(labels)}
    for event in example.events or ():
        first, last = cells_of(event.span, example.clip.span)
        filled[first:last, number[event.label]] = True
    return filled


def cells_of(span: Span, clip: Span) -> tuple[int, int]:
    """First and last + 1 cell of an event on the clip's grid: those it fills by half or more, at least the one it begins in."""
    start, end = (span.start - clip.start) * EVENT_RATE, (span.end - clip.start) * EVENT_RATE
    first = max(0, round(start))
    return (first, round(end)) if round(end) > first else (max(0, int(start)), max(0, int(start)) + 1)


def _thinned(clip: Clip) -> Clip:
    if clip.frames is None:
        return clip
    return Clip(clip.span, Track(clip.frames.rows[::2], clip.frames.times[::2]), clip.sound, clip.words)
