"""Who spoke when, laid upon what was said: transcripts parted where another one goes on."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import groupby

from operators.facts import Word
from operators.records import Transcript
from operators.timeline import ZERO

NEAR = Fraction(1)
"""Words outside all turns belong to the nearest one that is no further away."""
SHORT = Fraction(1, 2)
"""Less than this of another voice in the middle of somebody's words is taken for an error."""


@dataclass(frozen=True, slots=True)
class Turn:
    start: Fraction
    end: Fraction
    speaker: int
    """From 0, as they were first heard."""


def speaker_name(speaker: int) -> str:
    return f"Speaker {speaker + 1}"


def named(words: Sequence[Word], turns: Sequence[Turn]) -> list[Word]:
    """With who says each."""
    names = _smooth(words, [_speaker(w, turns) for w in words])
    return [replace(word, speaker=name) for word, name in zip(words, names, strict=True)]


def parted(transcript: Transcript, words: Sequence[Word]) -> Iterator[Transcript]:
    """A transcript for each speaker, in order: the first keeps its segment id, the others have numbers behind it. `words`: its own, with
    their speakers."""
    at = 0
    runs = [list(run) for _, run in groupby(words, key=lambda w: w.speaker)]
    for n, run in enumerate(runs):
        segment_id = f"{transcript.segment_id}.{n}" if n else transcript.segment_id
        own = tuple(replace(w, segment_id=segment_id) for w in run)
        end = _end_of(own, transcript.text, at) if n + 1 < len(runs) else len(transcript.text)
        text, at = transcript.text[at:end].strip(), end
        first, last, speaker = own[0].start, max(w.end for w in own), own[0].speaker
        yield replace(transcript, start=first, end=last, segment_id=segment_id, text=text, words=own, speaker=speaker)
    if not runs:
        yield transcript


def told_apart(transcript: Transcript, now: Sequence[Word], turns: Sequence[Turn], told: list[Word]) -> list[Transcript | Word]:
    """A transcript parted by speakers, each part with those of its words that are said `now`. Words that were `told` before keep their
    speakers, and are taken from there."""
    spoken = {(w.start, w.end): w.speaker for w in told if w.segment_id == transcript.segment_id}
    told[:] = [w for w in told if w.segment_id != transcript.segment_id]
    words = [replace(w, speaker=spoken.get((w.start, w.end), w.speaker)) for w in named(transcript.words, turns)]
    fresh = {(w.start, w.end) for w in now}
    said: list[Transcript | Word] = []
    for part in parted(transcript, words):
        said += [part, *(w for w in part.words if (w.start, w.end) in fresh)]
    return said


def _speaker(word: Word, turns: Sequence[Turn]) -> str | None:
    """Of the turn that holds most of a word, else of the nearest."""

    def shared(turn: Turn) -> Fraction:
        return min(word.end, turn.end) - max(word.start, turn.start)

    best = max(turns, key=shared, default=None)
    return None if best is None or shared(best) < -NEAR else speaker_name(best.speaker)


def _smooth(words: Sequence[Word], speakers: Sequence[str | None]) -> list[str | None]:
    runs = [list(run) for _, run in groupby(range(len(words)), key=lambda n: speakers[n])]
    smooth = list(speakers)
    for before, run, after in zip(runs, runs[1:], runs[2:], strict=False):
        lasted = sum((words[n].end - words[n].start for n in run), ZERO)
        if speakers[before[0]] == speakers[after[0]] and lasted < SHORT:
            for n in run:
                smooth[n] = speakers[before[0]]
    return smooth


def _end_of(words: Sequence[Word], text: str, at: int) -> int:
    """Where in the text these words end, from `at` on."""
    for word in words:
        found = text.find(word.text, at)
        at = found + len(word.text) if found >= 0 else at
    return at
