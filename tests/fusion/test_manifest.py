"""Manifests, and published annotations as such."""

import json
from fractions import Fraction
from pathlib import Path

import pytest

from operators.errors import ConfigError
from operators.fusion.clip import Told
from operators.timeline import Span
from pipeline.annotations import FORMATS, read_annotations
from pipeline.clip_manifest import CaptionLine, ClipLine, EventLine, read_manifest

GOOD = {
    "media": "a.mp4", "start": 1, "end": 9.5,
    "captions": [{"text": "One."}, {"text": "Two.", "start": 2, "end": 4}, {"text": "Due.", "start": 2, "end": 4}],
    "events": [{"label": "bang", "start": 2, "end": 3}],
    "questions": [{"text": "Who?", "answer": "Ben", "needs": ["words"]}],
    "words": [{"text": "hello", "start": 1.5, "end": 1.8}],
}  # fmt: skip


def manifest(folder: Path, *lines: object) -> Path:
    (folder / "a.mp4").touch()
    path = folder / "m.jsonl"
    path.write_text("\n".join(x if isinstance(x, str) else json.dumps(x) for x in lines))
    return path


def test_a_good_line(tmp_path: Path) -> None:
    [line] = read_manifest(manifest(tmp_path, GOOD), ("bang",))
    assert line.media == str(tmp_path / "a.mp4")
    assert line.id == "m-000001"
    whole = Span(Fraction(1), Fraction(19, 2))
    assert line.captions_in(whole) == (Told(whole, ("One.",)), Told(Span(Fraction(2), Fraction(4)), ("Two.", "Due.")))
    assert line.asked()[0].needs == frozenset({"words"})
    assert line.events_in(whole) is not None
    [bare] = read_manifest(manifest(tmp_path, {"media": "a.mp4"}))
    assert bare.events_in(whole) is None


def test_every_fault_is_told_with_its_line(tmp_path: Path) -> None:
    path = manifest(
        tmp_path,
        GOOD,
        "not json",
        {**GOOD, "media": "gone.mp4", "id": "x"},
        {**GOOD, "start": 9, "end": 9},
        {**GOOD, "captions": [{"text": ""}]},
        {**GOOD, "captions": [{"text": "  "}]},
        {**GOOD, "events": [{"label": "quack", "start": 3, "end": 2}]},
        {**GOOD, "captions": [{"text": "late", "start": 20, "end": 30}]},
        {**GOOD, "size": 3},
        {**GOOD, "start": -1},
        {**GOOD, "id": "x"},
        {**GOOD, "words": [{"text": "w", "start": "now", "end": 2}]},
    )
    with pytest.raises(ConfigError) as told:
        read_manifest(path, ("bang",))
    message = told.value.message
    for part in (
        "line 2: no JSON object",
        "line 3: media",
        "gone.mp4 is not there",
        "line 4: the clip ends at 9 s",
        "line 5: captions.0.text is empty",
        "line 6: caption 1 is empty",
        "line 7: event 1 ends at 2 s",
        "line 7: event 1 has the unknown label 'quack': known are bang",
        "line 8: caption 1 lies at 20 to 30 s, outside the clip",
        "line 9: unknown key size",
        "line 10: start",
        "line 11: id x stands in line 3 already",
        "line 12: words.0.start",
    ):
        assert part in message
    assert "line 1:" not in message
    with pytest.raises(ConfigError, match="holds no clips"):
        read_manifest(manifest(tmp_path, ""))
    with pytest.raises(ConfigError, match="can not be read"):
        read_manifest(tmp_path / "none.jsonl")


@pytest.mark.parametrize(
    ("line", "told"),
    [
        (
            ClipLine(media="x", captions=[CaptionLine(text="late", start=6, end=8)]),
            "caption at 6 s begins after the clip, which ends",
        ),
        (ClipLine(media="x", events=[EventLine(label="bang", start=4, end=5)]), "event at 4 s begins after the clip"),
    ],
)
def test_times_behind_the_end_of_the_media_are_told(line: ClipLine, told: str) -> None:
    with pytest.raises(ConfigError, match=told):
        _ = line.captions_in(FOUR), line.events_in(FOUR)
    early = ClipLine(media="x", captions=[CaptionLine(text="to the end", start=3, end=8)])
    assert early.captions_in(FOUR)[0].span == Span(Fraction(3), Fraction(4))


