"""Sound as signal: what can be told of it by measuring, without a model."""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any

import numpy as np
import numpy.typing as npt
from numpy.lib.stride_tricks import sliding_window_view

from operators.acoustics import DIGITAL_SILENCE_DBFS, Numbers, Tones, siren_score, tones
from operators.facts import Sound
from operators.media import PACKET_RATE, PACKET_SAMPLES, Pcm, Samples
from operators.protocols import Ask, Item, Output, SamplesNeed, State
from operators.records import Gap
from operators.timeline import ZERO, Span, exact

BLOCK = 5
"""Packets of one block: the grain of what is said, 0.5 s."""
BEFORE, AFTER = 10, 15
"""Packets, from a block's first one, that are heard to tell what the block is: 1 s before it to 1 s after it."""
LEAST = 6
"""Packets within 30 dB of the loudest: fewer are too little to tell a character from."""
LONGEST_BLOCKS = 60
"""Blocks of the longest part, 30 s."""

_WINDOW = np.hanning(PACKET_SAMPLES)
_FFT = 4096
_LAGS = slice(32, 230)
_WINDOW_LAGS = (lambda w: w[_LAGS] / w[0])(np.fft.irfft(np.square(np.abs(np.fft.rfft(_WINDOW, _FFT)))))
_LOW, _HIGH = 15, 400
"""Bins of 10 Hz, 150 to 4000 Hz, in which partials are looked for."""


@dataclass(frozen=True, slots=True)
class Measure:
    """What one packet of 100 ms measures. power: mean square without DC. steps: float64 [10], RMS of each 10 ms. partials: float64 [385], for each
    bin of 10 Hz from 150 Hz on that stands out of its surroundings its amplitude over the strongest one's. partial_share: part of the energy there that lies in them. harmonicity: the
    highest autocorrelation at a pitch of 70 to 500 Hz, 0-1. tones: as in `acoustics`."""

    power: float
    steps: Numbers
    partials: Numbers
    partial_share: float
    harmonicity: float
    tones: Tones


@dataclass(frozen=True, slots=True)
class _Heard:
    index: int
    span: Span
    measure: Measure


@dataclass(frozen=True, slots=True)
class _Told:
    kind: str
    power: float
    """Sum over its packets."""
    packets: int


@dataclass(frozen=True, slots=True)
class SoundOptions:
    silence_dbfs: float = -55.0
    quiet_dbfs: float = -45.0


