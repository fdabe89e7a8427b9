"""A folder that a web server gives out: segments, their playlists, and what is needed to go on after a crash at any moment.

Segments come first, then the state, then the playlists, each whole or not at all: what a playlist lists is there, and a new process
writes again what the state says.
"""

import fcntl
import os
import re
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from fractions import Fraction
from pathlib import Path

import msgspec

from operators.errors import ConfigError, StorageError
from operators.sources.manifest import decode_exact, encode_exact
from operators.subtitles.formats.hls import PLAYLIST, SUFFIX
from operators.subtitles.formats.hls_playlist import Listed, Playlist, Rendition, Variant, master
from pipeline.hls_transport import Counters
from pipeline.log import write_atomically

STATE, LOCK = ".state.json", ".lock"
MEDIA, MEDIA_SUFFIX, MASTER = "media.m3u8", ".ts", "master.m3u8"
OURS = re.compile(r"\.?\d{6,}\.(ts|vtt)(\.\d+)?")
"""Segments, and those that a killed process was writing."""


@dataclass(frozen=True, slots=True)
class State:
    """What was published."""

    stream: str
    playlist: Playlist
    """Its segments' names are without their endings."""
    beside: bool = False
    """The media is published by another packager."""
    generation: int = 0
    """Of the stream; 0: none so far."""
    at: Fraction | None = None
    """End of the latest segment on the timeline of the generation."""
    session: int = -1
    told: dict[str, int] = field(default_factory=dict)
    late: int = 0
    """Cues that came after their segment was published."""
    gone: tuple[Listed, ...] = ()
    """Listed no more, and still there for who has read an older playlist."""
    counters: Counters = field(default_factory=dict)
    peak_bits: int = 0

    def grown(self, listed: Listed, window: Fraction | None, since: int | None) -> "State":
        """With another segment. Without those that leave the window (seconds; None: it has no end) or come before number `since`."""
        added = self.playlist.add(listed)
        playlist = added if window is None else added.within(window)
        return self._left(added, playlist if since is None else playlist.since(since))

    def restarted(self, number: int, discontinuities: int) -> "State":
        """Segments go on with another number: none is listed that is in front of a hole."""
        empty = replace(self.playlist, segments=(), first=number, discontinuities=discontinuities)
        return replace(self, playlist=empty, gone=(*self.gone, *self.playlist.segments))

    def _left(self, added: Playlist, playlist: Playlist) -> "State":
        """RFC 8216, 6.2.2: a segment stays for its own time and that of the longest playlist it stood in."""
        gone = (*self.gone, *added.segments[: playlist.first - added.first])
        longest = max(self.playlist.duration, playlist.duration)
        while gone and sum(s.duration for s in gone[1:]) >= gone[0].duration + longest:
            gone = gone[1:]
        return replace(self, playlist=playlist, gone=gone)

    @property
    def kept(self) -> set[str]:
        return {s.name for s in (*self.gone, *self.playlist.segments)}


class HlsFolder:
    """The one writer of a folder. Raises StorageError (in any call) where it can not be written, ConfigError where it is another's."""

    def __init__(self, folder: Path, new: State) -> None:
        """new: the state where the folder has none."""
        self._folder = folder
        self._master = b""
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self._lock = os.open(folder / LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(self._lock)
            raise StorageError(f"{folder} is being written by another process: end that one, or choose another folder") from None
        except OSError as e:
            raise self._refused(e) from e
        try:
            self.state = self._load(new)
            self._tidy()
            if self.state.playlist.segments:
                self._list()
        except BaseException:
            self.close()
            raise

    def publish(self, state: State, segments: Iterable[tuple[str, bytes]]) -> None:
        """The state, with the files (name, content) of its latest segment."""
        try:
            for name, data in segments:
                write_atomically(self._folder / name, data)
            write_atomically(self._folder / STATE, msgspec.json.encode(state, enc_hook=encode_exact))
            before, self.state = self.state, state
            self._list()
            for name in before.kept - state.kept:
                self._delete(name)
        except OSError as e:
            raise self._refused(e) from e

    def tell(self, variant: Variant, rendition: Rendition) -> None:
        """The master playlist."""
        text = master(variant, MEDIA, rendition, PLAYLIST).encode()
        if text != self._master:
            self._write(MASTER, text)
            self._master = text

    def close(self) -> None:
        os.close(self._lock)

    def _list(self) -> None:
        """The subtitles first: nobody is told of a picture whose subtitles are not listed."""
        playlist = self.state.playlist
        self._write(PLAYLIST, playlist.text(SUFFIX).encode())
        if not self.state.beside:
            self._write(MEDIA, playlist.text(MEDIA_SUFFIX).encode())

    def _load(self, new: State) -> State:
        path = self._folder / STATE
        if not path.exists():
            if any(self._folder.glob("*.m3u8")):
                raise ConfigError(f"{self._folder} holds playlists that are not ours: choose a folder of its own")
            return new
        try:
            state = msgspec.json.decode(path.read_bytes(), type=State, dec_hook=decode_exact)
        except msgspec.MsgspecError as e:
            raise StorageError(f"{path} is damaged ({e}): choose another folder") from e
        if state.stream != new.stream:
            raise ConfigError(f"{self._folder} is that of {state.stream}: choose another folder")
        if state.beside != new.beside:
            how = "with" if state.beside else "without"
            raise ConfigError(f"{self._folder} was begun {how} --beside: say it so again, or choose another folder")
        return state

    def _tidy(self) -> None:
        kept = self.state.kept
        for path in self._folder.iterdir():
            if OURS.fullmatch(path.name) and path.name.partition(".")[0] not in kept:
                path.unlink(missing_ok=True)

    def _delete(self, name: str) -> None:
        for suffix in (SUFFIX, MEDIA_SUFFIX):
            (self._folder / f"{name}{suffix}").unlink(missing_ok=True)

    def _write(self, name: str, data: bytes) -> None:
        try:
            write_atomically(self._folder / name, data)
        except OSError as e:
            raise self._refused(e) from e

    def _refused(self, error: OSError) -> StorageError:
        return StorageError(
            f"can not write {self._folder}: {error.strerror or error}; make room, then run the same command again: it goes on"
        )
