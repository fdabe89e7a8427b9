"""The cues of a stream for those who publish them in segments, while its logs grow: each cue in every segment that it is shown in."""

from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path

from operators.protocols import Entry
from operators.records import Caption, End
from operators.subtitles import SubtitleTranslator
from operators.subtitles.formats import Cue
from operators.subtitles.formats.cue import end_of
from operators.subtitles.formats.hls import overlaps
from operators.timeline import ZERO, Span, to_ms
from pipeline.log import LogFollower

KINDS = ("subtitle", "sdh")
SETTLED = Fraction(10)
"""A cue that ends later than `narrate` has told of may have begun so many seconds earlier, but none has begun before."""


@dataclass(slots=True)
class Told:
    """A cue and its number among those of its origin."""

    origin: str
    number: int
    cue: Cue


@dataclass(slots=True)
class CueFollower:
    """Reads the log of `narrate` in the folder of a generation. `told`: by origin, the number of the first cue that was not known when
    the latest segment was published."""

    folder: Path
    told: dict[str, int] = field(default_factory=dict)
    late: int = 0
    """Cues that came after a segment was published in which they begin."""
    language: str | None = None
    """Of the first cue."""
    sdh: bool = False
    translation: str | None = None
    """The language whose translation is followed; None: what is said."""
    end: Fraction | None = None
    """Where the stream has ended: nothing more is said."""
    _cues: list[Told] = field(default_factory=list)
    _follower: LogFollower = field(init=False)

    def __post_init__(self) -> None:
        self._follower = LogFollower(self.folder / "narrate.jsonl")

    def poll(self) -> None:
        """Take up what is committed by now. Raises StorageError where the log is damaged."""
        for entry in self._follower.poll():
            if isinstance(entry.value, Caption) and entry.value.kind in KINDS and self._wanted(entry):
                self._cues.append(Told(entry.origin, entry.sequence, cue_of(entry.value)))
                self.language = self.language or entry.value.language or None
                self.sdh = self.sdh or entry.value.kind == "sdh"
            elif isinstance(entry.value, End):
                self.end = entry.value.end

    def _wanted(self, entry: Entry) -> bool:
        into = entry.value.language if isinstance(entry.value, Caption) and entry.origin == SubtitleTranslator.origin else None
        return into == self.translation

    def complete(self, until: Fraction) -> bool:
        """Whether every cue that begins before `until` is known."""
        return self.end is not None or (self._follower.watermark or ZERO) >= until + SETTLED

    def take(self, span: Span, follows: Fraction | None, before: Fraction | None) -> list[Cue]:
        """What stands in the segment of a span, which is published now: the cues that are shown in it and, each with its own times, those
        that came too late for the segments in front, and those that begin behind it where there is no media.

        follows: where media goes on; None: nowhere. before: end of the segment that was published last; None: this is the first.
        """
        start_ms, end_ms = to_ms(span.start), to_ms(span.end)
        until_ms = None if follows is None else to_ms(follows)
        late = [] if before is None else [t for t in self._cues if t.number >= self.told.get(t.origin, 0) and t.cue.start_ms < start_ms]
        self.late += len([t for t in late if t.cue.start_ms < to_ms(before or ZERO)])
        behind = [t for t in self._cues if t.cue.start_ms >= end_ms and (until_ms is None or t.cue.start_ms < until_ms)]
        taken = [t.cue for t in self._cues if overlaps(t.cue, start_ms, end_ms) or t in late or t in behind]
        for t in self._cues:
            self.told[t.origin] = max(self.told.get(t.origin, 0), t.number + 1)
        self._cues = [t for t in self._cues if end_of(t.cue) > end_ms]
        return taken


def cue_of(caption: Caption) -> Cue:
    told = caption.cue_id, caption.speaker, caption.language, ""
    return Cue(to_ms(caption.start), to_ms(caption.end), caption.lines, *told, caption.violations, caption.speakers, caption.colours)
