"""The source of live streams: reads a spool while it grows, from any instant of it, without delay at its live edge.

Each unbroken stretch has a decoder of its own. Pictures are decoded from a key frame at least two seconds early; sound from fixed
instants, a minute apart: what decoders remember is then the same wherever reading began.
"""

from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from threading import Event
from time import monotonic
from typing import Any, Protocol

import numpy as np

from operators.errors import LiveUnavailable
from operators.media import Frame, Samples, StreamInfo
from operators.protocols import FramesNeed
from operators.records import Clock, Gap
from operators.sources.commands import Pictures, pictures_command, shown_size, sound_command
from operators.sources.decoding import samples_of
from operators.sources.following import Decoder, spool_probe
from operators.sources.live_grid import FrameGrid, SampleGrid
from operators.sources.manifest import LIFT, Missing, TrackKind
from operators.sources.spool_view import Run, SpoolView
from operators.timeline import ZERO, Span

RUN_UP = Fraction(2)
SOUND_RUN_UP = Fraction(3)
EPOCH = Fraction(60)
POLL_S = 0.05
TRIES = 2
"""Decoders that may die at one place before it is passed over."""


@dataclass(frozen=True, slots=True)
class SpooledOptions:
    bound: Fraction = Fraction(30)
    """Seconds by which a reader may fall behind the live edge before it skips to it."""
    wait_s: float = 30.0
    """For the first media, when it is looked into."""
    apart: int = 0
    """How many channels of the sound are kept apart."""


DEFAULT = SpooledOptions()


@dataclass(slots=True)
class Overload:
    """When a reader is to skip: it is further behind the live edge than `bound`, counted from how little it has been behind so far.
    One that is opened far behind catches up in peace."""

    bound: Fraction
    _least: Fraction | None = None

    def skips(self, lag: Fraction) -> bool:
        self._least = max(ZERO, lag if self._least is None else min(self._least, lag))
        return lag > self._least + self.bound

    def skipped(self) -> None:
        self._least = None


class Grid(Protocol):
    """Where decoded media is put: pictures or sound."""

    lane: str

    @property
    def position(self) -> Fraction: ...
    @property
    def done(self) -> bool: ...
    def start(self, until: Fraction | None) -> None: ...
    def take(self, at: Fraction, media: Any, damaged: bool) -> Iterator[Any]: ...
    def missing(self, end: Fraction, reason: str, detail: str | None = None, start: Fraction | None = None) -> Iterator[Any]: ...
    def finish(self) -> Iterator[Any]: ...


class SpooledSource:
    """One live stream in its spool, which a recorder fills. Generators may run at the same time, each in a thread of its own."""

    Options = SpooledOptions

    def __init__(self, uri: str, folder: Path, options: SpooledOptions = DEFAULT, keep: Callable[[], None] = lambda: None) -> None:
        """uri: for messages; without what is secret in it. keep: called from reading threads about once a second while the recorder says
        nothing; it sees to it that there is one."""
        self._uri = uri
        self._folder = folder
        self._options = options
        self._keep = keep
        self._closing = Event()

    def probe(self) -> StreamInfo:
        """Blocks until the recorder has told of media, up to `wait_s`.

        Raises SourceUnavailable where it has not by then, or never will: why not, as the recorder sees it. May be tried again.
        """
        until = monotonic() + self._options.wait_s
        view = SpoolView(self._folder, "picture", self._keep)
        while not view.sessions or view.clock is None:
            view.poll()
            down = view.down
            # What ended at once is read all the same.
            if view.clock is None and ((down and down.final) or view.ended or monotonic() > until or self._closing.wait(POLL_S)):
                raise LiveUnavailable(f"{self._uri}: {down.why if down else 'gives no media'}")
        session, told = view.sessions[-1], view.clock
        return StreamInfo(
            uri=self._uri,
            container=session.container,
            zero=Fraction(LIFT),
            duration=None,
            picture=session.picture,
            sound=session.sound,
            reader_reason=f"it is live; {told.why}" if told.why else "it is live",
            clock=Clock(told.kind, told.zero),
            arrival=Clock("arrival", session.zero),
        )

    def frames(self, info: StreamInfo, need: FramesNeed, span: Span) -> Generator[Frame | Gap, None, None]:
        """Blocks while nothing new comes; ends where the stream has ended, or after `close`."""

        def command(run: Run) -> tuple[list[str], Any]:
            found = spool_probe(run.session, "picture", self._uri)
            assert found.info.picture is not None
            width, height = size = shown_size(found.info.picture, need.size_px)

            def pixels(data: bytearray) -> Any:
                whole = len(data) == width * height * 3
                return np.frombuffer(data, np.uint8).reshape(height, width, 3) if whole else None

            return pictures_command(found, Pictures(need.rate, size, None), threads=1), pixels

        return self._read("picture", FrameGrid(need.rate, span), command)

    def samples(self, info: StreamInfo, span: Span) -> Generator[Samples | Gap, None, None]:
        """Blocks while nothing new comes; ends where the stream has ended, or after `close`."""

        def command(run: Run) -> tuple[list[str], Any]:
            found, apart = spool_probe(run.session, "sound", self._uri), self._options.apart
            assert found.info.sound is not None
            channels = found.info.sound.channels
            return sound_command(found, apart > 0), lambda data: samples_of(data, channels, apart)

        return self._read("sound", SampleGrid(span), command)

    def close(self) -> None:
        """From any thread: all generators end soon. Idempotent."""
        self._closing.set()

    def _read(self, track: TrackKind, grid: Grid, command: Callable[[Run], tuple[list[str], Any]]) -> Generator[Any, None, None]:
        reading = Reading(SpoolView(self._folder, track, self._keep), grid, self._closing, Overload(self._options.bound), command)
        yield from reading.items()


