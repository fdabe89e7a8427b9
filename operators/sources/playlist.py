"""Local HLS playlists (RFC 8216): followed only where they are closed, in the clear, and name nothing outside their own folder."""

import re
from collections.abc import Iterator
from pathlib import Path

from operators.errors import SourceUnavailable

FORMATS = "hls,mpegts,mov,aac,ac3,eac3,flac,mp3,webvtt"
"""Demuxers that a playlist's segments may need."""
SUFFIXES = (".m3u8", ".m3u")
MOST_BYTES = 4 << 20
MOST_LISTS = 100
_URI = re.compile(r'\bURI="([^"]*)"')


def begins(head: bytes) -> bool:
    return head.removeprefix(b"\xef\xbb\xbf").startswith(b"#EXTM3U")


def check(called: str, path: Path) -> None:
    """Raises SourceUnavailable where the playlist, or one that it names, may not be followed; OSError where it can not be read."""
    if path.suffix.lower() not in SUFFIXES:
        raise SourceUnavailable(f"{called}: is a playlist under another name, which is not followed; name it .m3u8 if you trust it")
    root = path.parent.resolve()
    waiting, seen = [path], {path.resolve()}
    while waiting:
        for target in _targets(called, waiting.pop(), root):
            if target not in seen and target.suffix.lower() in SUFFIXES and target.is_file():
                seen.add(target)
                waiting.append(target)
        if len(seen) > MOST_LISTS:
            raise SourceUnavailable(f"{called}: names more than {MOST_LISTS} playlists; name the one you mean")


def _targets(called: str, path: Path, root: Path) -> Iterator[Path]:
    if path.stat().st_size > MOST_BYTES:
        raise SourceUnavailable(f"{called}: {path.name} is larger than {MOST_BYTES >> 20} MiB; it is no playlist")
    lines = [line.strip() for line in path.read_text(encoding="utf-8", errors="replace").splitlines()]
    if any(line.startswith(("#EXT-X-KEY", "#EXT-X-SESSION-KEY")) and "METHOD=NONE" not in line for line in lines):
        raise SourceUnavailable(f"{called}: the media of {path.name} is encrypted; decrypt it first")
    # ffmpeg reads an open list again and again, waiting for more.
    if any(line.startswith("#EXTINF") for line in lines) and "#EXT-X-ENDLIST" not in lines:
        raise SourceUnavailable(f"{called}: {path.name} is still open; when its recording is over, add the line #EXT-X-ENDLIST")
    for name in _names(lines):
        target = (path.parent / name).resolve()
        if ":" in name.split("/")[0] or not target.is_relative_to(root):
            raise SourceUnavailable(f"{called}: names {name!r}, which is not in the playlist's own folder, and is not followed")
        yield target


def _names(lines: list[str]) -> Iterator[str]:
    for line in lines:
        if line.startswith("#"):
            yield from _URI.findall(line)
        elif line:
            yield line
