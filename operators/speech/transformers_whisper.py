"""Whisper, and what was trained from it, through transformers: the recogniser for GPUs and for any checkpoint."""

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import accumulate
from typing import Any

import numpy as np

from operators.errors import ModelError, ModelUnavailable, OutOfMemory
from operators.media import SOUND_RATE_HZ, Pcm
from operators.speech.alignment import attention, follow
from operators.speech.recognition import HeardWord, Recognition, SpeechItem
from operators.speech.whisper_text import (
    TOKEN_RATE,
    WHISPER_LANGUAGES,
    Sentence,
    language_tag,
    sentences,
    spoken,
    trusted,
    whisper_code,
)

TICK_SAMPLES = SOUND_RATE_HZ // TOKEN_RATE
MOST_TOKENS = 224
"""Text in a window of 30 s; a loop ends here."""
PREPEND, APPEND = "\"'“¿([{-", "\"'.。,，!！?？:：”)]}、"
"""Signs that are written to the next word, and to the one before."""
LONGEST_AFTER_PAUSE = 2
"""A first word that seems this many times as long as the others has the pause before it in it."""


@dataclass(frozen=True, slots=True)
class TransformersWhisperOptions:
    model: str = ""
    """Local directory of a Whisper checkpoint with safetensors."""
    dtype: str = "float32"
    """Number format, as torch names them: bfloat16 or float16 on a GPU."""


@dataclass(frozen=True, slots=True)
class _Window:
    """The sound of an item from `start` (1/TOKEN_RATE s) on."""

    item: int
    start: int
    pcm: Pcm
    language: str | None
    """Whisper's own code."""

    @property
    def ticks(self) -> int:
        return len(self.pcm) // TICK_SAMPLES


