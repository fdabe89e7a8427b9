"""What the fusion model is asked by narrators, and what it answers: a stretch with the rows of features that lie in it."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Literal, Protocol

import numpy as np
import numpy.typing as npt

from operators.facts import Features, SeenText, Still, Word
from operators.timeline import Span


@dataclass(frozen=True, slots=True)
class RowKind:
    """Rows of features that a lane keeps: which, how many a second, how wide."""

    origin: str
    rate: int
    width: int


@dataclass(frozen=True, slots=True)
class Window:
    """A stretch of at most some seconds: what is known of it."""

    span: Span
    asked: Span
    """The part of it that is asked about."""
    frames: tuple[Features, ...] = field(default=(), repr=False)
    sound: tuple[Features, ...] = field(default=(), repr=False)
    words: tuple[Word, ...] = ()
    seen: tuple[SeenText, ...] = ()
    captions: bool = True
    """Whether a text is wanted; else the scores alone."""


@dataclass(frozen=True, slots=True)
class Sentence:
    text: str
    confidence: float
    """Probability of the whole of it, the product over its pieces: what says more can be wrong in more. Where a model was taught several
    ways to say a thing, each has only its share. A clause that is said twice, and left out of the text, counts too."""


@dataclass(frozen=True, slots=True)
class Fused:
    """What the model says of a Window."""

    sentences: tuple[Sentence, ...]
    """Of the part that is asked about; none where none was wanted."""
    labels: tuple[str, ...] = field(repr=False)
    rate: int
    """Cells of scores a second, from the window's start on."""
    scores: npt.NDArray[np.float32] = field(repr=False, compare=False)
    """float32 [cells, labels], 0-1."""
    thresholds: tuple[float, ...] = field(repr=False)
    sources: tuple[Literal["picture", "audio", "fused"], ...] = field(repr=False)
    """Which modality an event of each label comes from."""


class Kept(Protocol):
    """Reads back what the lanes keep beside their logs."""

    def __call__(self, instants: Sequence[Fraction]) -> list[Still]:
        """The stills of these instants; those that are gone are left out."""
        ...

    def rows(self, kind: RowKind, span: Span) -> list[Features]:
        """Those whose cell's middle lies in `span`; cells without a row are left out."""
        ...
