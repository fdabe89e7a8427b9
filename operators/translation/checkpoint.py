"""Checkpoints of encoder-decoders through transformers: opened, and asked for texts that begin as they are told to."""

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from operators.errors import ModelUnavailable, OutOfMemory
from operators.translation.options import TranslatorOptions

LONGER, AT_LEAST = 2, 24
"""A translation has at most so many times the tokens of its sentence, and so many more: what does not end by then never does."""


@dataclass(frozen=True, slots=True)
class Begun:
    """A sentence and how its translation begins."""

    source: tuple[int, ...]
    """Tokens, with those that the architecture wants around them."""
    start: tuple[int, ...] = ()
    """Tokens that come first."""
    silent: int = 0
    """So many of these are no words."""


@dataclass(frozen=True, slots=True)
class Ended:
    """A translation. `tokens`: its words', without the end."""

    tokens: tuple[int, ...]
    score: float
    """Mean log-probability of its tokens and its end."""
    whole: bool
    """It came to an end."""


class Checkpoint:
    """An architecture's model and tokenizer, out of a local folder. Raises ModelUnavailable."""

    def __init__(self, architecture: str, options: TranslatorOptions, device: str) -> None:
        import torch
        import transformers

        names = {"marian": ("MarianMTModel", "MarianTokenizer"), "m2m_100": ("M2M100ForConditionalGeneration", "M2M100Tokenizer")}
        model, tokenizer = (getattr(transformers, name) for name in names[architecture])
        folder, local = options.model, {"local_files_only": True, "trust_remote_code": False}
        try:
            kind = transformers.AutoConfig.from_pretrained(folder, **local).model_type
            if kind != architecture:
                raise ValueError(f"it is of the architecture {kind}")
            with warnings.catch_warnings():
                # Marian's tokenizer puts punctuation right with sacremoses where that is there; recognisers write it right.
                warnings.filterwarnings("ignore", message="Recommended: pip install sacremoses")
                self.tokenizer: Any = tokenizer.from_pretrained(folder, **local)
            self._model: Any = model.from_pretrained(folder, use_safetensors=True, dtype=getattr(torch, options.dtype), **local)
        except Exception as e:  # transformers has no one error for a folder in which something is wrong
            reason = (str(e).strip() or type(e).__name__).splitlines()[0]
            raise ModelUnavailable(f"no {architecture} model in {folder!r}: {reason}; narrate.translations=false needs none") from e
        self._model.to(device).eval()
        # What comes first is said by sentence; and one that is cut off is not to look as if it had ended.
        told = self._model.generation_config
        told.forced_bos_token_id = told.forced_eos_token_id = told.max_length = None
        self._end, self._pad = self.tokenizer.eos_token_id, self.tokenizer.pad_token_id

    @property
    def most_tokens(self) -> int:
        """That a sentence may have."""
        return int(self._model.config.max_position_embeddings)

    def target_tokens(self, text: str) -> tuple[int, ...]:
        """Of a text in the target language, without what the architecture wants around it."""
        return tuple(self.tokenizer(text_target=text, add_special_tokens=False).input_ids)

    def begins_word(self, token: int) -> bool:
        return str(self.tokenizer.convert_ids_to_tokens(token)).startswith("▁")

    def text(self, tokens: Sequence[int]) -> str:
        return " ".join(self.tokenizer.decode(list(tokens), skip_special_tokens=True).split())

    def finish(self, begun: Sequence[Begun], beams: int) -> list[Ended]:
        """Each as the model goes on with it, by beam search or greedily, in one padded batch. Raises OutOfMemory."""
        import torch

        try:
            with torch.inference_mode():
                return self._finish(begun, beams)
        except torch.OutOfMemoryError as e:
            raise OutOfMemory(f"no memory to translate {len(begun)} sentences at once: use a smaller batch or a smaller model") from e

    def _finish(self, begun: Sequence[Begun], beams: int) -> list[Ended]:
        import torch

        device, longest = self._model.device, max(len(b.source) for b in begun)
        sources = torch.tensor([[*b.source, *[self._pad] * (longest - len(b.source))] for b in begun], device=device)
        inputs = {"input_ids": sources, "attention_mask": (sources != self._pad).long()}
        room = LONGER * longest + AT_LEAST + max(len(b.start) for b in begun)
        tokens = self._model.generate(
            **inputs,
            do_sample=False,
            num_beams=beams,
            max_new_tokens=min(room, self.most_tokens - 1),
            logits_processor=[_starts_with([b.start for b in begun], beams)],
        )
        logits = self._model(**inputs, decoder_input_ids=tokens[:, :-1]).logits.float().log_softmax(-1)
        chances = logits.gather(-1, tokens[:, 1:, None])[..., 0]
        return [self._read(b, row[1:].tolist(), chance) for b, row, chance in zip(begun, tokens, chances, strict=True)]

    def _read(self, begun: Begun, tokens: list[int], chances: Any) -> Ended:
        whole = self._end in tokens
        length = tokens.index(self._end) if whole else len(tokens)
        score = float(chances[begun.silent : length + 1].mean())
        return Ended(tuple(tokens[begun.silent : length]), score, whole)


def _starts_with(starts: Sequence[Sequence[int]], beams: int) -> Any:
    """A processor of logits after which only `starts` can come first, each in the rows of its beams. A batch may so hold sentences for
    several languages: `forced_bos_token_id` is one for all."""
    import torch

    def process(given: Any, scores: Any) -> Any:
        at = given.shape[1] - 1
        for n, start in enumerate(starts):
            if at < len(start):
                rows = slice(n * beams, (n + 1) * beams)
                # Where the checkpoint forbids the token it is certain all the same.
                kept = torch.nan_to_num(scores[rows, start[at]], neginf=0.0)
                scores[rows] = -torch.inf
                scores[rows, start[at]] = kept
        return scores

    return process
