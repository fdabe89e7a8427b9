"""Which streams a resident capstream watches: its fleet file, and how many of them the machine can take.

profile = "cpu"
metrics = "127.0.0.1:9464"

[streams.lobby]
source = "rtsp://viewer:${LOBBY_PASSWORD}@10.0.0.7/stream1"
language = "en"
set = ["look.text=false"]
"""

import os
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from operators.errors import ConfigError
from pipeline.naming import check_id
from pipeline.toml_files import read_toml

FULL = 0.85
"""Share of the processors beyond which no further stream is taken."""
LEAST_COST = 0.02
"""A stream is never believed to cost less than this share of the processors."""
MOST_LAG_S = 10.0
"""While a stream is further behind the clock than this, no further one is taken."""
SETTLE_S = 15.0
"""What a stream costs is seen after this long."""
_SECRET = re.compile(r"\$\{(\w+)\}")


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


TableT = TypeVar("TableT", bound=_Table)


class StreamSpec(_Table):
    """One stream of a fleet, as its file or a control record names it."""

    source: str
    language: str | None = None
    set: list[str] = []

    @property
    def changes(self) -> list[str]:
        return [*([f"listen.words.language={self.language}"] if self.language else []), *self.set]


class Fleet(_Table):
    profile: str = "cpu"
    set: list[str] = []
    metrics: str = "127.0.0.1:9464"
    streams: dict[str, StreamSpec] = {}


def read_fleet(path: Path) -> Fleet:
    """Raises ConfigError: no such file, no TOML, an unknown key, an id that is none."""
    raw = read_toml(path, "fleet file")
    fleet = check_table(Fleet, raw, f"fleet file {path}")
    for stream_id in fleet.streams:
        check_id(stream_id)
    return fleet


def check_table(kind: type[TableT], raw: Any, where: str) -> TableT:
    """`raw` as `kind`. Raises ConfigError with the path of every key that is wrong."""
    try:
        return kind.model_validate(raw)
    except ValidationError as e:
        errors = [f"{'.'.join(map(str, error['loc']))}: {error['msg']}" for error in e.errors(include_url=False, include_input=False)]
        raise ConfigError(f"{where}: {'; '.join(errors)}") from e


def with_secrets(source: str, environment: Mapping[str, str] = os.environ) -> str:
    """`${NAME}` replaced from the environment, so that no file holds a password. Raises ConfigError where a name is not set."""

    def secret(found: re.Match[str]) -> str:
        if found[1] not in environment:
            raise ConfigError(f"the environment has no {found[1]}, which the address of a stream asks for: set it")
        return environment[found[1]]

    return _SECRET.sub(secret, source)


def differences(running: Mapping[str, StreamSpec], wanted: Mapping[str, StreamSpec]) -> tuple[list[str], list[str]]:
    """(ids to stop, ids to start): what is to run otherwise than it runs is in both."""
    gone = [stream_id for stream_id, spec in running.items() if wanted.get(stream_id) != spec]
    return gone, [stream_id for stream_id in wanted if stream_id not in running or stream_id in gone]


@dataclass(slots=True)
class Admission:
    """How many live streams to take on, by what those that run cost and whether they keep up."""

    places: int
    """Taken at once where nothing runs yet."""
    _since: float = float("-inf")

    def admit(self, now_s: float, load: float, lags_s: Collection[float | None]) -> int:
        """How many more may start now. `load`: share of the processors in use, 0-1; `lags_s`: of the live streams that run."""
        if not lags_s:
            room = self.places
        elif now_s - self._since < SETTLE_S or any(lag is not None and lag > MOST_LAG_S for lag in lags_s):
            return 0
        else:
            room = int((FULL - load) / max(load / len(lags_s), LEAST_COST))
        if room > 0:
            self._since = now_s
        return max(room, 0)
