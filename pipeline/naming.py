"""Names of streams, and instants as people write them."""

import os
import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction
from hashlib import sha256
from pathlib import Path, PurePosixPath
from urllib.parse import urlsplit

from operators.errors import ConfigError, SourceUnavailable
from operators.sources import expand

LONGEST = 64
STREAM_ID = re.compile(rf"[a-z0-9][a-z0-9_-]{{0,{LONGEST - 1}}}")
NAMED = re.compile(r"([^=/\\:?]*)=(.+)", re.DOTALL)
INSTANT = re.compile(r"(?:(?:(?P<h>\d+):)?(?P<m>\d+):)?(?P<s>\d+(?:\.\d+)?)", re.ASCII)


@dataclass(frozen=True, slots=True)
class Named:
    """One stream of a run, before it is opened."""

    stream_id: str
    uri: str


def split_id(source: str) -> tuple[str | None, str]:
    """`ID=SOURCE` as (ID, SOURCE). The ID is not judged here; a `=` inside a path or an address is none of ours."""
    if found := NAMED.fullmatch(source):
        return found[1], found[2]
    return None, source


def check_id(stream_id: str) -> str:
    """Raises ConfigError where it is no stream id."""
    if not STREAM_ID.fullmatch(stream_id):
        raise ConfigError(
            f"{stream_id!r} can not be the id of a stream: up to {LONGEST} of a-z, 0-9, _ and -, the first a letter or a digit, "
            f"for example {safe_id(stream_id)}"
        )
    return stream_id


def safe_id(name: str) -> str:
    """A stream id made of any name. What is lost of it (other scripts, length) is made good by 8 digits of its SHA-256."""
    plain = "".join(c for c in unicodedata.normalize("NFKD", name).lower() if not unicodedata.combining(c))
    safe = re.sub(r"[^a-z0-9_]+", "-", plain).strip("-_")
    lost = any(c.isalnum() and not c.isascii() for c in plain)
    if safe and not lost and len(safe) <= LONGEST:
        return safe
    digits = sha256(name.encode("utf-8", "surrogateescape")).hexdigest()[:8]
    return "-".join(filter(None, [safe[: LONGEST - 9].rstrip("-_"), digits]))


def id_of(uri: str) -> str:
    """The id of a single file or address: its name without the ending. Raises ConfigError for an address that is none."""
    if "://" not in uri:
        return safe_id(PurePosixPath(uri).stem)
    try:
        address = urlsplit(uri)
    except ValueError as e:
        raise ConfigError(f"{uri.partition('://')[0]}://… is no address: {e}") from e
    return safe_id(PurePosixPath(address.path).stem or address.hostname or address.scheme)


def masked(uri: str) -> str:
    """An address without its user and password; anything else as it is."""
    return re.sub(r"(?<=://)[^/]*@", "…@", uri)


def name_sources(sources: Iterable[str]) -> tuple[list[Named], list[tuple[str, SourceUnavailable]]]:
    """The streams that are meant, folders and globs unfolded; and the ids of those that can not be had, with the reason.

    Raises ConfigError where an id is none, or two sources would get one.
    """
    named: list[Named] = []
    missing: list[tuple[str, SourceUnavailable]] = []
    for source in sources:
        given, uri = (None, source) if not source or os.path.exists(source) else split_id(source)
        if given is not None:
            check_id(given)
        try:
            named += _unfold(given, uri)
        except SourceUnavailable as e:
            missing.append((given or id_of(uri), e))
    return _distinct(named), missing


def _unfold(given: str | None, uri: str) -> list[Named]:
    if not uri:
        raise ConfigError("a source is empty: name a file, a folder, a glob or an address")
    try:
        found = expand(uri)
    except OSError as e:
        raise SourceUnavailable(f"{uri[:LONGEST]}…: {e.strerror}; check the name") from e
    if given is not None and len(found) > 1:
        raise ConfigError(f"{given}={uri}: an id names one source, and here are {len(found)}: give each its own")
    within = Path(uri).is_dir()
    ids = [given or (safe_id(str(Path(one).relative_to(uri))) if within else id_of(one)) for one in found]
    return [Named(stream_id, one) for stream_id, one in zip(ids, found, strict=True)]


def _distinct(streams: Iterable[Named]) -> list[Named]:
    """The streams in their order, the same one named twice taken once. Raises ConfigError where two sources would get one id."""
    by_id: defaultdict[str, list[str]] = defaultdict(list)
    for stream in streams:
        if stream.uri not in by_id[stream.stream_id]:
            by_id[stream.stream_id].append(stream.uri)
    for stream_id, uris in by_id.items():
        if len(uris) > 1:
            raise ConfigError(f"{uris[0]} and {uris[1]} would both be stream {stream_id}: name one of them, as in {stream_id}-2={uris[1]}")
    return [Named(stream_id, uris[0]) for stream_id, uris in by_id.items()]


def instant(text: str) -> Fraction:
    """Seconds, m:ss or h:mm:ss, with any decimals, exactly: "90.5", "1:30.5", "0:01:30.500". Raises ConfigError."""
    found = INSTANT.fullmatch(text.strip())
    if found:
        hours, minutes, seconds = int(found["h"] or 0), int(found["m"] or 0), Fraction(found["s"])
        if (seconds < 60 or not found["m"]) and (minutes < 60 or not found["h"]):
            return hours * 3600 + minutes * 60 + seconds
    raise ConfigError(f"{text!r} is no instant: write seconds (90.5), m:ss (1:30) or h:mm:ss (0:01:30.500)")
