"""Cross-talk: a voice that is heard in another channel too, quieter, is left to its own channel.

Two people who talk at once are kept both: a channel is silenced only where most of what is in it can be made from what is in a louder one,
by one filter (delay, distance, room) that holds for a second. The filter is the least-squares one by bands, the coherence of the two as in
Carter, Knapp and Nuttall, "Estimation of the magnitude-squared coherence function" (1973).
"""

import numpy as np
import numpy.typing as npt

from operators.media import Pcm

CONTEXT = 9
"""Packets before one from which, with itself, the filter is found."""
FRAME = 1024
"""Samples (64 ms): longer than sound takes from one microphone to another, and the first reflections with it."""
HOP = 400
MADE, MADE_QUIET = 0.5, 0.25
"""Share of the energy of a packet from which on it is taken for cross-talk; and of one that is FAR_DB quieter than the other: what a
room adds later than FRAME is made by no filter."""
FAR_DB = 9.0
OWN_DB = 3.0
"""Where the same sound is about as loud in two channels, it is that of the first one."""
FLOOR = 10 ** (-65 / 10)
"""Mean power under which nothing is heard in a channel."""
_WINDOW = np.hanning(FRAME).astype(np.float32)


class CrosstalkGate:
    """Packets of all channels in; the same, cross-talk silenced, out, without delay. What is done to one depends on it and on as many as
    CONTEXT before it."""

    def __init__(self) -> None:
        self._recent: list[Pcm] = []

    def __call__(self, channels: Pcm) -> Pcm:
        """[channels, n] to the same."""
        self._recent = [*self._recent[-CONTEXT:], channels]
        powers = np.square(channels, dtype=np.float64).mean(axis=1)
        heard = np.flatnonzero(powers > FLOOR)
        if len(heard) < 2:
            return channels
        sound = np.concatenate(self._recent, axis=1)
        loudness = 10 * np.log10(powers[heard]) - OWN_DB * np.arange(len(heard))
        first = int(heard[loudness.argmax()])
        kept = channels.copy()
        for other in heard:
            least = MADE_QUIET if powers[other] * 10 ** (FAR_DB / 10) < powers[first] else MADE
            if other != first and made_of(sound[first], sound[other], channels.shape[1]) > least:
                kept[other] = 0
        return kept

    def forget(self) -> None:
        """After a gap."""
        self._recent = []


def made_of(louder: Pcm, quieter: Pcm, latest: int) -> float:
    """How much of the energy in the `latest` samples of one channel a filter makes of another one, 0-1: the filter that does so best where
    that one is the louder."""
    if len(louder) < FRAME:
        return 0.0
    x, y = _spectra(louder), _spectra(quieter)
    energies = np.square(np.abs(x)).sum(axis=1), np.square(np.abs(y)).sum(axis=1)
    tells = energies[0] * 10 ** (OWN_DB / 10) > energies[1]
    independent = float(tells.sum()) * HOP / FRAME
    now = slice(-max(1, latest // HOP), None)
    energy = float(energies[1][now].sum())
    if independent <= 1 or not energy:
        return 0.0
    path = (np.conj(x[tells]) * y[tells]).sum(axis=0) / (np.square(np.abs(x[tells])).sum(axis=0) + 1e-9)
    rest = float(np.square(np.abs(y[now] - path * x[now])).sum())
    # A filter found from a few frames fits them by chance.
    return max(0.0, 1 - rest / energy * independent / (independent - 1))


def _spectra(pcm: Pcm) -> npt.NDArray[np.complex128]:
    """[frames, bands], counted back from the end."""
    count = (len(pcm) - FRAME) // HOP + 1
    last = np.lib.stride_tricks.sliding_window_view(pcm, FRAME)[::-HOP][:count][::-1]
    return np.fft.rfft(last * _WINDOW, axis=1)
