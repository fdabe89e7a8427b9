"""The sounds of made clips: synthesised ones of several kinds, and recordings. All are mono, 16 kHz, float64, at an RMS of 1 where loud."""

from collections.abc import Callable
from functools import lru_cache
from pathlib import Path

import numpy as np

from operators.acoustics import Numbers
from operators.errors import ConfigError
from operators.media import SOUND_RATE_HZ

Make = Callable[[np.random.Generator, Numbers], Numbers]
"""Given random numbers and the instants of its samples, in seconds."""


def sound(key: str, length: int) -> Numbers:
    """float64 [length] of a key of `Sources`; a recording that is too short is repeated."""
    origin, _, rest = key.partition(":")
    if origin == "made":
        label, seed = rest.split(":")
        wave = MADE[label](np.random.default_rng(int(seed)), np.arange(length) / SOUND_RATE_HZ)
    else:
        wave = np.resize(_recording(rest), length)
    loud = np.sqrt(np.square(wave)[np.abs(wave) > 0.1 * np.abs(wave).max(initial=1e-9)].mean()) if wave.any() else 1.0
    return wave / max(float(loud), 1e-9)


@lru_cache(maxsize=512)
def _recording(path: str) -> Numbers:
    import av

    try:
        with av.open(path) as container:
            resampler = av.AudioResampler("flt", "mono", SOUND_RATE_HZ)
            parts = [out.to_ndarray()[0] for frame in container.decode(audio=0) for out in resampler.resample(frame)]
    except (av.FFmpegError, IndexError) as e:
        raise ConfigError(f"{Path(path)} is no sound that can be read ({e}): take it out of the sources") from e
    heard = np.concatenate(parts).astype(np.float64)
    loud = np.flatnonzero(np.abs(heard) > 0.02 * np.abs(heard).max())
    return heard[loud[0] : loud[-1] + 1]


def _tone(hertz: Numbers | float, at: Numbers) -> Numbers:
    return np.sin(2 * np.pi * np.cumsum(np.broadcast_to(hertz, at.shape)) / SOUND_RATE_HZ)


def coloured(rng: np.random.Generator, length: int, slope: float, low_hz: float = 30.0, high_hz: float = 7900.0) -> Numbers:
    """Noise between two frequencies whose amplitude falls as frequency to the power of `slope`."""
    hertz = np.fft.rfftfreq(length, 1 / SOUND_RATE_HZ)
    shape = np.where((hertz >= low_hz) & (hertz <= high_hz), np.maximum(hertz, low_hz) ** -slope, 0.0)
    return np.asarray(np.fft.irfft(np.fft.rfft(rng.standard_normal(length)) * shape, length))


def _siren(rng: np.random.Generator, at: Numbers) -> Numbers:
    low, span = rng.uniform(420, 750), rng.uniform(1.5, 2.3)
    kind, phase = rng.integers(3), rng.random()
    if kind == 0:  # wail
        hertz = low * span ** (0.5 - 0.5 * np.cos(2 * np.pi * (at / rng.uniform(3, 6) + phase)))
    elif kind == 1:  # yelp
        hertz = low * span ** ((at / rng.uniform(0.25, 0.45) + phase) % 1)
    else:  # two tones
        hertz = np.where((at / rng.uniform(0.8, 1.3) + phase) % 1 < 0.5, low, low * rng.uniform(1.25, 1.5))
    return _tone(hertz, at) + 0.4 * _tone(2 * hertz, at) + 0.2 * _tone(3 * hertz, at)


def _alarm(rng: np.random.Generator, at: Numbers) -> Numbers:
    period, hertz = rng.uniform(0.16, 0.5), rng.uniform(900, 3200)
    on = at % period < period * rng.uniform(0.4, 0.65)
    buzz = np.sign(_tone(hertz, at)) if rng.random() < 0.5 else _tone(hertz, at)
    return buzz * on


def _beep(rng: np.random.Generator, at: Numbers) -> Numbers:
    edge = np.minimum(1, np.minimum(at, at[-1] - at) / 0.01)
    return np.asarray(_tone(rng.uniform(500, 2800), at) * edge)


