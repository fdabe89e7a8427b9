"""A decoder as a child process: its output with a limit on silence, what it complained about, and its certain end.

A decoder whose pipe is closed, by us or by our own death, ends at its next write. What it says is kept, its exit status is not
trusted: ffmpeg exits with 0 after damage, truncation and lost input.
"""

import os
import re
import select
import subprocess
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from time import monotonic
from types import TracebackType
from typing import IO

from operators.errors import DecodeError

SILENCE_S = 120.0
"""A decoder of a local file that gives nothing for so long hangs."""
LONGEST_LINE = 4096
SAID = 20
_PREFIX = re.compile(r"^(\[[^\]]*\]\s*)+")


class Child:
    """Reads from the child's stdout; a context manager that kills it. For one thread at a time.

    What the child complained of on its stderr before it wrote a byte is known once that byte is read.
    """

    def __init__(self, argv: Sequence[str], silence_s: float = SILENCE_S, wait_on: Callable[[], bool] = lambda: True) -> None:
        """`wait_on` is asked ten times a second while the child gives nothing; where it says no, the child is taken to hang."""
        self.hangs = False
        self.complaint = ""
        """The last line on its stderr, without its prefix."""
        self._complaints = 0
        self._unended = b""
        self.said: deque[str] = deque(maxlen=SAID)
        """The latest of these lines."""
        self._silence_s = silence_s
        self._wait_on = wait_on
        pipe = subprocess.PIPE
        try:
            # A session of its own: the Ctrl-C that stops us in order is not for it.
            self._process = subprocess.Popen(argv, stdin=pipe, stdout=pipe, stderr=pipe, bufsize=0, start_new_session=True)
        except OSError as e:
            raise DecodeError(f"{argv[0]} can not be started: {e.strerror}") from e
        self._stdin, self._stdout, self._stderr = map(_there, (self._process.stdin, self._process.stdout, self._process.stderr))
        os.set_blocking(self._stderr.fileno(), False)
        self._output = select.poll()
        self._output.register(self._stdout, select.POLLIN)
        self._errors = select.poll()
        self._errors.register(self._stderr, select.POLLIN)

    @property
    def complaints(self) -> int:
        """Lines on its stderr so far."""
        self._listen()
        return self._complaints

    def read(self, size: int) -> bytes:
        """At most `size` bytes, as soon as there are any; empty at the end, or once it hangs."""
        if self._stdout.closed or self.hangs:
            return b""
        until = monotonic() + self._silence_s
        while not self._output.poll(100):
            # A child that can not complain does not go on.
            self._listen()
            if monotonic() > until or not self._wait_on():
                self._hang()
                return b""
        return self._stdout.read(size) or b""

    def read_exactly(self, size: int) -> bytes:
        """`size` bytes, or fewer at the end."""
        parts: list[bytes] = []
        while size > 0 and (part := self.read(size)):
            parts.append(part)
            size -= len(part)
        return b"".join(parts)

    def write(self, data: bytes) -> None:
        """To its stdin; a child that is gone shows when it is read."""
        with suppress(BrokenPipeError):
            self._stdin.write(data)

    def end(self) -> int:
        """Waits for its end after its output has ended: the exit status, negative where a signal ended it."""
        until = monotonic() + self._silence_s
        while (status := self._process.poll()) is None:
            self._errors.poll(10)
            self._listen()
            if monotonic() > until:
                self._hang()
        self._listen()
        return status

    def end_input(self) -> None:
        """Nothing further is written."""
        self._stdin.close()

    def kill(self) -> None:
        """From any thread: what reads or writes ends soon."""
        self._process.kill()

    def close(self) -> None:
        self._process.kill()
        self._process.wait()
        for stream in (self._stdin, self._stdout, self._stderr):
            stream.close()

    def __enter__(self) -> "Child":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def _hang(self) -> None:
        self.hangs = True
        self._process.kill()

    def _listen(self) -> None:
        while not self._stderr.closed and (said := self._stderr.read(65536)):
            *lines, rest = (self._unended + said).split(b"\n")
            self._unended = rest[-LONGEST_LINE:]
            for line in filter(None, map(bytes.strip, lines)):
                self._complaints += 1
                self.complaint = _PREFIX.sub("", line[:LONGEST_LINE].decode(errors="replace"))[:300]
                self.said.append(self.complaint)


def _there(stream: IO[bytes] | None) -> IO[bytes]:
    assert stream is not None
    return stream
