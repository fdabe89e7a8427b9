"""The sounds of made clips: synthesised ones of several kinds, and recordings. All are mono, 16 kHz, float64, at an RMS of 1 where loud."""

from collections.abc import Callable
from functools import lru_cache
from pathlib import Path

import numpy as np

from operators.acoustics import Numbers
from operators.errors import ConfigError
from operators.fusion.corpus.music import music
from operators.media import SOUND_RATE_HZ

NYQUIST = SOUND_RATE_HZ / 2
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
    """A tone or a buzz by turns with silence or another tone; or a bell that is struck many times a second."""
    period, hertz = rng.uniform(0.16, 0.5), rng.uniform(900, 3200)
    if rng.random() < 0.25:
        since, decay = at % rng.uniform(0.05, 0.12), rng.uniform(0.03, 0.2)
        partials = ((1.0, 1.0), (2.76, 0.6), (5.4, 0.3))  # of a bar (Rossing, The Science of Sound, 1990)
        ringing = sum(a * _tone(p * hertz, at) for p, a in partials if p * hertz < NYQUIST)
        return np.asarray(ringing * np.exp(-since / decay))
    on = at % period < period * rng.uniform(0.4, 0.65)
    other = hertz * rng.uniform(0.6, 0.9) if rng.random() < 0.25 else 0.0
    tone = _tone(np.where(on, hertz, other), at)
    return np.asarray((np.sign(tone) if rng.random() < 0.5 else tone) * (on | (other > 0)))


def _beep(rng: np.random.Generator, at: Numbers) -> Numbers:
    edge = np.minimum(1, np.minimum(at, at[-1] - at) / 0.01)
    return np.asarray(_tone(rng.uniform(500, 2800), at) * edge)


def _bang(rng: np.random.Generator, at: Numbers) -> Numbers:
    """A door, a blow, a shot: noise that falls off at once, some with a low thud below it."""
    boom = coloured(rng, len(at), rng.uniform(0.2, 1.0), 40, rng.uniform(2000, 7500)) * np.exp(-at / rng.uniform(0.04, 0.2))
    boom /= np.abs(boom).max()
    thud = rng.uniform(0, 0.8) * _tone(rng.uniform(50, 160), at) * np.exp(-at / rng.uniform(0.05, 0.25))
    return np.asarray((boom + thud) * np.minimum(1, at / 0.002))


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
    """Of the mains, or of a motor or a fan, which may beat and has air about it."""
    hertz = rng.choice([50, 60, 100, 120]) * rng.uniform(0.98, 1.02) if rng.random() < 0.5 else rng.uniform(40, 260)
    wave = sum(rng.uniform(0.1, 1) / n * _tone(n * hertz, at) for n in range(1, 9))
    beats = 1 + rng.uniform(0, 0.4) * np.sin(2 * np.pi * rng.uniform(0.5, 8) * at)
    air = coloured(rng, len(at), rng.uniform(0.5, 1.5), 30, rng.uniform(500, 4000))
    return np.asarray(wave * beats + rng.uniform(0.05, 0.6) * air / air.std())


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
    """A wash that swells a little, and drops: some on leaves, some on what rings. Outside there is wind in the microphone."""
    wash = coloured(rng, len(at), rng.uniform(-0.1, 1.3), rng.uniform(50, 800), rng.uniform(3500, 7900))
    swell = coloured(rng, len(at), 0.0, 0.2, 2.0)
    wash *= (1 + rng.uniform(0, 0.4) * swell / max(1e-9, float(swell.std()))).clip(min=0.2) / wash.std()
    drops = (rng.random(len(at)) < rng.uniform(0.0005, 0.006)) * rng.standard_normal(len(at))
    since = np.arange(160) / SOUND_RATE_HZ
    ring = np.exp(-since / rng.uniform(0.0003, 0.004)) * np.cos(2 * np.pi * rng.uniform(600, 5000) * since)
    wind = coloured(rng, len(at), rng.uniform(1.0, 2.0), 30, rng.uniform(150, 400)) if rng.random() < 0.5 else np.zeros(len(at))
    wind *= rng.uniform(0.2, 1.5) / max(1e-9, float(wind.std()))
    return np.asarray(wash + wind + rng.uniform(1, 6) * np.convolve(drops, ring)[: len(at)])


MADE: dict[str, Make] = {
    "siren": _siren, "alarm": _alarm, "beep": _beep, "bang": _bang, "glass": _glass,
    "hum": _hum, "applause": _applause, "rain": _rain, "music": music,
}  # fmt: skip
