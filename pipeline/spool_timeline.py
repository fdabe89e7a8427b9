"""One timeline out of many connections: where sessions begin on it, what is missing between them, and which track is silent."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from fractions import Fraction
from math import ceil
from time import monotonic

from av import Packet
from av.stream import Stream

from operators.sources.live_clock import Jump, LiveClock, Timed, next_beginning
from operators.sources.manifest import Arrival, Missing, Resumed, Session, TrackKind, boot_id, now
from operators.timeline import ZERO
from pipeline.spool_clock import ClockKeeper, Read, utc
from pipeline.spool_tracks import PlaylistMemory, TrackSilence, picture_track, sound_track
from pipeline.spool_watch import MissingParts, Pace, SpoolOptions
from pipeline.spool_writer import SpoolWriter, Track, files_base

AvTimed = Timed["Packet[Stream]"]
TRACK_PART = Fraction(20)
"""A single track that is silent is told of in short parts: who puts both tracks together is not to be held up."""
APART = Fraction(10)
"""What tracks say of their beginnings is believed where it is so near the first packet."""
JUMP_CELL = Fraction(1, 10)
"""A jump of the source's clock takes so much of the timeline, so that it can be stated in it."""
AWAY = Fraction(1)
"""Packets with another clock that come so much later than those before it were to be expected are of a sender that was away."""
BURST_S = 5.0
REPEATED = Fraction(1)
"""A session begins so much before the timeline's end, at most, with packets that are passed over up to there."""
OVERLAP = Fraction(1, 10)
"""A connection whose tracks begin no earlier than so much before they have ended goes on with the clock of the one before."""


@dataclass(frozen=True, slots=True)
class Connection:
    """What a receiver found."""

    container: str
    streams: dict[TrackKind, Track]
    starts: dict[TrackKind, Fraction]
    """The source's instants at which its tracks begin, where all are known; else empty."""
    arrival: Arrival
    repeats: bool
    """It gives again what it gave before."""
    continued: bool
    """It is the one before, with other tracks."""
    own_clock: Read
    """What is known of the source's own clock by now."""
    own_clock_s: float
    """Seconds after which nothing is to be expected of it."""


