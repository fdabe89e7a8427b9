"""Sentences out of transcripts: a recogniser's segments end where they end, a translator wants the whole sentence."""

from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from fractions import Fraction
from itertools import pairwise
from typing import Any

from operators.facts import Word
from operators.facts_json import fact_to_json
from operators.records import Transcript
from operators.sentences import ends_sentence
from operators.subtitles.breaks import COMMA, cost, space
from operators.subtitles.track import words_from_json

MOST_WORDS = 60
LONGEST = Fraction(20)
"""Seconds. What goes on without an end for more words, or for longer, is parted at its last comma, or here."""


@dataclass(frozen=True, slots=True)
class Said:
    """A sentence, or what there is of it."""

    number: int
    language: str
    speaker: str | None
    channel: int | None
    degraded: str | None
    words: tuple[Word, ...] = ()

    @property
    def text(self) -> str:
        return space(self.language).join(w.text for w in self.words)

    def follows_on(self, transcript: Transcript, word: Word, pause: Fraction) -> bool:
        """Whether a word of a transcript can be the next of this sentence."""
        same = (self.language, self.degraded) == (word.language, transcript.degraded)
        return same and word.start - self.words[-1].end < pause


class SentenceCollector:
    """One open sentence for each speaker and channel; sentences are numbered as they begin."""

    def __init__(self, pause: Callable[[str], Fraction]) -> None:
        """pause: in a language, the seconds of silence that end a sentence."""
        self._pause = pause
        self._open: dict[tuple[str | None, int | None], Said] = {}
        self._next = 0

    def add(self, transcript: Transcript, words: list[Word]) -> tuple[list[Said], list[Word]]:
        """The sentences that end in a transcript of these words, and the words, each with the number of its sentence as its segment."""
        ended: list[Said] = []
        placed: list[Word] = []
        key = transcript.speaker, transcript.channel
        for word in words:
            said = self._open.get(key)
            if said is not None and not said.follows_on(transcript, word, self._pause(said.language)):
                ended.append(self._open.pop(key))
            placed.append(self._put(key, transcript, word))
            said = self._open[key]
            if ends_sentence(word.text):
                ended.append(self._open.pop(key))
            elif len(said.words) >= MOST_WORDS or word.end - said.words[0].start >= LONGEST:
                ended.append(self._open.pop(key))
                keep = _end_of_clause(said)
                ended[-1] = replace(said, words=said.words[:keep])
                placed += [self._put(key, transcript, behind) for behind in said.words[keep:]]
        return ended, placed

    def over(self, silent_until: Fraction) -> list[Said]:
        """The sentences behind which nothing is said for long enough."""
        keys = [key for key, said in self._open.items() if silent_until - said.words[-1].end >= self._pause(said.language)]
        return [self._open.pop(key) for key in keys]

    def rest(self) -> list[Said]:
        ended, self._open = list(self._open.values()), {}
        return ended

    def snapshot(self) -> dict[str, Any]:
        open_ = [asdict(replace(s, words=())) | {"words": [fact_to_json(w) for w in s.words]} for s in self._open.values()]
        return {"open": open_, "next": self._next}

    def restore(self, state: dict[str, Any]) -> None:
        said = [Said(**data | {"words": tuple(words_from_json(data["words"]))}) for data in state["open"]]
        self._open, self._next = {(s.speaker, s.channel): s for s in said}, state["next"]

    def _put(self, key: tuple[str | None, int | None], transcript: Transcript, word: Word) -> Word:
        said = self._open.get(key)
        if said is None:
            said, self._next = Said(self._next, word.language, *key, transcript.degraded), self._next + 1
        self._open[key] = replace(said, words=(*said.words, word))
        return replace(word, segment_id=str(said.number))


def _end_of_clause(said: Said) -> int:
    """How many words stand before its last comma in the second half; all of them where there is none."""
    pairs = list(pairwise(said.words))
    commas = [n for n, (a, b) in enumerate(pairs, 1) if cost(a.text, b.text, said.language, False) <= COMMA]
    return commas[-1] if commas and 2 * commas[-1] >= len(said.words) else len(said.words)
