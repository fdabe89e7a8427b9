"""Voice activity: Silero VAD (https://github.com/snakers4/silero-vad, MIT), the ONNX file of its package, on onnxruntime.

The network remembers; the operator does not: its memory comes with each item and goes back with the result.
"""

import importlib.machinery
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from operators.errors import ModelError, ModelUnavailable
from operators.media import Pcm

WINDOW_SAMPLES = 512
"""Sound is judged in windows of 32 ms."""
CONTEXT_SAMPLES = 64
HIDDEN = 128
STATE_BYTES = 4 * (2 * HIDDEN + CONTEXT_SAMPLES)


@dataclass(frozen=True, slots=True)
class VadItem:
    """Sound to judge, and what the network remembers of the sound just before it.

    pcm: float32 [n * WINDOW_SAMPLES] in [-1, 1], 16 kHz mono.
    """

    pcm: Pcm = field(repr=False)
    state: bytes = field(default=b"", repr=False)
    """The last result's state; empty at the beginning and after a gap."""


@dataclass(frozen=True, slots=True)
class VadResult:
    """probabilities: float32 [n], 0-1, that somebody speaks in each window."""

    probabilities: npt.NDArray[np.float32]
    state: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class SileroVadOptions:
    model: str = ""
    """Another ONNX file of the same form (`input`, `h`, `c`); empty: the one inside the silero_vad package."""


class SileroVad:
    """A BatchOperator: VadItem -> VadResult. The same answers for any cut of the sound into items, at window borders."""

    Options = SileroVadOptions

    def __init__(self, options: SileroVadOptions = SileroVadOptions()) -> None:
        self.options = options
        self._session: Any = None

    def open(self, device: str, threads: int) -> None:
        """Always on the CPU, where it takes 1/500 of real time. Raises ModelUnavailable."""
        import onnxruntime

        settings = onnxruntime.SessionOptions()
        settings.intra_op_num_threads = settings.inter_op_num_threads = 1  # its small matrices gain nothing from more
        settings.log_severity_level = 3
        path = self.options.model or str(_packaged())
        try:
            self._session = onnxruntime.InferenceSession(path, settings, providers=["CPUExecutionProvider"])
        except Exception as e:  # onnxruntime's errors have no common root of their own
            raise ModelUnavailable(f"the voice activity model {path} can not be opened: {e}") from e

    def __call__(self, items: Sequence[VadItem]) -> list[VadResult | Exception]:
        return [self._judge(item) for item in items]

    def close(self) -> None:
        self._session = None

    def _judge(self, item: VadItem) -> VadResult | Exception:
        if len(item.pcm) == 0 or len(item.pcm) % WINDOW_SAMPLES:
            return ModelError(f"voice activity is judged in windows of {WINDOW_SAMPLES} samples, not on {len(item.pcm)} samples")
        memory = np.frombuffer(item.state or bytes(STATE_BYTES), np.float32)
        h, c = memory[:HIDDEN].reshape(1, 1, HIDDEN), memory[HIDDEN : 2 * HIDDEN].reshape(1, 1, HIDDEN)
        windows = np.asarray(item.pcm, np.float32).reshape(-1, WINDOW_SAMPLES)
        before = np.vstack([memory[2 * HIDDEN :], windows[:-1, -CONTEXT_SAMPLES:]])
        probabilities, h, c = self._session.run(["speech_probs", "hn", "cn"], {"input": np.hstack([before, windows]), "h": h, "c": c})
        state = b"".join(part.astype(np.float32).tobytes() for part in (h, c, windows[-1, -CONTEXT_SAMPLES:]))
        return VadResult(np.asarray(probabilities, np.float32).reshape(-1), state)


def _packaged() -> Path:
    """The file inside silero_vad, found without importing the package, which would load torch."""
    spec = importlib.machinery.PathFinder.find_spec("silero_vad", sys.path)
    for place in (spec.submodule_search_locations or []) if spec else []:
        if (path := Path(place) / "data" / "silero_vad_16k_sequence.onnx").is_file():
            return path
    raise ModelUnavailable("silero_vad 6.2.2 or newer is not installed, and the gate for speech is in it: pip install silero-vad")
