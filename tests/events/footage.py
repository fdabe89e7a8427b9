"""Pictures and sounds made for the tests of detectors: a camera's scene, its noise, its clock, and what may happen or be heard."""

from collections.abc import Callable, Iterable, Sequence
from fractions import Fraction

import cv2
import numpy as np

from operators.media import PACKET_SAMPLES, SOUND_RATE_HZ, Frame, Pcm, Picture, Pixels, Samples
from operators.protocols import Output
from operators.records import Event

WIDTH, HEIGHT = 160, 90


def scene(seed: int) -> Pixels:
    """A room: soft light on plain walls, and things with edges; the same for the same seed."""
    rng = np.random.default_rng(seed)
    picture = cv2.resize(rng.uniform(70, 180, (3, 4, 3)).astype(np.float32), (WIDTH, HEIGHT), interpolation=cv2.INTER_CUBIC)
    for _ in range(26):
        x, y, w, h = (int(v) for v in rng.integers((0, 0, 4, 4), (WIDTH, HEIGHT, 30, 30)))
        cv2.rectangle(picture, (x, y), (x + w, y + h), rng.uniform(20, 235, 3).tolist(), int(rng.choice([-1, 1])))
    return np.clip(picture, 0, 255).astype(np.uint8)


def flat(luma: int) -> Pixels:
    return np.full((HEIGHT, WIDTH, 3), luma, np.uint8)


def noisy(picture: Pixels, seed: int, deviation: float = 2.0) -> Pixels:
    noise = np.random.default_rng(seed).normal(0, deviation, picture.shape)
    return np.clip(picture + noise, 0, 255).astype(np.uint8)


def lettered(picture: Pixels, text: str, at: tuple[int, int] = (3, 10), scale: float = 0.35) -> Pixels:
    """White letters, their base line at `at`."""
    return np.asarray(cv2.putText(picture.copy(), text, at, cv2.FONT_HERSHEY_SIMPLEX, scale, (255, 255, 255), 1), np.uint8)


def walker(picture: Pixels, x: float) -> Pixels:
    """Somebody at x pixels from the left: a patterned figure."""
    person = np.array(scene(99)[:50, :22] // 2, np.uint8)
    shown, left = picture.copy(), round(x)
    low, high = max(0, left), min(WIDTH, left + 22)
    if low < high:
        shown[30:80, low:high] = person[:, low - left : high - left]
    return shown


def blurred(picture: Pixels, sigma: float) -> Pixels:
    return np.asarray(cv2.GaussianBlur(picture, (0, 0), sigma), np.uint8)


def lit(picture: Pixels, gain: float) -> Pixels:
    return np.clip(picture * gain, 0, 255).astype(np.uint8)


def frames(pictures: Iterable[Pixels | None], rate: int, first: int = 0) -> list[Frame]:
    """One frame a cell, a little inside it; None is a cell without a new picture."""
    late = Fraction(1, 100)
    return [Frame(first + n, rate, Fraction(first + n, rate) + late, Picture(p)) for n, p in enumerate(pictures) if p is not None]


def watch(seconds: float, rate: int, look: Callable[[float, int], Pixels]) -> list[Frame]:
    """The frames of `look(seconds since the start, index)`."""
    return frames((look(n / rate, n) for n in range(round(seconds * rate))), rate)


def packets(pcm: Pcm, first: int = 0) -> list[Samples]:
    pcm = pcm.astype(np.float32)
    return [Samples(first + n, pcm[n * PACKET_SAMPLES : (n + 1) * PACKET_SAMPLES]) for n in range(-(-len(pcm) // PACKET_SAMPLES))]


def hiss(seconds: float, level: float = 0.003, seed: int = 0) -> Pcm:
    return np.random.default_rng(seed).normal(0, level, round(seconds * SOUND_RATE_HZ)).astype(np.float32)


def tone(seconds: float, hertz: float, amplitude: float = 0.2) -> Pcm:
    at = np.arange(round(seconds * SOUND_RATE_HZ)) / SOUND_RATE_HZ
    return (amplitude * np.sin(2 * np.pi * hertz * at)).astype(np.float32)


def siren(kind: str, seconds: float, amplitude: float = 0.2) -> Pcm:
    at = np.arange(round(seconds * SOUND_RATE_HZ)) / SOUND_RATE_HZ
    hertz = {
        "wail": 600 + 450 * (1 - np.cos(2 * np.pi * at / 4.5)),
        "yelp": 650 + 400 * (1 - np.cos(2 * np.pi * at * 3)),
        "two-tone": np.where((at / 0.6).astype(int) % 2, 440, 585),
    }[kind]
    phase = 2 * np.pi * np.cumsum(hertz) / SOUND_RATE_HZ
    wave = np.sin(phase) + 0.5 * np.sin(2 * phase) + 0.3 * np.sin(3 * phase)
    return (amplitude * wave / np.abs(wave).max()).astype(np.float32)


def bang(amplitude: float = 0.8, decay_s: float = 0.05, seed: int = 5) -> Pcm:
    count = round(0.5 * SOUND_RATE_HZ)
    wave = np.random.default_rng(seed).normal(0, 1, count) * np.exp(-np.arange(count) / SOUND_RATE_HZ / decay_s)
    return (amplitude * wave / np.abs(wave).max()).astype(np.float32)


def mixed(background: Pcm, sound: Pcm, at_s: float) -> Pcm:
    """`sound` over `background` from `at_s` on."""
    both, start = background.copy(), round(at_s * SOUND_RATE_HZ)
    part = sound[: len(both) - start]
    both[start : start + len(part)] += part
    return np.clip(both, -1, 1)


def spans(outputs: Sequence[Output], label: str | None = None) -> list[tuple[float, float]]:
    """(start, end) of the events that ended, in seconds."""
    return [
        (float(e.start), float(e.end))
        for e in outputs
        if isinstance(e, Event) and e.lifecycle == "end" and (label is None or e.label == label)
    ]
