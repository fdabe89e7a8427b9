"""What time a live source says that it is: by HLS playlists (EXT-X-PROGRAM-DATE-TIME, RFC 8216) and by RTSP's sender reports (RFC 3550)."""

import re
import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from urllib.parse import urljoin

NTP_TO_UNIX_S = 2_208_988_800
OLDEST = datetime(2000, 1, 1, tzinfo=UTC)
"""Clocks that nobody has set begin in 1900 or 1970."""
AHEAD = timedelta(days=1)
"""A clock may be wrong, and a channel a recording from before; what has not happened yet is not believed."""
STEP_S = 1.0
"""Playlists round the durations of their segments; by more than this their clock stepped."""
MOST_SEGMENTS = 10_000
MOST_HELD = 1 << 20
FRAME, SENDER_REPORT = 0x24, 200
Segment = tuple[str, int]
"""Where media comes from: its address, and its first byte there."""
_TAG = re.compile(r"#(EXT-X-PROGRAM-DATE-TIME|EXTINF|EXT-X-BYTERANGE|EXT-X-DISCONTINUITY):?(.*)")
_CODING = re.compile(rb"a=rtpmap:(\d+) [^/\s]+/(\d+)")
_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
_ELSEWHERE = re.compile(rb"RTSP/1\.\d 3\d\d")


@dataclass(frozen=True, slots=True)
class ClockReading:
    """The source's clock showed `wall` at the source's instant `raw`."""

    raw: Fraction
    wall: datetime
    newest: datetime | None = None
    """What it showed at the end of the newest that the source lists, where it lists what there is."""

    def at(self, raw: Fraction) -> datetime:
        return self.wall + timedelta(microseconds=round((raw - self.raw) * 1_000_000))


def believed(wall: datetime, now: datetime) -> bool:
    return OLDEST <= wall <= now + AHEAD


@dataclass(slots=True)
class PlaylistClock:
    """Given the playlists of one connection, and the segments in the order in which they are fetched."""

    first: datetime | None = None
    """When the first segment that was fetched begins, by the source's clock as it shows now."""
    newest: datetime | None = None
    """When the last segment that is listed ends."""
    _starts: dict[Segment, datetime] = field(default_factory=dict)
    _fetched: bool = False

    def read(self, address: str, playlist: str) -> None:
        """The playlist at an address."""
        before, expected = self._starts, None
        self._starts = dict(list(before.items())[-MOST_SEGMENTS:])
        for segment, told, duration_s, joined in _segments(address, playlist):
            at = told or expected
            if told and expected and joined and segment not in before and abs((told - expected).total_seconds()) > STEP_S and self.first:
                self.first += told - expected
            if at is not None:
                self._starts[segment] = at
                expected = self.newest = at + timedelta(seconds=duration_s)

    def fetch(self, address: str, first_byte: int) -> None:
        """Something is fetched from the source; it may be no segment."""
        at = self._starts.get((address, first_byte))
        if at is not None and not self._fetched:
            self.first, self._fetched = at, True


def _segments(address: str, playlist: str) -> Iterator[tuple[Segment, datetime | None, float, bool]]:
    """(segment, when it begins where that is said, seconds, whether it follows the one before without a break)."""
    told, duration_s, joined, size, offset = None, 0.0, True, None, 0
    for line in map(str.strip, playlist.splitlines()):
        tag = _TAG.match(line)
        if tag is None:
            if line and not line.startswith("#"):
                yield (urljoin(address, line), offset if size is not None else 0), told, duration_s, joined
                told, duration_s, joined = None, 0.0, True
                offset, size = offset + (size or 0), None
            continue
        match tag[1]:
            case "EXT-X-PROGRAM-DATE-TIME":
                told = _instant(tag[2])
            case "EXTINF":
                duration_s = _seconds(tag[2].partition(",")[0])
            case "EXT-X-BYTERANGE":
                length, _, start = tag[2].partition("@")
                size = int(length) if length.isdecimal() else 0
                offset = int(start) if start.isdecimal() else offset
            case _:
                joined = False


def _instant(text: str) -> datetime | None:
    try:
        found = datetime.fromisoformat(text.strip())
        return (found if found.tzinfo else found.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def _seconds(text: str) -> float:
    try:
        return min(max(0.0, float(text)), 86_400.0)
    except ValueError:
        return 0.0


@dataclass(slots=True)
class ReportClock:
    """Given what an RTSP server sends over TCP, in order, in any pieces: its answers and, between them, RTP and RTCP (RFC 2326, 10.12).

    ffmpeg's timestamps of a track begin at 0 with its first packet; those of several tracks follow the first report, those of one alone
    none.
    """

    zero: datetime | None = None
    """What the source's clock shows at ffmpeg's timestamp 0; None before the first report."""
    leads_elsewhere: bool = False
    """The server answered that the media is somewhere else. Known before that answer is whole."""
    _held: bytes = b""
    _rates: dict[int, int] = field(default_factory=lambda: {0: 8000, 8: 8000, 9: 8000, 14: 90_000, 26: 90_000, 32: 90_000, 33: 90_000})
    """Ticks a second, by the type of payload."""
    _firsts: dict[int, tuple[int, int]] = field(default_factory=dict)
    """By sender: the first timestamp, and the type of payload."""

    def take(self, data: bytes) -> None:
        self._held += data
        at = 0
        while (end := self._end(at)) is not None:
            if self._held[at] == FRAME:
                self._frame(self._held[at + 1], self._held[at + 4 : end])
            else:
                self._answer(self._held[at:end])
            at = end
        self._held = self._held[at:]
        # What is no RTSP is not understood: nothing is learned from it.
        if len(self._held) > MOST_HELD:
            self._held = b""

    def _end(self, at: int) -> int | None:
        """Where the frame or answer that begins at `at` ends; None where that has not come."""
        held = self._held
        if len(held) - at < 4:
            return None
        if held[at] == FRAME:
            end = at + 4 + int.from_bytes(held[at + 2 : at + 4])
            return end if end <= len(held) else None
        self.leads_elsewhere = self.leads_elsewhere or bool(_ELSEWHERE.match(held, at))
        head = held.find(b"\r\n\r\n", at)
        if head < 0:
            return None
        length = _LENGTH.search(held, at, head)
        end = head + 4 + (int(length[1]) if length else 0)
        return end if end <= len(held) else None

    def _answer(self, answer: bytes) -> None:
        self._rates |= {int(kind): int(rate) for kind, rate in _CODING.findall(answer)}

    def _frame(self, channel: int, packet: bytes) -> None:
        if channel % 2 == 0 and len(packet) >= 12:
            timestamp, sender = struct.unpack_from(">II", packet, 4)
            self._firsts.setdefault(sender, (timestamp, packet[1] & 0x7F))
        elif channel % 2 and len(packet) >= 20 and packet[1] == SENDER_REPORT:
            self._report(*struct.unpack_from(">IIII", packet, 4))

    def _report(self, sender: int, ntp_s: int, ntp_rest: int, timestamp: int) -> None:
        if self.zero is not None and len(self._firsts) > 1:
            return
        first, kind = self._firsts.get(sender, (timestamp, -1))
        rate = self._rates.get(kind, 0)
        ticks = (timestamp - first + 2**31) % 2**32 - 2**31
        if ticks and not rate:
            return
        since = Fraction(ticks, rate) if ticks else Fraction(0)
        shown = ntp_s - NTP_TO_UNIX_S + Fraction(ntp_rest, 2**32) - since
        self.zero = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=round(shown * 1_000_000))
