"""Whose voice it is: speaker embeddings through transformers, of any model with an x-vector head (WavLM, UniSpeech-SAT, wav2vec 2.0, …)."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from operators.errors import ConfigError, ModelError, ModelUnavailable, OutOfMemory
from operators.media import SOUND_RATE_HZ, Pcm

LEAST_SAMPLES = SOUND_RATE_HZ * 2 // 5
"""Of a window: shorter ones tell of no voice."""
DTYPES = ("float32", "bfloat16", "float16")


@dataclass(frozen=True, slots=True)
class VoiceItem:
    """Windows of speech of one stream. Each: float32 [n], n at least LEAST_SAMPLES, in [-1, 1], 16 kHz mono."""

    windows: tuple[Pcm, ...] = field(repr=False)


@dataclass(frozen=True, slots=True)
class VoiceEncoderOptions:
    model: str = ""
    """Folder of a checkpoint, its weights as safetensors (or the id of one in the hub's cache on this machine)."""
    batch: int = 16
    """Windows in one call of the network, of whatever streams."""
    dtype: str = "float32"
    """float32 | bfloat16 | float16"""

    def __post_init__(self) -> None:
        if self.dtype not in DTYPES:
            raise ConfigError(f"no number format {self.dtype!r} for a voice model: one of {', '.join(DTYPES)}")
        if self.batch < 1:
            raise ConfigError(f"a voice model is given at least one window at once, not {self.batch}")


class VoiceEncoder:
    """A BatchOperator: VoiceItem -> float32 [windows, width], each row of length 1: the nearer two are (cosine), the more alike the voices.

    x-vectors (Snyder et al., ICASSP 2018) on self-supervised features (WavLM: Chen et al., 2022).
    """

    Options = VoiceEncoderOptions

    def __init__(self, options: VoiceEncoderOptions = VoiceEncoderOptions()) -> None:
        self.options = options
        self._extractor: Any = None
        self._model: Any = None

    def open(self, device: str, threads: int) -> None:
        """Raises ModelUnavailable, also where the checkpoint is no model of voices."""
        import torch
        from transformers import AutoConfig, AutoFeatureExtractor, AutoModelForAudioXVector

        torch.set_num_threads(threads)
        name, local = self.options.model, {"local_files_only": True, "trust_remote_code": False}
        try:
            made = AutoConfig.from_pretrained(name, **local).architectures or ()
            if not any(kind.endswith("ForXVector") for kind in made):
                # Its head would be made up at random.
                raise ModelUnavailable(f"it is a {', '.join(made) or 'model of no kind'}, and a model ForXVector is asked for")
            model = AutoModelForAudioXVector.from_pretrained(name, dtype=getattr(torch, self.options.dtype), use_safetensors=True, **local)
            self._model = model.to(device).eval()
            self._extractor = AutoFeatureExtractor.from_pretrained(name, **local)
        except Exception as e:  # transformers has no one error for a folder in which something is wrong
            reason = (str(e).strip() or type(e).__name__).splitlines()[0]
            raise ModelUnavailable(f"no voice model in {name!r}: {reason}; listen.speakers=false works without") from e
        if self._extractor.sampling_rate != SOUND_RATE_HZ:
            raise ModelUnavailable(
                f"the voice model {name!r} hears {self._extractor.sampling_rate} Hz; one of {SOUND_RATE_HZ} Hz is needed"
            )

    def __call__(self, items: Sequence[VoiceItem]) -> list[npt.NDArray[np.float32] | Exception]:
        import torch

        short = [min(map(len, item.windows), default=0) < LEAST_SAMPLES for item in items]
        windows = [w for item, bad in zip(items, short, strict=True) if not bad for w in item.windows]
        # Windows of one length share a batch: none is padded, so what a voice is like does not depend on its company.
        order = sorted(range(len(windows)), key=lambda n: len(windows[n]))
        voices: dict[int, npt.NDArray[np.float32]] = {}
        try:
            with torch.inference_mode():
                for part in _parts(order, windows, self.options.batch):
                    voices.update(zip(part, self._encode([windows[n] for n in part]), strict=True))
        except torch.OutOfMemoryError as e:
            raise OutOfMemory(f"no memory for {self.options.batch} windows at once: use a smaller batch or a smaller model") from e
        told = iter(range(len(windows)))
        return [
            ModelError(f"a voice is heard in windows of at least {LEAST_SAMPLES} samples")
            if bad
            else np.stack([voices[next(told)] for _ in item.windows])
            for item, bad in zip(items, short, strict=True)
        ]

    def close(self) -> None:
        self._model = self._extractor = None

    def _encode(self, windows: Sequence[Pcm]) -> npt.NDArray[np.float32]:
        import torch

        inputs = self._extractor(list(windows), sampling_rate=SOUND_RATE_HZ, return_tensors="pt").to(self._model.device, self._model.dtype)
        embeddings = self._model(**inputs).embeddings.float()
        return np.asarray(torch.nn.functional.normalize(embeddings, dim=-1).cpu().numpy(), np.float32)


def _parts(order: Sequence[int], windows: Sequence[Pcm], most: int) -> list[list[int]]:
    parts: list[list[int]] = []
    for n in order:
        if parts and len(parts[-1]) < most and len(windows[parts[-1][0]]) == len(windows[n]):
            parts[-1].append(n)
        else:
            parts.append([n])
    return parts
