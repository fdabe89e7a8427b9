"""What real operators say through real lanes holds to the published schemas, and the schemas refuse what is wrong."""

import asyncio
import json
from collections.abc import Generator
from copy import deepcopy
from dataclasses import dataclass, fields
from fractions import Fraction as F
from importlib.resources import files
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from jsonschema import Draft202012Validator, ValidationError

from operators.captioners import Describer, DescriberOptions, PlainCaptioner
from operators.events.black import BlackDetector
from operators.events.silence import SilenceDetector
from operators.facts import Word
from operators.media import PACKET_SAMPLES, Frame, Picture, PictureTrack, Samples, SoundTrack, StreamInfo
from operators.records import RECORDS, Clock, Gap, Identity, Model, Partial, partial_to_wire, to_wire
from operators.speech.recognition import HeardWord, Recognition
from operators.speech.vad import STATE_BYTES, WINDOW_SAMPLES, VadResult
from operators.speech.words import SpeechTranscriber
from operators.subtitles import SubtitleCutter, style
from operators.vision.shots import ShotDetector
from pipeline.generations import LANES
from pipeline.log import committed_records
from pipeline.plan import RunSettings
from pipeline.stream import run_stream
from pipeline.stream_status import StreamStatus
from pipeline.views import VIEWS


def validator(kind: str) -> Draft202012Validator:
    schema = json.loads(files("operators").joinpath("schemas", f"{kind}.v1.json").read_text(encoding="utf-8"))
    Draft202012Validator.check_schema(schema)
    return Draft202012Validator(schema, format_checker=Draft202012Validator.FORMAT_CHECKER)


class Film:
    """Twelve seconds: two scenes with a black passage between them; speech, then silence; a hole in the sound."""

    def probe(self) -> StreamInfo:
        picture = PictureTrack(0, "made", 64, 48, 0, None, F(0))
        return StreamInfo("film", "made", F(0), None, picture, SoundTrack(1, "made", 16000, 1, None, F(0)))

    def frames(self, info: Any, need: Any, span: Any) -> Generator[Any, None, None]:
        scenes = [cv2.GaussianBlur(np.random.default_rng(n).integers(0, 255, (48, 64, 3), dtype=np.uint8), (9, 9), 0) for n in (0, 1)]
        for n in range(96):
            pixels = scenes[0] if n < 32 else np.zeros_like(scenes[0]) if n < 56 else scenes[1] // 2
            yield Frame(n, 8, F(n, 8), Picture(pixels))

    def samples(self, info: Any, span: Any) -> Generator[Any, None, None]:
        noise = np.random.default_rng(0).uniform(-0.3, 0.3, PACKET_SAMPLES).astype(np.float32)
        for n in range(120):
            if n == 100:
                yield Gap(F(10), F("10.5"), "listen", "decode_error", "3 packets")
            if not 100 <= n < 105:
                yield Samples(n, noise if n < 60 else np.zeros(PACKET_SAMPLES, np.float32))


async def vad(item: Any) -> VadResult:
    windows = np.abs(item.pcm.reshape(-1, WINDOW_SAMPLES)).max(axis=1)
    return VadResult(np.where(windows > 0.1, 0.9, 0.1).astype(np.float32), bytes(STATE_BYTES))


async def speech(item: Any) -> Recognition:
    words = [HeardWord(F(n, 2), F(n + 1, 2), f" word{n}" + "." * (n == 7), 0.75) for n in range(8)]
    return Recognition("en", (tuple(words),))


async def captioner(item: Any) -> Any:
    return PlainCaptioner()([item])[0]


@dataclass(frozen=True)
class Plan:
    stream_id: str = "film"
    uri: str = "film"
    start: F = F(0)
    stop: F | None = None
    settings_fingerprint: str = "s"
    live: bool = False

    def open_source(self, place: Path) -> tuple[Film, StreamInfo]:
        return Film(), Film().probe()

    def abandon_source(self, place: Path) -> None:
        pass

    def keep_source(self, source: Film, lanes: set[str]) -> bool:
        return True

    def clock_moved_s(self, source: Film) -> float:
        return 0.0

    def close_source(self, source: Film, stopped: bool) -> None:
        pass

    def source_fingerprint(self) -> str:
        return "f"

    def operators(self, lane: str, stills: Any) -> list[Any]:
        if lane == "look":
            return [ShotDetector(), BlackDetector()]
        return (
            [SpeechTranscriber(), SilenceDetector()]
            if lane == "listen"
            else [SubtitleCutter(style("netflix")), Describer(DescriberOptions(), stills)]
        )


