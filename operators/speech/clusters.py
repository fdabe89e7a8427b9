"""Voices to speakers, while they come: who was heard before is known again, in a memory that stays small.

What is heard at once is clustered among itself first (agglomerative, mean linkage by cosine, as diarisation commonly does it: Park et al.,
"A review of speaker diarization", 2022), then each cluster is one of the known speakers or a new one. A label once given stays.
"""

import base64
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Voices = npt.NDArray[np.float32]
"""[n, width], each of length 1."""
MEMORY = 50
"""A known voice is the mean of about so many of its latest windows."""
LEAST_NEW = 2
"""Windows of a voice that nobody has, for it to be somebody new."""


@dataclass(slots=True)
class _Known:
    voice: npt.NDArray[np.float16]
    windows: int


class SpeakerMemory:
    """Numbers speakers from 0 as they come; at most `most`, then each voice is that of the nearest."""

    def __init__(self, alike: float, most: int) -> None:
        self._alike, self._most = alike, most
        self._known: list[_Known] = []

    def tell(self, voices: Voices) -> list[int]:
        """The speaker of each."""
        told = np.zeros(len(voices), int)
        for members in clusters(voices, self._alike):
            told[members] = self._speaker(voices[members])
        return told.tolist()

    def snapshot(self) -> list[Any]:
        return [[k.windows, base64.b85encode(k.voice.tobytes()).decode()] for k in self._known]

    def restore(self, state: list[Any]) -> None:
        self._known = [_Known(np.frombuffer(base64.b85decode(voice), np.float16), windows) for windows, voice in state]

    def _speaker(self, voices: Voices) -> int:
        mean = _unit(voices.mean(axis=0))
        near = [float(mean @ _unit(k.voice.astype(np.float32))) for k in self._known]
        best = int(np.argmax(near)) if near else -1
        new = best < 0 or (near[best] < self._alike and len(voices) >= LEAST_NEW and len(near) < self._most)
        if new:
            self._known.append(_Known(mean.astype(np.float16), len(voices)))
            return len(near)
        if near[best] >= self._alike:
            known = self._known[best]
            weights = known.windows, len(voices)
            known.voice = _unit(weights[0] * known.voice.astype(np.float32) + weights[1] * mean).astype(np.float16)
            known.windows = min(MEMORY, sum(weights))
        return best


def clusters(voices: Voices, alike: float) -> list[list[int]]:
    """Numbers of those that belong together, by their first."""
    groups = [[n] for n in range(len(voices))]
    near = np.asarray(voices @ voices.T, np.float64)
    np.fill_diagonal(near, -2.0)
    while len(groups) > 1:
        a, b = sorted(divmod(int(near.argmax()), len(groups)))
        if near[a, b] < alike:
            break
        sizes = len(groups[a]), len(groups[b])
        near[a] = near[:, a] = (sizes[0] * near[a] + sizes[1] * near[b]) / sum(sizes)
        near[a, a] = -2.0
        near = np.delete(np.delete(near, b, 0), b, 1)
        groups[a] += groups.pop(b)
    return sorted(sorted(g) for g in groups)


def _unit(voice: npt.NDArray[np.floating]) -> Voices:
    return np.asarray(voice / max(float(np.linalg.norm(voice)), 1e-9), np.float32)
