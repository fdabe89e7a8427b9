"""Loud impulses: a bang, a clap, a slam, a click, a struck bell, a bark out of the quiet."""

from collections import deque
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np
import numpy.typing as npt

from operators.events.lifecycle import Kind, Lifecycle
from operators.media import PACKET_SAMPLES, Pcm, Samples
from operators.protocols import Ask, Item, Need, Output, SamplesNeed, State
from operators.records import Event, Gap
from operators.timeline import Span, exact

STEP = 80
"""Samples of one step of the envelope: 5 ms."""
STEP_RATE = 200
PER_PACKET = PACKET_SAMPLES // STEP
BEFORE, AFTER = 100, 80
"""Steps looked at before an onset (its background) and after it (how it falls)."""
FLOOR_DB, UNKNOWN_DB = -70.0, -60.0
"""Least level of the envelope; background where none was heard yet."""
BANG_DBFS = -26.0
"""Least peak of a bang, which needs less contrast than a stroke."""
PRE_EMPHASIS = np.float32(0.95)
APART = 20
"""Steps between two impulses, at least."""

Envelope = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class ImpulseOptions:
    contrast_db: float = 18.0
    """Least rise of a broadband impulse above the background; narrower sounds need 10 dB more."""
    level_dbfs: float = -33.0
    """Least level of 5 ms, pre-emphasised."""


@dataclass(frozen=True, slots=True)
class _Onset:
    """What was measured around an onset. Levels in dB below its peak."""

    peak: float
    """dBFS of its loudest 5 ms."""
    contrast: float
    """Peak above what nine tenths of the half second before stayed under."""
    attack: int
    """Steps from 20 dB below the peak, or from the background, to 6 dB below it."""
    flatness: float
    """Spectral flatness of 55 ms, pre-emphasised, 150 Hz to 7.5 kHz: 1 for white noise."""
    rumble: float
    """Share of the energy below 150 Hz: a bumped microphone has most of it there."""
    fall: float
    """Median level of 50 to 400 ms after the onset, below the peak."""
    quiet: float
    """What four fifths of that stretch stay under."""
    echo: float
    """The loudest of it."""


