"""A decoder as a child process: its output with a limit on silence, what it complained about, and its certain end.

A decoder whose pipe is closed, by us or by our own death, ends at its next write. What it says is kept, never trusted:
ffmpeg exits with 0 after damage, truncation and lost input.
"""

import re
import select
import subprocess
from collections.abc import Sequence
from contextlib import suppress
from threading import Thread
from types import TracebackType
from typing import IO

from operators.errors import DecodeError

SILENCE_S = 120.0
"""A decoder of a local file that gives nothing for so long hangs."""
_PREFIX = re.compile(r"^(\[[^\]]*\]\s*)+")


class Child:
    """Reads from the child's stdout; a context manager that kills it. One thread reads it, another may `close` it."""

    def __init__(self, argv: Sequence[str], silence_s: float = SILENCE_S) -> None:
        self.complaints = 0
        """Lines on its stderr."""
        self.complaint = ""
        """The last of them, without its prefix."""
        self.hangs = False
        self._silence_s = silence_s
        try:
            self._process = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, bufsize=0)
        except OSError as e:
            raise DecodeError(f"{argv[0]} can not be started: {e.strerror}") from e
        self._poll = select.poll()
        self._poll.register(self._process.stdout or -1, select.POLLIN)
        self._drain = Thread(target=self._listen, args=(self._process.stderr,), daemon=True)
        self._drain.start()

    def read(self, size: int) -> bytes:
        """At most `size` bytes, as soon as there are any; empty at the end, or once it has hung."""
        stdout = self._process.stdout
        assert stdout is not None
        if stdout.closed or self.hangs:
            return b""
        if not self._poll.poll(1000 * self._silence_s):
            self.hangs = True
            self._process.kill()
            return b""
        return stdout.read(size) or b""

    def read_exactly(self, size: int) -> bytes:
        """`size` bytes, or fewer at the end."""
        parts: list[bytes] = []
        while size > 0 and (part := self.read(size)):
            parts.append(part)
            size -= len(part)
        return b"".join(parts)

    def write(self, data: bytes) -> None:
        """To its stdin; a child that is gone shows when it is read."""
        assert self._process.stdin is not None
        with suppress(BrokenPipeError):
            self._process.stdin.write(data)

    def end(self) -> int:
        """Waits for its end after its output has ended: the exit status, negative where a signal killed it."""
        try:
            status = self._process.wait(self._silence_s)
        except subprocess.TimeoutExpired:
            self.hangs = True
            self._process.kill()
            status = self._process.wait()
        self._drain.join()
        return status

    def close(self) -> None:
        self._process.kill()
        self._process.wait()
        self._drain.join()
        for stream in (self._process.stdin, self._process.stdout, self._process.stderr):
            if stream is not None:
                stream.close()

    def __enter__(self) -> "Child":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def _listen(self, stderr: IO[bytes] | None) -> None:
        assert stderr is not None
        pending = b""
        while chunk := stderr.read(4096):
            *lines, pending = (pending + chunk)[-65536:].split(b"\n")
            self._note(lines)
        self._note([pending])

    def _note(self, lines: list[bytes]) -> None:
        for line in lines:
            if line.strip():
                self.complaints += 1
                self.complaint = _PREFIX.sub("", line.decode(errors="replace")).strip()[:300]
