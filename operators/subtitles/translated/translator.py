"""Transcripts to subtitles in other languages: `narrate.translations`."""

from collections import deque
from dataclasses import dataclass, field, replace
from fractions import Fraction
from typing import Any

from operators.errors import ConfigError, ModelError
from operators.facts import Word
from operators.facts_json import fact_to_json
from operators.protocols import Ask, Entry, Item, Output, State
from operators.records import Caption, Transcript
from operators.sentences import Sentence, Term, Translation, holds, primary
from operators.subtitles.breaks import space
from operators.subtitles.cutter import FORGOTTEN, SubtitleCutter, written_words
from operators.subtitles.styles import Style
from operators.subtitles.track import LATE, words_from_json
from operators.subtitles.translated.collecting import Said, SentenceCollector
from operators.subtitles.translated.timing import timed
from operators.timeline import ZERO, exact

WORDS = "listen.words"


@dataclass(frozen=True, slots=True)
class TranslationOptions:
    languages: tuple[str, ...] = ()
    """Those that are translated into, BCP 47."""
    glossary: dict[str, dict[str, str]] = field(default_factory=dict)
    """By language, what a term is to be called in it: {de = {"bridge" = "Brücke"}}."""

    def __post_init__(self) -> None:
        if not self.languages or len({primary(name) for name in self.languages}) < len(self.languages):
            raise ConfigError(f'narrate.translations.languages names each language once, as in ["de", "fr"], not {list(self.languages)}')
        if unused := sorted(set(self.glossary) - set(self.languages)):
            raise ConfigError(f"narrate.translations.glossary is for {', '.join(unused)}: narrate.translations.languages does not name it")
        if any(not source.strip() or not target.strip() for terms in self.glossary.values() for source, target in terms.items()):
            raise ConfigError("narrate.translations.glossary has an empty term")


