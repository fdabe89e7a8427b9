"""Watches the tables of an MPEG transport stream (ISO/IEC 13818-1, 2.4.4): demuxers do not tell of tracks that come or change later."""

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np

PACKET_BYTES = 188
SYNC = 0x47
PAT_PID = 0
PAT, PMT = 0, 2
Tracks = frozenset[tuple[int, int]]
"""(PID, type of stream)"""


@dataclass(slots=True)
class TableWatch:
    """Given the bytes of the stream in order, in any pieces."""

    _rest: bytes = b""
    _programs: set[int] = field(default_factory=set)
    """PIDs of the tables of programs."""
    _tracks: dict[int, Tracks] = field(default_factory=dict)
    _association: bytes = b""
    """The packet with the latest table of programs, without which no other table is understood."""

    def split(self, data: bytes) -> tuple[bytes, bytes]:
        """(what belongs to the tracks known so far, what begins with a table that names others); the second is mostly empty.

        The second begins with the table of programs, and is to be given again: the tracks found are then the known ones.
        """
        held = len(self._rest)
        stream = self._rest + data
        first = _aligned(stream)
        count = (len(stream) - first) // PACKET_BYTES
        self._rest = stream[first + count * PACKET_BYTES :][-PACKET_BYTES:]
        rows = np.frombuffer(stream, np.uint8, count * PACKET_BYTES, first).reshape(count, PACKET_BYTES)
        pids = (rows[:, 1].astype(int) & 0x1F) << 8 | rows[:, 2]
        begins = rows[:, 1] & 0x40 > 0
        for row in np.flatnonzero(begins & (pids == PAT_PID)).tolist():
            self._associate(rows[row].tobytes())
        for row in np.flatnonzero(begins & np.isin(pids, list(self._programs))).tolist():
            if self._changes(int(pids[row]), rows[row].tobytes()):
                at = max(0, first + row * PACKET_BYTES - held)
                self._rest = b""
                return data[:at], self._association + stream[first + row * PACKET_BYTES :]
        return data, b""

    def _associate(self, packet: bytes) -> None:
        section = _section(packet)
        if section[:1] == bytes([PAT]) and not _crc(section):
            entries = (section[at : at + 4] for at in range(8, len(section) - 4, 4))
            self._association = packet
            self._programs |= {(e[2] & 0x1F) << 8 | e[3] for e in entries if e[:2] != b"\0\0"}

    def _changes(self, pid: int, packet: bytes) -> bool:
        section = _section(packet)
        if section[:1] != bytes([PMT]) or _crc(section):
            return False
        tracks, before = frozenset(_tracks(section)), self._tracks.get(pid)
        self._tracks[pid] = tracks
        return before is not None and before != tracks


def _aligned(stream: bytes) -> int:
    """Offset of the first packet; the length where there is none."""
    for at in range(min(len(stream), PACKET_BYTES)):
        if stream[at] == SYNC and stream[at + PACKET_BYTES : at + PACKET_BYTES + 1] in (b"", bytes([SYNC])):
            return at
    return len(stream)


def _section(packet: bytes) -> bytes:
    """The section that begins in a packet; empty where it does not end in it."""
    at = 4 + (1 + packet[4] if packet[3] & 0x20 else 0)
    if not packet[3] & 0x10 or at >= PACKET_BYTES:
        return b""
    at += 1 + packet[at]
    if at + 3 > PACKET_BYTES:
        return b""
    end = at + 3 + ((packet[at + 1] & 0x0F) << 8 | packet[at + 2])
    return packet[at:end] if end <= PACKET_BYTES else b""


def _tracks(section: bytes) -> Iterator[tuple[int, int]]:
    at = 12 + ((section[10] & 0x0F) << 8 | section[11])
    while at + 5 <= len(section) - 4:
        yield (section[at + 1] & 0x1F) << 8 | section[at + 2], section[at]
        at += 5 + ((section[at + 3] & 0x0F) << 8 | section[at + 4])


def _crc(section: bytes) -> int:
    """CRC-32 of MPEG-2 over a section with its checksum: 0 where it is whole."""
    value = 0xFFFFFFFF
    for byte in section:
        value ^= byte << 24
        for _ in range(8):
            value = (value << 1 ^ (0x04C11DB7 if value & 0x80000000 else 0)) & 0xFFFFFFFF
    return value
