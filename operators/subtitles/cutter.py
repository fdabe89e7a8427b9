"""Transcripts to subtitles: `narrate.subtitles`."""

from bisect import insort
from dataclasses import replace
from fractions import Fraction
from itertools import pairwise
from typing import Any

from operators.facts import Shot, Sound, Word
from operators.facts_json import fact_to_json, record_from_json, record_to_json
from operators.protocols import Ask, Entry, FactsNeed, Item, Output, State
from operators.records import Event, Transcript
from operators.subtitles.breaks import space
from operators.subtitles.cues import Passage
from operators.subtitles.sounds import SoundLabels
from operators.subtitles.speakers import Voice, opened
from operators.subtitles.styles import Style
from operators.subtitles.track import LATE, Track, words_from_json
from operators.timeline import ZERO, exact

FORGOTTEN = Fraction(60)
"""A word whose transcript has not come after so many seconds is waited for no longer."""
MOST_WORDS = 80
"""A passage that is longer is cut before it is certain where."""


class SubtitleCutter:
    """A StreamOperator: Word facts and Transcript records -> Caption records of kind subtitle; where the style describes sounds,
    Sound facts and events too -> Caption records of kind sdh.

    A word is shown once its transcript, which says who speaks, is there; words that are ahead of their transcript only tell how
    long the cue before them may stay. Where people talk at once, what was begun first is shown first. What a transcript holds no word
    times of is not shown. With a style that looks at cuts a cue
    is said once the next one is certain and all cuts around it are known; else as soon as it is certain.
    """

    Options = Style
    origin = "narrate.subtitles"
    need = FactsNeed(frozenset({"listen.words", "listen.sound", "listen.siren", "listen.impulse", "listen.silence", "look.shots"}))
    models: tuple[str, ...] = ()

    def __init__(self, options: Style) -> None:
        self._style = options
        self._track = Track(options, self.origin)
        self._sounds = SoundLabels()
        self._voice = Voice("", None, None)
        self._speaker: str | None = None
        """Who was the last to be named."""
        self._passage = Passage(options.rules(""), "")
        """What is not wholly cut yet."""
        self._ahead: list[Word] = []
        """By their start."""
        self._waiting: list[Transcript] = []
        """Those before which something was begun that is not there yet."""
        self._latest = ZERO

    def push(self, item: Item) -> list[Output | Ask]:
        assert isinstance(item, Entry)
        self._latest = max(self._latest, item.end)
        match item.value:
            case Word() as word:
                insort(self._ahead, word, key=lambda w: w.start)
            case Transcript() as transcript:
                told = {(w.start, w.end) for w in transcript.words}
                self._ahead = [w for w in self._ahead if w.segment_id != transcript.segment_id and (w.start, w.end) not in told]
                self._waiting.append(transcript)
            case Shot() as shot:
                self._track.cut(shot)
            case Sound() | Event() as heard if self._style.sound:
                self._track.label(self._sounds.hear(heard))
        while self._ahead and self._ahead[0].end <= self._latest - FORGOTTEN:
            del self._ahead[0]
        self._take_begun()
        self._pause()
        follows = self._follows()
        outputs: list[Output | Ask] = [*self._track.due(self._latest, follows, bool(self._passage.words))]
        self._track.forget(min(self._latest - FORGOTTEN, self._latest if follows is None else follows))
        return outputs

    def answer(self, ask: Ask, result: Any) -> list[Output | Ask]:
        raise AssertionError("a cutter asks nothing")

    def finish(self, at: Fraction) -> list[Output | Ask]:
        self._ahead = []
        self._take_begun()
        self._close()
        return [*self._track.due(None, None, False)]

    def hold(self) -> Fraction | None:
        words = [*self._passage.words, *self._coming()]
        return max(ZERO, self._track.hold(min([self._latest, *(w.end for w in words)])))

    def snapshot(self) -> tuple[Fraction | None, State]:
        return None, {
            "words": [fact_to_json(w) for w in self._passage.words],
            "cuts": [*self._passage.cuts],
            "speaker": self._voice.speaker,
            "named": self._speaker,
            "degraded": self._voice.degraded,
            "ahead": [fact_to_json(w) for w in self._ahead],
            "waiting": [record_to_json(t) for t in self._waiting],
            "latest": exact(self._latest),
            "track": self._track.snapshot(),
            "sounds": self._sounds.snapshot(),
        }

    def restore(self, state: State) -> None:
        words = words_from_json(state["words"])
        self._voice = Voice(words[0].language if words else "", state["speaker"], state["degraded"])
        self._speaker = state["named"]
        self._begin(words, state["cuts"])
        self._ahead, self._latest = words_from_json(state["ahead"]), Fraction(state["latest"])
        self._waiting = [t for t in map(record_from_json, state["waiting"]) if isinstance(t, Transcript)]
        self._track.restore(state["track"])
        self._sounds.restore(state["sounds"])

    def refill(self, item: Item) -> None:
        raise AssertionError("words are kept in the state: nothing is given again")

    def _take_begun(self) -> None:
        """Take the transcripts before which nothing was begun that is not there yet; at once, where the style has it so."""
        first = self._ahead[0].start if self._ahead else None
        ready = [t for t in self._waiting if first is None or t.start <= first or self._style.at_once]
        self._waiting = [t for t in self._waiting if t not in ready]
        for transcript in sorted(ready, key=lambda t: (t.start, t.end)):
            self._take(transcript)
            if self._style.at_once:
                self._close()
        if ready:
            self._cut_certain()

    def _take(self, transcript: Transcript) -> None:
        """Add a transcript's words to the passage; one that can not go on with them is closed first."""
        for word in written_words(transcript):
            voice = Voice(word.language, transcript.speaker, transcript.degraded)
            last = self._passage.words[-1] if self._passage.words else None
            if last is None or voice != self._voice or word.start - last.end >= self._pause_s():
                self._close()
                begins = None if voice.speaker == self._speaker else voice.speaker
                self._speaker, self._voice = voice.speaker or self._speaker, voice
                self._begin([opened(word, begins, self._style.speakers)], [0])
            else:
                self._passage.add(word, sum(last.start < cut <= word.start for cut in self._track.cuts))

    def _begin(self, words: list[Word], cuts: list[int]) -> None:
        self._passage = Passage(self._track.rules(self._voice.language), self._voice.language)
        for word, count in zip(words, cuts, strict=True):
            self._passage.add(word, count)

    def _cut_certain(self) -> None:
        """The cues that stay as they are, however the passage goes on."""
        if ends := self._passage.certain():
            self._cut(ends)
            self._passage.drop(ends[-1])
        elif len(self._passage.words) > MOST_WORDS:
            end = self._passage.first()
            self._cut([end])
            self._begin(self._passage.words[end:], self._passage.cuts[end:])

    def _pause(self) -> None:
        """The passage is over once it is known that nothing follows soon."""
        if self._passage.words:
            follows = self._first()
            silent_until = self._latest - LATE if follows is None else follows
            if silent_until - self._passage.words[-1].end >= self._pause_s():
                self._close()

    def _close(self) -> None:
        """Nothing goes on with the passage."""
        if self._passage.words:
            self._cut(self._passage.all())
            self._begin([], [])

    def _cut(self, ends: list[int]) -> None:
        for begin, end in pairwise([0, *ends]):
            self._track.add(self._passage.words[begin:end], self._passage.lines(begin, end), self._voice)

    def _follows(self) -> Fraction | None:
        """When the first word comes that is in no cue yet."""
        return self._first() if self._passage.start is None else self._passage.start

    def _first(self) -> Fraction | None:
        """When the first word comes that is in no passage yet."""
        return min([w.start for w in self._ahead[:1]] + [w.start for t in self._waiting for w in t.words], default=None)

    def _coming(self) -> list[Word]:
        """Words that are in no passage yet."""
        return [*self._ahead, *(w for t in self._waiting for w in t.words)]

    def _pause_s(self) -> Fraction:
        return self._track.rules(self._voice.language).pause


def written_words(transcript: Transcript) -> list[Word]:
    """The words as the text has them: what a recogniser parts but nobody writes apart ("self" and "-driving", "10" and "%") is one."""
    words: list[Word] = []
    at = 0
    for word in transcript.words:
        found = transcript.text.find(word.text, at)
        if words and found == at and space(word.language):
            last = words.pop()
            text, confidence = last.text + word.text, min(last.confidence, word.confidence)
            word = replace(last, end=max(last.end, word.end), text=text, confidence=confidence)
        words.append(word)
        at = found + len(word.text) if found >= 0 else at
    return words