class TransformersWhisperRecogniser:
    """A BatchOperator: SpeechItem -> Recognition. Greedy: nothing is sampled. Word times come from one pass over the finished text, which
    is cheaper than to follow the attention while it is written. What Whisper's own signs call no speech or a guess is not said."""

    Options = TransformersWhisperOptions
    languages = WHISPER_LANGUAGES

    def __init__(self, options: TransformersWhisperOptions = TransformersWhisperOptions()) -> None:
        self.options = options
        self._model: Any = None
        self._extractor: Any = None
        self._tokenizer: Any = None
        self._multilingual = False

    def open(self, device: str, threads: int) -> None:
        """Raises ModelUnavailable."""
        import torch
        from transformers import AutoFeatureExtractor, AutoTokenizer, WhisperForConditionalGeneration, logging

        torch.set_num_threads(threads)
        logging.set_verbosity_error()  # its warnings are about settings that Whisper's generate makes itself
        logging.disable_progress_bar()
        here = {"local_files_only": True, "trust_remote_code": False}
        try:
            dtype = getattr(torch, self.options.dtype)
            model = WhisperForConditionalGeneration.from_pretrained(self.options.model, use_safetensors=True, dtype=dtype, **here)
            self._extractor = AutoFeatureExtractor.from_pretrained(self.options.model, **here)
            self._tokenizer = AutoTokenizer.from_pretrained(self.options.model, **here)
        except (OSError, ValueError, AttributeError, RuntimeError) as e:
            raise ModelUnavailable(f"{self.options.model!r} is no Whisper checkpoint that can be opened: {e}") from e
        if getattr(model.generation_config, "no_timestamps_token_id", None) is None:
            raise ModelUnavailable(
                f"{self.options.model!r} states no time tokens: give it the generation_config.json of what it was made from"
            )
        self._multilingual = bool(getattr(model.generation_config, "is_multilingual", False))
        self._model = model.to(device).eval()

    def __call__(self, items: Sequence[SpeechItem]) -> list[Recognition | Exception]:
        import torch

        results: list[Recognition | Exception] = []
        windows = []
        for n, item in enumerate(items):
            try:
                windows.append(_Window(n, 0, item.pcm, whisper_code(item.language) if item.language else None))
                results.append(Recognition("und"))
            except ValueError as e:
                results.append(ModelError(str(e)))
        try:
            with torch.inference_mode():
                while windows:
                    windows = self._hear(windows, results)
        except torch.OutOfMemoryError as e:
            raise OutOfMemory(f"Whisper needs more memory than there is for {len(items)} items: {e}") from e
        return results

    def close(self) -> None:
        self._model = None

    def _hear(self, windows: list[_Window], results: list[Recognition | Exception]) -> list[_Window]:
        """Add what is said in the windows to the results; the windows that are left are the rests to hear again."""
        features = self._extractor([w.pcm for w in windows], sampling_rate=SOUND_RATE_HZ, return_tensors="pt").input_features
        encoded = self._model.get_encoder()(features.to(self._model.device, self._model.dtype))
        languages = self._languages(windows, encoded)
        rests = []
        written = self._write(encoded, languages)
        for window, code, states, (tokens, logprob) in zip(windows, languages, encoded.last_hidden_state, written, strict=True):
            text = self._text(code)
            said, rest = sentences(tokens, text.timestamp_begin, text.eot, window.ticks)
            words = self._align(said, text, states, window)
            before = results[window.item]
            assert isinstance(before, Recognition)
            if trusted(text.decode(tokens), logprob):
                results[window.item] = Recognition(language_tag(code), before.segments + words)
                if rest is not None:
                    rests.append(_Window(window.item, window.start + rest, window.pcm[rest * TICK_SAMPLES :], code))
        return rests

    def _languages(self, windows: list[_Window], encoded: Any) -> list[str]:
        if not self._multilingual:
            return ["en"] * len(windows)
        if all(w.language for w in windows):
            return [w.language or "" for w in windows]
        heard = self._tokenizer.convert_ids_to_tokens(self._model.detect_language(encoder_outputs=encoded))
        return [w.language or token.strip("<|>") for w, token in zip(windows, heard, strict=True)]

    def _write(self, encoded: Any, languages: list[str]) -> list[tuple[list[int], float]]:
        """What follows the prompt in each window, up to the end of the text, and its mean log-probability. `generate` is kept from
        hearing rests itself: given encoded sound, it would never end."""
        told = {"language": languages, "task": "transcribe"} if self._multilingual else {}
        mask = encoded.last_hidden_state.new_ones(len(languages), 2 * encoded.last_hidden_state.shape[1], dtype=int)
        out = self._model.generate(
            encoder_outputs=encoded, attention_mask=mask, return_timestamps=True, force_unique_generate_call=True, num_beams=1,
            do_sample=False, max_new_tokens=MOST_TOKENS, return_dict_in_generate=True, output_scores=True, **told,
        )  # fmt: skip
        logprobs = self._model.compute_transition_scores(out.sequences, out.scores, normalize_logits=True).tolist()
        written = []
        for row, chances in zip(out.sequences[:, -len(out.scores) :].tolist(), logprobs, strict=True):
            count = row.index(self._tokenizer.eos_token_id) if self._tokenizer.eos_token_id in row else len(row)
            end = min(count + 1, len(row))
            written.append((row[:count], sum(chances[:end]) / end))
        return written

    def _text(self, code: str) -> Any:
        """faster-whisper's tokenizer: transformers' own does not say where words begin."""
        from faster_whisper.tokenizer import Tokenizer

        return Tokenizer(self._tokenizer.backend_tokenizer, self._multilingual, task="transcribe", language=code)

    def _align(self, said: list[Sentence], text: Any, states: Any, window: _Window) -> tuple[tuple[HeardWord, ...], ...]:
        """The words of each sentence."""
        tokens = [token for sentence in said for token in sentence.tokens]
        if not tokens or not window.ticks:
            return ()
        prompt = [*text.sot_sequence, text.no_timestamps]
        logits, weights = self._read([*prompt, *tokens, text.eot], states, window.ticks)
        told = logits[len(prompt) - 1 : -2].softmax(dim=-1)[range(len(tokens)), tokens].cpu().numpy()
        words = _join(text, tokens, follow(weights, slice(len(prompt) - 1, -1)), told)
        heard = []
        for sentence in said:
            count = len(sentence.tokens)
            mine = []
            while words and count > 0:
                mine.append(words.pop(0))
                count -= len(mine[-1]["tokens"])
            heard.append(spoken(_word(w, window) for w in _without_pause(mine)))
        return tuple(words for words in heard if words)

    def _read(self, ids: list[int], states: Any, ticks: int) -> tuple[Any, Any]:
        """One pass over the finished text: logits [tokens, vocabulary]; where the aligned heads looked, float32 [heads, tokens, ticks]."""
        import torch

        decoder, config = self._model.model.decoder, self._model.config
        layers, heads = len(decoder.layers), config.decoder_attention_heads
        upper = [(layer, head) for layer in range(layers // 2, layers) for head in range(heads)]
        aligned = getattr(self._model.generation_config, "alignment_heads", None) or upper
        caught: dict[tuple[int, str], Any] = {}
        hooks = []
        for layer in {layer for layer, _ in aligned}:
            for name in ("q_proj", "k_proj"):
                module = getattr(decoder.layers[layer].encoder_attn, name)
                hooks.append(module.register_forward_hook(lambda _m, _i, out, key=(layer, name): caught.__setitem__(key, out[0])))
        try:
            given = torch.tensor([ids], device=self._model.device)
            logits = self._model(encoder_outputs=(states[None],), decoder_input_ids=given, use_cache=False).logits[0].float()
        finally:
            for hook in hooks:
                hook.remove()
        weights = [attention(caught[layer, "q_proj"], caught[layer, "k_proj"][:ticks], heads)[head] for layer, head in aligned]
        return logits, torch.stack(weights).cpu().numpy()


def _join(text: Any, tokens: list[int], begins: Any, probabilities: Any) -> list[dict[str, Any]]:
    """Tokens to words with their punctuation, times in 1/TOKEN_RATE s of the window."""
    from faster_whisper.transcribe import merge_punctuations

    words, parts = text.split_to_word_tokens([*tokens, text.eot])
    borders = [0, *accumulate(len(part) for part in parts[:-1])]
    timed = [
        {"word": word, "tokens": part, "start": int(begins[a]), "end": int(begins[b]), "probability": float(probabilities[a:b].mean())}
        for word, part, a, b in zip(words, parts, borders, borders[1:], strict=False)
    ]
    merge_punctuations(timed, PREPEND, APPEND)
    return [w for w in timed if w["word"]]


def _without_pause(words: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The alignment gives the pause before a sentence to its first word."""
    lengths = [w["end"] - w["start"] for w in words if w["end"] > w["start"]]
    if lengths:
        first, longest = words[0], int(LONGEST_AFTER_PAUSE * float(np.median(lengths)))
        first["start"] = max(first["start"], first["end"] - longest)
    return words


def _word(word: dict[str, Any], window: _Window) -> HeardWord:
    start, end = (Fraction(window.start + word[key], TOKEN_RATE) for key in ("start", "end"))
    return HeardWord(start, end, word["word"], word["probability"])
