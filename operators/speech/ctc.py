"""Recognisers with a CTC head (Graves et al. 2006) through transformers: wav2vec 2.0, HuBERT, WavLM, Parakeet and kin.

They write what they hear frame by frame, so words have their own times and nothing is invented to go on; most know neither
capital letters nor punctuation.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import groupby
from typing import Any

import numpy as np
import numpy.typing as npt

from operators.errors import ModelError, OutOfMemory
from operators.media import SOUND_RATE_HZ, Pcm
from operators.speech.opening import open_checkpoint
from operators.speech.pieces import WORD_BEGINS, same_language, sentences
from operators.speech.recognition import HeardWord, Recognition, SpeechItem

SHORTEST_SAMPLES = SOUND_RATE_HZ // 5
"""Shorter sound is filled up with silence: the first convolutions need some."""


@dataclass(frozen=True, slots=True)
class CtcOptions:
    model: str = ""
    """Local directory of a checkpoint with safetensors."""
    language: str = "en"
    """BCP 47: what it was trained on. It hears every other language as that."""
    dtype: str = "float32"
    """Number format, as torch names them: bfloat16 or float16 on a GPU."""


@dataclass(frozen=True, slots=True)
class Token:
    """A run of frames [first, last) in which one token was the likeliest."""

    id: int
    first: int
    last: int
    confidence: float
    """Highest probability in the run, 0-1: the others are its flanks."""


class CtcRecogniser:
    """A BatchOperator: SpeechItem -> Recognition, by the likeliest token of each frame. A word's confidence is the mean of its tokens'."""

    Options = CtcOptions

    def __init__(self, options: CtcOptions = CtcOptions()) -> None:
        self.options = options
        self._model: Any = None
        self._extractor: Any = None
        self._vocabulary: _Vocabulary | None = None

    def open(self, device: str, threads: int) -> None:
        """Raises ModelUnavailable."""
        model, self._extractor, tokenizer = open_checkpoint("AutoModelForCTC", self.options, threads, "checkpoint with a CTC head")
        self._vocabulary = _Vocabulary(tokenizer, model.config.pad_token_id)
        self._model = model.to(device).eval()

    def __call__(self, items: Sequence[SpeechItem]) -> list[Recognition | Exception]:
        import torch

        mine = [n for n, item in enumerate(items) if same_language(item.language, self.options.language)]
        batches = [mine] if self._masks else [[n] for n in mine]
        results: list[Recognition | Exception] = [
            ModelError(f"this model was trained on {self.options.language!r} only, not {item.language!r}") for item in items
        ]
        try:
            with torch.inference_mode():
                for batch in filter(None, batches):
                    for n, heard in zip(batch, self._hear([items[n].pcm for n in batch]), strict=True):
                        results[n] = heard
        except torch.OutOfMemoryError as e:
            raise OutOfMemory(f"speech needs more memory than there is for {len(items)} items: {e}") from e
        return results

    def close(self) -> None:
        self._model = None

    @property
    def _masks(self) -> bool:
        """Whether the model was trained to pass over what fills up a batch; where not, it hears items one by one."""
        return bool(getattr(self._extractor, "return_attention_mask", True))

    @property
    def _frame_samples(self) -> int:
        config = self._model.config
        ratio = getattr(config, "inputs_to_logits_ratio", None)
        return int(ratio or self._extractor.hop_length * config.encoder_config.subsampling_factor)

    def _frames(self, samples: int) -> int:
        """How many of the frames are of the sound itself. Convolutions without padding take some samples to begin with."""
        config = self._model.config
        if not hasattr(config, "conv_kernel"):
            return -(-samples // self._frame_samples)
        for kernel, stride in zip(config.conv_kernel, config.conv_stride, strict=True):
            samples = max(0, (samples - kernel) // stride + 1)
        return samples

    def _hear(self, sounds: Sequence[Pcm]) -> list[Recognition]:
        assert self._vocabulary is not None
        filled = [np.pad(pcm, (0, max(0, SHORTEST_SAMPLES - len(pcm)))) for pcm in sounds]
        inputs = self._extractor(filled, sampling_rate=SOUND_RATE_HZ, padding="longest", return_tensors="pt")
        device, dtype = self._model.device, self._model.dtype
        given = {name: value.to(device, dtype) if value.is_floating_point() else value.to(device) for name, value in inputs.items()}
        chances = self._model(**given).logits.float().softmax(dim=-1).cpu().numpy()
        recognitions = []
        for pcm, rows in zip(sounds, chances, strict=True):
            tokens = collapse(rows[: self._frames(len(pcm))], self._vocabulary.blank)
            end = Fraction(len(pcm), SOUND_RATE_HZ)
            words = self._vocabulary.words(tokens, Fraction(self._frame_samples, SOUND_RATE_HZ), end)
            recognitions.append(Recognition(self.options.language, sentences(words)))
        return recognitions


class _Vocabulary:
    """Tokens to words. Letters with a sign between words (wav2vec 2.0), or pieces with a sign before each word (SentencePiece)."""

    def __init__(self, tokenizer: Any, blank: int) -> None:
        self.blank = blank
        self._tokenizer = tokenizer
        self._between = getattr(tokenizer, "word_delimiter_token", None)
        self._silent = {n for n in tokenizer.all_special_ids if tokenizer.convert_ids_to_tokens(n) != self._between} | {blank}
        letters = "".join(piece for piece, n in tokenizer.get_vocab().items() if n not in self._silent)
        self._shouts = letters == letters.upper()

    def words(self, tokens: Iterable[Token], frame: Fraction, end: Fraction) -> list[HeardWord]:
        """`frame`: how long one is; `end`: of the sound."""
        runs: list[list[tuple[str, Token]]] = [[]]
        for token in tokens:
            piece = "" if token.id in self._silent else self._tokenizer.convert_ids_to_tokens(token.id)
            if piece == self._between or piece.startswith(WORD_BEGINS):
                runs.append([])
            if piece != self._between and (letters := piece.removeprefix(WORD_BEGINS)):
                runs[-1].append((letters, token))
        return [self._word(run, frame, end) for run in runs if run]

    def _word(self, run: Sequence[tuple[str, Token]], frame: Fraction, end: Fraction) -> HeardWord:
        text = "".join(letters for letters, _ in run)
        first, last = (min(frame * n, end) for n in (run[0][1].first, run[-1][1].last))
        confidence = float(np.mean([token.confidence for _, token in run]))
        return HeardWord(first, last, " " + (text.lower() if self._shouts else text), min(1.0, confidence))


def collapse(chances: npt.NDArray[np.float32], blank: int) -> list[Token]:
    """chances: probabilities [frames, tokens]. The likeliest path without its blanks; a token that is said twice has a blank between."""
    best = chances.argmax(axis=-1)
    tokens, at = [], 0
    for token, run in groupby(best.tolist()):
        first, at = at, at + len(list(run))
        if token != blank:
            tokens.append(Token(token, first, at, float(chances[first:at, token].max())))
    return tokens
