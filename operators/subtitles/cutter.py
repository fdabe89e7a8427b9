"""Transcripts to subtitles: `narrate.subtitles`."""

from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any

from operators.errors import ConfigError
from operators.facts import Word
from operators.facts_json import fact_from_json, fact_to_json
from operators.protocols import Ask, Entry, FactsNeed, Item, Output, State
from operators.records import Caption, Transcript
from operators.subtitles.breaks import space
from operators.subtitles.cues import Passage, Rules, timed, violations
from operators.timeline import ZERO, exact

LATE = Fraction(2)
"""A word is told at its end: that none began before now is sure so many seconds later."""
FORGOTTEN = Fraction(60)
"""A word whose transcript has not come after so many seconds is waited for no longer."""
MOST_WORDS = 80
"""A passage that is longer is cut before it is certain where."""


@dataclass(frozen=True, slots=True)
class SubtitleOptions:
    """By default the rules of Netflix for adults, in English."""

    characters_per_s: float = 20.0
    line_characters: int = 42
    """Of each of the two lines; a Chinese, Japanese or Korean character counts as two."""
    shortest_s: float = 5 / 6
    longest_s: float = 7.0
    gap_s: float = 0.08
    closed_s: float = 0.5
    """Gaps up to this are closed to `gap_s`."""
    pause_s: float = 1.5
    """A pause this long ends a cue."""

    def __post_init__(self) -> None:
        if not 0 < self.gap_s < self.closed_s < self.pause_s:
            raise ConfigError(f"0 < gap_s < closed_s < pause_s does not hold for {self.gap_s}, {self.closed_s} and {self.pause_s}")
        if not 0 < self.shortest_s < self.longest_s or self.characters_per_s <= 0 or self.line_characters < 2:
            raise ConfigError("shortest_s, longest_s, characters_per_s and line_characters must be above 0, and shortest_s the less")

    @property
    def rules(self) -> Rules:
        def near(seconds: float) -> Fraction:
            return Fraction(seconds).limit_denominator(1000)

        return Rules(
            near(self.characters_per_s),
            self.line_characters,
            near(self.shortest_s),
            near(self.longest_s),
            near(self.gap_s),
            near(self.closed_s),
            near(self.pause_s),
        )


@dataclass(frozen=True, slots=True)
class _Voice:
    """What all words of a cue have in common."""

    language: str
    speaker: str | None
    degraded: str | None


