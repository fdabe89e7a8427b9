"""What every recogniser is given and gives: the contract between `words` and RECOGNISERS."""

from dataclasses import dataclass, field
from fractions import Fraction

from operators.media import SOUND_RATE_HZ, Pcm

LONGEST_SAMPLES = 30 * SOUND_RATE_HZ
"""Most samples of one item: the window that Whisper hears at once."""


@dataclass(frozen=True, slots=True)
class SpeechItem:
    """Speech to write down. pcm: float32 [n], n in 1..LONGEST_SAMPLES, in [-1, 1], 16 kHz mono."""

    pcm: Pcm = field(repr=False)
    language: str | None = None
    """BCP 47; None: heard from the sound."""


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
    """BCP 47."""
    segments: tuple[tuple[HeardWord, ...], ...] = ()


_CODES = """
af am ar as az ba be bg bn bo br bs ca cs cy da de el en es et eu fa fi fo fr gl gu ha haw he hi hr ht hu hy id is it ja jv ka kk km
kn ko la lb ln lo lt lv mg mi mk ml mn mr ms mt my ne nl nn no oc pa pl ps pt ro ru sa sd si sk sl sn so sq sr su sv sw ta te tg th
tk tl tr tt uk ur uz vi yi yo yue zh
"""
WHISPER_LANGUAGES = frozenset(_CODES.split())
_OWN_CODES = {"jv": "jw"}
"""Whisper's code of Javanese is one that BCP 47 has withdrawn."""


def whisper_code(tag: str) -> str:
    """Whisper's own code of a BCP 47 tag, by its language alone: "en-GB" is "en". Raises ValueError for a language it does not know."""
    language = tag.split("-", 1)[0].lower()
    if language not in WHISPER_LANGUAGES:
        raise ValueError(f"Whisper does not know the language {tag!r}; it knows {' '.join(sorted(WHISPER_LANGUAGES))}")
    return _OWN_CODES.get(language, language)


def language_tag(code: str) -> str:
    """The BCP 47 tag of Whisper's own code, with or without its marks: "<|en|>" is "en"."""
    bare = code.strip("<|>")
    return next((tag for tag, own in _OWN_CODES.items() if own == bare), bare)
