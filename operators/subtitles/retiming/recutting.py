"""Words that have their times, cut into the cues of a style."""

from collections.abc import Sequence
from fractions import Fraction
from itertools import groupby

from operators.facts import Shot, Word
from operators.protocols import Entry
from operators.records import Caption, Transcript
from operators.subtitles.breaks import space
from operators.subtitles.cutter import SubtitleCutter
from operators.subtitles.formats.cue import Cue
from operators.subtitles.retiming.placing import Timed
from operators.subtitles.retiming.retimer import Retimed
from operators.subtitles.styles import Style
from operators.timeline import to_ms

ORIGIN = "listen.words"


def recut(retimed: Retimed, style: Style, language: str, shots: Sequence[Shot] = ()) -> list[Cue]:
    """The text of `retimed` in cues of `style`, on the cuts of `shots` where it looks at cuts. What stands in a line of its own
    speaker, or is a sound, shares a cue with nothing else."""
    cutter = SubtitleCutter(style)
    entries: list[Entry] = []
    for n, (_, words) in enumerate(groupby(retimed.words, key=lambda w: w.token.turn)):
        entries += _entries(list(words), n, retimed.cues, language)
    entries += [Entry("look.shots", "fact", n, shot) for n, shot in enumerate(shots)]
    entries.sort(key=lambda e: e.end)
    outputs = [output for entry in entries for output in cutter.push(entry)]
    outputs += cutter.finish(entries[-1].end if entries else Fraction(0))
    return [_cue(output) for output in outputs if isinstance(output, Caption)]


def _entries(words: Sequence[Timed], turn: int, cues: Sequence[Cue], language: str) -> list[Entry]:
    """The words of a turn, and the transcript of each of its former cues. A cutter parts speakers: where none is named, turns are
    told apart by naming nobody in two ways."""
    entries: list[Entry] = []
    for number, group in groupby(words, key=lambda w: w.token.cue):
        said = tuple(Word(w.span.start, w.span.end, w.token.text, 1.0, language, str(turn)) for w in group)
        speaker = cues[number].speaker or (None if turn % 2 else "")
        text = space(language).join(w.text for w in said)
        end = max(w.end for w in said)
        transcript = Transcript(said[0].start, end, str(turn), text, language, said, speaker)
        entries += [Entry(ORIGIN, "fact", 0, word) for word in said]
        entries.append(Entry(ORIGIN, "record", 0, transcript))
    return entries


def _cue(caption: Caption) -> Cue:
    told = caption.cue_id, caption.speaker or None, caption.language
    return Cue(to_ms(caption.start), to_ms(caption.end), caption.lines, *told, violations=caption.violations, reasons=caption.reasons)
