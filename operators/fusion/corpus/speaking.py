"""Lines of made clips: words with their exact times, from the length of each word as its voice says it."""

import random
from fractions import Fraction

from operators.fusion.corpus.names import LINES
from operators.fusion.corpus.script import Line, Spoken, Thing
from operators.fusion.corpus.voices import word
from operators.media import SOUND_RATE_HZ

PAUSE = Fraction(1, 25)
"""Between words."""
NAMED = ("name", "place")


def speak(kind: str, at: Fraction, said: dict[str, str], voice: str, rng: random.Random, thing: Thing | None) -> Line:
    """A line of a kind with what it speaks of filled in. It is about a person or a place only where its words are."""
    pattern = rng.choice(LINES[kind])
    words: list[Spoken] = []
    for text in pattern.format(**said).split():
        end = at + Fraction(len(word(voice, text.lower())), SOUND_RATE_HZ)
        words.append(Spoken(text, at, end))
        at = end + PAUSE
    name, place = (said[n] if f"{{{n}}}" in pattern else "" for n in NAMED)
    return Line(kind, tuple(words), voice, name, place, thing)
