"""Words that mean nothing."""

import random

BEGINNINGS = (
    "b", "br", "ch", "d", "f", "g", "gr", "h", "j", "k", "kl", "l", "m", "n", "p", "r", "s", "sh", "st", "t", "tr", "v", "w", "z", "",
)  # fmt: skip
VOWELS = ("a", "e", "i", "o", "u", "ai", "ee", "ou")
ENDS = ("", "", "", "n", "r", "s", "l", "t", "m", "nd", "ck")


def invented(rng: random.Random) -> str:
    """Two or three syllables."""
    syllables = (rng.choice(BEGINNINGS) + rng.choice(VOWELS) for _ in range(rng.choice((2, 2, 3))))
    return "".join(syllables) + rng.choice(ENDS)