class SoundMeasurer:
    """Says Sound facts: stretches of one kind, in parts of at most 30 s, that tile what was heard.

    Kinds: silence, quiet (by level) · siren_like (`acoustics.siren_score`) · speech_like (voiced, its level swinging at the pace of
    syllables) · tonal (the same partials all along) · music_like (steady partials that change) · noise (all else).
    """

    Options = SoundOptions
    origin = "listen.sound"
    need = SamplesNeed()
    models: tuple[str, ...] = ()

    def __init__(self, options: SoundOptions = SoundOptions()) -> None:
        self._options = options
        self._heard: deque[_Heard] = deque()
        self._block = 0
        """The block of the stream that is to be told next."""
        self._start = ZERO
        self._run: list[_Told] = []
        """The blocks from `_start` on that were told but not yet said."""

    def push(self, item: Item) -> list[Output | Ask]:
        if isinstance(item, Gap):
            return [*self._break()]
        if not isinstance(item, Samples):
            return []
        facts = self._break() if self._heard and item.start != self._heard[-1].span.end else []
        if not self._heard:
            self._block, self._start = item.index // BLOCK, item.start
        self.refill(item)
        while item.index + 1 >= self._block * BLOCK + AFTER:
            self._tell()
            facts += self._say_known()
        return [*facts]

    def answer(self, ask: Ask, result: Any) -> list[Output | Ask]:
        return []

    def finish(self, at: Fraction) -> list[Output | Ask]:
        return [*self._break()]

    def hold(self) -> Fraction | None:
        """The stretch that is going on ends with its last block told, or later."""
        return self._boundary(self._first_stretch()) if self._heard else None

    def snapshot(self) -> tuple[Fraction | None, State]:
        state = {"block": self._block, "start": exact(self._start), "run": [[t.kind, t.power, t.packets] for t in self._run]}
        return (self._heard[0].span.start if self._heard else None), state

    def restore(self, state: State) -> None:
        self._block, self._start = state["block"], Fraction(state["start"])
        self._run = [_Told(*told) for told in state["run"]]

    def refill(self, item: Item) -> None:
        if isinstance(item, Samples):
            self._heard.append(_Heard(item.index, item.span, measure(item.pcm)))

    def _tell(self) -> None:
        """Tell the kind of block `_block`; one block alone between two of another kind is taken for theirs."""
        first = self._block * BLOCK
        around = [h.measure for h in self._heard if first - BEFORE <= h.index < first + AFTER]
        core = [h.measure for h in self._heard if first <= h.index < first + BLOCK]
        power = sum(m.power for m in core)
        told = _Told(kind_of(around, _dbfs(power / len(core)), self._options), power, len(core))
        if len(self._run) >= 2 and self._run[-2].kind == told.kind != self._run[-1].kind:
            self._run[-1] = replace(self._run[-1], kind=told.kind)
        self._run.append(told)
        self._block += 1
        while self._heard and self._heard[0].index < self._block * BLOCK - BEFORE:
            self._heard.popleft()

    def _say_known(self) -> list[Sound]:
        """Say the first stretch if two blocks after it show that it is over, or if it is as long as a part may be."""
        facts: list[Sound] = []
        while (first := self._first_stretch()) and (len(self._run) >= first + 2 or first >= LONGEST_BLOCKS):
            facts.append(self._say(min(first, LONGEST_BLOCKS), None))
        return facts

    def _break(self) -> list[Sound]:
        """The sound breaks off: tell and say all of it."""
        if not self._heard:
            return []
        end = self._heard[-1].span.end
        facts: list[Sound] = []
        while Fraction(self._block * BLOCK, PACKET_RATE) < end:
            self._tell()
        while first := min(self._first_stretch(), LONGEST_BLOCKS):
            facts.append(self._say(first, end if first == len(self._run) else None))
        self._heard.clear()
        return facts

    def _say(self, blocks: int, end: Fraction | None) -> Sound:
        said, end = self._run[:blocks], end or self._boundary(blocks)
        level = _dbfs(sum(t.power for t in said) / sum(t.packets for t in said))
        sound = Sound(self._start, end, said[0].kind, round(level, 1))
        self._run, self._start = self._run[blocks:], end
        return sound

    def _first_stretch(self) -> int:
        """How many of the first blocks that are not yet said are of one kind."""
        return next((n for n, told in enumerate(self._run) if told.kind != self._run[0].kind), len(self._run))

    def _boundary(self, blocks: int) -> Fraction:
        """Where the first `blocks` of `_run` end."""
        return Fraction((self._block - len(self._run) + blocks) * BLOCK, PACKET_RATE) if blocks else self._start


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


def kind_of(around: Sequence[Measure], level_dbfs: float, options: SoundOptions = SoundOptions()) -> str:
    """What the middle of `around`, up to 2.5 s of sound, is. The swing of the level (its deviation over its mean), its share at 2.5 to
    7 Hz and the share of steps below half the mean are Scheirer and Slaney's measures of speech (ICASSP 1997); partials that stay
    where they are for 300 ms are music's or a machine's, while the partials of a voice glide."""
    if level_dbfs < options.silence_dbfs:
        return "silence"
    if level_dbfs < options.quiet_dbfs:
        return "quiet"
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
    if _steadiness(around, 8) >= 0.7:
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


def _dbfs(power: float) -> float:
    return max(DIGITAL_SILENCE_DBFS, 10 * float(np.log10(max(power, 1e-12))))
