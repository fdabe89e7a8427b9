"""What may be opened: local files that are media by their content, and local HLS playlists whose every file lies beside them.

Demuxers that open other files by name (playlists, ffconcat, image sequences) and protocols that do (`concat:`, `subfile:`)
would let a file make us read another one: formats and protocols are allow-lists, and a path is always given as `file:/…`.
"""

import re
import stat
from dataclasses import dataclass
from pathlib import Path

from operators.errors import SourceUnavailable
from operators.sources import playlist

FORMATS = (
    "aac,ac3,aiff,amr,amrnb,amrwb,ape,asf,au,avi,caf,dts,dtshd,dv,eac3,flac,flv,gif,ivf,matroska,mjpeg,mov,mp3,mpc,mpc8,mpeg,"
    "mpegts,mxf,nut,oga,ogg,rm,tta,truehd,voc,w64,wav,webm,wtv,wv,yuv4mpegpipe"
)
_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://")
_MP4_BOXES = (b"ftyp", b"styp", b"moof", b"mdat", b"sidx", b"wide", b"free")


@dataclass(frozen=True, slots=True)
class Input:
    """A file that may be opened, and how."""

    uri: str
    """As the user named it."""
    path: Path
    playlist: bool

    @property
    def name(self) -> str:
        """What messages call it."""
        return printable(self.uri)

    @property
    def url(self) -> str:
        """The absolute `file:` form: no name in it can be taken for an option or a protocol."""
        return f"file:{self.path}"

    @property
    def options(self) -> dict[str, str]:
        """The demuxer's options that keep it to this file, the same for PyAV and for ffmpeg."""
        return {"protocol_whitelist": "file", "format_whitelist": playlist.FORMATS if self.playlist else FORMATS}


def admit(uri: str) -> Input:
    """Raises SourceUnavailable where `uri` is not a file with something in it, or a playlist that may not be followed."""
    name = printable(uri)
    if _URL.match(uri):
        raise SourceUnavailable(f"{name.split('://')[0]}://…: only files are read; copy the media to a local file")
    path = Path(uri).absolute()
    try:
        status = path.stat()
        if stat.S_ISDIR(status.st_mode):
            raise SourceUnavailable(f"{name}: is a folder; name the files in it")
        if not stat.S_ISREG(status.st_mode):
            raise SourceUnavailable(f"{name}: is a pipe or a device, not a file; copy the media to a file")
        with path.open("rb") as file:
            head = file.read(16)
        if not head:
            raise SourceUnavailable(f"{name}: the file is empty; copy or record it again")
        listed = playlist.begins(head)
        if listed:
            playlist.check(name, path)
    except FileNotFoundError as e:
        raise SourceUnavailable(f"{name}: there is no such file; check the path") from e
    except (OSError, ValueError) as e:
        raise SourceUnavailable(f"{name}: can not be read ({getattr(e, 'strerror', None) or e}); check the name and its permissions") from e
    return Input(uri, path, listed)


def printable(name: str) -> str:
    """For messages: one line, whatever bytes are in a file's name."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in name)


def explain(source: Input) -> str:
    """Why a file that could not be opened as media can not: one clause, and what to do."""
    with source.path.open("rb") as file:
        head = file.read(4096)
    if _is_text(head):
        return "is a text file, not media; check that it is the file you meant"
    boxes = top_boxes(source.path)
    if boxes and boxes[0] in _MP4_BOXES and b"moov" not in boxes:
        return "its index (moov) is missing: the recording was cut off, or is a fragment without its first part; record or join it again"
    return "is no media of a kind known here, or is damaged beyond reading; try to play it"


def _is_text(head: bytes) -> bool:
    try:
        text = head.decode("utf-8")
    except UnicodeDecodeError as e:
        if e.start < len(head) - 4:
            return False
        text = head[: e.start].decode("utf-8")
    return all(c.isprintable() or c in "\r\n\t\f\ufeff" for c in text)


def top_boxes(path: Path, most: int = 64) -> list[bytes]:
    """Types of the first boxes of an ISO base media file (MP4, MOV); empty or nonsense where it is none."""
    boxes: list[bytes] = []
    with path.open("rb") as file:
        size = path.stat().st_size
        at = 0
        while at + 8 <= size and len(boxes) < most:
            file.seek(at)
            header = file.read(16)
            length, kind = int.from_bytes(header[:4], "big"), header[4:8]
            if length == 1:
                length = int.from_bytes(header[8:16], "big")
            boxes.append(kind)
            if length < 8:
                break
            at += length
    return boxes
