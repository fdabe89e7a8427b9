"""Whisper by faster-whisper (https://github.com/SYSTRAN/faster-whisper) on CTranslate2: the recogniser for CPUs."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any

import numpy as np

from operators.errors import ModelError, ModelUnavailable, OutOfMemory
from operators.media import SOUND_RATE_HZ
from operators.speech.recognition import LONGEST_SAMPLES, WHISPER_LANGUAGES, HeardWord, Recognition, SpeechItem, language_tag, whisper_code

NO_SPEECH = 0.6
LOW_LOGPROB = -1.0
REPETITIVE = 2.4
WIDE_BEAM = 5
"""Whisper's own signs that nobody spoke, that it guesses, and that it goes round in circles (Radford et al. 2022, section 4.5)."""


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
            np.zeros(SOUND_RATE_HZ, np.float32),
            language="en",
            beam_size=self.options.beam,
            temperature=0.0,
            word_timestamps=True,
            condition_on_previous_text=False,
            no_speech_threshold=NO_SPEECH,
            log_prob_threshold=LOW_LOGPROB,
            compression_ratio_threshold=REPETITIVE,
        )
        return info.transcription_options

    def _recognise(self, item: SpeechItem) -> Recognition | Exception:
        if not 0 < len(item.pcm) <= LONGEST_SAMPLES:
            return ModelError(f"a recogniser is given 1 to {LONGEST_SAMPLES} samples, not {len(item.pcm)}")
        try:
            return self._transcribe(item)
        except ValueError as e:
            return ModelError(f"Whisper can not do this item: {e}")
        except RuntimeError as e:
            if "out of memory" in str(e).lower():
                raise OutOfMemory(f"Whisper needs more memory than there is: {e}") from e
            return ModelError(f"Whisper failed on this item: {e}")

    def _transcribe(self, item: SpeechItem) -> Recognition:
        """faster-whisper's own `transcribe` would run the encoder once more to hear which language it is."""
        from faster_whisper.audio import pad_or_trim
        from faster_whisper.tokenizer import Tokenizer

        features = self._model.feature_extractor(item.pcm)
        encoded = self._model.encode(pad_or_trim(features[:, :-1]))  # as generate_segments would: the last frame is not sound
        code = whisper_code(item.language) if item.language else self._hear_language(encoded)
        tokenizer = Tokenizer(self._model.hf_tokenizer, self._model.model.is_multilingual, task="transcribe", language=code)
        heard: tuple[Any, ...] = ()
        for beam in sorted({self.options.beam, WIDE_BEAM}):
            settings = replace(self._settings, beam_size=beam)
            heard = tuple(self._model.generate_segments(features, tokenizer, settings, False, encoded))
            if all(map(_trusted, heard)):
                break
        end = Fraction(len(item.pcm), SOUND_RATE_HZ)
        segments = (tuple(_word(w, end) for w in s.words if any(map(str.isalnum, w.word))) for s in heard if _trusted(s))
        return Recognition(language_tag(code), tuple(filter(None, segments)))

    def _hear_language(self, encoded: Any) -> str:
        if not self._model.model.is_multilingual:
            return "en"
        token, _ = self._model.model.detect_language(encoded)[0][0]
        return language_tag(token)


def _trusted(segment: Any) -> bool:
    return bool(segment.avg_logprob >= LOW_LOGPROB and segment.compression_ratio <= REPETITIVE)


def _word(word: Any, end: Fraction) -> HeardWord:
    """faster-whisper gives times in hundredths of a second."""
    start, stop = (min(Fraction(round(instant * 100), 100), end) for instant in (word.start, word.end))
    return HeardWord(start, max(start, stop), word.word, float(word.probability))
