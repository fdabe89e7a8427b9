"""From a trained model: captions, answers, event scores and embeddings of clips, in batches."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from operators.fusion.clip import Clip
from operators.fusion.network.batch import Texts, collate, texts
from operators.fusion.network.model import FusionModel, Seen, cells
from operators.fusion.network.tokenizer import Tokenizer
from operators.fusion.network.writer import LONGEST_TEXT, Memory
from operators.timeline import Span
from operators.windows import Sentence

Numbers = npt.NDArray[np.float32]
LONGEST_ANSWER = 20
CLAUSES, ENDS = re.compile(r"( and | while )"), ".!?"
"""Between the clauses of a sentence, and at its end."""
SHORTEST_CLAUSE = 3
"""Words."""
NONE = 1e-9
"""Chance of a piece that stands for letters that the model does not have."""


@dataclass(frozen=True, slots=True)
class Said:
    sentences: tuple[Sentence, ...]

    @property
    def text(self) -> str:
        return " ".join(s.text for s in self.sentences)


class Reader:
    """Reads clips once, then tells of them. Not for training: nothing is learned here."""

    def __init__(self, model: FusionModel, tokenizer: Tokenizer, clips: Sequence[Clip], rows: dict[str, Tensor] | None = None) -> None:
        self.model, self.tokenizer, self.clips = model, tokenizer, clips
        with torch.inference_mode():
            self._seen: Seen = model.see(collate(clips, tokenizer).to(model.device), rows)

    def captions(self, asked: Sequence[tuple[int, Span]]) -> list[Said]:
        """One for each (number of the clip, stretch of it)."""
        return self._say(asked, [[self.tokenizer.caption]] * len(asked), LONGEST_TEXT - 1)

    def answers(self, asked: Sequence[tuple[int, str]]) -> list[Said]:
        """One for each (number of the clip, question)."""
        t = self.tokenizer
        prompts = [[t.question, *t.ids(q)[: LONGEST_TEXT - LONGEST_ANSWER - 2], t.answer] for _, q in asked]
        return self._say([(n, self.clips[n].span) for n, _ in asked], prompts, LONGEST_ANSWER)

    def events(self) -> list[Numbers]:
        """Of each clip float32 [cells, labels], 0-1, on the grid of EVENT_RATE cells a second that begins with the clip."""
        with torch.inference_mode():
            scores = self.model.spot(self._seen).float().sigmoid().cpu().numpy()
        return [s[: cells(float(c.span.duration))] for s, c in zip(scores, self.clips, strict=True)]

    def embeddings(self, asked: Sequence[tuple[int, Span]]) -> Numbers:
        """float32 [n, E] of length 1: of stretches."""
        with torch.inference_mode():
            return np.asarray(self.model.embed(self._seen, self._stretches(asked)).cpu().numpy(), np.float32)

    def memories(self, asked: Sequence[tuple[int, Span]]) -> list[Memory]:
        """What the writer reads of each stretch."""
        return self.model.memories(self._seen, self._stretches(asked))

    def _stretches(self, asked: Sequence[tuple[int, Span]]) -> Texts:
        return texts([(n, self.clips[n].span, span) for n, span in asked]).to(self.model.device)

    def _say(self, asked: Sequence[tuple[int, Span]], prompts: Sequence[list[int]], most: int) -> list[Said]:
        """Greedy; texts whose prompts are equally long are written together."""
        said: list[Said | None] = [None] * len(asked)
        for length in sorted({len(p) for p in prompts}):
            group = [n for n, p in enumerate(prompts) if len(p) == length]
            with torch.inference_mode():
                ids, chances = self._written([asked[n] for n in group], [prompts[n] for n in group], most)
            for n, pieces, logs in zip(group, ids, chances, strict=True):
                words = self.clips[asked[n][0]].words
                parts: dict[str, list[float]] = {}
                for s in self.tokenizer.sentences(pieces):
                    parts.setdefault(once(self.tokenizer.text(pieces[s], words)), logs[s])  # what is said again is said once
                said[n] = Said(tuple(Sentence(text, float(np.exp(np.sum(sure)))) for text, sure in parts.items() if text))
        return [s for s in said if s is not None]

    def _written(self, asked: Sequence[tuple[int, Span]], prompts: list[list[int]], most: int) -> tuple[list[list[int]], list[list[float]]]:
        memories = self.memories(asked)
        ids = torch.tensor(prompts, device=self.model.device)
        written: list[list[int]] = [[] for _ in asked]
        logs: list[list[float]] = [[] for _ in asked]
        going = list(range(len(asked)))
        while going and len(written[going[0]]) < most and ids.shape[1] < LONGEST_TEXT:
            best = self.model.write(memories, ids)[:, -1].max(dim=-1)
            for n, piece, chance in zip(going, best.indices.tolist(), best.values.tolist(), strict=True):
                written[n].append(piece)
                logs[n].append(float(np.log(max(chance, NONE) if piece != self.tokenizer.unknown else NONE)))
            on = [k for k, n in enumerate(going) if written[n][-1] != self.tokenizer.end]
            left = torch.tensor(on, dtype=torch.long, device=ids.device)
            ids = torch.cat([ids, best.indices[:, None]], dim=1)[left]
            memories, going = [m.of(left) for m in memories], [going[k] for k in on]
        return written, logs


def once(sentence: str) -> str:
    """Without the clauses that it has said already: where the model knows no more, it says the same again. What is shorter than a clause
    may well come twice, "a red and white ball and a red and blue ball", and so may what is quoted."""
    if '"' in sentence:
        return sentence
    first, *rest = CLAUSES.split(sentence)
    told, said = [first], {_bare(first)}
    for joint, clause in zip(rest[::2], rest[1::2], strict=True):
        bare = _bare(clause)
        if bare not in said or len(bare.split()) < SHORTEST_CLAUSE:
            told += [joint, clause]
            said.add(bare)
    return "".join(told).rstrip(ENDS) + sentence[len(sentence.rstrip(ENDS)) :]


def _bare(clause: str) -> str:
    return clause.casefold().rstrip(ENDS)


def embed_texts(model: FusionModel, tokenizer: Tokenizer, sentences: Sequence[str]) -> Numbers:
    """float32 [n, E] of length 1."""
    pieces = [[*tokenizer.ids(s)[: LONGEST_TEXT - 1], tokenizer.end] for s in sentences]
    ids = torch.full((len(pieces), max(len(p) for p in pieces)), tokenizer.pad)
    for n, p in enumerate(pieces):
        ids[n, : len(p)] = torch.tensor(p)
    with torch.inference_mode():
        return np.asarray(model.embed_texts(ids.to(model.device)).cpu().numpy(), np.float32)
