"""Music that is made: chords, a tune, a bass and drums, in any mixture, each on an instrument of its own."""

from dataclasses import dataclass
from typing import Self

import numpy as np

from operators.acoustics import Numbers
from operators.media import SOUND_RATE_HZ

SCALES = ((0, 2, 4, 5, 7, 9, 11), (0, 2, 3, 5, 7, 8, 10), (0, 3, 5, 6, 7, 10, 12))
PARTS = ("chords", "tune", "bass", "drums")
LIMIT_HZ = 7500.0


@dataclass(frozen=True, slots=True)
class Instrument:
    overtones: tuple[float, ...]
    """Amplitudes."""
    attack_s: float
    decay_s: float
    sustain: float
    """Share of the amplitude that stays for as long as a note is held: 0 of what is plucked or struck."""
    vibrato: float
    """Share of the frequency."""
    detuned: float

    @classmethod
    def drawn(cls, rng: np.random.Generator) -> Self:
        count, odd = int(rng.integers(2, 14)), rng.random() < 0.3
        fall = rng.uniform(0.5, 1.8)
        overtones = tuple(0.0 if odd and n % 2 else float(rng.uniform(0.2, 1) / (n + 1) ** fall) for n in range(count))
        held = rng.random() < 0.5
        return cls(
            overtones,
            attack_s=float(rng.uniform(0.02, 0.2) if held else rng.uniform(0.002, 0.02)),
            decay_s=float(rng.uniform(0.1, 1.0)),
            sustain=float(rng.uniform(0.4, 0.9)) if held else 0.0,
            vibrato=float(rng.uniform(0, 0.012)) if rng.random() < 0.5 else 0.0,
            detuned=float(rng.uniform(0, 0.006)),
        )

    def note(self, hertz: float, held_s: float, rng: np.random.Generator) -> Numbers:
        """float64 [n]; rings a little after it was let go."""
        length = held_s + min(self.decay_s, 0.6)
        at = np.arange(int(length * SOUND_RATE_HZ)) / SOUND_RATE_HZ
        turns = np.cumsum(1 + self.vibrato * np.sin(2 * np.pi * 5.5 * at + rng.uniform(0, 6))) / SOUND_RATE_HZ
        wave = np.zeros(len(at))
        for voice in (1 - self.detuned, 1 + self.detuned) if self.detuned > 0.001 else (1.0,):
            for n, loud in enumerate(self.overtones):
                if loud and (n + 1) * hertz < LIMIT_HZ:
                    wave += loud * np.sin(2 * np.pi * (n + 1) * hertz * voice * turns)
        shape = np.maximum(self.sustain, np.exp(-at / self.decay_s)) * np.minimum(1, at / self.attack_s)
        return np.asarray(wave * shape * np.clip((length - at) / (length - held_s), 0, 1))


def music(rng: np.random.Generator, at: Numbers) -> Numbers:
    """float64 of as many samples as there are instants `at`."""
    beat = float(rng.uniform(0.25, 0.75))
    beats = int(at[-1] / beat) + 1
    degrees = np.repeat(rng.choice([0, 3, 4, 5, 1], -(-beats // 4)), 4)[:beats]
    score = _Score(beat, float(rng.uniform(98, 262)), SCALES[rng.integers(len(SCALES))], [int(d) for d in degrees], rng)
    wave = np.zeros(len(at))
    for part in [p for p in PARTS if rng.random() < 0.6] or ["chords", "tune"]:
        made = np.zeros(len(at))
        getattr(score, part)(made)
        wave += rng.uniform(0.4, 1) * made / max(1e-9, float(made.std()))
    if rng.random() < 0.3:  # an amplifier that is driven
        wave = np.tanh(rng.uniform(1, 4) * wave / max(1e-9, float(wave.std())))
    return wave


@dataclass(frozen=True, slots=True)
class _Score:
    """Each part is added to a wave."""

    beat: float
    """Seconds."""
    root: float
    """Hertz."""
    scale: tuple[int, ...]
    """Halftones of its seven steps."""
    degrees: list[int]
    """Of the chord on each beat."""
    rng: np.random.Generator

    def chords(self, wave: Numbers) -> None:
        """One each beat, or one that lies under several."""
        player, broken = Instrument.drawn(self.rng), self.rng.random() < 0.3
        every = int(self.rng.choice([1, 2, 4] if player.sustain else [1, 2]))  # what is plucked dies away
        for n in range(0, len(self.degrees), every):
            for k, step in enumerate((0, 2, 4)):
                late = k * self.beat * every / 3 if broken else 0.0
                _put(wave, n * self.beat + late, player.note(self._hertz(self.degrees[n] + step), self.beat * every * 0.9, self.rng))

    def tune(self, wave: Numbers) -> None:
        """Steps up and down, now and then a leap or a rest."""
        player, step, at = Instrument.drawn(self.rng), 7, 0.0
        while at < len(self.degrees) * self.beat:
            length = self.beat * float(self.rng.choice([0.5, 0.5, 1, 1, 2]))
            step = int(np.clip(step + self.rng.choice([-3, -1, -1, 0, 1, 1, 3]), 4, 14))
            if self.rng.random() < 0.85:
                _put(wave, at, player.note(self._hertz(step), length * 0.9, self.rng))
            at += length

    def bass(self, wave: Numbers) -> None:
        player, often = Instrument.drawn(self.rng), int(self.rng.choice([1, 2]))
        for n, degree in enumerate(self.degrees):
            for k in range(often):
                _put(wave, (n + k / often) * self.beat, player.note(self._hertz(degree) / 2, self.beat / often * 0.8, self.rng))

    def drums(self, wave: Numbers) -> None:
        """Low ones on each second beat, snares between them, cymbals on halves."""
        rng, at = self.rng, np.arange(int(0.3 * SOUND_RATE_HZ)) / SOUND_RATE_HZ
        falling = rng.uniform(40, 60) + rng.uniform(60, 120) * np.exp(-at / 0.03)
        kick = np.sin(2 * np.pi * np.cumsum(falling) / SOUND_RATE_HZ) * np.exp(-at / 0.12)
        hiss = rng.standard_normal(len(at))
        snare = (0.6 * hiss + np.sin(2 * np.pi * rng.uniform(160, 240) * at)) * np.exp(-at / rng.uniform(0.05, 0.12))
        cymbal = np.diff(hiss, prepend=0.0) * np.exp(-at / rng.uniform(0.02, 0.08))
        for n in range(len(self.degrees)):
            _put(wave, n * self.beat, kick if n % 2 == 0 else 0.7 * snare)
            for k in (0.0, 0.5):
                _put(wave, (n + k) * self.beat, 0.3 * cymbal)

    def _hertz(self, step: int) -> float:
        octave, degree = divmod(step, 7)
        return float(self.root * 2 ** (octave + self.scale[degree] / 12))


def _put(wave: Numbers, at_s: float, note: Numbers) -> None:
    first = int(at_s * SOUND_RATE_HZ)
    end = min(len(wave), first + len(note))
    if first < end:
        wave[first:end] += note[: end - first]