class ImpulseDetector:
    """Says `loud_impulse`, a point event, for each sudden loud sound that falls again at once.

    What tells an impulse from a plosive, a sung note or a drum in music is measured on 5 ms steps of the pre-emphasised sound: an
    attack within 10 ms, a contrast to the half second before, a broad spectrum, and a fall that no vowel follows. It is said 400 ms
    after its onset.
    """

    Options = ImpulseOptions
    origin = "listen.impulse"
    need: Need = SamplesNeed()
    models: tuple[str, ...] = ()

    def __init__(self, options: ImpulseOptions = ImpulseOptions()) -> None:
        self._options = options
        self._life = Lifecycle(Kind(self.origin, "loud_impulse", "audio", "Moderate", "Immediate", "Likely"))
        self._packets: deque[Samples] = deque()
        self._needs_from: Fraction | None = None
        self._next = 0
        """The step of the stream that is to be examined next."""
        self._last = -APART

    def push(self, item: Item) -> list[Output | Ask]:
        if isinstance(item, Gap):
            return [*self._begin_anew(None)]
        if not isinstance(item, Samples):
            return []
        events = [] if self._follows(item) else self._begin_anew(item)
        self._packets.append(item)
        events += self._examine(self._end() - AFTER)
        while self._packets and (self._packets[0].index + 1) * PER_PACKET <= self._next - BEFORE:
            self._packets.popleft()
        self._needs_from = self._packets[0].start
        return [*events]

    def answer(self, ask: Ask, result: Any) -> list[Output | Ask]:
        return []

    def finish(self, at: Fraction) -> list[Output | Ask]:
        return [*self._begin_anew(None)]

    def hold(self) -> Fraction | None:
        return None if self._needs_from is None else Fraction(self._next, STEP_RATE)

    def snapshot(self) -> tuple[Fraction | None, State]:
        needs_from = None if self._needs_from is None else exact(self._needs_from)
        return self._needs_from, {"life": self._life.snapshot(), "from": needs_from, "next": self._next, "last": self._last}

    def restore(self, state: State) -> None:
        self._life.restore(state["life"])
        self._next, self._last = state["next"], state["last"]
        self._needs_from = None if state["from"] is None else Fraction(state["from"])

    def refill(self, item: Item) -> None:
        if isinstance(item, Samples):
            self._packets.append(item)

    def _follows(self, packet: Samples) -> bool:
        return bool(self._packets) and packet.index == self._packets[-1].index + 1

    def _begin_anew(self, packet: Samples | None) -> list[Event]:
        """The sound breaks off: what was heard is examined to its end, and nothing of it is background to what follows."""
        events = self._examine(self._end()) if self._packets else []
        self._packets.clear()
        self._needs_from = None
        if packet is not None:
            self._next = packet.index * PER_PACKET
        return events

    def _end(self) -> int:
        last = self._packets[-1]
        return last.index * PER_PACKET + len(last.pcm) // STEP

    def _examine(self, until: int) -> list[Event]:
        """Look for onsets in the steps from `_next` to `until`."""
        if until <= self._next:
            return []
        zero = self._packets[0].index * PER_PACKET
        envelope = np.concatenate([_envelope(p.pcm) for p in self._packets])
        events: list[Event] = []
        for k in range(max(self._next - zero, 1), until - zero):
            if zero + k - self._last >= APART and (onset := self._onset(envelope, k)) is not None:
                self._last = zero + k
                events += self._say(zero + k, envelope[k:], onset)
        self._next = until
        return events

    def _onset(self, envelope: Envelope, k: int) -> _Onset | None:
        """The onset at step k, if there is one that is loud, sudden and alone."""
        peak = float(envelope[k : k + 12].max())
        if peak < self._options.level_dbfs or envelope[k] < peak - 6 or envelope[k - 1] >= peak - 6:
            return None
        before, after = envelope[max(0, k - BEFORE) : max(k - 10, 0)], envelope[k + 10 : k + AFTER]
        background = float(np.percentile(before, 90)) if len(before) >= 20 else UNKNOWN_DB
        if peak - background < self._options.contrast_db or len(after) < 10:
            return None
        first = k
        while first > 0 and envelope[first - 1] > max(peak - 20, background + 3) and k - first < 20:
            first -= 1
        flatness, rumble = _spectrum(np.concatenate([p.pcm for p in self._packets])[max(0, k - 1) * STEP : (k + 10) * STEP])
        median, loud = np.percentile(after, [50, 80])
        onset = _Onset(
            peak, peak - background, k - first, flatness, rumble, peak - float(median), peak - float(loud), peak - float(after.max())
        )
        return onset if _is_impulse(onset, self._options.contrast_db + 10) else None

    def _say(self, step: int, envelope: Envelope, onset: _Onset) -> list[Event]:
        fallen = np.flatnonzero(envelope[:AFTER] < envelope[:12].max() - 10)
        after_peak = fallen[fallen > int(envelope[:12].argmax())]
        steps = int(after_peak[0]) if len(after_peak) else min(AFTER, len(envelope))
        span = Span(Fraction(step, STEP_RATE), Fraction(step + steps, STEP_RATE))
        return self._life.point(span, min(1.0, onset.contrast / (onset.contrast + 15) + (0.1 if onset.flatness >= 0.15 else 0.0)))


def _is_impulse(o: _Onset, contrast: float) -> bool:
    sharp = o.attack <= 2 and o.rumble < 0.5
    bang = sharp and o.peak >= BANG_DBFS and o.flatness >= 0.15 and o.fall >= 12 and o.quiet >= 10
    falls = (o.quiet >= 9 and o.echo >= 8) or (o.quiet >= 5.5 and o.fall >= 12 and o.flatness >= 0.1)
    stroke = sharp and falls and o.contrast >= contrast
    burst = o.attack <= 4 and o.contrast >= 50 and o.fall >= 25 and o.quiet >= 12
    return bang or stroke or burst


def _envelope(pcm: Pcm) -> Envelope:
    """Level in dB of each whole 5 ms of a packet, pre-emphasised."""
    steps = len(pcm) // STEP
    sharp = np.concatenate([np.zeros(1, np.float32), pcm[1:] - PRE_EMPHASIS * pcm[:-1]])[: steps * STEP].reshape(steps, STEP)
    power = np.square(sharp, dtype=np.float64).mean(axis=1)
    return np.asarray(10 * np.log10(power + 10 ** (FLOOR_DB / 10)))


def _spectrum(pcm: Pcm) -> tuple[float, float]:
    """(flatness, rumble) of a stretch of sound."""
    power = np.square(np.abs(np.fft.rfft((pcm - pcm.mean()) * np.hanning(len(pcm)), 1024))) + 1e-12
    hertz = np.fft.rfftfreq(1024, 1 / 16_000)
    emphasised = power * (1 + 0.95**2 - 2 * 0.95 * np.cos(2 * np.pi * hertz / 16_000))
    band = emphasised[(hertz > 150) & (hertz < 7500)]
    return float(np.exp(np.log(band).mean()) / band.mean()), float(power[hertz < 150].sum() / power.sum())
