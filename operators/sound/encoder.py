"""Sound models through transformers: classifiers such as AST, and zero-shot models such as CLAP."""

import warnings
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from operators.errors import ConfigError, ModelError, ModelUnavailable, OutOfMemory
from operators.media import SOUND_RATE_HZ, Pcm

DTYPES = ("float32", "bfloat16", "float16")
LONGEST_SAMPLES = 10 * SOUND_RATE_HZ
LABELS = (
    "speech", "shouting", "screaming", "crying", "laughter", "applause", "a crowd", "singing", "music",
    "a siren", "an alarm", "a gunshot", "an explosion", "breaking glass", "a barking dog", "birdsong",
    "a car", "a motorcycle", "a train", "an aircraft", "footsteps", "a door", "wind", "rain", "waves", "silence",
)  # fmt: skip
"""What a zero-shot model is asked for where no labels are given."""
REACH = 24
"""Samples at 16 kHz to each side that the resampling filter takes in."""


@dataclass(frozen=True, slots=True)
class SoundEncoderOptions:
    model: str = ""
    """Folder of a checkpoint, its weights as safetensors (or the id of one in the hub's cache on this machine)."""
    labels: tuple[str, ...] = LABELS
    """What a zero-shot model listens for; a classifier has labels of its own."""
    top: int = 5
    """How many labels are given, best first."""
    dtype: str = "float32"
    """float32 | bfloat16 | float16"""

    def __post_init__(self) -> None:
        if self.dtype not in DTYPES:
            raise ConfigError(f"no number format {self.dtype!r} for a sound model: one of {', '.join(DTYPES)}")
        if self.top < 1 or not self.labels:
            raise ConfigError(f"a sound model gives at least one of at least one label, not top={self.top} of {len(self.labels)} labels")


@dataclass(frozen=True, slots=True)
class SoundTags:
    labels: tuple[str, ...]
    """Best first."""
    scores: tuple[float, ...]
    """0-1. Of a classifier: each label's own probability, or, where its classes exclude each other, their softmax; of a zero-shot
    model the softmax over its labels."""
    embedding: npt.NDArray[np.float32] = field(repr=False)
    """float32 [width], of length 1."""


