"""Speech written down while it is spoken: each utterance is heard again and again as it grows, and a word is told once it is certain."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from typing import Any

from operators.errors import ModelError
from operators.facts import Speech
from operators.media import SOUND_RATE_HZ
from operators.protocols import Ask, Output, State
from operators.records import Partial, Transcript
from operators.sentences import ends_sentence
from operators.speech.agreement import Agreement, word_from_json, word_to_json
from operators.speech.gate import Stretch
from operators.speech.options import SpeechOptions, samples
from operators.speech.pack_writer import written
from operators.speech.packs import Pack
from operators.speech.recognition import LONGEST_SAMPLES, HeardWord, Recognition, SpeechItem
from operators.speech.vad import WINDOW_SAMPLES
from operators.speech.voice import Voice, speech
from operators.timeline import exact

BEFORE, AFTER = samples(0.5), samples(0.3)
"""Sound around an utterance that the recogniser is given with it."""
KNOWN = samples(3.0)
"""After so much sound the language is taken to be known, until sound is heard that follows what was cut off: then once more."""
SEARCHED = samples(5.0)
"""Speech in which nothing becomes certain is cut in the quietest place of its latest part."""
CLAUSE = ",;:、，；："
CLAUSE_S = Fraction(2)
"""A transcript also ends with a clause that lasts this long."""


@dataclass(slots=True)
class _Utterance:
    """Speech that goes on. Samples of the stream."""

    start: int
    """Of what the gate calls speech and no Speech fact has told yet."""
    first: int
    """Of the sound that is heard again."""
    asked: int
    """The recogniser was asked up to here, and"""
    heard: int
    """has answered up to here."""
    number: int
    """Where it began: names its segments."""
    latest: Fraction
    """End of the latest certain word."""
    language: str = ""
    """Of the latest answer."""
    known: bool = False
    """The recogniser is told the language."""
    fresh: bool = True
    """It was not heard yet in the sound from `first` on, which may be another speaker's."""
    segment: int = 0
    words: list[HeardWord] = field(default_factory=list)
    """Certain ones that no transcript has told yet, and"""
    spoken: str = ""
    """their language."""
    agreement: Agreement = field(default_factory=Agreement)
    shown: list[Any] = field(default_factory=list)
    """By the latest partial: its words, and how many are certain."""

    @property
    def segment_id(self) -> str:
        return f"{self.number}-{self.segment}"

    def place(self, word: HeardWord) -> HeardWord:
        """Words never go back."""
        end = max(word.end, self.latest)
        start = max(word.start, self.words[-1].start) if self.words else word.start
        return replace(word, start=min(start, end), end=end)


