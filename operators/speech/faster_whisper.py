"""Whisper by faster-whisper (https://github.com/SYSTRAN/faster-whisper) on CTranslate2: the recogniser for CPUs."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any

import numpy as np

from operators.errors import ModelError, ModelUnavailable, OutOfMemory
from operators.media import SOUND_RATE_HZ
from operators.speech.recognition import HeardWord, Recognition, SpeechItem
from operators.speech.whisper_text import TOKEN_RATE, WHISPER_LANGUAGES, Sentence, language_tag, sentences, spoken, trusted, whisper_code
from operators.timeline import Span

FRAMES_PER_TICK = 2
"""Features come 100 a second, time tokens TOKEN_RATE."""
WIDE_BEAM = 5


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
        self._model: Any = None
        self._settings: Any = None

    def open(self, device: str, threads: int) -> None:
        """Raises ModelUnavailable."""
        import faster_whisper

        try:
            self._model = faster_whisper.WhisperModel(
                self.options.model,
                device=device.split(":")[0],
                compute_type=self.options.compute_type,
                cpu_threads=threads,
                local_files_only=True,
            )
            self._settings = self._own_settings()
        except Exception as e:  # CTranslate2 raises RuntimeError and ValueError, the tokenizer plain Exception
            raise ModelUnavailable(f"{self.options.model!r} is no Whisper model in CTranslate2 form that can be opened: {e}") from e

    def __call__(self, items: Sequence[SpeechItem]) -> list[Recognition | Exception]:
        return [self._recognise(item) for item in items]

    def close(self) -> None:
        self._model = None

    def _own_settings(self) -> Any:
        """What faster-whisper makes of these wishes in its own `transcribe`, which decodes nothing before its answer is read."""
        _, info = self._model.transcribe(
            np.zeros(SOUND_RATE_HZ, np.float32), language="en", temperature=0.0, word_timestamps=True, log_prob_threshold=None,
            compression_ratio_threshold=None, no_speech_threshold=None,
        )  # fmt: skip
        return info.transcription_options

    def _recognise(self, item: SpeechItem) -> Recognition | Exception:
        try:
            return self._transcribe(item)
        except ValueError as e:
            return ModelError(f"Whisper can not do this item: {e}")
        except RuntimeError as e:
            if "out of memory" in str(e).lower():
                raise OutOfMemory(f"Whisper needs more memory than there is: {e}") from e
            return ModelError(f"Whisper failed on this item: {e}")

    def _transcribe(self, item: SpeechItem) -> Recognition:
        """Not by faster-whisper's `transcribe`, which runs the encoder once more to hear the language, and again for any rest."""
        from faster_whisper.audio import pad_or_trim

        features = self._model.feature_extractor(item.pcm)[:, :-1]
        length = Fraction(len(item.pcm), SOUND_RATE_HZ)
        tokenizer: Any = None
        segments: list[tuple[HeardWord, ...]] = []
        rest: int | None = 0
        while rest is not None:
            at, rest = rest, None
            encoded = self._model.encode(pad_or_trim(features[:, FRAMES_PER_TICK * at :]))
            tokenizer = tokenizer or self._tokenizer(item.language, encoded)
            said, opened = self._write(encoded, tokenizer, features.shape[1] // FRAMES_PER_TICK - at)
            segments += self._times(said, encoded, tokenizer, Span(Fraction(at, TOKEN_RATE), length))
            rest = None if opened is None else at + opened
        return Recognition(language_tag(tokenizer.language_code), tuple(segments))

    def _tokenizer(self, language: str | None, encoded: Any) -> Any:
        from faster_whisper.tokenizer import Tokenizer

        model = self._model.model
        code = whisper_code(language) if language else "en"
        if model.is_multilingual and not language:
            code = model.detect_language(encoded)[0][0][0].strip("<|>")
        return Tokenizer(self._model.hf_tokenizer, model.is_multilingual, task="transcribe", language=code)

    def _write(self, encoded: Any, tokenizer: Any, length: int) -> tuple[list[Sentence], int | None]:
        prompt = self._model.get_prompt(tokenizer, [])
        for beam in dict.fromkeys((self.options.beam, max(self.options.beam, WIDE_BEAM))):
            settings = replace(self._settings, beam_size=beam)
            result, logprob, _, _ = self._model.generate_with_fallback(encoded, prompt, tokenizer, settings)
            tokens = result.sequences_ids[0]
            if trusted(tokenizer.decode(tokens), logprob):
                return sentences(tokens, tokenizer.timestamp_begin, tokenizer.eot, length)
        return [], None

    def _times(self, said: list[Sentence], encoded: Any, tokenizer: Any, sound: Span) -> list[tuple[HeardWord, ...]]:
        """Word times by faster-whisper's alignment; `sound` is what was encoded, in the item."""
        segments: list[dict[str, Any]] = [
            {"seek": 0, "start": s.start / TOKEN_RATE, "end": s.end / TOKEN_RATE, "tokens": s.tokens} for s in said
        ]
        frames = int(sound.duration * TOKEN_RATE * FRAMES_PER_TICK)
        marks = self._settings.prepend_punctuations, self._settings.append_punctuations
        if segments:
            self._model.add_word_timestamps([segments], tokenizer, encoded, frames, *marks, 0.0)
        return [words for s in segments if (words := spoken(_word(w, sound) for w in s["words"]))]


def _word(word: dict[str, Any], sound: Span) -> HeardWord:
    """faster-whisper gives times in hundredths of a second."""
    start, end = (min(sound.start + Fraction(round(word[key] * 100), 100), sound.end) for key in ("start", "end"))
    return HeardWord(start, max(start, end), word["word"], float(word["probability"]))
