"""What a packet of sound measures as such: its level, the tone that leads it, and whether that tone moves as a siren's does.

Shared by the sound operators and the sound detectors, as `Picture.luma` is by theirs. Everything is measured inside a packet, so
that a packet measured again, alone, measures the same.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from numpy.lib.stride_tricks import sliding_window_view

from operators.media import SOUND_RATE_HZ, Pcm

Numbers = npt.NDArray[np.float64]

DIGITAL_SILENCE_DBFS = -120.0
TONE_SAMPLES = 400
"""A tone is tracked in steps of 25 ms."""
TONE_RATE = SOUND_RATE_HZ // TONE_SAMPLES
SIREN_STEPS = 100
"""So many steps, 2.5 s, are looked at to hear a siren."""
_FFT = 1024
_BIN_HZ = SOUND_RATE_HZ / _FFT
_LOWEST, _HIGHEST = round(350 / _BIN_HZ), round(2000 / _BIN_HZ)
_ASIDE = round(220 / _BIN_HZ)
PROMINENT = 4.0
"""A tone has this many times the power of what is 220 Hz above and below it: the slope of a rumble has not."""
_WINDOW = np.hanning(TONE_SAMPLES)
STRONG = 0.35
MEL_BANDS = 64
_MEL_WINDOW, _MEL_HOP, _MEL_FFT = 400, 160, 512
_MEL_FLOOR = 1e-10


@dataclass(frozen=True, slots=True)
class Tones:
    """The leading tone of each 25 ms. hertz: float64 [n], the strongest peak of 350 to 2000 Hz. share: float64 [n], the part of the
    energy of 250 to 6000 Hz that lies in it and its next two harmonics, 0-1; 0 where it does not stand out of its surroundings."""

    hertz: Numbers
    share: Numbers


def level_dbfs(pcm: Pcm) -> float:
    """RMS level without the DC offset; -120 for digital silence."""
    return max(DIGITAL_SILENCE_DBFS, 20 * float(np.log10(max(float(pcm.std(dtype=np.float64)), 1e-9))))


def tones(pcm: Pcm) -> Tones:
    """The leading tone of each whole 25 ms of `pcm`, 16 kHz."""
    steps = len(pcm) // TONE_SAMPLES
    cut = pcm[: steps * TONE_SAMPLES].reshape(steps, TONE_SAMPLES).astype(np.float64)
    power = np.square(np.abs(np.fft.rfft((cut - cut.mean(axis=1, keepdims=True)) * _WINDOW, _FFT, axis=1))) + 1e-12
    row = np.arange(steps)
    peak = _LOWEST + power[:, _LOWEST:_HIGHEST].argmax(axis=1)
    left, top, right = (np.log(power[row, peak + d]) for d in (-1, 0, 1))
    bend = left - 2 * top + right
    shift = np.where(bend < 0, np.clip(0.5 * (left - right) / np.minimum(bend, -1e-9), -0.5, 0.5), 0.0)
    hertz = (peak + shift) * _BIN_HZ
    aside = [power[row, peak + d] for d in (-_ASIDE, _ASIDE)]
    stands_out = power[row, peak] > PROMINENT * np.maximum(*aside)
    sums = np.concatenate([np.zeros((steps, 1)), np.cumsum(power, axis=1)], axis=1)
    whole = sums[:, round(6000 / _BIN_HZ)] - sums[:, round(250 / _BIN_HZ)]
    part = np.zeros(steps)
    for harmonic, width in ((1, 70.0), (2, 90.0), (3, 110.0)):
        low = np.round((harmonic * hertz - width) / _BIN_HZ).astype(int)
        high = np.minimum(np.round((harmonic * hertz + width) / _BIN_HZ).astype(int) + 1, _FFT // 2)
        part += sums[row, high] - sums[row, low]
    return Tones(hertz, np.where(stands_out, np.minimum(part / (whole + 1e-9), 1.0), 0.0))


def siren_score(heard: Sequence[Tones]) -> float:
    """How much the leading tone behaves as a siren's over the last 2.5 s, 0-1, at least 0.5 where it is called one: it glides steadily over
    a third of an octave or more (wail), swings to and fro several times a second (yelp), or steps between two notes (two-tone).

    Speech and music seldom keep one strong tone, and when they do it rests on its notes: on 15 minutes of both the glide was never
    seen in more than a quarter of the time.
    """
    hertz = np.concatenate([t.hertz for t in heard])[-SIREN_STEPS:]
    share = np.concatenate([t.share for t in heard])[-SIREN_STEPS:]
    strong = share >= STRONG
    if len(hertz) < SIREN_STEPS or strong.mean() < 0.85:
        return 0.0
    octaves = np.log2(hertz)
    low, high = np.percentile(octaves[strong], [10, 90])
    if high - low < 0.3:
        return 0.0
    glide, rest = _movement(octaves, strong)
    return max(_scaled(glide, 0.55, 0.9), _yelp(octaves, rest), _two_tone(octaves, rest))


def _movement(octaves: Numbers, strong: npt.NDArray[np.bool_]) -> tuple[float, float]:
    """Shares of the time in which the tone glides straight, and in which it rests, by line fits over 125 ms."""
    pieces = sliding_window_view(octaves, 5)
    at = np.arange(5) - 2.0
    slope = (pieces * at).sum(axis=1) / 10
    bend = np.sqrt(np.square(pieces - pieces.mean(axis=1, keepdims=True) - slope[:, None] * at).mean(axis=1))
    straight = sliding_window_view(strong, 5).all(axis=1) & (bend < 0.03)
    moves = np.abs(slope) * TONE_RATE > 0.12
    return float((straight & moves).mean()), float((straight & ~moves).mean())


def _yelp(octaves: Numbers, rest: float) -> float:
    """A tone without rest that repeats itself every 0.15 to 0.8 s and does not leap."""
    if rest > 0.2 or (np.abs(np.diff(octaves)) > 0.35).mean() > 0.1:
        return 0.0
    swing = octaves - octaves.mean()
    alike = []
    for lag in range(6, 33):
        a, b = swing[:-lag], swing[lag:]
        alike.append(float((a * b).sum() / np.sqrt((a * a).sum() * (b * b).sum() + 1e-9)))
    return _scaled(max(alike), 0.75, 0.95) if min(alike) < 0 else 0.0


def _two_tone(octaves: Numbers, rest: float) -> float:
    """Two notes, 0.3 to 0.9 octaves apart, that take turns of 0.25 to 1.3 s."""
    middle = (octaves.min() + octaves.max()) / 2
    upper = octaves > middle
    if rest < 0.6 or not 0.25 <= upper.mean() <= 0.75:
        return 0.0
    notes = float(np.median(octaves[~upper])), float(np.median(octaves[upper]))
    on_note = np.minimum(np.abs(octaves - notes[0]), np.abs(octaves - notes[1])) < 0.04
    turns = np.flatnonzero(np.diff(upper.astype(np.int8)))
    lengths = np.diff(turns)
    if not 0.3 <= notes[1] - notes[0] <= 0.9 or len(turns) < 2 or lengths.min() < 10 or lengths.max() > 52:
        return 0.0
    return _scaled(float(on_note.mean()), 0.85, 1.0)


def _scaled(value: float, least: float, full: float) -> float:
    """0.5 at `least`, 1 at `full`, 0 below."""
    return 0.0 if value < least else min(1.0, 0.5 + 0.5 * (value - least) / (full - least))


def log_mel_windows(pcm: Pcm) -> npt.NDArray[np.float64]:
    """float64 [windows, MEL_BANDS]: of each window of 25 ms, every 10 ms, that lies wholly in `pcm`, log10 of the power in a mel band (0 to
    8 kHz, HTK's scale, triangles of height 1), over 5, plus 1: 1 at full scale, 0 at -50 dBFS, never below -1. What is below 25 ms is
    filled up with silence."""
    if len(pcm) < _MEL_WINDOW:
        pcm = np.pad(pcm, (0, _MEL_WINDOW - len(pcm)))
    windows = sliding_window_view(pcm, _MEL_WINDOW)[::_MEL_HOP]
    power = np.square(np.abs(np.fft.rfft(windows * _MEL_HANN, _MEL_FFT, axis=1)))
    return np.asarray(np.log10(power @ _MEL_FILTERS + _MEL_FLOOR) / 5 + 1)


def _mel_filters() -> Numbers:
    """[bins, bands]: triangles of height 1 whose corners are evenly spaced in mel."""
    corners_mel = np.linspace(0, 2595 * np.log10(1 + SOUND_RATE_HZ / 2 / 700), MEL_BANDS + 2)
    corners = 700 * (10 ** (corners_mel / 2595) - 1)
    hertz = np.fft.rfftfreq(_MEL_FFT, 1 / SOUND_RATE_HZ)[:, None]
    rising = (hertz - corners[:-2]) / (corners[1:-1] - corners[:-2])
    falling = (corners[2:] - hertz) / (corners[2:] - corners[1:-1])
    return np.maximum(0, np.minimum(rising, falling))


_MEL_HANN = np.hanning(_MEL_WINDOW) / (np.hanning(_MEL_WINDOW).sum() / 2)
_MEL_FILTERS = _mel_filters()
