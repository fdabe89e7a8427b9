"""What is written in subtitles, as words that can be looked for in what is said."""

import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

from operators.sentences import CLOSERS, SENTENCE_ENDS
from operators.subtitles.breaks import CLAUSE_ENDS, COMMAS, space
from operators.subtitles.formats.cue import Cue

UNSPOKEN = re.compile(r"\[[^\]]*\]|\([^)]*\)|（[^）]*）|【[^】]*】|(?m:^[-–—>\s]*[^\W\d_a-z][^\W\d_a-z .'’&-]*\d*:)")
"""Sounds and remarks in brackets, and who speaks, in capitals before a colon."""
TURN = re.compile(r"\s*(?:[-‐–—]|>>)")
"""How the line of another speaker begins."""
DASHES = "-‐–— "
CHARACTERS = re.compile(r"[^\W_]+(?:['’][^\W_]+)*", re.UNICODE)
LABEL = r"\[[^\]\n]{1,30}\]|\([^)\n]{1,30}\)|（[^）\n]{1,15}）|【[^】\n]{1,15}】"
"""What stands in brackets and is short stays whole."""
SINGLE = re.compile(r"[A-Za-z0-9]+|\S")
"""Of languages that are written without spaces: characters one by one."""


@dataclass(frozen=True, slots=True)
class Token:
    """A word as it is written, with what stands around it."""

    cue: int
    """Number of its cue."""
    turn: int
    """Number of the stretch of text that one cue may not share with another: a speaker's line, a sound."""
    text: str
    keys: tuple[str, ...]
    """The words in it as they are compared; none where it is not spoken."""
    at: tuple[float, float]
    """Shares of the letters of its cue that stand before it and before its end."""


def tokens_of(cues: Sequence[Cue], language: str) -> list[Token]:
    """The text of cues, in their order."""
    tokens: list[Token] = []
    turn = 0
    for number, cue in enumerate(cues):
        parts = list(_turns(cue.lines))
        words = [(n, word, keys) for n, lines in enumerate(parts) for word, keys in _words(lines, language, len(parts) > 1)]
        letters, total = 0, sum(len(word) for _, word, _ in words) or 1
        alone = not any(keys for *_, keys in words)
        turn += alone or len(parts) > 1
        for n, word, keys in words:
            at = letters / total, (letters + len(word)) / total
            tokens.append(Token(number, turn + n, word, keys, at))
            letters += len(word)
        turn += len(parts) - 1 + (alone or len(parts) > 1)
    return tokens


def keys_of(text: str, language: str) -> tuple[str, ...]:
    """The words of a text as they are compared: letters and digits, without case, accents and apostrophes."""
    if space(language):
        return tuple(key for word in CHARACTERS.findall(text) if (key := _plain(word)))
    return tuple(key for word in SINGLE.findall(text) if (key := _plain(word)))


@lru_cache(65536)
def _plain(word: str) -> str:
    return "".join(c for c in unicodedata.normalize("NFKD", word).casefold() if c.isalnum())


def _turns(lines: Sequence[str]) -> Iterator[list[str]]:
    """The lines of a cue, apart where each of several speakers has one."""
    turn: list[str] = []
    for line in lines:
        if turn and TURN.match(line):
            yield turn
            turn = []
        turn.append(line)
    if turn:
        yield turn


def _words(lines: Sequence[str], language: str, dialogue: bool) -> Iterator[tuple[str, tuple[str, ...]]]:
    """(text, keys) of each word. What has no letters goes with the word behind it, or with the last."""
    text = "\n".join(lines)
    text = text.lstrip(DASHES) if dialogue else text
    silent = [found.span() for found in UNSPOKEN.finditer(text)]
    ahead, last = "", None
    for found in _split(text, language):
        word = found[0]
        unspoken = any(a <= found.start() and found.end() <= b for a, b in silent)
        keys = () if unspoken else keys_of(word, language)
        if not keys and not unspoken:
            ahead += word + space(language)
            continue
        if last is not None:
            yield last
        last, ahead = (ahead + word, keys), ""
    if last is not None:
        yield (last[0] + space(language) + ahead.strip() if ahead.strip() else last[0]), last[1]
    elif ahead.strip():
        yield ahead.strip(), ()


def _split(text: str, language: str) -> Iterator[re.Match[str]]:
    if space(language):
        return re.finditer(rf"{LABEL}|\S+", text)
    behind = re.escape(SENTENCE_ENDS + CLAUSE_ENDS + COMMAS + CLOSERS)
    return re.finditer(rf"{LABEL}|(?:[A-Za-z0-9]+|[ァ-ヴー]+|[^\s{behind}])[{behind}]*|\S", text)
