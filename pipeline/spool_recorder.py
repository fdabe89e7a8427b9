"""The recorder of a live source: one connection after the other, watched by the progress of its packets. It never waits for readers."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from time import monotonic, sleep

from operators.errors import CapstreamError, ConfigError
from operators.sources.live import PROBED_US, Address
from operators.sources.live_clock import MPEG_TURN
from operators.sources.manifest import Down, Ended, now
from operators.sources.tracks import SourceOptions
from pipeline.spool_receiver import Receiver
from pipeline.spool_timeline import Connection, Timeline
from pipeline.spool_watch import Backoff, SpoolOptions, StallWatch
from pipeline.spool_writer import SpoolWriter

TICK_S = 0.1
HLS_PATIENCE = 3
"""A playlist gives its media in pieces of several seconds."""
REPORTS_S = 4.0
"""After the first media: an RTSP server reports its clock at once, or within five seconds (RFC 3550, 6.2)."""
_MEANINGS = (
    (("Unauthorized", "Forbidden", "authorization failed"), "refuses the user or password: check them in the address"),
    (("Not Found",), "has no such stream: check the path in the address"),
    (("refused",), "refuses the connection: is the server running, and the port right?"),
    (("failed: Input/output error", "timed out"), "does not answer: is its sender running, and the port right?"),
    (("No route to host", "unreachable"), "can not be reached from here: check the address and the network"),
    (("certificate verify failed",), "shows a certificate that is not trusted here: check the address, or have its authority trusted"),
)


@dataclass(slots=True)
class Recorder:
    """Runs once, in one thread. `stopped` is asked ten times a second."""

    address: Address
    writer: SpoolWriter
    options: SpoolOptions
    tracks: SourceOptions
    stopped: Callable[[], bool]
    stdin: int | None = None
    _timeline: Timeline = field(init=False)
    _watch: StallWatch = field(init=False)
    _backoff: Backoff = field(init=False)
    _seen_s: float = field(default_factory=monotonic)
    """When the source was last seen to give media."""
    _told: str = ""

    def __post_init__(self) -> None:
        turn = MPEG_TURN if self.address.transport == "mpegts" else None
        self._timeline = Timeline(self.writer, turn, self.options)
        probing_s = 1.5 * PROBED_US / 1e6 if self.address.transport == "nut" else 0.0
        self._watch = StallWatch(self.options, HLS_PATIENCE if self.address.kind == "hls" else 1, probing_s)
        self._backoff = Backoff(self.options)

    def run(self) -> None:
        """Until it is stopped, the source has truly ended, or was down for `give_up_s`."""
        while (why := self._connect()) is None:
            self._pause()
        self._timeline.end()
        self.writer.say(Ended(self.writer.end, why))

    def _connect(self) -> str | None:
        """One connection, from beginning to end; returns why there is to be no other."""
        self._watch.start(monotonic())
        spoilt = None
        try:
            with Receiver(self.address, self.tracks, self.stdin, (self._go_on, self._came), self.writer.sessions > 0) as receiver:
                if receiver.open():
                    self._receive(receiver, continued=False)
                while receiver.changed and receiver.open():
                    self._receive(receiver, continued=True)
                spoilt = receiver.spoilt
                if receiver.ended:
                    return "standard input has ended"
                if not self.stopped():
                    self._explain(receiver)
        except ConfigError as e:
            self._tell(e.message, final=True)
            return e.message
        except CapstreamError as e:
            self._tell(e.message)
        finally:
            self._timeline.lose("discontinuity" if spoilt else "source_down")
        return self._over()

    def _receive(self, receiver: Receiver, continued: bool) -> None:
        assert receiver.answered is not None
        repeats = self.address.kind == "hls"
        waits_s = REPORTS_S if self.address.kind == "rtsp" else 0.0
        connection = Connection(
            receiver.container, receiver.streams, receiver.starts, receiver.answered, repeats, continued, receiver.own_clock, waits_s
        )
        self._timeline.connect(connection)
        for kind, timed in receiver.packets():
            self._seen_s = monotonic()
            self._watch.packet_came(self._seen_s)
            if receiver.streams is not connection.streams:
                more = len(connection.streams) > 0
                connection = replace(connection, streams=receiver.streams, starts={}, arrival=now(), continued=more)
                self._timeline.connect(connection)
            if kind in receiver.streams:
                self._timeline.take(kind, timed)
            self._backoff.reset()
            self._told = ""

    def _go_on(self) -> bool:
        """Whether the connection is worth waiting for; called all the time."""
        self._timeline.tick()
        return not self.stopped() and not self._watch.stalled(monotonic())

    def _came(self) -> bool:
        self._watch.bytes_came(monotonic())
        return self._go_on()

    def _over(self) -> str | None:
        if self.stopped():
            return "stopped"
        longest = self.options.give_up_s
        return f"{self.address.name} was down for {longest:.0f} s" if longest is not None and monotonic() - self._seen_s > longest else None

    def _pause(self) -> None:
        until = monotonic() + self._backoff.next_s()
        while monotonic() < until and not self.stopped():
            self._timeline.tick()
            sleep(TICK_S)

    def _explain(self, receiver: Receiver) -> None:
        """Why it is down, for those who wait for it."""
        stalled = self._watch.stalled(monotonic())
        said = " ".join(receiver.child.said) if receiver.child and receiver.child.complaints else ""
        if receiver.relay:
            said = f"{said} {receiver.relay.said}"
            if receiver.relay.refused:
                return self._tell(receiver.relay.refused)
        if receiver.streams:
            return self._tell("has stopped sending")
        for words, meaning in _MEANINGS:
            if any(word in said for word in words):
                return self._tell(meaning)
        if receiver.answered is None:
            return self._tell(
                "does not answer"
                if stalled or receiver.child is None
                else self.address.clean(receiver.child.complaint) or "closes the connection"
            )
        return self._tell("answers and stays silent" if stalled else "sends no media of a kind known here")

    def _tell(self, why: str, final: bool = False) -> None:
        if why != self._told:
            self._told = why
            self.writer.say(Down(why, final))
