"""Scripts to sound."""

import numpy as np

from operators.fusion.corpus.recording import Hearing
from operators.fusion.corpus.script import Script
from operators.fusion.corpus.sounds import coloured, sound
from operators.fusion.corpus.voices import word
from operators.media import SOUND_RATE_HZ, Pcm

SPEECH_DBFS = (-24.0, -15.0)
FLOOR_DBFS = (-78.0, -46.0)
"""Of the noise below everything, from a hiss to a far street."""
EDGE_S = 0.01


def render(script: Script) -> Pcm:
    """float32 [n], 16 kHz: what is heard from 0 to the clip's end."""
    rng = np.random.default_rng((script.seed, 7))
    length = int(script.duration * SOUND_RATE_HZ)
    floor = coloured(rng, length, rng.uniform(0, 1))
    floor *= _gain(rng.uniform(*FLOOR_DBFS)) / floor.std()
    mix = np.zeros(length)
    for heard in script.heard:
        start, end = (int(t * SOUND_RATE_HZ) for t in (heard.span.start, heard.span.end))
        wave = sound(heard.source, end - start)
        edge = np.minimum(1, np.minimum(np.arange(len(wave)), np.arange(len(wave))[::-1]) / (EDGE_S * SOUND_RATE_HZ))
        mix[start:end] += (wave * edge * _gain(heard.level_dbfs))[: length - start]
    for line in script.lines:
        gain = _gain(rng.uniform(*SPEECH_DBFS))
        for spoken in line.words:
            wave = word(line.voice, spoken.text.lower())
            start = int(spoken.start * SOUND_RATE_HZ)
            mix[start : start + len(wave)] += wave[: length - start] * gain
    hearing = np.random.default_rng((script.seed, 8))
    return np.asarray(np.clip(Hearing.drawn(hearing).heard(mix, hearing) + floor, -1, 1), np.float32)


def _gain(dbfs: float) -> float:
    return float(10 ** (dbfs / 20))
