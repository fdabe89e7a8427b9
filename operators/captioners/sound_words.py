"""What was measured of the sound, in words: who speaks when, and what else is heard. Nothing is guessed."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from fractions import Fraction

from operators.captioners.phrases import at, listed
from operators.facts import Moment, Sound
from operators.timeline import ZERO, Span

KINDS = {
    "silence": "silence",
    "quiet": "quiet",
    "noise": "noise",
    "tonal": "a tone",
    "speech_like": "voice-like sound",
    "music_like": "music-like sound",
    "siren_like": "a siren-like tone",
}
UNDER_SPEECH = frozenset({"noise", "tonal", "music_like", "siren_like"})
LOUD_DBFS, FAINT_DBFS = -15.0, -45.0
SURE = 0.5
"""Score from which a sound model's label is told."""
BREATH = Fraction(1)
"""A pause in speech up to this long does not end it."""
EDGE = Fraction(1, 2)


def voices(moment: Moment) -> str:
    """For example 'someone speaks from 0:12 to 0:15'; a voice that no words were recognised of is only heard. Empty where nobody speaks."""
    spans = spoken(moment)
    if not spans:
        return ""
    who, does, starts = ("someone", "speaks", "starts to speak") if moment.words else ("a voice", "is heard", "sets in")
    if sum(s.duration for s in spans) >= moment.span.duration * Fraction(17, 20):
        return f"{who} {does} throughout"
    if len(spans) > 1:
        return f"{who} {does} {'twice' if len(spans) == 2 else 'on and off'}"
    (span,) = spans
    if span.duration < Fraction(3, 2):
        return f"{who} {does} briefly"
    if span.start <= moment.start + EDGE:
        return f"{who} {does} until {at(span.end)}"
    if span.end >= moment.end - EDGE:
        return f"{who} {starts} at {at(span.start)}"
    return f"{who} {does} from {at(span.start)} to {at(span.end)}"


def sounds(moment: Moment) -> str:
    """For example 'quiet, then loud noise'; beside speech, what is under or around it: 'over music-like sound'. Empty where unknown."""
    speech = spoken(moment)
    if not speech:
        return _sequence(_runs(moment))
    under: defaultdict[str, Fraction] = defaultdict(Fraction)
    around: defaultdict[str, Fraction] = defaultdict(Fraction)
    for span, name, kind in _named(moment):
        shared = sum((span.overlap(s) for s in speech), ZERO)
        if kind in UNDER_SPEECH:
            under[name] += shared
        if kind != "speech_like":
            around[name] += span.duration - shared
    spoken_s = sum((s.duration for s in speech), ZERO)
    over = _main(under, spoken_s / 2)
    otherwise = _main(around, max(Fraction(2), (moment.span.duration - spoken_s) / 2))
    return f"over {over}" if over else f"otherwise {otherwise}" if otherwise else ""


def spoken(moment: Moment) -> list[Span]:
    """When somebody speaks within the moment, pauses for breath bridged."""
    heard: Iterable[Span] = (Span(f.start, f.end) for f in moment.speech or moment.words)
    spans: list[Span] = []
    for span in sorted(part for s in heard if (part := s.common(moment.span))):
        if spans and span.start <= spans[-1].end + BREATH:
            spans[-1] = Span(spans[-1].start, max(spans[-1].end, span.end))
        else:
            spans.append(span)
    return spans


def _named(moment: Moment) -> list[tuple[Span, str, str]]:
    """(when, name, kind) of each sound within the moment."""
    return [(part, _name(s), s.kind) for s in moment.sounds if (part := Span(s.start, s.end).common(moment.span))]


def _name(sound: Sound) -> str:
    if sound.tags and sound.scores[0] >= SURE:
        return sound.tags[0].lower()
    name = KINDS[sound.kind]
    if sound.kind in ("silence", "quiet"):
        return name
    level = "loud " if sound.level_dbfs > LOUD_DBFS else "faint " if sound.level_dbfs < FAINT_DBFS else ""
    return f"a {level}{name[2:]}" if name.startswith("a ") else level + name


def _runs(moment: Moment) -> list[tuple[str, Fraction]]:
    """(name, length) of what is heard one after the other, but for what is too short to matter."""
    runs: list[tuple[str, Fraction]] = []
    for span, name, _ in _named(moment):
        if span.duration < max(EDGE, moment.span.duration / 10):
            continue
        if runs and runs[-1][0] == name:
            runs[-1] = (name, runs[-1][1] + span.duration)
        else:
            runs.append((name, span.duration))
    return runs


def _sequence(runs: Sequence[tuple[str, Fraction]]) -> str:
    names = [name for name, _ in runs]
    if len(names) == 1:
        return names[0] if names[0] in ("silence", "quiet") else f"{names[0]} throughout"
    if len(names) <= 3:
        return ", then ".join(names)
    lengths: defaultdict[str, Fraction] = defaultdict(Fraction)
    for name, length in runs:
        lengths[name] += length
    ranked = sorted(lengths, key=lambda n: (-lengths[n], n))
    if len(ranked) == 2:
        return f"{listed(ranked)} by turns"
    return f"{ranked[0]}, with {listed(ranked[1:3])} at times"


def _main(lengths: dict[str, Fraction], least: Fraction) -> str:
    name = max(sorted(lengths), key=lambda n: lengths[n], default="")
    return name if name and lengths[name] >= least else ""