class SoundEncoder:
    """Items: float32 [n] at 16 kHz, n in 1..160,000; results: SoundTags.

    A checkpoint with a text side (CLAP: Wu et al., ICASSP 2023) is asked for `labels`, as "this is a sound of …"; any other is
    taken for a classifier (AST: Gong et al., Interspeech 2021), its embedding the mean of its last hidden states. Models that want a
    multiple of 16 kHz get it by a polyphase filter.
    """

    Options = SoundEncoderOptions

    def __init__(self, options: SoundEncoderOptions = SoundEncoderOptions()) -> None:
        self.options = options
        self._extractor: Any = None
        self._model: Any = None
        self._texts: Any = None
        """float [labels, width]: what a zero-shot model listens for; None for a classifier."""
        self._labels: tuple[str, ...] = ()
        self._factor = 1

    def open(self, device: str, threads: int) -> None:
        import torch
        from transformers import AutoConfig, AutoFeatureExtractor, AutoModel, AutoModelForAudioClassification

        torch.set_num_threads(threads)
        name, local = self.options.model, {"local_files_only": True, "trust_remote_code": False}
        try:
            zero_shot = hasattr(AutoConfig.from_pretrained(name, **local), "text_config")
            loader = AutoModel if zero_shot else AutoModelForAudioClassification
            model = loader.from_pretrained(name, dtype=getattr(torch, self.options.dtype), use_safetensors=True, **local)
            self._model = model.to(device).eval()
            with warnings.catch_warnings():
                # AST's own settings, 128 bands of 257 bins, leave one empty; transformers warns of it each time.
                warnings.filterwarnings("ignore", message="At least one mel filter")
                self._extractor = AutoFeatureExtractor.from_pretrained(name, **local)
            self._factor = _factor(self._extractor.sampling_rate)
            self._labels = self.options.labels if zero_shot else tuple(label for _, label in sorted(model.config.id2label.items()))
            self._texts = self._embed_labels() if zero_shot else None
        except Exception as e:  # transformers has no one error for a folder in which something is wrong
            reason = (str(e).strip() or type(e).__name__).splitlines()[0]
            raise ModelUnavailable(f"no sound model in {name!r}: {reason}; listen.features.use=signal needs none") from e

    def __call__(self, items: Sequence[Pcm]) -> list[SoundTags | Exception]:
        import torch

        known = [n for n, pcm in enumerate(items) if 0 < len(pcm) <= LONGEST_SAMPLES]
        results: list[SoundTags | Exception] = [
            ModelError(f"a sound model is given 1 to {LONGEST_SAMPLES} samples, not {len(pcm)}") for pcm in items
        ]
        try:
            if known:
                with torch.inference_mode():
                    scores, embeddings = self._hear([items[n] for n in known])
                for n, score, embedding in zip(known, scores, embeddings, strict=True):
                    results[n] = self._tags(score, embedding)
        except torch.OutOfMemoryError as e:
            raise OutOfMemory(f"no memory for {len(items)} sounds at once: use a smaller batch or a smaller model") from e
        return results

    def close(self) -> None:
        self._model = self._extractor = self._texts = None

    def _hear(self, items: Sequence[Pcm]) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
        """scores [n, labels] and embeddings [n, width]."""
        import torch

        rate_hz = SOUND_RATE_HZ * self._factor
        inputs = self._extractor([upsampled(pcm, self._factor) for pcm in items], sampling_rate=rate_hz, return_tensors="pt")
        if "is_longer" in inputs:
            # The extractor marks one of the items at random where none is longer than its 10 s, and none is.
            inputs["is_longer"] = torch.zeros_like(torch.as_tensor(inputs["is_longer"]))
        inputs = inputs.to(self._model.device, self._model.dtype)
        if self._texts is not None:
            embeddings = self._model.get_audio_features(**inputs).pooler_output
            logits = embeddings @ self._texts.T * self._model.logit_scale_a.exp()
            scores = logits.float().softmax(dim=-1)
        else:
            output = self._model(**inputs, output_hidden_states=True)
            embeddings = output.hidden_states[-1].mean(dim=1)
            exclusive = self._model.config.problem_type == "single_label_classification"
            scores = output.logits.float().softmax(dim=-1) if exclusive else output.logits.float().sigmoid()
        return scores.cpu().numpy(), torch.nn.functional.normalize(embeddings.float(), dim=-1).cpu().numpy()

    def _embed_labels(self) -> Any:
        import torch
        from transformers import AutoTokenizer

        tokenizer = AutoTokenizer.from_pretrained(self.options.model, local_files_only=True, trust_remote_code=False)
        texts = tokenizer([f"this is a sound of {label}" for label in self._labels], padding=True, return_tensors="pt")
        with torch.inference_mode():
            return self._model.get_text_features(**texts.to(self._model.device)).pooler_output

    def _tags(self, scores: npt.NDArray[np.float32], embedding: npt.NDArray[np.float32]) -> SoundTags:
        best = np.argsort(-scores, kind="stable")[: self.options.top]
        labels, values = tuple(self._labels[n] for n in best), tuple(round(float(scores[n]), 4) for n in best)
        return SoundTags(labels, values, np.ascontiguousarray(embedding, dtype=np.float32))


def upsampled(pcm: Pcm, factor: int) -> Pcm:
    """`pcm` at `factor` times its rate: a windowed-sinc polyphase filter (Kaiser, beta 8), flat within 0.02 dB up to 7.2 kHz, with images
    of what lies below 7 kHz under -90 dB."""
    if factor == 1:
        return pcm
    at = np.arange(-REACH * factor, REACH * factor + 1) / factor
    taps = np.sinc(at) * np.kaiser(len(at), 8.0)
    padded = np.pad(pcm.astype(np.float64), REACH)
    out = np.empty(len(pcm) * factor)
    for phase in range(factor):
        # Output sample n × factor + phase is the sum over all m of pcm[m] × the filter at n + phase / factor - m.
        own = taps[phase::factor]
        out[phase::factor] = np.convolve(padded, own, "valid")[-len(pcm) :]
    return out.astype(np.float32)


def _factor(rate_hz: int) -> int:
    if rate_hz % SOUND_RATE_HZ:
        raise ValueError(f"it wants {rate_hz} Hz, and only multiples of {SOUND_RATE_HZ} Hz can be given")
    return rate_hz // SOUND_RATE_HZ
