"""One maker at a time of what is kept in a cache."""

import fcntl
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from operators.errors import StorageError


@contextmanager
def locked(folder: Path) -> Generator[None]:
    """Whoever else holds the lock of `folder`, which need not be there, is waited for. Raises StorageError."""
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        file = folder.with_name(f"{folder.name}.lock").open("w")
    except OSError as e:
        raise StorageError(f"the cache {folder.parent} can not be written: {e}; set CAPSTREAM_CACHE to another folder") from e
    with file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
