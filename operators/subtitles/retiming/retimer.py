"""The words of existing subtitles get the times at which they are said; what is not found there keeps its place among its neighbours."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import groupby
from typing import Literal, TypeAlias

from operators.errors import ConfigError
from operators.facts import Word
from operators.subtitles.formats.cue import Cue
from operators.subtitles.retiming.alignment import Pair, align
from operators.subtitles.retiming.clock import ClockFit, fit_clock
from operators.subtitles.retiming.placing import Placing, Spoken, Timed, written
from operators.subtitles.retiming.text import Token, keys_of, tokens_of
from operators.subtitles.spreading import SHORTEST
from operators.timeline import Span, from_ms, to_ms

Found: TypeAlias = Literal["found", "near", "kept", "unspoken"]
"""How a cue got its times: half of its words or more were heard; fewer, or others in their place; none; it holds nothing spoken."""
FOUND = 0.5
LEAST_FOUND = 0.1
"""Share of the spoken words that has to be heard: less is another text."""
SOME_WORDS = 20
"""Of a text that short any share is believed."""


@dataclass(frozen=True, slots=True)
class Retimed:
    """What came of it: every word of the text, in order, none before the one before it begins."""

    cues: tuple[Cue, ...]
    """As they were, by start."""
    words: tuple[Timed, ...]
    found: tuple[Found, ...]
    """Of each cue."""
    clock: ClockFit | None
    """None where nothing was looked for."""


def as_written(cues: Sequence[Cue], language: str) -> Retimed:
    """The words at the times of their own cues."""
    ordered = tuple(sorted(cues, key=lambda c: (c.start_ms, c.end_ms)))
    tokens = tokens_of(ordered, language)
    words = [Timed(t, Span(written(ordered, t, t.at[0]), written(ordered, t, t.at[1]))) for t in tokens]
    return Retimed(ordered, _in_order(words), tuple("kept" for _ in ordered), None)


def retime(cues: Sequence[Cue], said: Sequence[Word], language: str) -> Retimed:
    """The words of `cues` at the times of those of `said`, which are in order.

    Raises ConfigError where next to nothing of the text is said.
    """
    ordered = tuple(sorted(cues, key=lambda c: (c.start_ms, c.end_ms)))
    tokens = tokens_of(ordered, language)
    units = [(n, key) for n, token in enumerate(tokens) for key in token.keys]
    heard = [(n, key) for n, word in enumerate(said) for key in keys_of(word.text, language)]
    pairs = align([key for _, key in units], [key for _, key in heard])
    if not pairs or (len(units) > SOME_WORDS and len(pairs) < LEAST_FOUND * len(units)):
        told = f"{len(pairs)} of {len(units)} words of the subtitles are heard"
        raise ConfigError(f"{told}: is it the text of this sound, and in its language? A translation can not be retimed so")
    spoken = _spoken(tokens, [n for n, _ in units], [n for n, _ in heard], pairs, said)
    clock = fit_clock(_starts(ordered, tokens, spoken))
    placed = Placing(ordered, tokens, said, clock).place(spoken)
    counts = [(sum(len(t.keys) for t in group), heard) for group, heard in _by_cue(ordered, tokens, spoken)]
    found = tuple(_found(words, exact, number in placed.others) for number, (words, exact) in enumerate(counts))
    return Retimed(ordered, _in_order(placed.words), found, clock)


def shown_again(retimed: Retimed) -> list[Cue]:
    """The cues as they were, each from when it is said, and for as long as it was shown, at the speech's own speed; up to the next."""
    firsts: dict[int, Fraction] = {}
    lasts: dict[int, Fraction] = {}
    for word in retimed.words:
        firsts.setdefault(word.token.cue, word.span.start)
        lasts[word.token.cue] = word.span.end
    speed = retimed.clock.speed if retimed.clock else Fraction(1)
    numbers = [n for n in range(len(retimed.cues)) if n in firsts]
    shown = []
    for n, follows in zip(numbers, [*numbers[1:], None], strict=True):
        cue, start = retimed.cues[n], firsts[n]
        end = max(lasts[n], start + from_ms(cue.end_ms - cue.start_ms) * speed)
        apart = follows is not None and retimed.cues[follows].start_ms >= cue.end_ms
        end = min(end, firsts[follows]) if apart and follows is not None else end
        shown.append(replace(cue, start_ms=to_ms(start), end_ms=to_ms(max(end, start + SHORTEST))))
    return shown


def _spoken(
    tokens: Sequence[Token], units: Sequence[int], heard: Sequence[int], pairs: Sequence[Pair], said: Sequence[Word]
) -> dict[int, Spoken]:
    """The written words that were heard, by number. `units`, `heard`: the words that the compared ones are part of."""
    spoken: dict[int, Spoken] = {}
    for number, group in groupby(pairs, key=lambda p: units[p.written]):
        words = [heard[p.said] for p in group]
        first, last = words[0], words[-1]
        spoken[number] = Spoken(Span(said[first].start, max(said[first].start, said[last].end)), first, last)
    return spoken


def _starts(cues: Sequence[Cue], tokens: Sequence[Token], spoken: dict[int, Spoken]) -> list[tuple[Fraction, Fraction]]:
    """Written and spoken instants: of the beginnings of cues where enough of them are heard, else of all words."""
    all_words = [(written(cues, tokens[n], tokens[n].at[0]), s.span.start) for n, s in spoken.items()]
    firsts = {n for n, token in enumerate(tokens) if not n or tokens[n - 1].cue != token.cue}
    starts = [(from_ms(cues[tokens[n].cue].start_ms), s.span.start) for n, s in spoken.items() if n in firsts]
    return sorted(starts if len(starts) >= 3 else all_words)


def _by_cue(cues: Sequence[Cue], tokens: Sequence[Token], spoken: dict[int, Spoken]) -> Iterator[tuple[list[Token], int]]:
    groups = {number: list(group) for number, group in groupby(enumerate(tokens), key=lambda t: t[1].cue)}
    for number in range(len(cues)):
        group = groups.get(number, [])
        yield [t for _, t in group], sum(len(t.keys) for n, t in group if n in spoken)


def _found(words: int, heard: int, others: bool) -> Found:
    if not words:
        return "unspoken"
    if heard >= FOUND * words:
        return "found"
    return "near" if heard or others else "kept"


def _in_order(words: Sequence[Timed]) -> tuple[Timed, ...]:
    """None begins before the one before it, nor goes on after the next begins."""
    ordered: list[Timed] = []
    since = Fraction(0)
    for word in words:
        since = max(since, word.span.start)
        if ordered and ordered[-1].span.end > since:
            ordered[-1] = replace(ordered[-1], span=Span(ordered[-1].span.start, since))
        ordered.append(replace(word, span=Span(since, max(since, word.span.end))))
    return tuple(ordered)
