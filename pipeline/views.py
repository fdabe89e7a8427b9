"""What people and their tools read, made from the logs: records as JSON lines, subtitle files, transcripts.

A view holds what is committed, so it can be made at the end, on demand, or while a lane goes on. It appears whole or not at all.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import msgspec

from operators.errors import ConfigError, StorageError
from operators.records import Wire
from operators.sources import SourceOptions
from operators.sources.probe import probe
from operators.subtitles import SubtitleTranslator
from operators.subtitles.formats import FORMATS, TIMECODED, Cue, Timecode, hls, webvtt
from operators.timeline import clock, from_ms
from pipeline.log import committed_records, write_atomically
from pipeline.video_export import How, export_video, format_for

LANES = ("look", "listen", "narrate")
TRANSLATED = SubtitleTranslator.origin
SEGMENT_MS = 6000
"""Of a segment for HLS: what its authoring guides ask for."""


@dataclass(frozen=True, slots=True)
class Finished:
    """A stream whose latest generation is exported, and which of its subtitles."""

    out_dir: Path
    stream: str
    language: str | None = None
    """Of a translation; None: what is said, in its own languages."""

    def generation(self) -> Path:
        """The folder of its logs. Raises ConfigError where there is none, or no such translation in it."""
        folder = latest_generation(self.out_dir, self.stream)
        if self.language is not None and self.language not in (there := translations(folder)):
            told = f"one of {', '.join(there)}" if there else "run it with narrate.translations.languages"
            raise ConfigError(f"{self.stream} is not translated into {self.language!r}: {told}")
        return folder


def write_views(stream_dir: Path, generation_dir: Path) -> None:
    """Write STREAM.jsonl, STREAM.vtt and STREAM.srt into `stream_dir` from the logs in `generation_dir`; of each translation
    STREAM.LANGUAGE.vtt and .srt.

    Raises StorageError where a log is damaged or a file can not be written.
    """
    for view in ("jsonl", "vtt", "srt"):
        write_parts(stream_dir / f"{stream_dir.name}.{view}", VIEWS[view](generation_dir))
    for language in translations(generation_dir):
        for view in ("vtt", "srt"):
            write_parts(stream_dir / f"{stream_dir.name}.{language}.{view}", FORMATS[view](subtitles(generation_dir, language)))


def export(finished: Finished, view: str, destination: Path, timecode: Timecode | None = None) -> None:
    """Write one view of a stream to a file of the user's choice; with `timecode`, its times are SMPTE's.

    Raises:
        ConfigError: there is no such stream or translation, no such view, or none of it in timecode.
        StorageError: a log is damaged or `destination` can not be written.
    """
    if view not in VIEWS:
        raise ConfigError(f"can not export {view!r}: one of {', '.join(VIEWS)}")
    generation_dir = finished.generation()
    if finished.language is not None and view not in FORMATS:
        raise ConfigError(f"{view} has no language: export one of {', '.join(FORMATS)}, or leave --language out")
    cues = subtitles(generation_dir, finished.language)
    if timecode is None:
        write_parts(destination, FORMATS[view](cues) if view in FORMATS else VIEWS[view](generation_dir))
    elif view in TIMECODED:
        write_parts(destination, TIMECODED[view](cues, timecode))
    else:
        raise ConfigError(f"{view} has no timecode: export one of {', '.join(TIMECODED)}, or leave --rate out")


def export_into(finished: Finished, how: How, video: Path, destination: Path) -> None:
    """Write `video` to `destination` with the subtitles of a stream. Raises as `export` and `export_video` do."""
    cues = list(subtitles(finished.generation(), finished.language))
    language = next((c.language for c in cues if c.language), None)
    export_video(how, FORMATS[format_for(how, destination)](cues), video, destination, language)


def latest_generation(out_dir: Path, stream: str) -> Path:
    """The folder of the logs of a stream's latest generation. Raises ConfigError where there is none."""
    folders = [f for f in (out_dir / stream).glob("*/") if f.name.isdecimal()]
    if not folders:
        there = sorted({f.parents[1].name for f in out_dir.glob("*/*/look.jsonl")})
        raise ConfigError(f"no stream {stream!r} in {out_dir}: " + (f"one of {', '.join(there)}" if there else "there is none"))
    return max(folders, key=lambda f: int(f.name))