@pytest.fixture(scope="module")
def said(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the logs of a run."""
    out = tmp_path_factory.mktemp("out")
    models = {
        "vad": (Model("vad", "made"), vad),
        "speech": (Model("speech", "made", "1"), speech),
        "captioner": (Model("captioner", "plain"), captioner),
    }
    run = run_stream(Plan(), RunSettings(out, "local", fresh=False), models, StreamStatus("film"), asyncio.Event())
    assert asyncio.run(run).state == "complete"
    return out / "film" / "1"


@pytest.fixture(scope="module")
def records(said: Path) -> list[dict[str, Any]]:
    """All final records of the run, as readers of STREAM.jsonl get them."""
    return [json.loads(line) for line in VIEWS["jsonl"](said)]


def test_every_record_of_real_operators_is_valid(records):
    for record in records:
        validator(record["type"]).validate(record)
    assert {r["type"] for r in records} == set(RECORDS)
    kinds = {(r["origin"], r.get("kind"), r.get("lifecycle")) for r in records}
    assert {("narrate.subtitles", "subtitle", None), ("narrate.captions", "description", None)} <= kinds
    assert {("look.black", None, "start"), ("look.black", None, "end"), ("listen.silence", None, "end")} <= kinds
    assert {r["reason"] for r in records if r["type"] == "gap"} == {"decode_error"}


def test_the_run_tells_what_was_said_and_seen(records):
    subtitles = [" ".join(r["lines"]) for r in records if r.get("kind") == "subtitle"]
    assert " ".join(subtitles).startswith("word0 word1")
    descriptions = [r["text"] for r in records if r.get("kind") == "description"]
    assert any("The screen is black." in d for d in descriptions)
    assert any("Someone speaks" in d for d in descriptions)
    assert all(e["sha256"] for r in records for e in r.get("evidence", []) if e["type"] == "still")


def test_evidence_is_there_and_has_the_hash_it_is_given(said, records):
    from hashlib import sha256

    stills = [e for r in records for e in r.get("evidence", []) if e["type"] == "still"]
    assert stills
    for evidence in stills:
        assert sha256((said / evidence["uri"]).read_bytes()).hexdigest() == evidence["sha256"]


@pytest.mark.parametrize("kind", sorted(RECORDS))
def test_a_schema_has_the_fields_of_its_record_and_lets_others_pass(kind, records):
    record = next(r for r in records if r["type"] == kind)
    schema = validator(kind).schema
    assert set(schema["properties"]) == set(record)
    assert {f.name for f in fields(RECORDS[kind])} - {"start", "end"} <= set(schema["properties"])
    validator(kind).validate({**record, "new_in_1_1": 3})
    without_nulls = {name: value for name, value in record.items() if value is not None}
    validator(kind).validate(without_nulls)
    for name in schema["required"]:
        with pytest.raises(ValidationError, match=name):
            validator(kind).validate({k: v for k, v in record.items() if k != name})


@pytest.mark.parametrize(
    ("kind", "change"),
    [
        ("transcript", {"schema": "capstream.transcript.v2"}),
        ("transcript", {"type": "caption"}),
        ("transcript", {"start_ms": 1.5}),
        ("transcript", {"start_ms": -1}),
        ("transcript", {"sequence": None}),
        ("transcript", {"stream_id": ""}),
        ("transcript", {"origin": "Listen words"}),
        ("transcript", {"produced_at": "yesterday"}),
        ("transcript", {"language": "English (US)"}),
        ("transcript", {"words": [{"text": "a", "start_ms": 0, "end_ms": 1}]}),
        ("transcript", {"words": [{"text": "a", "start_ms": 0, "end_ms": 1, "confidence": 1.01}]}),
        ("transcript", {"models": [{"name": "no role"}]}),
        ("caption", {"kind": "haiku"}),
        ("caption", {"lines": []}),
        ("caption", {"text": ""}),
        ("caption", {"confidence": "high"}),
        ("caption", {"evidence": [{"type": "still", "at_ms": 1, "sha256": "abc"}]}),
        ("caption", {"evidence": [{"type": "rumour", "at_ms": 1}]}),
        ("event", {"lifecycle": "middle"}),
        ("event", {"score": 2}),
        ("event", {"box": [0, 0, 1]}),
        ("event", {"box": [0, 0, 1, 1.5]}),
        ("event", {"severity": "severe"}),
        ("gap", {"reason": "bored"}),
        ("gap", {"lane": "smell"}),
        ("end", {"counts": {"look.shots": -1}}),
        ("end", {"duration_ms": None}),
        ("end", {"clock": "wall"}),
    ],
)
def test_what_is_wrong_is_refused(kind, change, records):
    record = next(r for r in records if r["type"] == kind)
    with pytest.raises(ValidationError):
        validator(kind).validate({**deepcopy(record), **change})


def test_the_identity_of_a_record_is_its_own_and_an_origin_counts_without_hole(said):
    for lane in LANES:
        numbers: dict[str, list[int]] = {}
        for record in committed_records(said / f"{lane}.jsonl"):
            numbers.setdefault(record["origin"], []).append(record["sequence"])
        assert all(n == list(range(len(n))) for n in numbers.values())


def test_a_live_record_says_what_time_it_was() -> None:
    gap = Gap(F(3, 2), F(2), "look", "source_down")
    wire = to_wire(gap, Identity("film", 1, "look", 0), "2026-01-01T00:00:09Z", clock=Clock("arrival", "2025-12-31T23:59:59.250Z"))
    assert (wire["start_time"], wire["end_time"], wire["clock"]) == ("2026-01-01T00:00:00.750Z", "2026-01-01T00:00:01.250Z", "arrival")
    validator("gap").validate(wire)


def test_a_partial_is_valid_and_says_of_each_word_whether_it_is_certain():
    words = tuple(Word(F(n), F(n + 1), f"w{n}", 0.9, "en", "16000-0") for n in range(3))
    partial = Partial(F(0), F(3), "16000-0", 3072, "w0 w1 w2", "en", words, 2, 1)
    models = (Model("speech", "made", "1"),)
    wire = partial_to_wire(partial, Identity("film", 1, "listen.words", 0), "2026-11-30T08:00:00.000Z", models, None)
    schema = validator("partial")
    schema.validate(wire)
    assert set(schema.schema["properties"]) == set(wire)
    assert [w["stable"] for w in wire["words"]] == [True, True, False]
    for name in schema.schema["required"]:
        with pytest.raises(ValidationError, match=name):
            schema.validate({k: v for k, v in wire.items() if k != name})
