"""What is alike in all forms of Whisper (Radford et al. 2022): its languages, its text with time tokens, and its own signs of failure."""

import re
import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from operators.sentences import primary
from operators.speech.recognition import HeardWord

TOKEN_RATE = 50
"""Time tokens and cross-attention count in 1/50 s."""
LEAST_REST = TOKEN_RATE
"""A rest of sound shorter than this is not heard again: only invented text was ever found in it."""
FASTEST_SPEECH = 20
"""Tokens a second."""
ANY_TIME = 4
"""Tokens of a short word and its sign, whose time may be cut off or written down too short."""
SPOKEN_SIGNS = set("&%@#+=$€£°")
LOW_LOGPROB = -1.0
REPETITIVE = 2.4
"""Thresholds of section 4.5."""
ECHO = 4
"""Names that are only expected are seldom said so many in a row."""

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
    language = primary(tag)
    if language not in WHISPER_LANGUAGES:
        raise ValueError(f"Whisper does not know the language {tag!r}; it knows {' '.join(sorted(WHISPER_LANGUAGES))}")
    return _OWN_CODES.get(language, language)


def language_tag(code: str) -> str:
    """The BCP 47 tag of Whisper's own code, with or without its marks: "<|en|>" is "en"."""
    bare = code.strip("<|>")
    return next((tag for tag, own in _OWN_CODES.items() if own == bare), bare)


@dataclass(frozen=True, slots=True)
class Sentence:
    """A sentence, or a part of one: its time tokens, in 1/TOKEN_RATE s from the start of the window, and its text tokens."""

    start: int
    end: int
    tokens: list[int]


def sentences(tokens: Sequence[int], time_zero: int, end_of_text: int, length: int) -> tuple[list[Sentence], int | None]:
    """Split what was written for a window of `length` (in 1/TOKEN_RATE s) at its time tokens, which begin with `time_zero`.

    What it places after the end of the sound, or has no time for up to there, was not said: where the sound ends, it likes to say it all
    again.
    The second value says from where the rest is to be heard again: Whisper opened a sentence there and said no word of it.
    """
    said: list[Sentence] = []
    text: list[int] = []
    start = 0
    for token in tokens:
        if token < end_of_text:
            text.append(token)
        elif token >= time_zero:
            at = min(token - time_zero, length)
            if text and _fits(text, at - start):
                said.append(Sentence(start, at, text))
            start, text = at, []
    if text and _fits(text, length - start):
        said.append(Sentence(start, length, text))
    opened = len(tokens) >= 2 and tokens[-1] >= time_zero and tokens[-2] >= time_zero
    return said, start if opened and 0 < start <= length - LEAST_REST else None


def _fits(text: Sequence[int], lasts: int) -> bool:
    """Whether so much text can be said in this time."""
    return lasts > 0 and len(text) <= ANY_TIME + FASTEST_SPEECH * lasts // TOKEN_RATE


def trusted(text: str, logprob: float) -> bool:
    """False where the text goes round in circles (it compresses well) or where its mean log-probability is that of a guess."""
    data = text.strip().encode()
    return logprob >= LOW_LOGPROB and len(data) / len(zlib.compress(data)) <= REPETITIVE


def echoes(text: str, prompt: str) -> bool:
    """True where Whisper may have said its prompt instead of what it heard: only words of it, or many of them in its own order."""
    said, told = (re.findall(r"\w+", wording.lower()) for wording in (text, prompt))
    if not said or not told:
        return False
    runs = {tuple(told[n : n + ECHO]) for n in range(len(told) - ECHO + 1)}
    return set(said) <= set(told) or any(tuple(said[n : n + ECHO]) in runs for n in range(len(said) - ECHO + 1))


def spoken(words: Iterable[HeardWord]) -> tuple[HeardWord, ...]:
    """The words without what nobody says: a sign joins the word that it is written to, or is left out (the dash of a dialogue)."""
    kept: list[HeardWord] = []
    for word in words:
        joins = kept and not word.text.startswith(" ")
        if any(map(str.isalnum, word.text)) or (not joins and SPOKEN_SIGNS & set(word.text)):
            kept.append(word)
        elif joins:
            kept[-1] = replace(kept[-1], text=kept[-1].text + word.text, end=word.end)
    return tuple(kept)
