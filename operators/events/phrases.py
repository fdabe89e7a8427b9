"""Keywords and phrases in running words: whole words, whatever the case, the accents and the punctuation."""

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

Tokens: TypeAlias = tuple[str, ...]


def tokens(text: str) -> Tokens:
    """The words of `text` for comparing: no case, no accents, no punctuation; each ideograph or kana is a word of its own, since those
    scripts put no space between words."""
    plain = "".join(c for c in unicodedata.normalize("NFKD", text.casefold()) if not unicodedata.combining(c))
    words: list[str] = []
    open_word = False
    for c in plain:
        if c in "'’":
            continue
        if not c.isalnum():
            open_word = False
        elif _stands_alone(c):
            words.append(c)
            open_word = False
        elif open_word:
            words[-1] += c
        else:
            words.append(c)
            open_word = True
    return tuple(words)


def _stands_alone(c: str) -> bool:
    return unicodedata.name(c, "").startswith(("CJK", "HIRAGANA", "KATAKANA"))


@dataclass(frozen=True, slots=True)
class Phrase:
    text: str
    """As the user wrote it."""
    tokens: Tokens


def phrases(keywords: Sequence[str]) -> tuple[Phrase, ...]:
    """The keywords that hold a word, each once, in their order."""
    found: dict[Tokens, Phrase] = {}
    for keyword in keywords:
        if (key := tokens(keyword)) and key not in found:
            found[key] = Phrase(keyword.strip(), key)
    return tuple(found.values())


def contains(words: Tokens, phrase: Phrase) -> bool:
    length = len(phrase.tokens)
    return any(words[i : i + length] == phrase.tokens for i in range(len(words) - length + 1))