class Reading:
    """One reading of one track, piece after piece."""

    def __init__(
        self, view: SpoolView, grid: Grid, closing: Event, overload: Overload, command: Callable[[Run], tuple[list[str], Any]]
    ) -> None:
        self._view, self._grid, self._closing, self._overload, self._command = view, grid, closing, overload, command
        self._at = grid.position
        """Up to here the timeline is dealt with."""
        self._died_at: Fraction | None = None
        self._deaths = 0

    def items(self) -> Iterator[Any]:
        view, grid = self._view, self._grid
        while not grid.done and not self._closing.is_set():
            view.poll()
            piece = view.piece(self._at)
            if isinstance(piece, Missing):
                yield from grid.missing(piece.end, piece.why, piece.detail, piece.start)
                self._at = piece.end
            elif piece is not None and (piece.end is None or self._at < piece.end):
                yield from self._run(piece)
            elif view.ended is not None and self._at >= view.ended.at:
                yield from grid.finish()
                return
            else:
                self._closing.wait(POLL_S)

    def _run(self, run: Run) -> Iterator[Any]:
        """The run, or as much of it as one decoder gives."""
        view, grid = self._view, self._grid
        begin, until = self._stretch(run)
        number = view.segment_before(run.session.number, begin)
        if number is None:
            self._closing.wait(POLL_S)
            return
        command, media = self._command(run)
        grid.start(until)
        with Decoder(view, run, command, self._closing) as decoder:
            decoder.begin(number)
            for at, data, damaged in decoder.blocks():
                end = view.end_of(run)
                if (end is not None and at >= end) or (until is not None and at >= until):
                    break
                if (given := media(data)) is not None:
                    yield from grid.take(at, given, damaged)
                self._at = max(self._at, grid.position)
                if grid.done:
                    return
                if self._overload.skips(view.edge() - grid.position):
                    yield from self._skip()
                    return
            else:
                if decoder.deleted:
                    return
                if not decoder.fed:
                    yield from self._lose(decoder.complaint)
                    return
        stops = [stop for stop in (view.end_of(run), until) if stop is not None]
        self._at = max([self._at, *([min(stops)] if stops else [])])

    def _stretch(self, run: Run) -> tuple[Fraction, Fraction | None]:
        """(where decoding begins, up to where it counts)."""
        if self._grid.lane == "look":
            return self._at - RUN_UP, None
        epoch = self._at // EPOCH * EPOCH
        return max(run.start, epoch) - SOUND_RUN_UP, epoch + EPOCH

    def _skip(self) -> Iterator[Any]:
        """To the newest place where decoding can begin."""
        to = self._view.key_after(self._grid.position)
        self._overload.skipped()
        if to is not None:
            yield from self._grid.missing(to, "dropped_overload", "reading is slower than the source")
            self._at = max(self._at, to)

    def _lose(self, complaint: str) -> Iterator[Any]:
        """The decoder died: another one is tried at the same place, then the place is passed over, each time further."""
        if self._died_at == self._at or self._deaths >= TRIES:
            self._deaths += 1
        else:
            self._deaths = 1
        self._died_at = self._at
        if self._deaths < TRIES:
            return
        least = self._at + min(2 ** (self._deaths - TRIES + 1), 600)
        while not self._closing.wait(POLL_S):
            self._view.poll()
            to = self._view.key_after(least)
            end = None if to is not None else self._over_after(self._at)
            if (to := to or end) is not None:
                yield from self._grid.missing(to, "decode_error", complaint or None)
                self._at = max(self._at, to)
                return

    def _over_after(self, at: Fraction) -> Fraction | None:
        piece = self._view.piece(at)
        return piece.end if isinstance(piece, Run) else None
