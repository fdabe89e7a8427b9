"""What is to be run: typed, picklable, and complete before anything starts."""

from collections.abc import Callable
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any, Literal, Protocol
from uuid import uuid4

from operators.media import StreamInfo
from operators.protocols import BatchOperator, Source, StreamOperator
from operators.records import Model
from operators.windows import Kept
from pipeline.kafka_connection import KafkaOptions
from pipeline.telemetry import StreamStats

LaneName = Literal["look", "listen", "narrate"]


@dataclass(frozen=True, slots=True)
class ModelPlan:
    """One model of the run: what it is, and where it lives."""

    name: str
    """What operators ask for: "vad", "speech", "voice", "text", "frames", "sound", "captioner", "fusion"."""
    make: Callable[[], BatchOperator[Any, Any]]
    """Makes the unopened operator; picklable (a class with bound options)."""
    identity: Model
    shared: bool
    """True: in a pool of model processes that all streams share. False: beside each stream."""
    device: str = "cpu"
    threads: int = 1
    replicas: int = 1
    batch: int = 1
    """Most items in one call."""
    age_s: float = 0.0
    """How long the first item of a batch waits for others."""


class StreamPlan(Protocol):
    """One stream of the run. Everything here is picklable and makes fresh, unshared objects on each call."""

    @property
    def stream_id(self) -> str: ...
    @property
    def uri(self) -> str: ...
    @property
    def start(self) -> Fraction:
        """--from"""
        ...

    @property
    def stop(self) -> Fraction | None:
        """--to"""
        ...

    @property
    def settings_fingerprint(self) -> str:
        """SHA-256 of everything that decides what the records say, but for the source itself."""
        ...

    @property
    def live(self) -> bool:
        """It comes when it comes: it is recorded, and its lanes do not wait for models."""
        ...

    def open_source(self, place: Path) -> tuple[Source, StreamInfo]:
        """Probe and choose the reader; a live source is recorded in `place`, the folder of the generation, from now on or still.
        Blocking. Raises SourceUnavailable."""
        ...

    def abandon_source(self, place: Path) -> None:
        """No recorder is to stay: what waits in `open_source` ends soon, and what reads the source comes to the end of what was received.
        From another thread; may be called again."""
        ...

    def keep_source(self, source: Source, lanes: set[str]) -> bool:
        """A live source is still wanted: said every KEEP_S while the stream runs; its recorder ends when it hears nothing for long.
        False where the source has a track now whose lane is not among `lanes`."""
        ...

    def clock_moved_s(self, source: Source) -> float:
        """Of a live source: by how much the clock that dates it has moved against what its records say."""
        ...

    def close_source(self, source: Source, stopped: bool) -> None:
        """Ends all that reads `source`; where the stream was `stopped`, its recording too. Called once, from any thread."""
        ...

    def source_fingerprint(self) -> str:
        """Size and SHA-256 of a file, or size and first and last MiB above 1 GiB."""
        ...

    def operators(self, lane: LaneName, kept: Kept) -> list[StreamOperator]:
        """Fresh operators of a lane, in the order in which items are given to them; `kept` reads what lies beside the logs."""
        ...


@dataclass(frozen=True, slots=True)
class StreamProgress:
    """Where one stream of the run stands, for people who watch it."""

    stream_id: str
    state: str
    """waiting | running | restarting | complete | already | interrupted | failed"""
    position: Fraction
    """Up to here every lane has committed what it says."""
    duration: Fraction | None
    latest: str | None
    """The text of the latest caption or transcript."""
    lag_s: float | None = None
    """Live: how far the position is behind the clock."""
    stats: StreamStats = field(default_factory=StreamStats)
    restarts: int = 0
    error: str | None = None
    """Why it failed or waits."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """How one stream of the run ended."""

    stream_id: str
    state: Literal["complete", "already", "interrupted", "failed"]
    error: str | None
    """One line, for `failed`: what is wrong and what to do."""
    position: Fraction
    counts: dict[str, int]
    """Final records by origin."""
    warnings: tuple[str, ...]
    usage: bool = False
    """For `failed`: it is what was asked that can not be done; the source is not at fault."""


@dataclass(frozen=True, slots=True)
class RunSettings:
    """What concerns a run as a whole."""

    out: Path
    runtime: Literal["ray", "local"]
    fresh: bool
    """Start a new generation of every stream."""
    ships: bool = False
    """Somebody ships the logs, and frees what of them it has shipped."""
    kafka: KafkaOptions | None = None
    """Where partials of live streams are told."""
    run_id: str = field(default_factory=lambda: uuid4().hex)
    """A stream that is restarted within the run that made its generation goes on with it, `fresh` or not."""
