import json
from fractions import Fraction as F

import numpy as np
import pytest

from operators.facts import Motion, SeenText, Shot, Sound, Speech, Word
from operators.facts_json import entry_from_json, entry_to_json, fact_from_json, fact_to_json, record_from_json, record_to_json
from operators.protocols import Entry
from operators.records import Caption, End, Event, Evidence, Gap, Transcript

WORD = Word(F(16001, 16000), F(7, 3), "naïve,", 0.1 + 0.2, "fr", "listen.words-0")
MOTION = Motion("pan_left", -0.123456789, 0.0, 1e-17, 0.5, (0.1, 0.2, 0.3, 0.4))
FACTS = [
    WORD,
    Speech(F(0), F(1, 3), 0.75),
    Shot(F(0), F(30), "start", "part", (F(1, 8), F(15)), 0.5, 0.1, 0.2, ("blue", "black"), (0.6, 0.3), 12.5, MOTION),
    Shot(F(30), F(31), "part", "end", (), 0.0, 0.0, 0.0, (), (), 0.0, Motion("still", 0.0, 0.0, 0.0, 0.0, None)),
    SeenText(F(1), F(2), 'COMING "SOON"', 0.99, (0.0, 0.0, 1.0, 1.0)),
    Sound(F(0), F(10), "silence", -120.0),
    Sound(F(10), F(20), "music_like", -12.5, ("Music", "Guitar"), (0.75, 0.25)),
]
RECORDS = [
    Transcript(F(1), F(7, 3), "listen.words-0", "naïve,", "fr", (WORD,), speaker="A", channel=1),
    Caption(
        F(0), F(7, 3), "description", "A dark picture.", ("A dark picture.",), "en", 0.9, "c-0", None, 2,
        ("reading_speed",), ("said too fast",), (Evidence("still", F(1, 3), "frames/1.jpg", "ab"),), "no sound",
    ),
    Event(F(1), F(2), "look.black-0", "start", "black", "picture", 0.5, 0.75, (0.0, 0.1, 0.2, 0.3), severity="Minor"),
    Gap(F(1), F(2), "look", "decode_error", "3 packets"),
    End(F(9), F(9), "look", None, 9000, {"look.shots": 3}),
]  # fmt: skip


@pytest.mark.parametrize("fact", FACTS, ids=lambda f: type(f).__name__)
def test_facts_come_back_equal_through_json(fact):
    data = fact_to_json(fact)
    assert data["type"] == {"SeenText": "seen_text"}.get(type(fact).__name__, type(fact).__name__.lower())
    back = fact_from_json(json.loads(json.dumps(data)))
    assert back == fact
    assert type(back) is type(fact)


@pytest.mark.parametrize("record", RECORDS, ids=lambda r: r.type)
def test_records_come_back_equal_through_json(record):
    back = record_from_json(json.loads(json.dumps(record_to_json(record))))
    assert back == record
    assert isinstance(back.start, F)


def test_entries_come_back_equal():
    for entry in (Entry("listen.words", "fact", 3, WORD), Entry("look", "record", 0, RECORDS[3])):
        assert entry_from_json(json.loads(json.dumps(entry_to_json(entry)))) == entry


def test_a_numpy_double_is_a_number_and_an_array_is_refused():
    assert fact_from_json(fact_to_json(Speech(F(0), F(1), np.float64(0.1)))) == Speech(F(0), F(1), 0.1)
    with pytest.raises(TypeError, match="ndarray"):
        fact_to_json(Speech(F(0), F(1), np.zeros(2)))


def test_what_is_no_fact_is_refused():
    with pytest.raises(ValueError, match="'wrod'"):
        fact_from_json({"type": "wrod"})
    with pytest.raises(ValueError, match="score"):
        fact_from_json({"type": "speech", "start": "0", "end": "1"})
    with pytest.raises(ValueError, match="gap reason"):
        record_from_json({"type": "gap", "start": "0", "end": "1", "lane": "look", "reason": "bored"})
