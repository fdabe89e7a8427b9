"""Folders and globs on the command line: many sources."""

from glob import glob, has_magic
from pathlib import Path

from operators.errors import SourceUnavailable

MEDIA_SUFFIXES = (
    ".3g2", ".3gp", ".aac", ".ac3", ".aif", ".aiff", ".amr", ".asf", ".au", ".avi", ".caf", ".dv", ".eac3", ".flac",
    ".flv", ".gif", ".ivf", ".m2ts", ".m2v", ".m3u8", ".m4a", ".m4v", ".mka", ".mkv", ".mov", ".mp2", ".mp3", ".mp4",
    ".mpeg", ".mpg", ".mts", ".mxf", ".nut", ".oga", ".ogg", ".ogv", ".opus", ".ps", ".rm", ".ts", ".vob", ".w64",
    ".wav", ".webm", ".wma", ".wmv", ".wtv", ".wv", ".y4m",
)  # fmt: skip
"""Other files in folders are skipped by name. What is named outright is read whatever its name."""


def expand(source: str) -> list[str]:
    """The files meant: those of a folder and its folders, sorted, or those of a glob; a single name as it is.

    Raises SourceUnavailable where a folder or a glob holds no media.
    """
    path = Path(source)
    if path.is_dir():
        files = [p for p in sorted(path.rglob("*")) if not any(part.startswith(".") for part in p.relative_to(path).parts)]
    elif has_magic(source) and "://" not in source and not path.exists():
        files = sorted(map(Path, glob(source, recursive=True)))
    else:
        return [source]
    media = [str(p) for p in files if p.suffix.lower() in MEDIA_SUFFIXES and p.is_file()]
    if not media:
        raise SourceUnavailable(f"{source}: no media in {len(files)} files; name a file outright if it is media under another name")
    return media
