"""Stretches of speech to packs for a recogniser: each call of it costs a whole window, so a pack is filled well, and is cut
where it hurts least. Only media time decides, so the packs of a stream are always the same."""

import math
from bisect import bisect_right
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import accumulate, groupby, pairwise
from typing import TypeAlias

import numpy as np

from operators.media import SOUND_RATE_HZ, Pcm
from operators.speech.options import SpeechOptions, samples
from operators.speech.recognition import LONGEST_SAMPLES, HeardWord, Recognition
from operators.timeline import Span

Range: TypeAlias = tuple[int, int]
"""Samples [start, end) of the stream."""

PAUSE_WORTH = 10
"""A second of pause at the cut is worth this many of sound in the pack: of a full pack the best pause is its end."""
QUIET_SAMPLES = SOUND_RATE_HZ // 5
"""A cut inside speech is made in the middle of the quietest stretch of this length, the length of a short syllable."""


@dataclass(frozen=True, slots=True)
class Pack:
    """Pieces of a stream's sound, put one after another."""

    pieces: tuple[Range, ...]
    speech: tuple[Range, ...]
    """Where somebody speaks in them."""

    def said(self, heard: Recognition, options: SpeechOptions) -> list[tuple[str, list[HeardWord]]]:
        """The sentences of a recognition, with their languages and their words where they are in the stream. Words that no speech is near
        are left out; a sentence that goes over a pause which was cut out is two."""
        margin, overhang = samples(options.margin_ms / 1000), samples(options.overhang_ms / 1000)
        placed = [(n, *self.place(Span(w.start, w.end)), w) for n, segment in enumerate(heard.segments) for w in segment]
        near = [p for p in placed if self.near_speech(p[2], margin)]
        sentences = []
        for (segment, _), group in groupby(near, key=lambda p: p[:2]):
            spans = [(self._not_before(self.within_speech(span, overhang)), word) for _, _, span, word in group]
            words = [replace(word, start=span.start, end=span.end) for span, word in spans]
            sentences.append((heard.language_of(segment), words))
        return sentences

    @property
    def pauses(self) -> tuple[int, ...]:
        """Samples of the pack in the middle of each pause in it."""
        return tuple(self._found((end + start) // 2) for (_, end), (start, _) in pairwise(self.speech))

    def near_speech(self, span: Span, margin: int) -> bool:
        """Whether a stretch of the stream comes within `margin` samples of speech."""
        return any(span.start * SOUND_RATE_HZ < end + margin and span.end * SOUND_RATE_HZ > start - margin for start, end in self.speech)

    def within_speech(self, span: Span, margin: int) -> Span:
        """A stretch of the stream with its ends moved towards the speech that it overlaps, by at most `margin` samples: recognisers draw
        the first and the last word of a phrase out into the silence around it."""
        first, last = span.start * SOUND_RATE_HZ, span.end * SOUND_RATE_HZ
        over = [(start, end) for start, end in self.speech if first < end and last > start]
        if not over:
            return span
        head, tail, most = map(_instant, (over[0][0], over[-1][1], margin))
        return Span(min(max(span.start, head), span.start + most), max(min(span.end, tail), span.end - most))

    def place(self, heard: Span) -> tuple[int, Span]:
        """Where in the stream a stretch of the pack lies: number of the piece that holds its middle; its instants, kept in that piece."""
        ends = list(accumulate(end - start for start, end in self.pieces))
        middle = (heard.start + heard.end) / 2 * SOUND_RATE_HZ
        n = min(bisect_right(ends, middle), len(ends) - 1)
        first, last = map(_instant, self.pieces[n])
        shift = last - _instant(ends[n])
        return n, Span(min(max(heard.start + shift, first), last), min(max(heard.end + shift, first), last))

    def _not_before(self, span: Span) -> Span:
        """A word that a recogniser puts before the first speech of its pack lasts until there."""
        return Span(span.start, max(span.end, _instant(self.speech[0][0])))

    def _found(self, sample: int) -> int:
        """Where in the pack a sample of the stream is, or would be if it had not been cut out."""
        return sum(min(max(sample - start, 0), end - start) for start, end in self.pieces)


class Sound:
    """The latest sound of a stream, in the packets in which it came."""

    def __init__(self) -> None:
        self._packets: deque[tuple[int, Pcm]] = deque()

    @property
    def end(self) -> int:
        start, pcm = self._packets[-1]
        return start + len(pcm)

    def append(self, start: int, pcm: Pcm) -> None:
        self._packets.append((start, pcm))

    def forget(self, before: int) -> None:
        while self._packets and self._packets[0][0] + len(self._packets[0][1]) <= before:
            self._packets.popleft()

    def read(self, pieces: Sequence[Range]) -> Pcm:
        """float32: the samples of the pieces, one after another."""
        parts = [
            pcm[max(0, first - start) : last - start]
            for first, last in pieces
            for start, pcm in self._packets
            if start < last and start + len(pcm) > first
        ]
        return np.concatenate(parts)

    def level_dbfs(self, within: Range) -> float:
        """RMS level; -120 for digital silence."""
        power = float(np.mean(np.square(self.read([within]), dtype=np.float64)))
        return 10 * math.log10(max(power, 1e-12))

    def quietest(self, within: Range) -> int:
        """The sample in the middle of the quietest QUIET_SAMPLES there."""
        power = np.concatenate([[0.0], np.cumsum(np.square(self.read([within]), dtype=np.float64))])
        loudness = power[QUIET_SAMPLES:] - power[:-QUIET_SAMPLES]
        return within[0] + int(np.argmin(loudness)) + QUIET_SAMPLES // 2


@dataclass(frozen=True, slots=True)
class Packing:
    """Lengths in samples."""

    fill: int
    """A pack is closed before it holds more sound than this."""
    least: int
    """It is then cut at a long pause after this much sound or, where there is none, in the quietest place."""
    span: int
    """A pack is also closed once this much media time has passed since its first stretch began."""
    pause: int
    """Pauses up to this long stay as they are, longer ones are shortened to it: half of it after the speech, half before the next."""

    @property
    def pad(self) -> int:
        return self.pause // 2


class Packer:
    """Collects stretches of speech, in order, until a pack of them is due."""

    def __init__(self, packing: Packing) -> None:
        self._packing = packing
        self.speech: list[Range] = []
        """What waits for its pack."""
        self.floor = 0
        """The first sample that no pack has used yet."""

    def due(self, since: int | None, now: int) -> int | None:
        """How many of the waiting stretches to make a pack of at sample `now`; 0: the stretch that goes on `since` has to be
        split first; None: no pack is due yet."""
        speech = self.speech if since is None else [*self.speech, (since, now)]
        if self._length(speech, now) > self._packing.fill:
            lengths = {n: self._length(speech[:n], now) for n in range(1, len(speech))}
            fit = [n for n, length in lengths.items() if self._packing.least <= length <= LONGEST_SAMPLES]
            if fit:
                return max(fit, key=lambda n: PAUSE_WORTH * (speech[n][0] - speech[n - 1][1]) + lengths[n])
            return 0 if since is not None else len(speech)
        if self.speech and now - self.speech[0][0] >= self._packing.span:
            return len(self.speech)
        return None

    def room(self, since: int, now: int) -> Range:
        """Where the stretch that goes on `since` may be split, so that the pack that ends there is neither too short nor too long."""
        before = self._length([*self.speech, (since, now)], now) - (now - since)
        return since + max(0, self._packing.least - before), min(now, since + self._packing.fill - before)

    def take(self, count: int, since: int | None, now: int) -> Pack:
        """A pack of the first `count` waiting stretches; a pause between it and what follows is shared."""
        follows = self.speech[count][0] if count < len(self.speech) else since
        ceiling = now if follows is None else (self.speech[count - 1][1] + follows) // 2
        pack = Pack(self._pieces(self.speech[:count], ceiling), tuple(self.speech[:count]))
        del self.speech[:count]
        self.floor = pack.pieces[-1][1]
        return pack

    def _pieces(self, speech: Sequence[Range], ceiling: int) -> tuple[Range, ...]:
        pieces: list[Range] = []
        for n, (start, end) in enumerate(speech):
            first, last = max(self.floor, start - self._packing.pad), min(ceiling, end + self._packing.pad)
            if n and start - speech[n - 1][1] <= self._packing.pause:
                pieces[-1] = (pieces[-1][0], last)
            else:
                pieces.append((first, last))
        return tuple(pieces)

    def _length(self, speech: Sequence[Range], ceiling: int) -> int:
        return sum(end - start for start, end in self._pieces(speech, ceiling))


def _instant(sample: int) -> Fraction:
    return Fraction(sample, SOUND_RATE_HZ)