def export_hls(finished: Finished, video: Path, folder: Path) -> None:
    """Write the subtitles of a stream to `folder` as segments of WebVTT for HLS, and last their playlist.
    `video`: the stream's own media, or the first of its segments: their clock is measured there.

    Raises:
        ConfigError: there is no such stream or translation.
        SourceUnavailable: `video` can not be read.
        StorageError: a log is damaged or `folder` can not be written.
    """
    generation_dir = finished.generation()
    zero = probe(str(video), SourceOptions()).info.zero
    until_ms = max((r["end_ms"] for r in _records(generation_dir)), default=0)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as e:
        raise StorageError(f"can not write {folder}: {e.strerror or e}; make room or choose another place") from e
    for name, text in hls(subtitles(generation_dir, finished.language), until_ms, SEGMENT_MS, zero):
        write_parts(folder / name, iter([text]))


def _jsonl(generation_dir: Path) -> Iterator[str]:
    """All final records by start, origin and sequence."""
    encode = msgspec.json.Encoder().encode
    lines = [(r["start_ms"], r["origin"], r["sequence"], encode(r)) for r in _records(generation_dir)]
    for *_, line in sorted(lines):
        yield line.decode() + "\n"


def _subtitles(write: Callable[[Iterable[Cue]], Iterator[str]]) -> Callable[[Path], Iterator[str]]:
    return lambda generation_dir: write(subtitles(generation_dir))


def subtitles(generation_dir: Path, language: str | None = None) -> Iterator[Cue]:
    """The cues of what is said and heard, as the log has them; or those of its translation into a language."""
    return _cues(generation_dir, ("subtitle", "sdh"), language)


def translations(generation_dir: Path) -> list[str]:
    """The languages that what is said was translated into."""
    records = committed_records(generation_dir / "narrate.jsonl")
    return sorted({r["language"] for r in records if r["type"] == "caption" and r["origin"] == TRANSLATED})


def _descriptions(generation_dir: Path) -> Iterator[str]:
    """The captions of what is seen and heard, as WebVTT: a track of kind descriptions."""
    last_revisions = {cue.cue_id: cue for cue in _cues(generation_dir, ("description",))}
    return webvtt(iter(last_revisions.values()))


def _transcript(generation_dir: Path) -> Iterator[str]:
    """One line for each segment of speech, with its time."""
    said = (r for r in _records(generation_dir) if r["type"] == "transcript")
    for r in sorted(said, key=lambda r: (r["start_ms"], r["origin"], r["sequence"])):
        speaker = f"{r['speaker']}: " if r["speaker"] else ""
        yield f"[{clock(from_ms(r['start_ms']))}] {speaker}{' '.join(r['text'].split())}\n"


VIEWS: dict[str, Callable[[Path], Iterator[str]]] = {
    "jsonl": _jsonl,
    **{name: _subtitles(write) for name, write in FORMATS.items()},
    "descriptions": _descriptions,
    "txt": _transcript,
}


def _records(generation_dir: Path) -> Iterator[Wire]:
    for lane in LANES:
        yield from committed_records(generation_dir / f"{lane}.jsonl")


def _cues(generation_dir: Path, kinds: tuple[str, ...], translation: str | None = None) -> Iterator[Cue]:
    for r in _records(generation_dir):
        into = r["language"] if r["origin"] == TRANSLATED and r["type"] == "caption" else None
        if r["type"] == "caption" and r["kind"] in kinds and into == translation:
            told = r["cue_id"], r["speaker"], r["language"]
            per_line = tuple(r.get("speakers") or ()), tuple(r.get("colours") or ())
            reasons = tuple(r.get("reasons") or ())
            yield Cue(r["start_ms"], r["end_ms"], tuple(r["lines"]), *told, "", tuple(r["violations"]), *per_line, reasons)


def write_parts(path: Path, parts: Iterator[str]) -> None:
    """Write a file whole or not at all. Raises StorageError."""
    try:
        write_atomically(path, "".join(parts).encode())
    except OSError as e:
        raise StorageError(f"can not write {path}: {e.strerror or e}; make room or choose another place") from e
