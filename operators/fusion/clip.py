"""What the fusion model is given, and what it is to say of it."""

from dataclasses import dataclass, field
from fractions import Fraction
from typing import Literal, TypeAlias

import numpy as np
import numpy.typing as npt

from operators.timeline import Span

FRAME_HEIGHT, FRAME_WIDTH = 48, 80
"""Of the small pictures, in pixels: whatever the picture's shape, it is squeezed to this."""
SOUND_RATE = 5
"""Rows of sound a second."""
SOUND_STEPS, SOUND_BANDS = 18, 64
"""A row of sound: the windows of 25 ms every 10 ms that lie in its 200 ms, by mel bands."""
LONGEST = Fraction(12)
"""Seconds of a clip."""
MODALITIES = ("frames", "sound", "words")

Rows: TypeAlias = npt.NDArray[np.uint8] | npt.NDArray[np.float32]
Kind: TypeAlias = Literal["spoken", "seen"]


@dataclass(frozen=True, slots=True)
class Track:
    """Rows of one modality, each with the instant it stands for.

    rows: of frames uint8 [n, FRAME_HEIGHT, FRAME_WIDTH, 3] RGB; of sound uint8 [n, SOUND_STEPS, SOUND_BANDS], log-mel as `mel.quantised`
    makes it; of either float32 [n, width], the features of an encoder.
    """

    rows: Rows = field(repr=False)
    times: tuple[Fraction, ...] = field(repr=False)
    """The middle of each row's cell, ascending."""

    def __post_init__(self) -> None:
        if len(self.rows) != len(self.times):
            raise ValueError(f"a track has one time a row, not {len(self.times)} for {len(self.rows)}")


@dataclass(frozen=True, slots=True)
class TimedWord:
    start: Fraction
    end: Fraction
    text: str
    kind: Kind
    """Heard, or read on the screen."""


@dataclass(frozen=True, slots=True)
class Clip:
    """A stretch of media, at most LONGEST long. A modality that is missing is None, or has no words."""

    span: Span
    frames: Track | None = None
    sound: Track | None = None
    words: tuple[TimedWord, ...] = ()


@dataclass(frozen=True, slots=True)
class Told:
    """A stretch and what may be said of it: each text alone tells it truly."""

    span: Span
    texts: tuple[str, ...]
    """As they are to be written."""
    others: tuple[str, ...] = ()
    """More ways to say it, by which the stretch is to be found. A writer that need not guess the wording is sure of what it knows."""
    without: dict[str, tuple[str, ...]] = field(default_factory=dict, hash=False)
    """By modality: what may still be written where that one is missing, if it is known to be less."""

    @property
    def ways(self) -> tuple[str, ...]:
        """All of them, those to be written first."""
        return self.texts + self.others


@dataclass(frozen=True, slots=True)
class Labelled:
    """An event."""

    span: Span
    label: str


@dataclass(frozen=True, slots=True)
class Question:
    text: str
    answer: str
    needs: frozenset[str] = frozenset()
    """The modalities without which it can not be answered, where that is known."""


@dataclass(frozen=True, slots=True)
class Example:
    """A clip and the truth about it."""

    clip_id: str
    clip: Clip
    captions: tuple[Told, ...] = ()
    events: tuple[Labelled, ...] | None = None
    """None where nobody says which events there are: nothing is learned about events from such a clip."""
    questions: tuple[Question, ...] = ()
    names: tuple[str, ...] = ()
    """Words of it, in lower case, that mean nothing but themselves: people, places, what signs say. Others may stand for them."""
