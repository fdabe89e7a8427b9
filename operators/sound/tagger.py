"""What a sound model hears: tags as Sound facts, and its embeddings as features."""

from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from operators.acoustics import level_dbfs
from operators.errors import ModelError
from operators.facts import Features, Sound
from operators.media import PACKET_SAMPLES, Pcm
from operators.protocols import Ask, Item, Need, Output, SamplesNeed, State
from operators.sound.encoder import SoundTags
from operators.sound.kinds import kind_of, measure
from operators.sound.windows import Window, WindowCutter
from operators.timeline import cell

EMBEDDING_RATE = 1


@dataclass(frozen=True, slots=True)
class TaggerOptions:
    least_score: float = 0.1
    """Tags below it are not told."""
    silence_dbfs: float = -55.0
    quiet_dbfs: float = -45.0


class SoundTagger:
    """Says Sound facts of 5 s each with the tags that the model "sound" gives the 10 s around them, and the kind as measured.
    What is silent is said without asking."""

    Options = TaggerOptions
    origin = "listen.sound"
    need: Need = SamplesNeed()
    models: tuple[str, ...] = ("sound",)

    def __init__(self, options: TaggerOptions = TaggerOptions()) -> None:
        self._options = options
        self._cutter = WindowCutter()

    def push(self, item: Item) -> list[Output | Ask]:
        return [self._hear(w) for w in self._cutter.push(item)]

    def answer(self, ask: Ask, result: Any) -> list[Output | Ask]:
        if isinstance(result, ModelError):
            return []
        tags: SoundTags = result
        sound: Sound = ask.tag
        told = [(t, s) for t, s in zip(tags.labels, tags.scores, strict=True) if s >= self._options.least_score]
        return [Sound(sound.start, sound.end, sound.kind, sound.level_dbfs, tuple(t for t, _ in told), tuple(s for _, s in told))]

    def finish(self, at: Fraction) -> list[Output | Ask]:
        return [self._hear(w) for w in self._cutter.break_off()]

    def hold(self) -> Fraction | None:
        return self._cutter.hold()

    def snapshot(self) -> tuple[Fraction | None, State]:
        return self._cutter.snapshot()

    def restore(self, state: State) -> None:
        self._cutter.restore(state)

    def refill(self, item: Item) -> None:
        self._cutter.refill(item)

    def _hear(self, window: Window) -> Output | Ask:
        level = round(level_dbfs(window.core), 1)
        silent = level < self._options.silence_dbfs
        kind = "silence" if silent else "quiet" if level < self._options.quiet_dbfs else _kind(window.core)
        sound = Sound(window.span.start, window.span.end, kind, level)
        return sound if silent else Ask("sound", window.pcm, tag=sound)


@dataclass(frozen=True, slots=True)
class SoundFeaturesOptions:
    """Nothing to choose."""


class SoundFeatures:
    """Packets to `Features` of the sound encoder's width, one row a second: the embedding of the 10 s around each 5 s, held for
    these 5 s."""

    Options = SoundFeaturesOptions
    origin = "listen.features"
    need: Need = SamplesNeed()
    models: tuple[str, ...] = ("sound",)

    def __init__(self, options: SoundFeaturesOptions = SoundFeaturesOptions()) -> None:
        self._cutter = WindowCutter()

    def push(self, item: Item) -> list[Output | Ask]:
        return [Ask("sound", w.pcm, tag=w.span) for w in self._cutter.push(item)]

    def answer(self, ask: Ask, result: Any) -> list[Output | Ask]:
        if isinstance(result, ModelError):
            return []
        first, last = (-cell(-instant, EMBEDDING_RATE) for instant in (ask.tag.start, ask.tag.end))
        return [Features(index, EMBEDDING_RATE, result.embedding) for index in range(first, last)]

    def finish(self, at: Fraction) -> list[Output | Ask]:
        return [Ask("sound", w.pcm, tag=w.span) for w in self._cutter.break_off()]

    def hold(self) -> Fraction | None:
        return self._cutter.hold()

    def snapshot(self) -> tuple[Fraction | None, State]:
        return self._cutter.snapshot()

    def restore(self, state: State) -> None:
        self._cutter.restore(state)

    def refill(self, item: Item) -> None:
        self._cutter.refill(item)


def _kind(pcm: Pcm) -> str:
    return kind_of([measure(pcm[n : n + PACKET_SAMPLES]) for n in range(0, len(pcm), PACKET_SAMPLES)])
