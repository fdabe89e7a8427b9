"""Whisper by faster-whisper (https://github.com/SYSTRAN/faster-whisper) on CTranslate2: the recogniser for CPUs."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from operators.errors import ModelError, ModelUnavailable, OutOfMemory
from operators.media import SOUND_RATE_HZ
from operators.speech.recognition import Recognition, SpeechItem
from operators.speech.whisper import WhisperListener
from operators.speech.whisper_text import WHISPER_LANGUAGES
from operators.speech.whisper_windows import FRAMES_PER_TICK, Heard, Window, recognise
from operators.speech.whisper_words import Alignment

WIDE_BEAM = 5
MOST_TOKENS = 448
"""Of Whisper's decoder, prompt and text."""


@dataclass(frozen=True, slots=True)
class FasterWhisperOptions:
    model: str = ""
    """Local directory of a model in CTranslate2 form."""
    beam: int = 1
    compute_type: str = "int8"
    """Number format, as CTranslate2 names them."""


class FasterWhisperRecogniser:
    """A BatchOperator: SpeechItem -> Recognition. Always the same words for the same sound: nothing is sampled. Where Whisper's own
    signs say that it failed, it is tried again with a wider beam; what still fails is not said."""

    Options = FasterWhisperOptions
    languages = WHISPER_LANGUAGES

    def __init__(self, options: FasterWhisperOptions = FasterWhisperOptions()) -> None:
        self.options = options
        self._listener: WhisperListener | None = None

    def open(self, device: str, threads: int) -> None:
        """Raises ModelUnavailable."""
        import faster_whisper

        try:
            model = faster_whisper.WhisperModel(
                self.options.model,
                device=device.split(":")[0],
                compute_type=self.options.compute_type,
                cpu_threads=threads,
                local_files_only=True,
            )
            self._listener = WhisperListener(_CTranslate2(model, self.options.beam), model.hf_tokenizer)
        except Exception as e:  # CTranslate2 raises RuntimeError and ValueError, the tokenizer plain Exception
            raise ModelUnavailable(f"{self.options.model!r} is no Whisper model in CTranslate2 form that can be opened: {e}") from e

    def __call__(self, items: Sequence[SpeechItem]) -> list[Recognition | Exception]:
        return recognise(items, self._hear)

    def close(self) -> None:
        self._listener = None

    def _hear(self, windows: list[Window]) -> list[Heard | ModelError]:
        """A batch that fails is taken apart, so that one bad item spoils no other."""
        assert self._listener is not None
        try:
            return list(self._listener(windows))
        except (ValueError, RuntimeError) as e:
            if "out of memory" in str(e).lower():
                raise OutOfMemory(f"Whisper needs more memory than there is: {e}") from e
            if len(windows) == 1:
                return [ModelError(f"Whisper failed on this item: {e}")]
            return [result for window in windows for result in self._hear([window])]


class _CTranslate2:
    """The `whisper.Engine` of it. What is encoded is a CTranslate2 storage view [rows, ticks, width]."""

    def __init__(self, model: Any, beam: int) -> None:
        """`model`: faster-whisper's WhisperModel."""
        self._model = model
        self._settings = self._own_settings()
        self.multilingual = bool(model.model.is_multilingual)
        self.beams = beam, max(beam, WIDE_BEAM)

    def encode(self, windows: Sequence[Window]) -> Any:
        from faster_whisper.audio import pad_or_trim

        frames = FRAMES_PER_TICK * windows[0].context
        return self._model.encode(np.stack([pad_or_trim(self._model.feature_extractor(w.pcm)[:, :-1], frames) for w in windows]))

    def languages(self, encoded: Any, row: int, parts: Sequence[tuple[int, int]]) -> list[dict[str, float]]:
        import ctranslate2

        states = np.asarray(encoded.to(ctranslate2.DataType.float32).to_device(ctranslate2.Device.cpu))[row]
        heard = []
        for first, last in parts:
            part = ctranslate2.StorageView.from_array(np.ascontiguousarray(states[None, first:last]))
            (chances,) = self._model.model.detect_language(part)
            heard.append({token.strip("<|>"): chance for token, chance in chances})
        return heard

    def write(self, encoded: Any, prompts: Sequence[list[int]], most_tokens: int, beam: int) -> list[tuple[list[int], float]]:
        results = self._model.model.generate(
            encoded,
            list(prompts),
            beam_size=beam,
            max_length=min(MOST_TOKENS, 2 * most_tokens + len(prompts[0])),  # CTranslate2 gives the text half of it, as Whisper does
            return_scores=True,
            suppress_blank=True,
            suppress_tokens=self._settings.suppress_tokens,
            max_initial_timestamp_index=round(self._settings.max_initial_timestamp / self._model.time_precision),
        )
        return [(r.sequences_ids[0], r.scores[0] * len(r.sequences_ids[0]) / (len(r.sequences_ids[0]) + 1)) for r in results]

    def align(self, encoded: Any, texts: Sequence[list[int]], start: list[int], ticks: Sequence[int]) -> list[Alignment]:
        frames = [FRAMES_PER_TICK * t for t in ticks]
        results = self._model.model.align(encoded, start, list(texts), frames, median_filter_width=7)
        aligned = []
        for result in results:
            tokens, times = np.array(result.alignments, np.int64).reshape(-1, 2).T
            begins = times[np.flatnonzero(np.diff(tokens, prepend=-1))]
            aligned.append(Alignment(begins, np.array(result.text_token_probs, np.float32)))
        return aligned

    def _own_settings(self) -> Any:
        """What faster-whisper sets by itself in `transcribe`, which decodes nothing before its answer is read."""
        _, info = self._model.transcribe(np.zeros(SOUND_RATE_HZ, np.float32), language="en")
        return info.transcription_options
