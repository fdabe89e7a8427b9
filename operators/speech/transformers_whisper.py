"""Whisper, and what was trained from it, through transformers: the recogniser for GPUs and for any checkpoint."""

from collections.abc import Sequence
from copy import copy
from dataclasses import dataclass
from typing import Any

import numpy as np

from operators.errors import ConfigError, ModelUnavailable, OutOfMemory
from operators.media import SOUND_RATE_HZ
from operators.speech.alignment import Attention, follow
from operators.speech.recognition import Recognition, SpeechItem
from operators.speech.whisper import WhisperListener
from operators.speech.whisper_text import WHISPER_LANGUAGES
from operators.speech.whisper_windows import FRAMES_PER_TICK, Window, recognise
from operators.speech.whisper_words import Alignment


@dataclass(frozen=True, slots=True)
class TransformersWhisperOptions:
    model: str = ""
    """Local directory of a Whisper checkpoint with safetensors."""
    dtype: str = "float32"
    """Number format, as torch names them: bfloat16 or float16 on a GPU."""
    static_cache: bool = False
    """Keep what the decoder remembers in place. Only on a GPU."""
    compile: bool = False
    """Have torch compile the decoder, which takes minutes at the first call of each batch size. With `static_cache`."""

    def __post_init__(self) -> None:
        if self.compile and not self.static_cache:
            raise ConfigError("compile=true needs static_cache=true: what changes its size at each token is compiled again at each token")


class TransformersWhisperRecogniser:
    """A BatchOperator: SpeechItem -> Recognition. Greedy: nothing is sampled. Word times come from one pass over the finished text, which
    is cheaper than to follow the attention while it is written. What goes round in circles, or is a guess by Whisper's own signs, is not
    said."""

    Options = TransformersWhisperOptions
    languages = WHISPER_LANGUAGES

    def __init__(self, options: TransformersWhisperOptions = TransformersWhisperOptions()) -> None:
        self.options = options
        self._listener: WhisperListener | None = None

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
            extractor = AutoFeatureExtractor.from_pretrained(self.options.model, **here)
            tokenizer = AutoTokenizer.from_pretrained(self.options.model, **here)
        except (OSError, ValueError, AttributeError, RuntimeError) as e:
            raise ModelUnavailable(f"{self.options.model!r} is no Whisper checkpoint that can be opened: {e}") from e
        if getattr(model.generation_config, "no_timestamps_token_id", None) is None:
            raise ModelUnavailable(
                f"{self.options.model!r} states no time tokens: give it the generation_config.json of what it was made from"
            )
        if self.options.static_cache and torch.device(device).type == "cuda":
            model.generation_config.cache_implementation = "static"
            model.generation_config.disable_compile = not self.options.compile
        self._listener = WhisperListener(_Transformers(model.to(device).eval(), extractor, tokenizer), tokenizer.backend_tokenizer)

    def __call__(self, items: Sequence[SpeechItem]) -> list[Recognition | Exception]:
        import torch

        assert self._listener is not None
        try:
            with torch.inference_mode():
                return recognise(items, self._listener)
        except torch.OutOfMemoryError as e:
            raise OutOfMemory(f"Whisper needs more memory than there is for {len(items)} items: {e}") from e

    def close(self) -> None:
        self._listener = None


