"""Silero VAD on real silence, and its state, which is the caller's."""

import subprocess
import sys

import numpy as np
import pytest

from operators.errors import ModelError, ModelUnavailable
from operators.speech.vad import STATE_BYTES, WINDOW_SAMPLES, SileroVad, SileroVadOptions, VadItem, VadResult


@pytest.fixture(scope="module")
def vad() -> SileroVad:
    vad = SileroVad()
    vad.open("cpu", 1)
    return vad


def judged(vad: SileroVad, item: VadItem) -> VadResult:
    (result,) = vad([item])
    assert isinstance(result, VadResult)
    return result


def voice_like(seconds: int) -> np.ndarray:
    """A buzz with moving formants under a syllable rhythm: near enough to a voice to move the network."""
    t = np.arange(seconds * 16000) / 16000
    buzz = sum(np.sin(2 * np.pi * 120 * k * t) / k for k in range(1, 25))
    return (0.1 * buzz * (0.5 + 0.5 * np.sin(2 * np.pi * 4 * t))).astype(np.float32)


def test_the_state_carries_over_any_cut_bit_for_bit(vad: SileroVad) -> None:
    pcm = voice_like(3)[: 90 * WINDOW_SAMPLES]
    whole = judged(vad, VadItem(pcm))
    state, parts = b"", []
    for windows in (1, 7, 32, 50):
        first = len(parts) and sum(map(len, parts)) * WINDOW_SAMPLES
        result = judged(vad, VadItem(pcm[first : first + windows * WINDOW_SAMPLES], state))
        state = result.state
        parts.append(result.probabilities)
    assert np.array_equal(np.concatenate(parts), whole.probabilities)
    assert state == whole.state
    assert len(state) == STATE_BYTES


def test_items_of_many_streams_do_not_meet(vad: SileroVad) -> None:
    a, b = VadItem(voice_like(1)[: 10 * WINDOW_SAMPLES]), VadItem(np.zeros(4 * WINDOW_SAMPLES, np.float32))
    together = vad([a, b, a])
    assert [len(r.probabilities) for r in together if isinstance(r, VadResult)] == [10, 4, 10]
    assert np.array_equal(together[0].probabilities, judged(vad, a).probabilities)  # type: ignore[union-attr]
    assert np.array_equal(together[2].probabilities, together[0].probabilities)  # type: ignore[union-attr]


def test_silence_is_no_voice(vad: SileroVad) -> None:
    probabilities = judged(vad, VadItem(np.zeros(64 * WINDOW_SAMPLES, np.float32))).probabilities
    assert probabilities.dtype == np.float32
    assert probabilities.max() < 0.2


@pytest.mark.parametrize("samples", [0, 1, WINDOW_SAMPLES + 1])
def test_sound_that_is_not_whole_windows_is_refused(vad: SileroVad, samples: int) -> None:
    (result,) = vad([VadItem(np.zeros(samples, np.float32))])
    assert isinstance(result, ModelError)


def test_a_file_that_is_no_model_says_so(tmp_path: "pytest.TempPathFactory") -> None:
    path = f"{tmp_path}/x.onnx"
    with open(path, "w") as file:
        file.write("nothing")
    with pytest.raises(ModelUnavailable, match=r"x.onnx can not be opened"):
        SileroVad(SileroVadOptions(model=path)).open("cpu", 1)


def test_opening_it_loads_no_torch() -> None:
    program = "import sys; from operators.speech.vad import SileroVad; SileroVad().open('cpu', 1); sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