class SubtitleTranslator:
    """A StreamOperator: Word facts and Transcript records -> Caption records of kind subtitle in the languages of its options.

    Sentences are collected over the transcripts of a speaker (with a style that shows phrases at once, each transcript is translated as
    it comes), "translation" is asked for each, one after the other, and the answer's words, at the times of the sentence's, are
    cut by a SubtitleCutter for each language. What is said in a language that is asked for is taken as it is. A sentence that can
    not be translated is left out, and a Gap says so; terms of the glossary that a translation lacks are named in `degraded`.
    """

    Options = TranslationOptions
    origin = "narrate.translations"
    need = SubtitleCutter.need
    models: tuple[str, ...] = ("translation",)

    def __init__(self, options: TranslationOptions, style: Style) -> None:
        """style: of the cues. Sounds are not described: their labels are English."""
        style = replace(style, sound=False)
        self._options, self._at_once = options, style.at_once
        self._cutters = {language: SubtitleCutter(style) for language in options.languages}
        self._collector = SentenceCollector(lambda language: style.rules(language).pause)
        self._ahead: list[Word] = []
        """Words whose transcripts have not come yet."""
        self._latest = ZERO
        self._queue: deque[tuple[Said, str]] = deque()
        """Sentences and the languages that they are still wanted in; empty while nothing is asked."""
        self._ends_at: Fraction | None = None

    def push(self, item: Item) -> list[Output | Ask]:
        assert isinstance(item, Entry)
        self._latest = max(self._latest, item.end)
        outputs: list[Output | Ask] = []
        ended: list[Said] = []
        if isinstance(item.value, Transcript):
            transcript = item.value
            self._ahead = [w for w in self._ahead if w.segment_id != transcript.segment_id]
            ended, placed = self._collector.add(transcript, written_words(transcript))
            # The cutters know when what is not translated yet is said, and that the transcript's own words come no more.
            over = _transcript(transcript.segment_id, transcript.start, transcript.end, [])
            outputs += self._cut([*placed, over])
        else:
            if isinstance(item.value, Word):
                self._ahead.append(item.value)
            outputs += self._captions({language: cutter.push(item) for language, cutter in self._cutters.items()})
        self._ahead = [w for w in self._ahead if w.end > self._latest - FORGOTTEN]
        silent_until = min((w.start for w in self._ahead), default=self._latest - LATE)
        ended += self._collector.rest() if self._at_once else self._collector.over(silent_until)
        return outputs + self._translate(ended)

    def answer(self, ask: Ask, result: Any) -> list[Output | Ask]:
        said, language = self._queue.popleft()
        return self._show(said, language, None if isinstance(result, ModelError) else result) + self._go_on()

    def finish(self, at: Fraction) -> list[Output | Ask]:
        self._ends_at = at
        return self._translate(self._collector.rest())

    def hold(self) -> Fraction | None:
        return min(held for cutter in self._cutters.values() if (held := cutter.hold()) is not None)

    def snapshot(self) -> tuple[Fraction | None, State]:
        return None, {
            "collector": self._collector.snapshot(),
            "ahead": [fact_to_json(w) for w in self._ahead],
            "latest": exact(self._latest),
            "cutters": {language: cutter.snapshot()[1] for language, cutter in self._cutters.items()},
        }

    def restore(self, state: State) -> None:
        self._collector.restore(state["collector"])
        self._ahead, self._latest = words_from_json(state["ahead"]), Fraction(state["latest"])
        for language, cutter in self._cutters.items():
            cutter.restore(state["cutters"][language])

    def refill(self, item: Item) -> None:
        raise AssertionError("words are kept in the state: nothing is given again")

    def _translate(self, ended: list[Said]) -> list[Output | Ask]:
        self._queue += [(said, language) for said in ended for language in self._cutters]
        return self._go_on()

    def _go_on(self) -> list[Output | Ask]:
        """Ask for what comes next. One at a time: the cutters are given the sentences in their order, whenever answers come."""
        outputs: list[Output | Ask] = []
        while self._queue:
            said, language = self._queue[0]
            if primary(said.language) != primary(language):
                sentence = Sentence(said.text, said.language, language, self._terms(said.text, language))
                return [*outputs, Ask("translation", sentence, blocking=True)]
            self._queue.popleft()
            outputs += self._show(said, language, said)
        if self._ends_at is not None:
            outputs += self._captions({language: cutter.finish(self._ends_at) for language, cutter in self._cutters.items()})
        return outputs

    def _terms(self, text: str, language: str) -> tuple[Term, ...]:
        return tuple(Term(s, t) for s, t in self._options.glossary.get(language, {}).items() if holds(text, s))

    def _show(self, said: Said, language: str, translation: Translation | Said | None) -> list[Output | Ask]:
        """Cut a sentence, as it was said or translated; None: it could not be, and is waited for no more."""
        words, degraded = list(said.words), said.degraded
        if isinstance(translation, Translation):
            words = timed(said, translation, language)
            missing = ", ".join(f"{t.source} = {t.target}" for t in translation.lost)
            degraded = "; ".join(filter(None, [degraded, missing and f"glossary not kept: {missing}"])) or None
        elif translation is None:
            words = []
        start, end = said.words[0].start, max(w.end for w in said.words)
        transcript = replace(_transcript(str(said.number), start, end, words), speaker=said.speaker, degraded=degraded)
        return self._cut([transcript], language)

    def _cut(self, values: list[Word | Transcript], only: str | None = None) -> list[Output | Ask]:
        entries = [Entry(WORDS, "fact" if isinstance(value, Word) else "record", 0, value) for value in values]
        cutters = {only: self._cutters[only]} if only else self._cutters
        return self._captions({language: [o for e in entries for o in cutter.push(e)] for language, cutter in cutters.items()})

    def _captions(self, cut: dict[str, list[Output | Ask]]) -> list[Output | Ask]:
        captions = [(language, o) for language, outputs in cut.items() for o in outputs if isinstance(o, Caption)]
        return [replace(c, cue_id=f"{self.origin}-{language}-{c.cue_id.rpartition('-')[2]}", language=language) for language, c in captions]


def _transcript(segment_id: str, start: Fraction, end: Fraction, words: list[Word]) -> Transcript:
    language = words[0].language if words else ""
    return Transcript(start, end, segment_id, space(language).join(w.text for w in words), language, tuple(words))
