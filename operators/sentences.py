"""Sentences: where one ends, and what the subtitles ask of a translator and are told by it."""

import re
from dataclasses import dataclass

SENTENCE_ENDS = ".?!…。？！؟।"
CLOSERS = "\"'”’»)]}」』）"
TITLES = frozenset({"mr", "mrs", "ms", "dr", "st", "prof", "mme", "sr", "sra", "vs"})


@dataclass(frozen=True, slots=True)
class Term:
    """What a glossary asks for."""

    source: str
    target: str


@dataclass(frozen=True, slots=True)
class Sentence:
    text: str
    language: str
    """BCP 47."""
    into: str
    """The language that it is to be translated into."""
    terms: tuple[Term, ...] = ()
    """Those of the glossary that are in it."""


@dataclass(frozen=True, slots=True)
class Translation:
    text: str
    confidence: float
    """The geometric mean of the probabilities of its tokens."""
    lost: tuple[Term, ...] = ()
    """Terms that it could not be made to hold."""


def ends_sentence(word: str) -> bool:
    """Whether a sentence ends with this word, punctuation and all: not with Mr., J. or U.S."""
    written = word.strip().rstrip(CLOSERS)
    bare = written.rstrip(".").lower()
    abbreviated = (len(bare) == 1 and bare.isalpha()) or "." in bare or bare in TITLES
    return written[-1:] in SENTENCE_ENDS and written != "" and not (written[-1] == "." and abbreviated)


def primary(language: str) -> str:
    """The language itself, without its region or script: "en" of "en-GB"."""
    return language.split("-")[0].lower()


def holds(text: str, term: str, ending: bool = False) -> bool:
    """Whether a term is in a text, in any case, where a word begins; `ending`: more letters may follow, as in an inflected form.
    Scripts that are written without spaces have no such places."""
    spaced = term[:1].isascii() or term[:1].lower() != term[:1].upper()
    before, after = (r"(?<!\w)" if spaced else ""), (r"(?!\w)" if spaced and not ending else "")
    return re.search(before + re.escape(term) + after, text, re.IGNORECASE) is not None
