"""Published annotations as lines of a manifest: MSR-VTT, ActivityNet Captions, YouCook2, AudioCaps, VATEX."""

import csv
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from operators.errors import ConfigError

Clip = dict[str, Any]
"""A line of a manifest; `media` is the stem of a file. Beside its keys: `split`, where the annotations name it, and `other`, a second name
of the media."""
ENDINGS = (".mp4", ".mkv", ".webm", ".avi", ".mov", ".wav", ".flac", ".mp3", ".ogg", ".m4a")


def _msrvtt(path: Path) -> Iterator[Clip]:
    """Xu et al. 2016: {"videos": [{"video_id", "split"}], "sentences": [{"video_id", "caption"}]}; the videos are cut already."""
    told: dict[str, list[str]] = {}
    known = json.loads(path.read_text(encoding="utf-8"))
    for sentence in known["sentences"]:
        told.setdefault(sentence["video_id"], []).append(sentence["caption"])
    for video in known["videos"]:
        name = video["video_id"]
        yield {"id": name, "media": name, "split": video.get("split"), "captions": [{"text": t} for t in told.get(name, [])]}


def _activitynet(path: Path) -> Iterator[Clip]:
    """Krishna et al. 2017: {"v_ID": {"duration", "timestamps": [[s, e]], "sentences"}}; a clip a sentence."""
    for name, video in json.loads(path.read_text(encoding="utf-8")).items():
        for n, ((start, end), text) in enumerate(zip(video["timestamps"], video["sentences"], strict=True)):
            yield _stretch(f"{name}-{n:03}", name, (min(start, end), min(max(start, end), video["duration"])), text)


def _youcook2(path: Path) -> Iterator[Clip]:
    """Zhou et al. 2018: {"database": {ID: {"subset", "annotations": [{"id", "segment", "sentence"}]}}}."""
    for name, video in json.loads(path.read_text(encoding="utf-8"))["database"].items():
        for annotation in video["annotations"]:
            clip = _stretch(f"{name}-{annotation['id']:03}", name, annotation["segment"], annotation["sentence"])
            yield {**clip, "split": video.get("subset")}


def _audiocaps(path: Path) -> Iterator[Clip]:
    """Kim et al. 2019: CSV of audiocap_id, youtube_id, start_time, caption; the sounds are cut already, named by youtube_id or by
    audiocap_id. Several captions of one sound are told together."""
    told: dict[str, Clip] = {}
    with path.open(newline="", encoding="utf-8") as file:
        rows = csv.DictReader(file)
        if lacking := {"audiocap_id", "youtube_id", "caption"} - set(rows.fieldnames or ()):
            raise ValueError(f"it has no column {min(lacking)}")
        for row in rows:
            name = row["youtube_id"]
            clip = told.setdefault(name, {"id": name, "media": name, "other": row["audiocap_id"], "captions": []})
            clip["captions"].append({"text": row["caption"]})
    yield from told.values()


def _vatex(path: Path) -> Iterator[Clip]:
    """Wang et al. 2019: [{"videoID": "ID_start_end", "enCap": [texts]}]; the videos are cut already, named by videoID."""
    for video in json.loads(path.read_text(encoding="utf-8")):
        yield {"id": video["videoID"], "media": video["videoID"], "captions": [{"text": t} for t in video["enCap"]]}


FORMATS: dict[str, Callable[[Path], Iterator[Clip]]] = {
    "msrvtt": _msrvtt, "activitynet": _activitynet, "youcook2": _youcook2, "audiocaps": _audiocaps, "vatex": _vatex,
}  # fmt: skip


def read_annotations(kind: str, path: Path, media: Path, split: str = "") -> tuple[list[Clip], list[str]]:
    """(lines of a manifest, ids whose media is not in the folder `media` or below it): of one split, or of all.

    Raises ConfigError where the file is none of that kind, with the reason, and where it has no such split, with those it has.
    """
    if kind not in FORMATS:
        raise ConfigError(f"no annotations {kind!r}: one of {', '.join(FORMATS)}")
    try:
        clips = list(FORMATS[kind](path))
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as e:
        why = f"{type(e).__name__}: {e}".splitlines()[0]
        raise ConfigError(f"{path} is no file of {kind} annotations ({why})") from e
    files = {p.stem: p for p in sorted(media.rglob("*")) if p.suffix.lower() in ENDINGS}
    lines, missing = [], []
    for clip in _of_split(clips, split, path):
        names = (clip["media"], clip.pop("other", ""), clip["media"].removeprefix("v_"))
        file = next((files[n] for n in names if n in files), None)
        if file is None:
            missing.append(clip["id"])
        elif clip["captions"]:
            lines.append({**clip, "media": str(file.absolute())})
    return lines, missing


def _of_split(clips: list[Clip], split: str, path: Path) -> list[Clip]:
    named = [clip.pop("split", None) for clip in clips]
    if split and split not in named:
        known = sorted({n for n in named if n})
        raise ConfigError(
            f"{path} has no split {split!r}" + (f": one of {', '.join(known)}" if known else "; it names none: leave --split away")
        )
    return [clip for clip, name in zip(clips, named, strict=True) if not split or name == split]


def _stretch(name: str, media: str, times: Any, text: str) -> Clip:
    start, end = (float(t) for t in times)
    return {"id": name, "media": media, "start": start, "end": end, "captions": [{"text": text.strip()}]}
