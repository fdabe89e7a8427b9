"""Small parts of English sentences."""

from collections.abc import Sequence
from fractions import Fraction

NUMBERS = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve")


def listed(parts: Sequence[str], more: bool = False) -> str:
    """As one speaks: a / a and b / a, b and c; with `more`: a, b and more."""
    parts = [*parts, "more"] if more else parts
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}"


def number(n: int) -> str:
    return NUMBERS[n] if n < len(NUMBERS) else str(n)


def at(instant: Fraction) -> str:
    """To the nearest second, for people: 0:12, 1:02:03."""
    seconds = int(instant + Fraction(1, 2))
    minutes = f"{seconds // 60 % 60}:{seconds % 60:02}"
    return minutes if seconds < 3600 else f"{seconds // 3600}:{seconds // 60 % 60:02}:{seconds % 60:02}"


def sentence(text: str) -> str:
    return text[:1].upper() + text[1:] + "."