class StreamWriter:
    """A Writer. While somebody speaks, the recogniser hears the utterance again each time `step_s` was added to it; what two hypotheses
    in a row have is certain (`Agreement`): a Word at once, a Transcript at the end of a sentence, of a clause, or after
    `segment_s`. Each hypothesis is also told as a Partial. Sound is heard again up to the end of the last sentence that is certain."""

    block = 8 * WINDOW_SAMPLES

    def __init__(self, options: SpeechOptions, voice: Voice) -> None:
        self._options, self._voice = options, voice
        self._step, self._buffer = samples(options.step_s), samples(options.buffer_s)
        self._segment_s = Fraction(options.segment_s)
        self._floor = 0
        """First sample that no utterance has used yet."""
        self._utterance: _Utterance | None = None

    def begin(self, at: int) -> None:
        self._floor = at

    def write(self, stretches: list[Stretch], now: int) -> list[Output | Ask]:
        outputs: list[Output | Ask] = []
        for s in stretches:
            outputs += self._end(s, min(s.end + AFTER, now))
        going = self._utterance
        if going is not None and self._voice.since != going.start:  # it was too short or too faint to be speech
            self._utterance, self._floor = None, now
            outputs += self._over(going, ())
        if self._voice.since is not None:
            outputs += self._go_on(self._utterance or self._open(self._voice.since), now)
        return outputs

    def close(self, stretches: list[Stretch], now: int) -> list[Output | Ask]:
        return self.write(stretches, now)

    def answer(self, tag: Any, result: Any) -> list[Output | Ask]:
        if isinstance(tag, Pack):
            return [] if result is None else self._hear(tag, result)
        ended, pack = tag
        words = None if isinstance(result, ModelError) else self._words(ended, pack, result)
        return self._finish(ended, words)

    def unwritten(self, now: int) -> int:
        going = self._utterance
        if going is None:
            return now if self._voice.since is None else self._voice.since
        return max(going.start, int(going.latest * SOUND_RATE_HZ))

    def oldest(self, now: int) -> int:
        if self._utterance is not None:
            return self._utterance.first
        return max(self._floor, (now if self._voice.since is None else self._voice.since) - BEFORE)

    def snapshot(self) -> State:
        u = self._utterance
        return {
            "floor": self._floor,
            "utterance": u and {
                "samples": [u.start, u.first, u.asked, u.heard, u.number],
                "latest": exact(u.latest),
                "language": [u.language, u.known, u.fresh],
                "segment": u.segment,
                "words": [[word_to_json(w) for w in u.words], u.spoken],
                "agreement": u.agreement.snapshot(),
                "shown": u.shown,
            },
        }  # fmt: skip

    def restore(self, state: State) -> None:
        self._floor, saved = state["floor"], state["utterance"]
        if saved:
            start, first, asked, heard, number = saved["samples"]
            u = self._utterance = _Utterance(start, first, asked, heard, number, Fraction(saved["latest"]))
            (u.language, u.known, u.fresh), u.segment = saved["language"], saved["segment"]
            u.words, u.spoken = [word_from_json(w) for w in saved["words"][0]], saved["words"][1]
            u.agreement.restore(saved["agreement"])
            u.shown = saved["shown"]

    def _open(self, start: int) -> _Utterance:
        first = max(self._floor, start - BEFORE)
        self._utterance = _Utterance(start, first, start, first, start, Fraction(start, SOUND_RATE_HZ))
        return self._utterance

    def _go_on(self, u: _Utterance, now: int) -> list[Output | Ask]:
        if now + self.block - u.first > LONGEST_SAMPLES - AFTER:
            at = self._voice.sound.quietest((max(now - SEARCHED, int(u.latest * SOUND_RATE_HZ)), now))
            return [output for part in self._voice.split(at) for output in self._end(part, at)]
        if now - u.asked < self._step or not self._voice.loud(u.start, now):
            return []
        u.asked = now
        pack = Pack(((u.first, now),), ((u.start, now),))
        return [Ask("speech", self._item(u, pack), pack, blocking=True, optional=True)]

    def _end(self, stretch: Stretch, last: int) -> list[Output | Ask]:
        """The utterance is over; its sound up to `last` is heard once more, unless the latest hypothesis had all of its speech."""
        u = self._utterance or self._open(stretch.start)
        self._utterance, self._floor = None, last
        end = max(Fraction(stretch.end, SOUND_RATE_HZ), u.latest)
        outputs: list[Output | Ask] = [Speech(Fraction(stretch.start, SOUND_RATE_HZ), end, stretch.score)]
        if u.heard >= stretch.end:
            return outputs + self._finish(u, None)
        pack = Pack(((u.first, last),), ((u.start, stretch.end),))
        return [*outputs, Ask("speech", self._item(u, pack), (u, pack))]

    def _item(self, u: _Utterance, pack: Pack) -> SpeechItem:
        told = u.known and not (u.fresh and pack.pieces[-1][1] - u.first >= KNOWN)
        language = self._options.language or (u.language if told else "")
        return SpeechItem(self._voice.sound.read(pack.pieces), language or None, self._options.prompt)

    def _hear(self, pack: Pack, heard: Recognition | ModelError) -> list[Output | Ask]:
        u = self._utterance
        assert u is not None
        if isinstance(heard, ModelError):
            return []
        u.heard = pack.pieces[0][1]
        words = self._words(u, pack, heard)
        if words and u.heard - u.first >= KNOWN:
            u.known, u.fresh = True, False
        news = u.agreement.hear(words)
        outputs = self._say(u, news.confirmed) + self._trim(u)
        return outputs + self._show(u, news.erased)

    def _words(self, u: _Utterance, pack: Pack, heard: Recognition) -> list[HeardWord]:
        u.language = heard.language
        return [word for _, sentence in pack.said(heard, self._options) for word in sentence]

    def _finish(self, u: _Utterance, words: Sequence[HeardWord] | None) -> list[Output | Ask]:
        return self._over(u, u.agreement.close(words).confirmed)

    def _over(self, u: _Utterance, confirmed: Sequence[HeardWord]) -> list[Output | Ask]:
        """The last that is said of an utterance. Where that is nothing, what a partial showed is taken back."""
        shown = u.shown
        outputs = self._say(u, confirmed) + self._tell(u)
        if shown and not outputs:
            outputs.append(Partial(u.latest, u.latest, u.segment_id, _milliseconds(u.heard) + 1, "", u.language, (), 0, len(shown[0])))
        return outputs

    def _say(self, u: _Utterance, confirmed: Sequence[HeardWord]) -> list[Output | Ask]:
        outputs: list[Output | Ask] = []
        for heard in confirmed:
            if u.words and u.spoken != u.language:
                outputs += self._tell(u)
            u.spoken = u.language
            word = u.place(heard)
            u.words.append(word)
            u.latest = word.end
            outputs.append(written(word, u.spoken, u.segment_id))
            lasts = word.end - u.words[0].start
            if ends_sentence(word.text) or (word.text[-1] in CLAUSE and lasts >= CLAUSE_S) or lasts >= self._segment_s:
                outputs += self._tell(u)
        return outputs

    def _tell(self, u: _Utterance) -> list[Output | Ask]:
        """The transcript of the certain words that none has told yet."""
        if not u.words:
            return []
        words = tuple(written(word, u.spoken, u.segment_id) for word in u.words)
        told = Transcript(words[0].start, words[-1].end, u.segment_id, _text(u.words), u.spoken, words)
        u.words, u.shown, u.segment = [], [], u.segment + 1
        return [told]

    def _trim(self, u: _Utterance) -> list[Output | Ask]:
        """What is certain up to the end of a sentence is not heard again; nor, in a long buffer, what is certain at all."""
        # Behind a word that nothing follows yet there may be more of its own sound.
        kept = u.agreement.kept
        followed = list(zip(kept, [*kept[1:], *u.agreement.tail[:1]], strict=False))
        ends = [pair for pair in followed if ends_sentence(pair[0].text)]
        if not ends and u.heard - u.first > self._buffer:
            ends = followed
        if not ends:
            return []
        last, follows = ends[-1]
        at = int((last.end + max(last.end, follows.start)) / 2 * SOUND_RATE_HZ)
        if not u.start < at < u.heard:
            return []
        u.agreement.forget(Fraction(at, SOUND_RATE_HZ))
        parts = self._voice.split(at)
        u.start = u.first = at
        u.fresh = True
        return [speech(part) for part in parts]

    def _show(self, u: _Utterance, erased: int) -> list[Output | Ask]:
        """What is heard of the utterance and no transcript has told, unless that was shown just so."""
        words = [*u.words, *map(u.place, u.agreement.tail)]
        shows = [[w.text for w in words], len(u.words)] if words else []
        if shows == u.shown:
            return []
        u.shown = shows
        told = tuple(written(word, u.language, u.segment_id) for word in words)
        span = (words[0].start, max(w.end for w in words)) if words else (u.latest, u.latest)
        return [Partial(*span, u.segment_id, _milliseconds(u.heard), _text(words), u.language, told, len(u.words), erased)]


def _text(words: Sequence[HeardWord]) -> str:
    return "".join(word.text for word in words).strip()


def _milliseconds(sample: int) -> int:
    return sample * 1000 // SOUND_RATE_HZ
