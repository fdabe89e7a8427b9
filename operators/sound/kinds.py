"""What kind of sound is heard, as far as measuring the signal can tell: nothing is guessed."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from numpy.lib.stride_tricks import sliding_window_view

from operators.acoustics import DIGITAL_SILENCE_DBFS, Numbers, Tones, siren_score, tones
from operators.media import PACKET_SAMPLES, Pcm

LEAST = 6
"""Packets within 30 dB of the loudest: fewer are too little to tell a character from."""
_WINDOW = np.hanning(PACKET_SAMPLES)
_FFT = 4096
_LAGS = slice(32, 230)
_WINDOW_LAGS = (lambda w: w[_LAGS] / w[0])(np.fft.irfft(np.square(np.abs(np.fft.rfft(_WINDOW, _FFT)))))
_LOW, _HIGH = 15, 400
"""Bins of 10 Hz, 150 to 4000 Hz, in which partials are looked for."""


@dataclass(frozen=True, slots=True)
class Measure:
    """What one packet of 100 ms measures."""

    power: float
    """Mean square, without DC."""
    steps: Numbers
    """float64 [10]: RMS of each 10 ms."""
    partials: Numbers
    """float64 [385]: for each bin of 10 Hz from 150 Hz on that stands out of its surroundings, its amplitude over the strongest one's."""
    partial_share: float
    """Part of the energy of these bins that lies in partials."""
    harmonicity: float
    """Highest autocorrelation at a pitch of 70 to 500 Hz, 0-1."""
    tones: Tones


def measure(pcm: Pcm) -> Measure:
    """Measure one packet; a short last one is filled up with silence."""
    whole = np.zeros(PACKET_SAMPLES)
    whole[: len(pcm)] = pcm - pcm.mean(dtype=np.float64)
    spectrum = np.square(np.abs(np.fft.rfft(whole * _WINDOW, _FFT))) + 1e-12
    lags = np.fft.irfft(spectrum)[_LAGS] / _WINDOW_LAGS
    bins = np.square(np.abs(np.fft.rfft(whole * _WINDOW))) + 1e-12
    return Measure(
        float(np.square(whole).sum() / len(pcm)),
        np.sqrt(np.square(whole).reshape(10, -1).mean(axis=1)),
        *_partials(bins),
        float(min(1.0, lags.max() / (spectrum.mean() + 1e-9))),
        tones(np.asarray(whole, dtype=np.float32)),
    )


def kind_of(around: Sequence[Measure]) -> str:
    """What the middle of `around`, up to 2.5 s of sound that is neither silent nor quiet, is.

    The swing of the level (its deviation over its mean), its movement at 2.5 to 7 Hz and the share of steps below half the mean
    are Scheirer and Slaney's measures of speech (ICASSP 1997). Partials that stay where they are for 300 ms are music's or a
    machine's; those of a voice glide.
    """
    if siren_score([m.tones for m in around]) > 0:
        return "siren_like"
    steps = np.concatenate([m.steps for m in around])
    swing, low = float(steps.std() / (steps.mean() + 1e-9)), float((steps < 0.5 * steps.mean()).mean())
    loud = [m for m in around if m.power > 1e-3 * max(a.power for a in around)]
    if len(loud) < LEAST:
        return "noise"
    voiced, share = float(np.mean([m.harmonicity > 0.5 for m in loud])), float(np.median([m.partial_share for m in loud]))
    steady = _steadiness(around, 1)
    if voiced >= 0.3 and swing >= 0.45 and low >= 0.1 and _syllabic(steps) >= 0.12 and steady < 0.45:
        return "speech_like"
    if share < 0.55 or steady < 0.28:
        return "noise"
    if _steadiness(around, min(8, len(around) // 3)) >= 0.7:
        return "tonal"
    return "music_like" if swing <= 0.7 else "noise"


def _partials(bins: Numbers) -> tuple[Numbers, float]:
    """(partials, partial_share) of a spectrum in bins of 10 Hz."""
    level = 10 * np.log10(bins[_LOW - 12 : _HIGH + 12])
    middle = level[12:-12]
    surroundings = np.median(sliding_window_view(level, 25), axis=1)
    peaks = (middle > level[11:-13]) & (middle >= level[13:-11]) & (middle > surroundings + 9) & (middle > middle.max() - 35)
    share = float(bins[_LOW:_HIGH][_widened(peaks)].sum() / bins[_LOW:_HIGH].sum())
    return np.where(peaks, 10 ** ((middle - middle.max()) / 20), 0.0), share


def _steadiness(around: Sequence[Measure], apart: int) -> float:
    """Of the partials of each packet, by amplitude, the mean part that was there `apart` and 2 × `apart` packets before."""
    parts = []
    for now, before, earlier in zip(around[2 * apart :], around[apart:], around, strict=False):
        stayed = _widened(before.partials > 0) & _widened(earlier.partials > 0)
        parts.append(float(now.partials[stayed].sum() / (now.partials.sum() + 1e-9)))
    return float(np.mean(parts)) if parts else 0.0


def _syllabic(steps: Numbers) -> float:
    """Part of the level's movement (0.7 to 40 Hz) at the pace of syllables, 2.5 to 7 Hz."""
    power = np.square(np.abs(np.fft.rfft((steps - steps.mean()) * np.hanning(len(steps)))))
    hertz = np.fft.rfftfreq(len(steps), 0.01)
    return float(power[(hertz >= 2.5) & (hertz <= 7)].sum() / (power[(hertz >= 0.7) & (hertz <= 40)].sum() + 1e-12))


def _widened(peaks: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
    wide = peaks.copy()
    wide[1:] |= peaks[:-1]
    wide[:-1] |= peaks[1:]
    return wide


def dbfs(power: float) -> float:
    """Level of a mean square; -120 for digital silence."""
    return max(DIGITAL_SILENCE_DBFS, 10 * float(np.log10(max(power, 1e-12))))
