"""What the demo clip sounds like: sea, street, wind, a siren that drives past, and voices. Mono float32 at RATE_HZ, full scale 1."""

import subprocess
import wave
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import numpy.typing as npt

Wave = npt.NDArray[np.float32]
RATE_HZ = 48_000
SPEECH_PEAK = 0.6
SPEED_OF_SOUND_M_S = 343.0


def seconds(duration: float) -> npt.NDArray[np.float64]:
    return np.arange(round(duration * RATE_HZ)) / RATE_HZ


def noise(duration: float, seed: int, corner_hz: float, slope: float, level_dbfs: float) -> Wave:
    """Noise whose spectrum falls by `slope` (power of frequency) above `corner_hz`, and by as much below 60 Hz."""
    random = np.random.default_rng(seed)
    count = round(duration * RATE_HZ)
    spectrum = np.fft.rfft(random.standard_normal(count))
    hz = np.maximum(np.fft.rfftfreq(count, 1 / RATE_HZ), 1.0)
    spectrum *= np.minimum(1, corner_hz / hz) ** slope * np.minimum(1, hz / 60) ** 2
    shaped = np.fft.irfft(spectrum, count)
    return np.asarray(shaped * 10 ** (level_dbfs / 20) / np.sqrt(np.mean(shaped**2)), np.float32)


def sea(duration: float) -> Wave:
    swell = 0.65 + 0.35 * np.sin(2 * np.pi * seconds(duration) / 4.7)
    return (noise(duration, 1, 350, 1.0, -40) * swell).astype(np.float32)


def traffic(duration: float) -> Wave:
    return noise(duration, 2, 180, 1.2, -38)


def wind(duration: float) -> Wave:
    gusts = 0.75 + 0.25 * np.sin(2 * np.pi * seconds(duration) / 3.1)
    return (noise(duration, 3, 500, 1.4, -41) * gusts).astype(np.float32)


def siren(duration: float, passes_s: float, speed_m_s: float = 14.0, distance_m: float = 9.0) -> Wave:
    """A wail between 600 and 1350 Hz that drives past after `passes_s`, with its Doppler shift and its fall of level with distance."""
    t = seconds(duration)
    along = speed_m_s * (t - passes_s)
    away = np.hypot(along, distance_m)
    sent = t - away / SPEED_OF_SOUND_M_S
    sweep = 0.5 - 0.5 * np.cos(2 * np.pi * sent / 2.2)
    hz = 600 * (1350 / 600) ** sweep
    phase = 2 * np.pi * np.cumsum(hz * np.gradient(sent, t)) / RATE_HZ
    tone = sum(np.sin(k * phase) / k**1.3 for k in (1, 2, 3, 5))
    edges = np.minimum(1, np.minimum(t, t[-1] - t) / 0.4)
    return np.asarray(0.30 * tone * edges * (distance_m / away) ** 0.8, np.float32)


def speech(text: str, voice: str) -> Wave:
    """`text` as flite speaks it, without the silence around it. Needs flite."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "speech.wav"
        subprocess.run(["flite", "-voice", voice, "-t", text, "-o", str(path)], check=True, capture_output=True)
        with wave.open(str(path)) as file:
            rate_hz = file.getframerate()
            pcm = np.frombuffer(file.readframes(file.getnframes()), "<i2").astype(np.float64)
    loud = np.flatnonzero(np.abs(pcm) > 0.02 * np.abs(pcm).max())
    pcm = pcm[loud[0] : loud[-1] + 1]
    spectrum = np.fft.rfft(pcm)
    count = len(pcm) * RATE_HZ // rate_hz
    finer = np.fft.irfft(np.pad(spectrum, (0, count // 2 + 1 - len(spectrum))), count)
    return np.asarray(finer * SPEECH_PEAK / np.abs(finer).max(), np.float32)


def put(track: Wave, sound: Wave, at_s: float) -> None:
    """Mix a sound into the track, in place, from `at_s` on."""
    first = round(at_s * RATE_HZ)
    track[first : first + len(sound)] += sound[: len(track) - first]