class _Transformers:
    """The `whisper.Engine` of it. What is encoded is an output of transformers' encoder: [rows, ticks, width] in it."""

    beams = 1, 1

    def __init__(self, model: Any, extractor: Any, tokenizer: Any) -> None:
        self._model, self._extractor, self._tokenizer = model, extractor, tokenizer
        self.multilingual = bool(getattr(model.generation_config, "is_multilingual", False))

    def encode(self, windows: Sequence[Window]) -> Any:
        """After the sound come zeros, not the features of silence: these, where they are short, bring on more circles."""
        import torch

        context = windows[0].context
        features = torch.zeros(len(windows), self._extractor.feature_size, FRAMES_PER_TICK * context)
        for row, window in zip(features, windows, strict=True):
            sound = np.pad(window.pcm, (0, self._extractor.n_fft))
            heard = self._extractor(sound, sampling_rate=SOUND_RATE_HZ, padding=False, truncation=False, return_tensors="pt")
            frames = FRAMES_PER_TICK * window.ticks
            row[:, :frames] = heard.input_features[0, :, :frames]
        return _shortened(self._model.get_encoder(), context)(features.to(self._model.device, self._model.dtype))

    def languages(self, encoded: Any, row: int, parts: Sequence[tuple[int, int]]) -> list[dict[str, float]]:
        import torch

        codes = self._model.generation_config.lang_to_id
        start = torch.tensor([[self._model.generation_config.decoder_start_token_id]], device=self._model.device)
        heard = []
        for first, last in parts:
            part = (encoded.last_hidden_state[row : row + 1, first:last],)
            logits = self._model(encoder_outputs=part, decoder_input_ids=start, use_cache=False).logits[0, -1].float()
            chances = logits[list(codes.values())].softmax(dim=-1).tolist()
            heard.append({token.strip("<|>"): chance for token, chance in zip(codes, chances, strict=True)})
        return heard

    def write(self, encoded: Any, prompts: Sequence[list[int]], most_tokens: int, beam: int) -> list[tuple[list[int], float]]:
        """`generate` is kept from hearing rests itself: given encoded sound, it would never end."""
        import torch

        at = prompts[0].index(self._model.generation_config.decoder_start_token_id)
        before = torch.tensor(prompts[0][:at], device=self._model.device) if at else None
        told: dict[str, Any] = {}
        if self.multilingual:
            told = {"language": self._tokenizer.convert_ids_to_tokens([p[at + 1] for p in prompts]), "task": "transcribe"}
        mask = encoded.last_hidden_state.new_ones(len(prompts), 2 * encoded.last_hidden_state.shape[1], dtype=int)
        out = self._model.generate(
            encoder_outputs=encoded, attention_mask=mask, return_timestamps=True, force_unique_generate_call=True, num_beams=beam,
            do_sample=False, max_new_tokens=most_tokens, return_dict_in_generate=True, output_scores=True,
            prompt_ids=before, **told,
        )  # fmt: skip
        logprobs = self._model.compute_transition_scores(out.sequences, out.scores, normalize_logits=True).tolist()
        written = []
        for row, chances in zip(out.sequences[:, -len(out.scores) :].tolist(), logprobs, strict=True):
            count = row.index(self._tokenizer.eos_token_id) if self._tokenizer.eos_token_id in row else len(row)
            end = min(count + 1, len(row))
            written.append((row[:count], sum(chances[:end]) / end))
        return written

    def align(self, encoded: Any, texts: Sequence[list[int]], start: list[int], ticks: Sequence[int]) -> list[Alignment]:
        return [self._align(encoded.last_hidden_state[n : n + 1], text, start, ticks[n]) for n, text in enumerate(texts)]

    def _align(self, states: Any, text: list[int], start: list[int], ticks: int) -> Alignment:
        """One pass over the finished text."""
        import torch

        if not text or not ticks:
            return Alignment(np.zeros(len(text) + 1, np.int64), np.zeros(len(text), np.float32))
        settings = self._model.generation_config
        before = [*start, settings.no_timestamps_token_id]
        given = torch.tensor([[*before, *text, self._tokenizer.eos_token_id]], device=self._model.device)
        with Attention(self._model.model.decoder.layers, getattr(settings, "alignment_heads", None)) as looked:
            logits = self._model(encoder_outputs=(states,), decoder_input_ids=given, use_cache=False).logits[0].float()
        told = logits[len(before) - 1 : -2].softmax(dim=-1)[range(len(text)), text].cpu().numpy()
        return Alignment(follow(looked.weights(ticks), slice(len(before) - 1, -1)), told)


def _shortened(encoder: Any, ticks: int) -> Any:
    """The encoder, same weights, for sound of `ticks`: its own takes 30 s and nothing else."""
    import torch

    if ticks == encoder.config.max_source_positions:
        return encoder
    short = copy(encoder)
    short.config = copy(encoder.config)
    short.config.max_source_positions = ticks
    places = torch.nn.Embedding.from_pretrained(encoder.embed_positions.weight[:ticks])
    short._modules = {**encoder._modules, "embed_positions": places}
    return short