FOUR = Span(Fraction(0), Fraction(4))
MSRVTT = {
    "videos": [{"video_id": "video0", "start time": 10.0, "end time": 20.0, "split": "train"}],
    "sentences": [{"video_id": "video0", "caption": "a man sings", "sen_id": 1}],
}
ACTIVITYNET = {"v_abc": {"duration": 20.0, "timestamps": [[0.5, 9.0], [9.0, 21.0]], "sentences": ["A man sits.", " He stands."]}}
YOUCOOK2 = {
    "database": {"abc": {"duration": 90, "subset": "training", "annotations": [{"id": 0, "segment": [4, 16], "sentence": "cut the onion"}]}}
}
VATEX = [{"videoID": "abc_000001_000011", "enCap": ["A dog runs.", "The dog plays."], "chCap": ["狗"]}]
AUDIOCAPS = "audiocap_id,youtube_id,start_time,caption\n1,abc,30,Rain falls\n2,abc,30,It rains\n"


@pytest.mark.parametrize(
    ("kind", "content", "media", "texts"),
    [
        ("msrvtt", json.dumps(MSRVTT), "video0.mp4", ["a man sings"]),
        ("activitynet", json.dumps(ACTIVITYNET), "v_abc.mkv", ["A man sits.", "He stands."]),
        ("activitynet", json.dumps(ACTIVITYNET), "abc.mkv", ["A man sits.", "He stands."]),
        ("youcook2", json.dumps(YOUCOOK2), "abc.mp4", ["cut the onion"]),
        ("audiocaps", AUDIOCAPS, "1.wav", ["Rain falls", "It rains"]),
        ("vatex", json.dumps(VATEX), "abc_000001_000011.mp4", ["A dog runs.", "The dog plays."]),
    ],
)
def test_published_annotations_become_lines(tmp_path: Path, kind: str, content: str, media: str, texts: list[str]) -> None:
    annotations, folder = tmp_path / "annotations", tmp_path / "media" / "deep"
    annotations.write_text(content)
    folder.mkdir(parents=True)
    assert read_annotations(kind, annotations, tmp_path / "media") == ([], read_annotations(kind, annotations, tmp_path / "media")[1])
    (folder / media).touch()
    lines, missing = read_annotations(kind, annotations, tmp_path / "media")
    assert not missing
    assert [c["text"] for line in lines for c in line["captions"]] == texts
    path = tmp_path / "m.jsonl"
    path.write_text("\n".join(json.dumps(line) for line in lines))
    assert len(read_manifest(path)) == len(lines)


@pytest.mark.parametrize("kind", FORMATS)
def test_a_file_of_another_kind_says_so(tmp_path: Path, kind: str) -> None:
    (tmp_path / "a").write_text('{"some": "thing"}')
    with pytest.raises(ConfigError, match=f"no file of {kind} annotations"):
        read_annotations(kind, tmp_path / "a", tmp_path)
    with pytest.raises(ConfigError, match="one of msrvtt"):
        read_annotations("coco", tmp_path / "a", tmp_path)


@pytest.mark.parametrize(("kind", "content", "own"), [("msrvtt", MSRVTT, "train"), ("youcook2", YOUCOOK2, "training")])
def test_a_split_is_taken_alone(tmp_path: Path, kind: str, content: object, own: str) -> None:
    (tmp_path / "a").write_text(json.dumps(content))
    for name in ("video0.mp4", "abc.mp4"):
        (tmp_path / name).touch()
    assert read_annotations(kind, tmp_path / "a", tmp_path, own) == read_annotations(kind, tmp_path / "a", tmp_path)
    with pytest.raises(ConfigError, match=f"no split 'dev': one of {own}"):
        read_annotations(kind, tmp_path / "a", tmp_path, "dev")
    (tmp_path / "b").write_text(json.dumps(VATEX))
    with pytest.raises(ConfigError, match="names none"):
        read_annotations("vatex", tmp_path / "b", tmp_path, "dev")


def test_activitynet_sentences_end_with_their_video(tmp_path: Path) -> None:
    (tmp_path / "a").write_text(json.dumps(ACTIVITYNET))
    (tmp_path / "abc.mp4").touch()
    lines, _ = read_annotations("activitynet", tmp_path / "a", tmp_path)
    assert [(c["start"], c["end"]) for c in lines] == [(0.5, 9.0), (9.0, 20.0)]
