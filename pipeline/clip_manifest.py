"""Manifests of clips to train on or to judge by: JSON lines, each a stretch of a media file and what is true of it.

{"id": "a7", "media": "films/a.mp4", "start": 12, "end": 20.5, "captions": [{"text": "A dog runs.", "start": 12, "end": 15}],
 "events": [{"label": "bark", "start": 13.2, "end": 13.6}], "questions": [{"text": "Who runs?", "answer": "a dog"}],
 "words": [{"text": "come", "start": 14, "end": 14.3, "kind": "spoken"}]}

Times are seconds of the file. Only `media` must be there; without start and end it is the whole file, without those of a caption the
whole clip. Several captions of one stretch are several ways to tell it. Where `events` is left out nobody knows the events; [] says that
there are none.
"""

from collections.abc import Collection, Iterator
from fractions import Fraction
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from operators.errors import ConfigError
from operators.fusion.clip import Labelled, Question, TimedWord, Told
from operators.timeline import Span

Seconds = Annotated[float, Field(ge=0, le=1e6)]
Text = Annotated[str, Field(min_length=1, max_length=2000)]


class _Line(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, allow_inf_nan=False)


class Stretch(_Line):
    start: Seconds | None = None
    end: Seconds | None = None


class CaptionLine(Stretch):
    text: Text


class EventLine(_Line):
    label: Text
    start: Seconds
    end: Seconds


class QuestionLine(_Line):
    text: Text
    answer: Text
    needs: list[Literal["frames", "sound", "words"]] = []


class WordLine(_Line):
    text: Text
    start: Seconds
    end: Seconds
    kind: Literal["spoken", "seen"] = "spoken"


class ClipLine(Stretch):
    """One line of a manifest."""

    id: Text | None = None
    media: Text
    captions: list[CaptionLine] = []
    events: list[EventLine] | None = None
    questions: list[QuestionLine] = []
    words: list[WordLine] = []

    @property
    def known_span(self) -> Span | None:
        """The stretch, where the line says it."""
        return None if self.start is None or self.end is None else Span(exact_s(self.start), exact_s(self.end))

    def captions_in(self, whole: Span) -> tuple[Told, ...]:
        """By stretch, in order of time; several texts of one stretch are several ways to tell it. Raises ConfigError."""
        told: dict[Span, list[str]] = {}
        for c in self.captions:
            start = whole.start if c.start is None else exact_s(c.start)
            end = whole.end if c.end is None else exact_s(c.end)
            told.setdefault(_part("caption", start, end, whole), []).append(c.text)
        return tuple(Told(span, tuple(told[span])) for span in sorted(told))

    def events_in(self, whole: Span) -> tuple[Labelled, ...] | None:
        if self.events is None:
            return None
        return tuple(Labelled(_part("event", exact_s(e.start), exact_s(e.end), whole), e.label) for e in self.events)

    def asked(self) -> tuple[Question, ...]:
        return tuple(Question(q.text, q.answer, frozenset(q.needs)) for q in self.questions)

    def timed_words(self) -> tuple[TimedWord, ...]:
        return tuple(TimedWord(exact_s(w.start), exact_s(w.end), w.text, w.kind) for w in sorted(self.words, key=lambda w: w.start))


def _part(what: str, start: Fraction, end: Fraction, whole: Span) -> Span:
    """Of a clip. Raises ConfigError where its media end before that."""
    if start >= whole.end:
        raise ConfigError(f"its {what} at {float(start):g} s begins after the clip, which ends at {float(whole.end):g} s")
    return Span(max(start, whole.start), min(end, whole.end))


def exact_s(seconds: float) -> Fraction:
    """As it was written, to the millisecond."""
    return Fraction(round(seconds * 1000), 1000)


def read_manifest(path: Path, labels: Collection[str] | None = None) -> list[ClipLine]:
    """All lines, with ids and with media found from where the manifest lies. `labels`: those that events may have.

    Raises:
        ConfigError: with every fault of every line, by its number.
    """
    try:
        rows = path.read_text(encoding="utf-8").split("\n")
    except (OSError, UnicodeDecodeError) as e:
        raise ConfigError(f"{path} can not be read as text: {getattr(e, 'strerror', None) or 'it is not UTF-8'}") from e
    lines: list[ClipLine] = []
    faults: list[str] = []
    ids: dict[str, int] = {}
    for number, row in enumerate(rows, 1):
        if not row.strip():
            continue
        try:
            line = ClipLine.model_validate_json(row)
        except ValidationError as e:
            faults += [f"line {number}: {_told(error)}" for error in e.errors(include_url=False)]
            continue
        line = line.model_copy(update={"id": line.id or f"{path.stem}-{number:06}", "media": str(path.parent / line.media)})
        faults += [f"line {number}: {fault}" for fault in _faults(line, ids, labels)]
        ids.setdefault(str(line.id), number)
        lines.append(line)
    if not lines and not faults:
        faults = ["it holds no clips"]
    if faults:
        raise ConfigError(f"{path}: {len(faults)} fault{'s' * (len(faults) > 1)}. {'; '.join(faults)}")
    return lines


def _told(error: object) -> str:
    """One of pydantic's errors in a few words."""
    assert isinstance(error, dict)
    place = ".".join(str(part) for part in error["loc"])
    if error["type"] == "json_invalid":
        return f"no JSON object ({error['ctx']['error']})"
    if error["type"] == "string_too_short":
        return f"{place} is empty"
    if error["type"] == "extra_forbidden":
        return f"unknown key {place}: allowed are {', '.join(ClipLine.model_fields)}" if "." not in place else f"unknown key {place}"
    return f"{place}: {error['msg'].replace('Input should', 'should').replace('Field required', 'is missing')}, not {error['input']!r}"[
        :200
    ]


def _faults(line: ClipLine, ids: dict[str, int], labels: Collection[str] | None) -> Iterator[str]:
    if line.id in ids:
        yield f"id {line.id} stands in line {ids[str(line.id)]} already"
    if not Path(line.media).is_file():
        yield f"media {line.media} is not there"
    if line.start is not None and line.end is not None and line.end <= line.start:
        yield f"the clip ends at {line.end:g} s, not after its start at {line.start:g} s"
    first, last = line.start or 0.0, line.end if line.end is not None else float("inf")
    for name in ("captions", "events", "words"):
        for n, part in enumerate(getattr(line, name) or (), 1):
            start, end = first if part.start is None else part.start, last if part.end is None else part.end
            if end < start or (end == start and name != "words"):
                yield f"{name[:-1]} {n} ends at {end:g} s, not after its start at {start:g} s"
            elif start >= last or end <= first:
                yield f"{name[:-1]} {n} lies at {start:g} to {end:g} s, outside the clip"
            if name != "events" and not part.text.strip():
                yield f"{name[:-1]} {n} is empty"
            if name == "events" and labels is not None and part.label not in labels:
                yield f"event {n} has the unknown label {part.label!r}: known are {', '.join(labels)}"
    for n, question in enumerate(line.questions, 1):
        if not question.text.strip() or not question.answer.strip():
            yield f"question {n} or its answer is empty"
