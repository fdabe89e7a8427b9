"""How the logs of live streams stay bounded: the disk blocks of what is old are freed, and every offset stays what it was.

A log keeps its first bytes, with its header, and its last ones; between them lies a hole (`fallocate(2)`), which readers pass over.
"""

import ctypes
import errno
import os
from contextlib import suppress
from fractions import Fraction
from pathlib import Path

from operators.timeline import to_ms

KEEP_BYTES = 64 << 20
"""Of each log of a live stream: hours of facts and records."""
STEP_BYTES = 16 << 20
KEEP_STILLS_MS = 3_600_000
BLOCK = 4096
HEAD_BYTES = 16 * BLOCK
"""Kept at the beginning: the header is there."""
_KEEP_SIZE, _PUNCH_HOLE = 1, 2
_libc = ctypes.CDLL(None, use_errno=True)


def trim(path: Path, before: int, keep: int = KEEP_BYTES) -> None:
    """Free what of a log lies before byte `before` and before its last `keep` bytes, once that is much.

    Where the file system can not (it is not Linux, or a network share), the log grows. Raises OSError for anything else.
    """
    with open(path, "r+b") as file:
        end = min(before, os.fstat(file.fileno()).st_size - keep) // BLOCK * BLOCK
        if end - max(data_from(file.fileno()), HEAD_BYTES) < STEP_BYTES:
            return
        if _libc.fallocate(file.fileno(), _PUNCH_HOLE | _KEEP_SIZE, ctypes.c_long(HEAD_BYTES), ctypes.c_long(end - HEAD_BYTES)):
            number = ctypes.get_errno()
            if number not in (errno.EOPNOTSUPP, errno.ENOSYS):
                raise OSError(number, os.strerror(number), str(path))


def data_from(descriptor: int) -> int:
    """Where what a log still holds begins, its first bytes left out: behind its hole, or 0 where it has none."""
    size = os.fstat(descriptor).st_size
    with suppress(OSError):
        hole = os.lseek(descriptor, 0, os.SEEK_HOLE)
        if hole < size:
            return os.lseek(descriptor, hole, os.SEEK_DATA)
    return 0


def trim_stills(folder: Path, position: Fraction) -> None:
    """Delete the stills of a live stream that are older than KEEP_STILLS_MS at `position`."""
    for still in folder.glob("*.jpg"):
        if int(still.stem) < to_ms(position) - KEEP_STILLS_MS:
            still.unlink(missing_ok=True)
