"""Subtitles in a video: as a track of its own beside the others, or drawn into the picture. What is said never stands in a command."""

import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import ffmpeg

from operators.errors import ConfigError, SourceUnavailable, StorageError
from operators.sentences import primary
from operators.sources.admission import admit
from operators.sources.binaries import find_ffmpeg
from operators.sources.probe import MOST_PIXELS
from operators.subtitles.languages import LANGUAGES

How = Literal["mux", "burn"]
TRACKS = {
    ".mp4": ("srt", "mov_text"),
    ".m4v": ("srt", "mov_text"),
    ".mov": ("srt", "mov_text"),
    ".mkv": ("ass", "ass"),
    ".webm": ("vtt", "webvtt"),
}
"""By container: the format that a track of subtitles is made from, and its codec."""


def format_for(how: How, destination: Path) -> str:
    """The view that is put into the video. Raises ConfigError where the container holds no subtitles."""
    if how == "burn":
        return "ass"
    if destination.suffix.lower() not in TRACKS:
        raise ConfigError(f"{destination}: a track of subtitles is written to {', '.join(TRACKS)}; name the file so")
    return TRACKS[destination.suffix.lower()][0]


def export_video(how: How, parts: Iterator[str], video: Path, destination: Path, language: str | None) -> None:
    """Write `video` with the subtitles of `parts`, in the format of `format_for`, to `destination`. Blocking.

    Raises:
        ConfigError: the container holds no subtitles, or `destination` is `video`.
        SourceUnavailable: there is no such video, or ffmpeg can not read it.
        StorageError: `destination` can not be written.
    """
    suffix = format_for(how, destination)
    found = admit(str(video))
    if destination.exists() and destination.samefile(video):
        raise ConfigError(f"{destination} is the video itself: write to another file")
    with tempfile.TemporaryDirectory(prefix="capstream-") as folder:
        cues, made = Path(folder) / f"cues.{suffix}", Path(folder) / f"made{destination.suffix}"
        cues.write_text("".join(parts), encoding="utf-8")
        source = ffmpeg.input("video", max_pixels=MOST_PIXELS, **found.options)
        (Path(folder) / "video").symlink_to(found.path)
        output = _muxed(source, cues, made, language) if how == "mux" else _burnt(source, cues, made)
        command = [find_ffmpeg(), "-nostdin", "-v", "error", "-y", *ffmpeg.get_args(output)]
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, errors="replace", check=False)
        if done.returncode or not made.is_file():
            said = (done.stderr.strip().splitlines() or ["ffmpeg said nothing"])[-1]
            raise SourceUnavailable(f"{video} can not be written with subtitles: {said}")
        try:
            shutil.move(made, destination)
        except OSError as e:
            raise StorageError(f"can not write {destination}: {e.strerror or e}; make room or choose another place") from e


def _muxed(source: ffmpeg.Stream, cues: Path, made: Path, language: str | None) -> ffmpeg.Stream:
    codec = TRACKS[made.suffix.lower()][1]
    # Containers name languages by ISO 639-2.
    named = LANGUAGES.get(primary(language or ""), "und")
    options = {"c": "copy", "c:s": codec, "metadata:s:s:0": f"language={named}", "disposition:s:0": "default"}
    return ffmpeg.output(source["v?"], source["a?"], ffmpeg.input(cues.name), made.name, **options)


def _burnt(source: ffmpeg.Stream, cues: Path, made: Path) -> ffmpeg.Stream:
    return ffmpeg.output(source["v:0"].filter("ass", cues.name), source["a?"], made.name, **{"c:a": "copy"})
