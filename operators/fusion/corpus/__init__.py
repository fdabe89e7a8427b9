"""A corpus whose truth is true by construction: known things are done to pictures and sounds, and told in sentences."""

import math
import random
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from operators.errors import ConfigError
from operators.fusion.clip import MODALITIES, SOUND_RATE, Clip, Example, TimedWord, Told, Track
from operators.fusion.corpus import audio, frames
from operators.fusion.corpus.grammar import describe, tell
from operators.fusion.corpus.planner import Planner
from operators.fusion.corpus.questions import ask
from operators.fusion.corpus.script import Script, Shot
from operators.fusion.corpus.sources import Sources
from operators.fusion.corpus.truth import events
from operators.fusion.mel import patches
from operators.timeline import Span

FRAME_RATE = 4
FORM = 3
"""Of what is made of a seed: counted up where that changes."""
OTHER_WAYS = 3
"""To tell of one stretch, beside the plainest."""


@dataclass(frozen=True, slots=True)
class CorpusOptions:
    split: str = "train"
    """train | validation | test: each from sources of its own."""
    clips: int = 1000
    seed: int = 1
    sources: Path | None = None
    """A folder of pictures/ and sounds/LABEL/, beside what is made."""
    voices: bool = True
    """Let espeak-ng and flite speak where they are installed; else voices are babbled."""

    def __post_init__(self) -> None:
        if self.clips < 1:
            raise ConfigError(f"a corpus has at least one clip, not {self.clips}")


class Corpus:
    """Clip n is the same whenever and wherever it is made from the same sources; nothing is made before it is asked for."""

    Options = CorpusOptions

    def __init__(self, options: CorpusOptions) -> None:
        self.options = options
        self.sources = Sources.of(options.split, options.sources, options.voices)

    def __len__(self) -> int:
        return self.options.clips

    def __iter__(self) -> Iterator[Example]:
        return (self.example(n) for n in range(len(self)))

    def script(self, n: int) -> Script:
        return Planner(f"{self.options.split}-{n:06}", self.options.seed * 1_000_003 + n, self.sources).script()

    def example(self, n: int) -> Example:
        return example(self.script(n))


def example(script: Script) -> Example:
    """A script as the model is given it, with all that is true of it."""
    rng = random.Random(f"{script.key}/{script.seed}/words")
    told = [_told(script, shot, rng) for shot in script.shots]
    times = middles(script.duration, FRAME_RATE)
    heard = middles(script.duration, SOUND_RATE)
    clip = Clip(
        Span(Fraction(0), script.duration),
        Track(frames.render(script, times), times),
        Track(patches(audio.render(script))[: len(heard)], heard),
        tuple(sorted(_words(script), key=lambda w: (w.start, w.end))),
    )
    return Example(script.key, clip, tuple(told), events(script), tuple(ask(script, rng)), script.names)


def _told(script: Script, shot: Shot, rng: random.Random) -> Told:
    without: dict[str, tuple[str, ...]] = {m: (tell(script, shot, [o for o in MODALITIES if o != m]),) for m in MODALITIES}
    return Told(shot.span, (tell(script, shot),), tuple(describe(script, shot, rng) for _ in range(OTHER_WAYS)), without)


def middles(duration: Fraction, rate: int) -> tuple[Fraction, ...]:
    """Of the cells of a grid of `rate` a second: those before `duration`."""
    return tuple(Fraction(2 * n + 1, 2 * rate) for n in range(math.ceil(duration * rate - Fraction(1, 2))))


def _words(script: Script) -> Iterator[TimedWord]:
    for line in script.lines:
        yield from (TimedWord(w.start, w.end, w.text, "spoken") for w in line.words)
    for sign in script.signs:
        yield from (TimedWord(sign.span.start, sign.span.end, text, "seen") for text in sign.text.split())
