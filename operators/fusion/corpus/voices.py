"""Voices of made clips. Each word is said by itself, so that its time is known exactly: by espeak-ng or flite, or babbled without them."""

import io
import subprocess
import tempfile
from functools import lru_cache
from pathlib import Path

import av
import numpy as np

from operators.acoustics import Numbers
from operators.media import SOUND_RATE_HZ

QUIET = 0.02
"""Of the loudest sample: what is below at either end of a word is cut off."""
FORMANTS = {"a": (750, 1250), "e": (480, 1900), "i": (300, 2300), "o": (480, 900), "u": (330, 800), "y": (300, 2100)}


@lru_cache(maxsize=20_000)
def word(voice: str, text: str) -> Numbers:
    """float64 samples at 16 kHz, RMS 1, without silence before or after. A program that fails is a RuntimeError."""
    program, _, name = voice.partition(":")
    if program == "babble":
        wave = _babble(int(name), text)
    elif program == "espeak":
        wave = _decoded(_said(["espeak-ng", "-v", name, "-s", "165", "--stdout", text]))
    else:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "word.wav"
            _said(["flite", "-voice", name, "-t", text, "-o", str(path)])
            wave = _decoded(path.read_bytes())
    loud = np.flatnonzero(np.abs(wave) > QUIET * np.abs(wave).max())
    wave = wave[loud[0] : loud[-1] + 1]
    return np.asarray(wave / np.sqrt(np.square(wave).mean()))


def _said(command: list[str]) -> bytes:
    done = subprocess.run(command, capture_output=True, timeout=20, check=False)
    if done.returncode:
        raise RuntimeError(f"{command[0]} could not say {command[-1]!r}: {done.stderr.decode(errors='replace').strip()}")
    return done.stdout


def _decoded(wav: bytes) -> Numbers:
    with av.open(io.BytesIO(wav), "r") as container:
        resampler = av.AudioResampler("flt", "mono", SOUND_RATE_HZ)
        parts = [out.to_ndarray()[0] for frame in container.decode(audio=0) for out in resampler.resample(frame)]
        parts += [out.to_ndarray()[0] for out in resampler.resample(None)]
    return np.concatenate(parts).astype(np.float64)


def _babble(voice: int, text: str) -> Numbers:
    """A buzz through two resonances for each vowel and a hiss for what stands between: the rhythm of the word, not its sound."""
    rng = np.random.default_rng(voice * 7919 + sum(text.encode()))
    pitch = 90 + 14 * voice
    parts = []
    for letter in text.lower():
        length = int(SOUND_RATE_HZ * rng.uniform(0.05, 0.08) * (1.7 if letter in FORMANTS else 0.8))
        at = np.arange(length) / SOUND_RATE_HZ
        edge = np.minimum(1, np.minimum(at, at[-1] - at) / 0.012)
        if letter in FORMANTS:
            first, second = FORMANTS[letter]
            glide = pitch * (1 + 0.1 * np.sin(2 * np.pi * 3 * at + rng.uniform(0, 6)))
            phase = 2 * np.pi * np.cumsum(glide) / SOUND_RATE_HZ
            strength = {
                n: np.exp(-(((n * pitch - first) / 180) ** 2)) + 0.6 * np.exp(-(((n * pitch - second) / 260) ** 2)) for n in range(1, 30)
            }
            parts.append(edge * sum((s + 0.02) * np.sin(n * phase) for n, s in strength.items()))
        else:
            parts.append(edge * 0.25 * rng.standard_normal(length))
    return np.concatenate(parts)
