"""Moonshine (Jeffries et al. 2024) and its streaming form, through transformers: small, and its cost follows the length of the sound.

They give no times: words are timed as Whisper's are, by dynamic time warping over the cross-attention of the upper half of the decoder.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from typing import Any

import numpy as np

from operators.errors import ModelError, ModelUnavailable, OutOfMemory
from operators.media import SOUND_RATE_HZ, Pcm
from operators.speech.alignment import Attention, follow
from operators.speech.opening import open_checkpoint
from operators.speech.pieces import WORD_BEGINS, same_language, sentences
from operators.speech.recognition import HeardWord, Recognition, SpeechItem
from operators.speech.whisper_text import trusted

FRAME_SAMPLES = {"moonshine": 64 * 3 * 2}
"""The strides of its three convolutions. The streaming form states its own."""
FASTEST_SPEECH = 6.5
"""Tokens a second; its makers end a loop there."""
SHORTEST_SAMPLES = SOUND_RATE_HZ // 5
"""Shorter sound is filled up with silence: the first convolutions need some."""


@dataclass(frozen=True, slots=True)
class MoonshineOptions:
    model: str = ""
    """Local directory of a checkpoint with safetensors."""
    language: str = "en"
    """BCP 47: what it was trained on; there is a checkpoint for each language."""
    dtype: str = "float32"
    """Number format, as torch names them: bfloat16 or float16 on a GPU."""


class MoonshineRecogniser:
    """A BatchOperator: SpeechItem -> Recognition. Greedy: nothing is sampled. Text that goes round in circles or is a guess is not said."""

    Options = MoonshineOptions

    def __init__(self, options: MoonshineOptions = MoonshineOptions()) -> None:
        self.options = options
        self._model: Any = None
        self._extractor: Any = None
        self._tokenizer: Any = None

    def open(self, device: str, threads: int) -> None:
        """Raises ModelUnavailable."""
        model, self._extractor, self._tokenizer = open_checkpoint(
            "AutoModelForSpeechSeq2Seq", self.options, threads, "Moonshine checkpoint"
        )
        if not model.config.model_type.startswith("moonshine"):
            raise ModelUnavailable(f"{self.options.model!r} is a {model.config.model_type} checkpoint, not a Moonshine one")
        self._model = model.to(device).eval()

    def __call__(self, items: Sequence[SpeechItem]) -> list[Recognition | Exception]:
        import torch

        mine = [n for n, item in enumerate(items) if same_language(item.language, self.options.language)]
        results: list[Recognition | Exception] = [
            ModelError(f"this model was trained on {self.options.language!r} only, not {item.language!r}") for item in items
        ]
        try:
            with torch.inference_mode():
                for n, heard in zip(mine, self._hear([items[n].pcm for n in mine]) if mine else [], strict=True):
                    results[n] = heard
        except torch.OutOfMemoryError as e:
            raise OutOfMemory(f"Moonshine needs more memory than there is for {len(items)} items: {e}") from e
        return results

    def close(self) -> None:
        self._model = None

    @property
    def _frame_samples(self) -> int:
        encoder = getattr(self._model.config, "encoder_config", None)
        if encoder is not None:
            return int(encoder.sample_rate * encoder.frame_ms / 1000) * 2 * 2
        return FRAME_SAMPLES[self._model.config.model_type]

    def _hear(self, sounds: Sequence[Pcm]) -> list[Recognition]:
        """Encoded one by one, for Moonshine's first norm is over all that it is given, padding too; written together."""
        from torch.nn.utils.rnn import pad_sequence

        encoded = [self._encoded(pcm) for pcm in sounds]
        states, mask = (
            pad_sequence([getattr(e, name)[0] for e in encoded], batch_first=True) for name in ("last_hidden_state", "attention_mask")
        )
        most = [2 + int(FASTEST_SPEECH * len(pcm) / SOUND_RATE_HZ) for pcm in sounds]  # a longer one beside it gives none more tokens
        together = type(encoded[0])(last_hidden_state=states, attention_mask=mask)
        out = self._model.generate(encoder_outputs=together, num_beams=1, do_sample=False, max_new_tokens=max(most))
        rows = [row.tolist()[: 1 + count] for row, count in zip(out, most, strict=True)]
        return [self._recognise(e.last_hidden_state, row, pcm) for e, row, pcm in zip(encoded, rows, sounds, strict=True)]

    def _encoded(self, pcm: Pcm) -> Any:
        filled = np.pad(pcm, (0, max(0, SHORTEST_SAMPLES - len(pcm))))
        inputs = self._extractor(
            [filled], sampling_rate=SOUND_RATE_HZ, padding="longest", pad_to_multiple_of=self._frame_samples, return_attention_mask=True,
            return_tensors="pt",
        )  # fmt: skip
        device = self._model.device
        return self._model.get_encoder()(inputs.input_values.to(device, self._model.dtype), attention_mask=inputs.attention_mask.to(device))

    def _recognise(self, states: Any, row: Sequence[int], pcm: Pcm) -> Recognition:
        special = set(self._tokenizer.all_special_ids)
        tokens = [token for token in row if token not in special]
        frames = min(len(pcm) // self._frame_samples, states.shape[1])
        if not tokens or not frames:
            return Recognition(self.options.language)
        begins, chances = self._read(states[:, :frames], tokens)
        if not trusted(self._tokenizer.decode(tokens), float(np.log(np.maximum(chances, 1e-9)).mean())):
            return Recognition(self.options.language)
        instants = [min(Fraction(int(b) * self._frame_samples, SOUND_RATE_HZ), Fraction(len(pcm), SOUND_RATE_HZ)) for b in begins]
        return Recognition(self.options.language, sentences(self._words(tokens, instants, chances)))

    def _read(self, states: Any, tokens: Sequence[int]) -> tuple[Any, Any]:
        """One pass over the finished text: when each token begins and the last one ends, in frames; the probability of each."""
        import torch

        config = self._model.config
        given = torch.tensor([[config.decoder_start_token_id or config.bos_token_id, *tokens, config.eos_token_id]], device=states.device)
        with Attention(self._model.model.decoder.layers) as looked:
            decoded = self._model.model.decoder(input_ids=given, encoder_hidden_states=states, use_cache=False)
        logits = self._model.proj_out(decoded.last_hidden_state)[0].float()
        chances = logits[: len(tokens)].softmax(dim=-1)[range(len(tokens)), list(tokens)]
        return follow(looked.weights(states.shape[1]), slice(0, -1)), chances.cpu().numpy()

    def _words(self, tokens: Sequence[int], instants: Sequence[Fraction], chances: Any) -> list[HeardWord]:
        """Pieces with SentencePiece's sign before each word."""
        pieces = self._tokenizer.convert_ids_to_tokens(list(tokens))
        borders = [n for n, piece in enumerate(pieces) if n == 0 or piece.startswith(WORD_BEGINS)]
        words = []
        for first, last in pairwise([*borders, len(pieces)]):
            text = self._tokenizer.decode(list(tokens[first:last])).strip()
            if any(map(str.isalnum, text)):
                words.append(HeardWord(instants[first], instants[last], " " + text, float(chances[first:last].mean())))
        return words
