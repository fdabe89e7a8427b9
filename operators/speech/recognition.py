"""What every recogniser is given and gives: the contract between `words` and RECOGNISERS."""

from dataclasses import dataclass, field
from fractions import Fraction

from operators.media import SOUND_RATE_HZ, Pcm

LONGEST_SAMPLES = 30 * SOUND_RATE_HZ
"""Most samples of one item: the window that Whisper hears at once."""
LONGEST_PROMPT = 400
"""Characters."""


@dataclass(frozen=True, slots=True)
class SpeechItem:
    """Speech to write down. pcm: float32 [n], n in 1..LONGEST_SAMPLES, in [-1, 1], 16 kHz mono."""

    pcm: Pcm = field(repr=False)
    language: str | None = None
    """BCP 47; None: heard from the sound."""
    prompt: str = ""
    """Names and rare words that may be said. Only some recognisers heed it; none says it where it was not said."""
    pauses: tuple[int, ...] = ()
    """Samples within pauses, ascending: where another speaker may begin, or another language."""

    def __post_init__(self) -> None:
        if not 0 < len(self.pcm) <= LONGEST_SAMPLES:
            raise ValueError(f"a recogniser is given 1 to {LONGEST_SAMPLES} samples, not {len(self.pcm)}")


@dataclass(frozen=True, slots=True)
class HeardWord:
    """Instants count from the first sample of the item: exact, 0 <= start <= end <= the item's length."""

    start: Fraction
    end: Fraction
    text: str
    """With its punctuation, and with the white space that stands before it in writing, if any (Chinese has none)."""
    confidence: float
    """0-1."""


@dataclass(frozen=True, slots=True)
class Recognition:
    """What was said in an item: sentences or parts of them, in order, each of at least one word; none where nobody spoke."""

    language: str
    """BCP 47: of most that was said."""
    segments: tuple[tuple[HeardWord, ...], ...] = ()
    languages: tuple[str, ...] = ()
    """BCP 47, of each segment, where they are not all in one language."""

    def language_of(self, segment: int) -> str:
        return self.languages[segment] if self.languages else self.language