@dataclass(slots=True)
class Timeline:
    """What is known of a live source so far. For one thread; `clock_s` is the monotonic clock."""

    writer: SpoolWriter
    turn: Fraction | None
    options: SpoolOptions
    clock_s: Callable[[], float] = monotonic
    _why: str = "start"
    _clock: "LiveClock[Packet[Stream]]" = field(init=False)
    _own: ClockKeeper = field(init=False)
    _pace: Pace = field(default_factory=Pace)
    _connection: Connection | None = None
    _in_session: bool = False
    _down: MissingParts | None = None
    _silences: dict[TrackKind, TrackSilence] = field(default_factory=dict)
    _memory: PlaylistMemory = field(default_factory=PlaylistMemory)
    _bases: dict[TrackKind, Fraction] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._clock = LiveClock(self.turn)
        self._own = ClockKeeper(self.writer)
        if self.writer.last_arrival is not None:
            self._take_up(*self.writer.last_arrival)

    def connect(self, connection: Connection) -> None:
        """What comes now comes from here; its session begins with its first packet."""
        if connection.continued:
            self._why = "discontinuity"
        self._connection, self._in_session = connection, False
        self._memory.begin()
        self._bases = {kind: files_base(stream) for kind, stream in connection.streams.items()}

    def lose(self, why: str) -> None:
        """The connection is over, or was none."""
        self._own.lose()
        self._connection, self._in_session = None, False
        self.writer.close_segment()
        if self._down is None and self.writer.sessions:
            self._why, self._down = why, self._parts()

    def take(self, kind: TrackKind, timed: AvTimed) -> None:
        connection = self._connection
        assert connection is not None
        if connection.repeats and self._memory.knows(kind, timed.showing, bytes(timed.packet)):
            return
        if not self._in_session and not self._begin_connected(connection, kind, timed):
            return
        found = self._clock.place(kind, timed, self.clock_s())
        if isinstance(found, Jump):
            self._jump(connection, found, [*self._clock.doubtful(), (kind, timed)])
            return
        for placed in found:
            self._note(connection, placed.showing)
            if self._sounds_again(kind, placed.showing):
                self.writer.write(kind, placed.packet, placed.decoding, placed.showing)

    def tick(self) -> None:
        """States what is missing by now. To be called several times a second, and whenever something came."""
        if self._down is not None:
            while part := self._down.due(self._pace.at(self.clock_s())):
                self.writer.say(Missing(*part, self._why, None))
        elif self._in_session:
            self._own.tick(self.clock_s())
            for kind, silence in self._silences.items():
                silent = Fraction(self.options.silent_s)
                if self._clock.end - silence.since >= silent and silence.parts is None:
                    silence.parts = MissingParts(silence.since, silent, TRACK_PART)
                while silence.parts and (part := silence.parts.due(self._clock.end)):
                    self.writer.say(Missing(*part, "source_down", kind, f"there is no {kind}"))

    def end(self) -> None:
        """The last word on what is missing."""
        self.lose("source_down")
        self._own.end()
        if self._down is not None and (part := self._down.rest(self._pace.at(self.clock_s()))):
            self.writer.say(Missing(*part, self._why, None))

    def _parts(self) -> MissingParts:
        return MissingParts(self.writer.end, Fraction(self.options.stall_s))

    def _take_up(self, at: Fraction, arrival: Arrival) -> None:
        """The timeline of a recorder before this one goes on by the clock: the monotonic one, where it is still the same."""
        passed = self.clock_s() - arrival.monotonic_s
        if arrival.boot != boot_id():
            passed = max(0.0, (datetime.now(arrival.wall_time.tzinfo) - arrival.wall_time).total_seconds())
        self._pace.begins(at, self.clock_s() - passed)
        self._clock.end = self.writer.end
        self._why, self._down = "recorder_restart", self._parts()

    def _begin_connected(self, connection: Connection, kind: TrackKind, timed: AvTimed) -> bool:
        """False where the packet is of what was recorded already, by the source's own clock."""
        if connection.repeats:
            # What is new came later than the first bytes.
            connection = self._connection = replace(connection, arrival=now())
        first = timed.showing
        zero = min(connection.starts.values(), default=first)
        if connection.repeats or abs(zero - first) > APART:
            zero = first
        end, added = self.writer.end, ZERO
        at = end
        goes_on = self._clock.goes_on(zero)
        if self.writer.sessions:
            overlap = self._clock.overlap(connection.starts)
            same = connection.continued or (bool(connection.starts) and overlap <= OVERLAP)
            by_pace = self._pace.at(connection.arrival.monotonic_s)
            at, added = next_beginning(end, by_pace, goes_on, APART if same else ZERO)
            own = None if at == goes_on or added else self._own.instant(zero, connection.own_clock, by_pace, end)
            if own is not None:
                if end - own > REPEATED:
                    return False
                at, added = max(end, own), max(ZERO, end - own)
            added -= overlap if same and added else ZERO
        if self._down is not None and (part := self._down.rest(at)):
            self.writer.say(Missing(*part, self._why, None))
        new = connection.continued and kind not in self._silences and goes_on is not None and ZERO <= goes_on < at
        self._begin(connection, (at, zero + added), self._why, begins={kind: goes_on} if new and goes_on is not None else {})
        self._down = None
        return True

    def _jump(self, connection: Connection, jump: Jump, came: list[tuple[TrackKind, AvTimed]]) -> None:
        end, by_pace = self.writer.end, self._pace.at(self.clock_s())
        goes_on = by_pace if by_pace - end > AWAY else end
        at = (ceil(goes_on / JUMP_CELL) + 1) * JUMP_CELL
        step = f"the clock of the source stepped by {float(jump.step):+.3f} s"
        self.writer.say(Missing(end, at, "discontinuity", None, step))
        self._begin(connection, (at, min(timed.showing for _, timed in came)), "discontinuity", jumped=True)
        for kind, timed in came:
            self.take(kind, timed)

    def _begin(
        self,
        connection: Connection,
        instants: tuple[Fraction, Fraction],
        why: str,
        jumped: bool = False,
        begins: dict[TrackKind, Fraction] | None = None,
    ) -> None:
        """instants: of the timeline and of the source's clock, the same one."""
        at, zero = instants
        self._in_session = True
        self._clock.begin(at, zero, self.clock_s(), jumped)
        streams = connection.streams
        arrival_zero = connection.arrival.wall_time - timedelta(seconds=float(at))
        session = Session(
            number=self.writer.sessions,
            at=at,
            why=why,
            arrival=connection.arrival,
            zero=utc(arrival_zero),
            container=connection.container,
            picture=picture_track(streams, at),
            sound=sound_track(streams, at),
            bases=self._bases,
            begins=begins or {},
        )
        self.writer.begin(session, streams)
        self._own.begin(instants, arrival_zero, connection.own_clock, connection.arrival.monotonic_s + connection.own_clock_s)
        self._own.tick(self.clock_s())
        for kind in {*self._silences, *streams}:
            silence = self._silences.setdefault(kind, TrackSilence(at))
            silence.since = at
            if kind in streams:
                silence.parts = None
            elif silence.parts is not None:
                silence.parts.told = at
        if not jumped:
            self._pace.begins(at, connection.arrival.monotonic_s)

    def _note(self, connection: Connection, showing: Fraction) -> None:
        """How far behind the timeline packets come; not in the burst of those that came while tracks were looked for."""
        now_s = self.clock_s()
        if now_s - connection.arrival.monotonic_s > BURST_S:
            self._pace.came(showing, now_s)
            self._own.came(showing, now_s)

    def _sounds_again(self, kind: TrackKind, showing: Fraction) -> bool:
        """Ends what is told of a track's silence; False for what comes too late to be told otherwise."""
        silence = self._silences[kind]
        if silence.hole(showing) and silence.parts is None:
            silence.parts = MissingParts(silence.since, showing)
        parts = silence.parts
        if parts is not None:
            if showing < parts.told:
                return False
            if part := parts.rest(showing):
                self.writer.say(Missing(*part, "source_down", kind, f"there is no {kind}"))
            self.writer.say(Resumed(kind, showing))
            silence.parts = None
        silence.since = max(silence.since, showing)
        return True