def _bang(rng: np.random.Generator, at: Numbers) -> Numbers:
    boom = coloured(rng, len(at), rng.uniform(0.4, 0.9), 40, 5000)
    return boom * np.exp(-at / rng.uniform(0.06, 0.2)) * np.minimum(1, at / 0.002)


def _glass(rng: np.random.Generator, at: Numbers) -> Numbers:
    wave = coloured(rng, len(at), 0.0, 2500) * np.exp(-at / 0.03)
    wave /= np.abs(wave).max()
    for _ in range(int(rng.integers(12, 30))):
        start = rng.exponential(0.12)
        later = np.maximum(at - start, 0)
        ring = np.sin(2 * np.pi * rng.uniform(2500, 7500) * later) * np.exp(-later / rng.uniform(0.02, 0.09))
        wave += rng.uniform(0.05, 0.5) * ring * (at >= start)
    return wave


def _hum(rng: np.random.Generator, at: Numbers) -> Numbers:
    hertz = rng.choice([50, 60, 100, 120]) * rng.uniform(0.98, 1.02)
    wave = sum(rng.uniform(0.1, 1) / n * _tone(n * hertz, at) for n in range(1, 9))
    return np.asarray(wave + 0.05 * coloured(rng, len(at), 1.0))


def _applause(rng: np.random.Generator, at: Numbers) -> Numbers:
    """Hands: short bursts, many a second, each with a resonance of its own."""
    claps = np.zeros(len(at))
    people = rng.integers(15, 60)
    for _ in range(int(people)):
        pace, grain = rng.uniform(0.18, 0.33), int(rng.integers(90, 200))
        burst = coloured(rng, grain, 0.2, rng.uniform(500, 1200), rng.uniform(2500, 6000)) * np.exp(-np.arange(grain) / (grain / 4))
        for start in (np.arange(rng.uniform(0, pace), at[-1], pace) * SOUND_RATE_HZ + rng.normal(0, 200, 1)).astype(int):
            end = min(start + grain, len(at))
            if 0 <= start < end:
                claps[start:end] += burst[: end - start]
    return claps


def _rain(rng: np.random.Generator, at: Numbers) -> Numbers:
    wash = coloured(rng, len(at), rng.uniform(0.1, 0.6), 300)
    drops = (rng.random(len(at)) < rng.uniform(0.001, 0.006)) * rng.standard_normal(len(at)) * 6 * wash.std()
    return np.asarray(wash + drops)


def _music(rng: np.random.Generator, at: Numbers) -> Numbers:
    """Chords of a key and a tune above them, on a steady beat."""
    beat, root, degree = rng.uniform(0.3, 0.6), rng.uniform(110, 260), 0
    scale = np.array([0, 2, 4, 5, 7, 9, 11] if rng.random() < 0.6 else [0, 2, 3, 5, 7, 8, 10])
    overtones = rng.uniform(0.1, 0.8, 5) / np.arange(1, 6)
    wave = np.zeros(len(at))
    for n in range(int(at[-1] / beat) + 1):
        degree = int(rng.choice([0, 3, 4, 5])) if n % 4 == 0 else degree
        decay = beat * rng.uniform(0.8, 2.0)
        first = int(np.ceil(n * beat * SOUND_RATE_HZ))
        later = at[first : first + int(4 * decay * SOUND_RATE_HZ)] - n * beat
        for note in [*(scale[(degree + s) % 7] for s in (0, 2, 4)), 12 + scale[int(rng.integers(7))]]:
            phase = 2 * np.pi * root * 2 ** (note / 12) * later
            tone = sum(a * np.sin((k + 1) * phase) for k, a in enumerate(overtones))
            wave[first : first + len(later)] += np.exp(-later / decay) * tone
    return wave


MADE: dict[str, Make] = {
    "siren": _siren, "alarm": _alarm, "beep": _beep, "bang": _bang, "glass": _glass,
    "hum": _hum, "applause": _applause, "rain": _rain, "music": _music,
}  # fmt: skip