class SubtitleCutter:
    """A StreamOperator: Word facts and Transcript records -> Caption records of kind subtitle.

    A word is shown once its transcript, which says who speaks, is there; words that are ahead of their transcript only tell how
    long the cue before them may stay. What a transcript holds no word times of is not shown.
    """

    Options = SubtitleOptions
    origin = "narrate.subtitles"
    need = FactsNeed(frozenset({"listen.words", "listen.sound", "look.shots"}))
    models: tuple[str, ...] = ()

    def __init__(self, options: SubtitleOptions = SubtitleOptions()) -> None:
        self._rules = options.rules
        self._words: list[Word] = []
        """The passage that is not wholly cut yet."""
        self._voice = _Voice("", None, None)
        self._ahead: list[Word] = []
        self._latest = ZERO
        self._before: Fraction | None = None
        """End of the latest cue."""
        self._next = 0

    def push(self, item: Item) -> list[Output | Ask]:
        assert isinstance(item, Entry)
        self._latest = max(self._latest, item.end)
        outputs: list[Output | Ask] = []
        match item.value:
            case Word() as word:
                self._ahead.append(word)
            case Transcript() as transcript:
                self._ahead = [w for w in self._ahead if w.segment_id != transcript.segment_id]
                outputs += self._take(transcript) + self._certain()
        self._ahead = [w for w in self._ahead if w.end > self._latest - FORGOTTEN]
        return outputs + self._pause()

    def answer(self, ask: Ask, result: Any) -> list[Output | Ask]:
        raise AssertionError("a cutter asks nothing")

    def finish(self, at: Fraction) -> list[Output | Ask]:
        return self._close(None)

    def hold(self) -> Fraction | None:
        ends = [w.end for w in (*self._words, *self._ahead)]
        return max(ZERO, min([self._latest, *ends]) - self._rules.gap)

    def snapshot(self) -> tuple[Fraction | None, State]:
        return None, {
            "words": [fact_to_json(w) for w in self._words],
            "speaker": self._voice.speaker,
            "degraded": self._voice.degraded,
            "ahead": [fact_to_json(w) for w in self._ahead],
            "latest": exact(self._latest),
            "before": None if self._before is None else exact(self._before),
            "next": self._next,
        }

    def restore(self, state: State) -> None:
        self._words, self._ahead = _words(state["words"]), _words(state["ahead"])
        self._voice = _Voice(self._words[0].language if self._words else "", state["speaker"], state["degraded"])
        self._latest = Fraction(state["latest"])
        self._before = None if state["before"] is None else Fraction(state["before"])
        self._next = state["next"]

    def refill(self, item: Item) -> None:
        raise AssertionError("words are kept in the state: nothing is given again")

    def _take(self, transcript: Transcript) -> list[Output | Ask]:
        """Add a transcript's words to the passage; one that can not go on with them is closed first."""
        outputs: list[Output | Ask] = []
        for word in _written(transcript):
            voice = _Voice(word.language, transcript.speaker, transcript.degraded)
            if self._words and (voice != self._voice or word.start - self._words[-1].end >= self._rules.pause):
                outputs += self._close(word.start)
            self._voice = voice
            self._words.append(word)
        return outputs

    def _certain(self) -> list[Output | Ask]:
        """The cues that stay as they are, however the passage goes on."""
        if not self._words:
            return []
        passage = Passage(self._words, self._rules)
        ends = passage.certain()
        if not ends and len(self._words) > MOST_WORDS:
            ends = [passage.first()]
        return self._say(passage, ends, None)

    def _pause(self) -> list[Output | Ask]:
        """The passage is over once it is known that nothing follows soon."""
        if not self._words:
            return []
        follows = self._ahead[0].start if self._ahead else None
        silent_until = self._latest - LATE if follows is None else follows
        return self._close(follows) if silent_until - self._words[-1].end >= self._rules.pause else []

    def _close(self, follows: Fraction | None) -> list[Output | Ask]:
        """Nothing goes on with the passage; the next word, where it is known, is at `follows`."""
        if not self._words:
            return []
        passage = Passage(self._words, self._rules)
        return self._say(passage, passage.all(), follows)

    def _say(self, passage: Passage, ends: list[int], follows: Fraction | None) -> list[Output | Ask]:
        cues: list[Output | Ask] = []
        begin = 0
        for end in ends:
            cues.append(self._cue(passage, begin, end, self._words[end].start if end < len(self._words) else follows))
            begin = end
        self._words = self._words[begin:]
        return cues

    def _cue(self, passage: Passage, i: int, j: int, follows: Fraction | None) -> Caption:
        words, width, lines = passage.words[i:j], passage.width(i, j), passage.lines(i, j)
        span = timed(words, width, follows, self._before, self._rules)
        broken = violations(span, lines, width, self._rules)
        letters = sum(len(w.text) for w in words) or 1
        caption = Caption(
            span.start,
            span.end,
            kind="subtitle",
            text=passage.text(i, j),
            lines=lines,
            language=self._voice.language,
            confidence=sum(w.confidence * len(w.text) for w in words) / letters,
            cue_id=f"{self.origin}-{self._next}",
            speaker=self._voice.speaker,
            violations=broken,
            degraded=self._voice.degraded,
        )
        self._before = span.end
        self._next += 1
        return caption


def _written(transcript: Transcript) -> list[Word]:
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


def _words(data: list[dict[str, Any]]) -> list[Word]:
    return [fact for fact in map(fact_from_json, data) if isinstance(fact, Word)]
