"""Loopback senders of live media, and what records them and reads them back."""

import atexit
import shutil
import socket
import subprocess
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from tempfile import mkdtemp
from threading import Thread
from time import monotonic, sleep
from typing import Any

from sources.made_media import both
from sources.reading import ALL

from operators.media import StreamInfo
from operators.protocols import FramesNeed
from operators.sources.manifest import MANIFEST, Line, ManifestFollower
from operators.sources.spooled import DEFAULT, SpooledOptions, SpooledSource
from pipeline.spool import Recording, start_recording
from pipeline.spool_watch import SpoolOptions

NEED = FramesNeed(4, 96)
QUICK = SpoolOptions(stall_s=1.5, answer_s=1.5, backoff_s=0.1, longest_backoff_s=0.3)
H264 = "-c:v libx264 -preset ultrafast -bf 2 -g 25 -pix_fmt yuv420p -c:a aac -b:a 64k"


@cache
def _folder() -> Path:
    folder = Path(mkdtemp(prefix="capstream-live-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


def ffmpeg(*arguments: str) -> None:
    subprocess.run(["ffmpeg", "-v", "error", "-nostdin", "-y", *arguments], check=True)


@cache
def clip(seconds: float = 8, options: str = H264, suffix: str = "ts") -> Path:
    """Moving pictures and a tone, with a key frame each second."""
    path = _folder() / f"{len(list(_folder().iterdir()))}.{suffix}"
    ffmpeg(*both(seconds=seconds).split(), *options.split(), str(path))
    return path


def free_port() -> int:
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return int(s.getsockname()[1])


@contextmanager
def sender(file: Path, target: str, *options: str, speed: Sequence[str] = ("-re",)) -> "Iterator[subprocess.Popen[bytes]]":
    """Sends a file as it is, by the clock."""
    command = ["ffmpeg", "-v", "error", "-nostdin", *speed, "-i", str(file), "-c", "copy", *options, "-f", "mpegts", target]
    process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
    try:
        yield process
    finally:
        process.kill()
        process.wait()


@contextmanager
def recorded(uri: str, folder: Path, options: SpoolOptions = QUICK, **more: Any) -> Iterator[Recording]:
    recording = start_recording(uri, folder, options, **more)
    try:
        yield recording
    finally:
        recording.stop()


def wait_until(true: Callable[[], Any], seconds: float = 20) -> Any:
    until = monotonic() + seconds
    while not (found := true()):
        assert monotonic() < until, "it did not happen in time"
        sleep(0.05)
    return found


def lines(folder: Path, kind: type[Any] = object) -> list[Any]:
    found: list[Line] = ManifestFollower(folder / MANIFEST).poll()
    return [line for line in found if isinstance(line, kind)]


class Reader:
    """Reads both tracks, each in a thread, as lanes do; `frames` and `samples` hold what came, with the time of its coming."""

    def __init__(self, folder: Path, options: SpooledOptions = DEFAULT, keep: Callable[[], None] = lambda: None) -> None:
        self.source = SpooledSource("test", folder, options, keep)
        self.info: StreamInfo = self.source.probe()
        self.frames: list[Any] = []
        self.samples: list[Any] = []
        self.came_s: dict[int, list[float]] = {id(self.frames): [], id(self.samples): []}
        readings = ((self.source.frames(self.info, NEED, ALL), self.frames), (self.source.samples(self.info, ALL), self.samples))
        self._threads = [Thread(target=self._read, args=reading) for reading in readings]
        for thread in self._threads:
            thread.start()

    def _read(self, items: Iterator[Any], into: list[Any]) -> None:
        for item in items:
            self.came_s[id(into)].append(monotonic())
            into.append(item)

    def finish(self, seconds: float = 20) -> None:
        """Until both have come to the end of the stream."""
        for thread in self._threads:
            thread.join(seconds)
            assert not thread.is_alive(), "the reading does not end"

    def close(self) -> None:
        self.source.close()
        self.finish(5)


@contextmanager
def reader(folder: Path, options: SpooledOptions = DEFAULT, keep: Callable[[], None] = lambda: None) -> Iterator[Reader]:
    opened = Reader(folder, options, keep)
    try:
        yield opened
    finally:
        with suppress(AssertionError):
            opened.close()


@dataclass(slots=True)
class Watching:
    """A live source that is recorded and read."""

    recording: Recording
    live: Reader

    def end(self) -> None:
        self.recording.stop()
        self.live.finish()


@contextmanager
def watched(uri: str, folder: Path, options: SpoolOptions = QUICK) -> Iterator[Watching]:
    with recorded(uri, folder, options) as recording, reader(folder, keep=recording.keep) as live:
        yield Watching(recording, live)
