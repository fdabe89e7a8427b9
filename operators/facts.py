"""What lanes find and narrators use. Facts stay inside capstream; what it says to the world are records.

Every fact has `start` and `end`, exact instants. Facts are flat, frozen and made of numbers, text and tuples, so that the
log can keep them by value.
"""

from dataclasses import dataclass, field
from fractions import Fraction
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from operators.timeline import Span, to_ms


@dataclass(frozen=True, slots=True)
class Word:
    """A spoken word. Text carries its own punctuation and no white space around it; confidence is in 0-1."""

    start: Fraction
    end: Fraction
    text: str
    confidence: float
    language: str
    segment_id: str
    """The transcript that holds this word."""
    speaker: str | None = None
    """Who says it, where that is known."""


@dataclass(frozen=True, slots=True)
class Speech:
    """A stretch in which somebody speaks, as the voice-activity gate heard it."""

    start: Fraction
    end: Fraction
    score: float
    """Mean voice probability, 0-1."""


@dataclass(frozen=True, slots=True)
class Motion:
    """How the picture moves over a shot. Speeds are fractions of the picture's width (x, right is +) or height (y, down is +) a second."""

    camera: str
    """still | pan_left | pan_right | tilt_up | tilt_down | zoom_in | zoom_out | shaky | unclear (too much else moves)"""
    pan_per_s: float
    tilt_per_s: float
    zoom_per_s: float
    """Relative change of scale a second; + is towards the subject."""
    objects: float
    """Mean share of the picture that moves against the camera's own motion, 0-1."""
    region: tuple[float, float, float, float] | None
    """Box [x, y, w, h] in 0-1 around what moves, where it is one place."""


@dataclass(frozen=True, slots=True)
class Shot:
    """One shot, or a part of at most 30 s of a long one. Pictures of it are found by the instants in `stills`."""

    start: Fraction
    end: Fraction
    opens_with: str
    """start | cut | fade | part (the same shot goes on)"""
    closes_with: str
    """cut | fade | part | end"""
    stills: tuple[Fraction, ...]
    brightness: float
    """Mean luma, 0-1."""
    contrast: float
    """Standard deviation of luma, 0-1."""
    saturation: float
    """Mean saturation (HSV), 0-1."""
    colours: tuple[str, ...]
    """Names of the colours that hold the most of the picture, largest first.

    One of black, white, grey, red, orange, yellow, green, cyan, blue, purple, pink, brown.
    """
    colour_shares: tuple[float, ...]
    sharpness: float
    """Variance of the Laplacian of `Picture.luma`, unitless."""
    motion: Motion


@dataclass(frozen=True, slots=True)
class SeenText:
    """A line of text seen on the screen, from when it appeared until it was last seen."""

    start: Fraction
    end: Fraction
    text: str
    confidence: float
    box: tuple[float, float, float, float]
    """[x, y, w, h] in 0-1."""


@dataclass(frozen=True, slots=True)
class Sound:
    """A stretch of sound of one character, or a part of at most 30 s of it."""

    start: Fraction
    end: Fraction
    kind: str
    """silence | quiet | noise | tonal | speech_like | music_like | siren_like: what signal measures can tell, nothing guessed"""
    level_dbfs: float
    """RMS level; -120 for digital silence."""
    tags: tuple[str, ...] = ()
    """Labels of a sound model, best first, where the profile has one."""
    scores: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True)
class Moment:
    """All that is known of a stretch, joined by media time: the narrators' input.

    The stretch is one shot, or a run of very short ones. Where there is no picture it is a stretch of at most 30 s of sound.
    """

    span: Span
    shots: tuple[Shot, ...]
    """Those that make up the stretch, in order; none where there is no picture."""
    words: tuple[Word, ...]
    """Each word is in one moment: the one that holds its middle."""
    speech: tuple[Speech, ...]
    """Whatever else is known overlaps the stretch and may reach beyond it."""
    seen: tuple[SeenText, ...]
    sounds: tuple[Sound, ...]

    @property
    def start(self) -> Fraction:
        return self.span.start

    @property
    def end(self) -> Fraction:
        return self.span.end


@dataclass(frozen=True, slots=True)
class Features:
    """One row of an encoder's output, kept beside the log by cell index: not a log line.

    vector: float32 [width], the width fixed for the operator's lifetime.
    """

    index: int
    rate: int
    """Cells a second of the grid that `index` counts."""
    vector: npt.NDArray[np.float32] = field(repr=False, compare=False)

    @property
    def start(self) -> Fraction:
        return Fraction(self.index, self.rate)

    @property
    def end(self) -> Fraction:
        return Fraction(self.index + 1, self.rate)


@dataclass(frozen=True, slots=True)
class Still:
    """A picture kept beside the `look` log: for captioners, evidence, pages and questions."""

    at: Fraction
    jpeg: bytes = field(repr=False)

    @property
    def uri(self) -> str:
        """Its place, relative to the folder of its generation."""
        return still_uri(self.at)


STILLS = "frames"


def still_uri(at: Fraction) -> str:
    """Where the still of an instant is kept, relative to the folder of its generation."""
    return f"{STILLS}/{to_ms(at):010}.jpg"


Fact: TypeAlias = Word | Speech | Shot | SeenText | Sound
FACTS: dict[str, type[Fact]] = {"word": Word, "speech": Speech, "shot": Shot, "seen_text": SeenText, "sound": Sound}
