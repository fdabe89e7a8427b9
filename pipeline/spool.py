"""The recorder of a live source as a process of its own, found again by the lock on its folder: it outlives whoever started it.

python -m pipeline.spool < settings.json
"""

import fcntl
import os
import signal
import subprocess
import sys
from dataclasses import asdict, dataclass
from hashlib import sha256
from pathlib import Path
from time import monotonic, sleep

import msgspec

from operators.errors import SourceUnavailable, StorageError
from operators.sources.live import STDIN, admit_live
from operators.sources.tracks import DEFAULTS, SourceOptions
from pipeline.spool_recorder import Recorder
from pipeline.spool_watch import USUAL, SpoolOptions
from pipeline.spool_writer import SpoolWriter

LOCK = ".recorder"
WANTED = ".wanted"
LEASE_S = 600.0
"""A recorder that nobody wanted for so long ends: whoever started it is gone for good."""
START_S = 20.0
STOP_S = 10.0
POLL_S = 0.05


@dataclass(frozen=True, slots=True)
class RecorderSettings:
    """What a recorder is told on its stdin: addresses hold passwords, and command lines are seen by all."""

    uri: str
    folder: str
    options: SpoolOptions = USUAL
    tracks: SourceOptions = DEFAULTS
    stdin: int | None = None
    """The handle from which the source `-` is read."""

    @property
    def fingerprint(self) -> str:
        return sha256(msgspec.json.encode([self.uri, asdict(self.tracks)])).hexdigest()[:16]


@dataclass(frozen=True, slots=True)
class Recording:
    """A recorder that runs, or ran: whoever holds this does not own it."""

    folder: Path
    settings: RecorderSettings

    def keep(self) -> None:
        """Start a new recorder where the one that was there has died. From any thread; quick where there is one."""
        # What went by on standard input is gone.
        if self.settings.stdin is None and _holder(self.folder) is None:
            _start(self.settings, self.folder)

    @property
    def running(self) -> bool:
        return _holder(self.folder) is not None

    @property
    def process(self) -> int | None:
        """Its process id while it runs."""
        holder = _holder(self.folder)
        return holder[0] if holder else None

    def want(self) -> None:
        """It is still wanted: to be said every minute or so."""
        (self.folder / WANTED).touch()

    def stop(self) -> None:
        stop_recording(self.folder)


def stop_recording(folder: Path) -> None:
    """End the recorder of a folder in order: what was received is on the disk. Blocks up to STOP_S, then it is killed. Nothing where
    none runs."""
    until = monotonic() + STOP_S
    sign = signal.SIGTERM
    while holder := _holder(folder):
        if monotonic() > until:
            sign, until = signal.SIGKILL, monotonic() + STOP_S
        if holder[0]:
            try:
                os.kill(holder[0], sign)
            except ProcessLookupError:
                return
        sleep(POLL_S)


def start_recording(uri: str, folder: Path, options: SpoolOptions = USUAL, tracks: SourceOptions = DEFAULTS) -> Recording:
    """The recorder of `uri` into `folder`: the one that runs, or a new one. Blocks until it has begun (not: until media came).

    Raises:
        ConfigError: it is no address of a live source, or one that is not followed.
        SourceUnavailable: its name is not known, or the recorder can not be started.
        StorageError: the folder can not be written.
    """
    admit_live(uri)
    stdin = os.dup(0) if uri == STDIN else None
    settings = RecorderSettings(uri, str(folder), options, tracks, stdin)
    recording = Recording(folder, settings)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        recording.want()
        holder = _holder(folder)
        if holder is not None:
            if holder[1] == settings.fingerprint:
                return recording
            recording.stop()
        _start(settings, folder)
    except OSError as e:
        raise StorageError(f"can not write {folder}: {e.strerror}; choose another folder with --out") from e
    finally:
        if stdin is not None:
            os.close(stdin)
    return recording


def _start(settings: RecorderSettings, folder: Path) -> None:
    handles = () if settings.stdin is None else (settings.stdin,)
    with open(folder / "recorder.log", "ab") as log:
        command = [sys.executable, "-m", "pipeline.spool"]
        process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=log, stderr=log, start_new_session=True, pass_fds=handles)
    process.communicate(msgspec.json.encode(settings))
    until = monotonic() + START_S
    while (holder := _holder(folder)) is None or holder[1] != settings.fingerprint:
        if process.returncode or monotonic() > until:
            raise SourceUnavailable(f"the recorder did not start: see {folder / 'recorder.log'}")
        sleep(POLL_S)


def _holder(folder: Path) -> tuple[int, str] | None:
    """Process id and settings of the recorder that holds the folder; (0, "") of one that has just begun; None where there is none."""
    try:
        handle = os.open(folder / LOCK, os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    try:
        fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
        return None
    except BlockingIOError:
        process, _, settings = os.pread(handle, 100, 0).decode().partition(" ")
        return int(process or 0), settings
    finally:
        os.close(handle)


def _lock(folder: Path, fingerprint: str) -> int | None:
    """A handle that holds the folder until this process ends; None where another holds it."""
    handle = os.open(folder / LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    until = monotonic() + 1
    while True:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            break
        except BlockingIOError:
            # Whoever looks who holds it holds it for a moment.
            if monotonic() > until:
                return None
            sleep(POLL_S / 10)
    os.ftruncate(handle, 0)
    os.pwrite(handle, f"{os.getpid()} {fingerprint}".encode(), 0)
    return handle


@dataclass(slots=True)
class Lease:
    """Whether the recorder is still wanted. Counted on the monotonic clock: the wall clock may jump."""

    folder: Path
    _said: int = 0
    _at_s: float = 0.0

    def lapsed(self, now_s: float) -> bool:
        try:
            said = (self.folder / WANTED).stat().st_mtime_ns
        except FileNotFoundError:
            return True
        if said != self._said:
            self._said, self._at_s = said, now_s
        return now_s - self._at_s > LEASE_S


def main() -> None:
    settings = msgspec.json.decode(sys.stdin.buffer.read(), type=RecorderSettings)
    folder = Path(settings.folder)
    if os.fork():
        # Nobody's child: whoever started it need not wait for its end.
        os._exit(0)
    if _lock(folder, settings.fingerprint) is None:
        sys.exit("another recorder holds this spool")
    told: list[int] = []
    for sign in (signal.SIGTERM, signal.SIGINT):
        signal.signal(sign, lambda number, frame: told.append(number))
    lease = Lease(folder)

    def stopped() -> bool:
        return bool(told) or lease.lapsed(monotonic())

    address = admit_live(settings.uri)
    writer = SpoolWriter(folder, settings.options)
    Recorder(address, writer, settings.options, settings.tracks, stopped, settings.stdin).run()
    writer.close()


if __name__ == "__main__":
    main()
