"""What the clip is known to contain, beside the records that capstream made of it. Pure: records in their wire form in, findings out."""

import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

from operators.records import Wire

NEAR_MS = 300
"""How far an onset may be from where it is known to be."""
FAR_MS = 600
"""The same for offsets."""
SPEECH_MS = 600
"""The same for the edges of speech: the first and last word of Whisper reach up to 0.6 s into the silence around them, measured, of
which 0.2 s is taken off."""
SWELLING_MS = 1000
"""The same for sounds and titles, which come and go by degrees."""


@dataclass(frozen=True, slots=True)
class Expectation:
    """One thing that a viewer would write down."""

    kind: Literal["speech", "text", "event", "sound", "caption"]
    what: str
    """The words spoken or shown, the label of the event or the sound, words that the description must hold."""
    start_ms: int
    end_ms: int


@dataclass(frozen=True, slots=True)
class Finding:
    """An expectation beside what was found for it."""

    expected: Expectation
    found: str | None
    """What the records say, None where they say nothing of it."""
    start_ms: int | None
    end_ms: int | None
    right: bool
    record: str | None = None
    """The name (`name_of`) of the record that it was found in."""

    def to_wire(self) -> Wire:
        return asdict(self)


def read_expected(path: Path) -> list[Expectation]:
    return [Expectation(**entry) for entry in json.loads(path.read_text(encoding="utf-8"))]


def judge(expected: Iterable[Expectation], records: Sequence[Wire], exact_words: bool) -> list[Finding]:
    """One finding an expectation, in their order. Without `exact_words` speech must be heard where it is, its words may be wrong."""
    events = last_of_each(records)
    findings = []
    for e in expected:
        if e.kind == "speech":
            findings.append(_speech(e, records, exact_words))
        elif e.kind == "text":
            findings.append(_text(e, events))
        elif e.kind == "caption":
            findings.append(_caption(e, records))
        else:
            findings.append(_event(e, events))
    return findings


def surplus(expected: Iterable[Expectation], findings: Iterable[Finding], records: Sequence[Wire]) -> list[Wire]:
    """Events of a label that is expected, found where none was: what is known of the clip is all there is of that label."""
    labels = {e.what for e in expected if e.kind in ("event", "sound")}
    used = {f.record for f in findings}
    return [r for r in last_of_each(records) if r["label"] in labels and name_of(r) not in used]


def last_of_each(records: Iterable[Wire]) -> list[Wire]:
    """The last word of each event, by onset."""
    events = {r["event_id"]: r for r in records if r["type"] == "event"}
    return sorted(events.values(), key=lambda r: (r["start_ms"], r["event_id"]))


def last_captions(records: Iterable[Wire]) -> list[Wire]:
    """The last revision of each caption."""
    return list({(r["origin"], r["cue_id"]): r for r in records if r["type"] == "caption"}.values())


def name_of(record: Wire) -> str:
    return f"{record['origin']}/{record['sequence']}"


def plain_words(text: str) -> list[str]:
    """Words as they are compared: lower case, without punctuation."""
    return re.findall(r"[\w']+", text.lower())


def _speech(e: Expectation, records: Sequence[Wire], exact: bool) -> Finding:
    spoken = [w for r in records if r["type"] == "transcript" for w in r["words"]]
    words = [w for w in spoken if e.start_ms - SPEECH_MS <= (w["start_ms"] + w["end_ms"]) // 2 <= e.end_ms + SPEECH_MS]
    if not words:
        return _missing(e)
    text = " ".join(w["text"] for w in words)
    start, end = words[0]["start_ms"], words[-1]["end_ms"]
    in_time = abs(start - e.start_ms) <= SPEECH_MS and abs(end - e.end_ms) <= SPEECH_MS
    right = plain_words(text) == plain_words(e.what) and in_time if exact else True
    return Finding(e, text, start, end, right)


def _caption(e: Expectation, records: Sequence[Wire]) -> Finding:
    """The description that overlaps most tells of the scene."""
    told = [r for r in last_captions(records) if r["kind"] == "description" and _overlap(e, r)]
    if not told:
        return _missing(e)
    nearest = max(told, key=lambda r: (_overlap(e, r), r["sequence"]))
    right = e.what.lower() in nearest["text"].lower()
    return Finding(e, nearest["text"], nearest["start_ms"], nearest["end_ms"], right, name_of(nearest))


def _text(e: Expectation, events: Sequence[Wire]) -> Finding:
    wanted = plain_words(e.what)
    for r in events:
        if r["source"] == "text" and _overlap(e, r) and plain_words(r["text"] or "") == wanted:
            return _found(e, r, r["text"], SWELLING_MS)
    return _missing(e)


def _event(e: Expectation, events: Sequence[Wire]) -> Finding:
    candidates = [r for r in events if r["label"] == e.what]
    if not candidates:
        return _missing(e)
    nearest = min(candidates, key=lambda r: (abs(r["start_ms"] - e.start_ms), r["event_id"]))
    if abs(nearest["start_ms"] - e.start_ms) > FAR_MS and not _overlap(e, nearest):
        return _missing(e)
    return _found(e, nearest, f"{e.what} ({nearest['top_score']:.2f})", SWELLING_MS if e.kind == "sound" else NEAR_MS)


def _found(e: Expectation, record: Wire, text: str, near_ms: int) -> Finding:
    start, end = record["start_ms"], record["end_ms"]
    lasts = e.end_ms > e.start_ms
    right = abs(start - e.start_ms) <= near_ms and (not lasts or abs(end - e.end_ms) <= max(near_ms, FAR_MS))
    return Finding(e, text, start, end, right, name_of(record))


def _missing(e: Expectation) -> Finding:
    return Finding(e, None, None, None, False)


def _overlap(e: Expectation, record: Wire) -> int:
    """Milliseconds that both share."""
    return max(0, min(e.end_ms, int(record["end_ms"])) - max(e.start_ms, int(record["start_ms"])))
