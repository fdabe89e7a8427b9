"""Cues on their track: when each comes and goes, and the sounds between and with them."""

from bisect import bisect_left, insort
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from fractions import Fraction
from functools import cache
from typing import Any, Literal

from operators.facts import Shot, Word
from operators.facts_json import fact_from_json, fact_to_json
from operators.records import Caption
from operators.subtitles import breaks
from operators.subtitles.checker import Shown, broken_rules, cuts_of, measure
from operators.subtitles.reasons import reason
from operators.subtitles.sounds import LABELLED, RECENT, Label, label_from_json, label_to_json
from operators.subtitles.speakers import Turn, Voice, colours, joined
from operators.subtitles.styles import Style
from operators.subtitles.timing import Said, comes, goes, slip
from operators.timeline import Span, exact

LATE = Fraction(2)
"""A word is told at its end: that none began before now is sure so many seconds later."""
STALE = Fraction(5)
"""A sound that found no place for so long is left out."""


@dataclass(frozen=True, slots=True)
class Piece:
    """The words of one cue, and their lines."""

    words: tuple[Word, ...]
    lines: tuple[str, ...]
    voice: Voice
    said: Said


class Track:
    """Pieces, labels of sounds and cuts of the picture in; Caption records out, in order, each once all is known that decides it."""

    def __init__(self, style: Style, origin: str) -> None:
        self._style, self._origin = style, origin
        self.rules = cache(style.rules)
        self.cuts: list[Fraction] = []
        self._pieces: list[Piece] = []
        self._labels: list[Label] = []
        self._spoken: Fraction | None = None
        """End of the words of the latest cue of words."""
        self._before: Fraction | None = None
        """When the latest cue went."""
        self._speakers: list[str] = []
        """As they were first heard."""
        self._language: str | None = None
        """Of the latest cue of words."""
        self._next = 0

    def cut(self, shot: Shot) -> None:
        for instant in cuts_of(shot):
            if instant not in self.cuts:
                insort(self.cuts, instant)

    def add(self, words: Sequence[Word], lines: tuple[str, ...], voice: Voice) -> None:
        self._pieces.append(self._piece(words, lines, voice))

    def label(self, labels: list[Label]) -> None:
        self._labels += labels

    def due(self, latest: Fraction | None, follows: Fraction | None, undecided: bool) -> Iterator[Caption]:
        """The cues that nothing changes any more. `latest`: all that ends before is known; None: all is. `follows`: start of the first
        word that is in no piece; `undecided`: it is not known yet which words are in a piece with it."""
        while self._pieces:
            self._join(follows)
            piece, after = self._pieces[0], self._pieces[1] if len(self._pieces) > 1 else None
            rules = self.rules(piece.voice.language)
            wait = max(rules.snap, RECENT if self._style.sound else rules.snap)
            if rules.snap and after is None and undecided:
                return
            if latest is not None and wait and latest <= piece.said.end - rules.gap - slip(rules) + wait:
                return
            span, coming = self._time(piece, after, follows)
            if latest is not None and wait and latest <= max(span.end, coming or span.end) + wait:
                return
            yield from self._between(span.start, closing=True)
            cue = self._with_sound(piece, after, follows)
            self._spoken, self._before, self._language = piece.said.end, cue.end, piece.voice.language
            del self._pieces[0]
            yield cue
        ends = [*([] if latest is None else [latest - LATE]), *([] if follows is None else [follows])]
        yield from self._between(min(ends, default=None), closing=False)

    def hold(self, latest: Fraction) -> Fraction:
        """No cue that is still to come goes before."""
        ends = [latest - RECENT if self._style.sound else latest, *(w.end for p in self._pieces for w in p.words)]
        return min([*ends, *(label.start for label in self._labels)]) - self.rules("").gap - slip(self.rules(""))

    def forget(self, first: Fraction) -> None:
        """Nothing that is still to come begins before `first`."""
        if self.cuts:
            since = min([first, *(p.said.start for p in self._pieces)]) - 2
            self.cuts = self.cuts[bisect_left(self.cuts, since) :]

    def _join(self, follows: Fraction | None) -> None:
        """Two speakers whose words follow each other too closely share a cue."""
        if len(self._pieces) < 2 or any(len(p.lines) > 1 for p in self._pieces[:2]):
            return
        first, second = self._pieces[:2]
        turns = [Turn(p.lines[0], p.voice, p.said.start, p.said.end, p.said.needed) for p in (first, second)]
        after = self._pieces[2].said.start if len(self._pieces) > 2 else follows
        if lines := joined(turns[0], turns[1], after, self._style.speakers, self.rules(first.voice.language)):
            told = tuple(p.voice.speaker or "" for p in (first, second))
            voice = Voice(first.voice.language, None, first.voice.degraded, told)
            self._pieces[:2] = [self._piece((*first.words, *second.words), lines, voice)]

    def _piece(self, words: Sequence[Word], lines: tuple[str, ...], voice: Voice) -> Piece:
        rules = self.rules(voice.language)
        needed = max(rules.shortest, rules.reading(*measure(lines, voice.language)))
        return Piece(tuple(words), lines, voice, Said(words[0].start, max(w.end for w in words), needed))

    def _time(self, piece: Piece, after: Piece | None, follows: Fraction | None) -> tuple[Span, Fraction | None]:
        """When a piece is shown, and when what follows comes."""
        rules, said = self.rules(piece.voice.language), piece.said
        start = comes(said, self._spoken, self.cuts, rules)
        start = start if self._before is None else max(start, self._before + rules.gap)
        if after is not None:
            follows = comes(after.said, said.end, self.cuts, self.rules(after.voice.language))
        return Span(start, goes(said, start, follows, self.cuts, rules)), follows

    def _between(self, until: Fraction | None, closing: bool) -> Iterator[Caption]:
        """Sounds as cues of their own, before words come (None: none do). `closing`: these words are a cue that comes then; else something
        may come from then on, and what stands close before that waits."""
        language = self._language or (self._pieces[0].voice.language if self._pieces else LABELLED)
        rules = self.rules(language)
        room = rules.gap if closing or until is None else rules.closed + rules.snap
        for label in list(self._labels):
            needed = max(rules.shortest, rules.reading(*measure((label.text(language),), language)))
            earliest = label.start if self._before is None else max(label.start, self._before + rules.gap)
            if earliest - label.start > STALE:
                self._labels.remove(label)
            elif until is None or earliest + needed + room <= until:
                self._labels.remove(label)
                if span := self._free(label, language, needed, until if closing else None):
                    yield self._caption(span, (label.text(language),), Voice(language, None, None), label.confidence, "sdh")
                    self._before = span.end

    def _free(self, label: Label, language: str, needed: Fraction, follows: Fraction | None) -> Span | None:
        """Where a label can stand so that no rule is broken: as its sound begins, or at one of the next cuts of the picture."""
        rules = self.rules(language)
        cuts = self.cuts[bisect_left(self.cuts, label.start) : bisect_left(self.cuts, label.start + STALE)]
        for instant in (label.start, *cuts):
            said = Said(instant, instant + needed, needed)
            start = comes(said, self._before, self.cuts, rules)
            if self._before is not None and start - self._before < rules.closed:
                start = self._before + rules.gap
            span = Span(start, goes(said, start, follows, self.cuts, rules))
            fits = follows is None or span.end + rules.gap <= follows
            if fits and not self._broken(Shown(span, (label.text(language),), language)):
                return span
        return None

    def _with_sound(self, piece: Piece, after: Piece | None, follows: Fraction | None) -> Caption:
        """The cue of a piece, with the first sound that began meanwhile in a line above its words, where the rules allow that."""
        (span, coming), confidence = self._time(piece, after, follows), _confidence(piece.words)
        for label in self._labels:
            larger = self._piece(piece.words, (label.text(piece.voice.language), *piece.lines), piece.voice)
            longer = self._time(larger, after, follows)[0]
            if label.start < longer.end and not self._broken(Shown(longer, larger.lines, piece.voice.language)):
                self._labels.remove(label)
                return self._caption(longer, larger.lines, piece.voice, min(confidence, label.confidence), "sdh")
        caption = self._caption(span, piece.lines, piece.voice, confidence, "subtitle")
        about = Shown(span, piece.lines, piece.voice.language), piece.said, coming, self.rules(piece.voice.language), self.cuts
        return replace(caption, reasons=tuple(reason(rule, *about) for rule in caption.violations))

    def _broken(self, shown: Shown) -> tuple[str, ...]:
        return tuple(broken_rules(shown, self._before, self.rules(shown.language), self.cuts))

    def _caption(self, span: Span, lines: tuple[str, ...], voice: Voice, confidence: float, kind: Literal["subtitle", "sdh"]) -> Caption:
        cue_id, self._next = f"{self._origin}-{self._next}", self._next + 1
        shown = voice.speakers or ((voice.speaker,) * len(lines) if voice.speaker else ())
        self._speakers += [name for name in dict.fromkeys(shown) if name not in self._speakers]
        return Caption(
            span.start,
            span.end,
            kind=kind,
            text=breaks.space(voice.language).join(lines),
            lines=lines,
            language=voice.language,
            confidence=confidence,
            cue_id=cue_id,
            speaker=voice.speaker,
            violations=self._broken(Shown(span, lines, voice.language)),
            degraded=voice.degraded,
            speakers=voice.speakers,
            colours=colours(self._speakers, shown) if self._style.speakers == "colours" else (),
        )

    def snapshot(self) -> dict[str, Any]:
        return {
            "cuts": [exact(c) for c in self.cuts],
            "pieces": [{"words": [fact_to_json(w) for w in p.words], "lines": p.lines, "voice": asdict(p.voice)} for p in self._pieces],
            "labels": [label_to_json(label) for label in self._labels],
            "spoken": None if self._spoken is None else exact(self._spoken),
            "before": None if self._before is None else exact(self._before),
            "speakers": [*self._speakers],
            "language": self._language,
            "next": self._next,
        }

    def restore(self, state: dict[str, Any]) -> None:
        self.cuts = [Fraction(c) for c in state["cuts"]]
        self._pieces = []
        for piece in state["pieces"]:
            words = words_from_json(piece["words"])
            voice = piece["voice"]
            self.add(words, tuple(piece["lines"]), Voice(**voice | {"speakers": tuple(voice["speakers"])}))
        self._labels = [label_from_json(label) for label in state["labels"]]
        self._spoken = None if state["spoken"] is None else Fraction(state["spoken"])
        self._before = None if state["before"] is None else Fraction(state["before"])
        self._speakers, self._language, self._next = state["speakers"], state["language"], state["next"]


def words_from_json(data: list[dict[str, Any]]) -> list[Word]:
    return [fact for fact in map(fact_from_json, data) if isinstance(fact, Word)]


def _confidence(words: tuple[Word, ...]) -> float:
    """The mean of its letters."""
    return sum(w.confidence * len(w.text) for w in words) / (sum(len(w.text) for w in words) or 1)
