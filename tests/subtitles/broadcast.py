"""Subtitles as broadcasters carry them, made by hand, for no encoder here writes them: CEA-608 in the pictures of a video (CEA-708
user data in H.264, ATSC A/53), and EBU teletext in a transport stream (ETSI EN 300 472, EN 300 706)."""

import re
import subprocess
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

NTSC = Fraction(30000, 1001)
HAMMING = bytes.fromhex("150249 5e6473382f d0c78c9ba1b6fdea".replace(" ", ""))
PAGE = 0x88
"""Of magazine 8."""


def ffmpeg(*arguments: object) -> None:
    subprocess.run(["ffmpeg", "-v", "error", "-nostdin", "-y", *map(str, arguments)], capture_output=True, check=True)


def captioned_video(folder: Path, scc: str, seconds: int, second_field: bool = False) -> Path:
    """A transport stream of black pictures at 29.97 a second that carry the captions of an SCC file, one pair of bytes a picture."""
    raw, made = folder / "raw.h264", folder / "captions.ts"
    source = ("-f", "lavfi", "-i", f"color=size=64x64:rate={NTSC}:duration={seconds}")
    ffmpeg(*source, "-c:v", "libx264", "-preset", "ultrafast", "-bf", 0, "-threads", 1, "-f", "h264", raw)
    pairs = _pairs(scc)
    parts = re.split(rb"(?=\x00\x00\x00\x01|(?<!\x00)\x00\x00\x01)", raw.read_bytes())
    stream, picture = bytearray(), 0
    for part in parts:
        if part and part.lstrip(b"\x00")[1] & 31 in (1, 5):
            stream += _user_data(pairs.get(picture, b"\x80\x80"), second_field)
            picture += 1
        stream += part
    raw.write_bytes(stream)
    ffmpeg("-framerate", NTSC, "-i", raw, "-c", "copy", made)
    return made


def _pairs(scc: str) -> dict[int, bytes]:
    """Two bytes by the number of their picture."""
    found = {}
    for hours, minutes, seconds, frames, codes in re.findall(r"(\d\d):(\d\d):(\d\d)[:;](\d\d)\s+([0-9a-f ]+)", scc):
        first = (int(hours) * 3600 + int(minutes) * 60 + int(seconds)) * 30 + int(frames)
        for n, code in enumerate(codes.split()):
            found[first + n] = bytes(_odd(byte & 0x7F) for byte in bytes.fromhex(code))
    return found


def _user_data(pair: bytes, second_field: bool) -> bytes:
    """A NAL unit of supplemental information with the bytes of one picture."""
    payload = b"\xb5\x00\x31GA94\x03\x41\xff" + bytes([0xFC | second_field]) + pair + b"\xff"
    unit = b"\x04" + bytes([len(payload)]) + payload + b"\x80"
    return b"\x00\x00\x00\x01\x06" + re.sub(rb"\x00\x00(?=[\x00-\x03])", b"\x00\x00\x03", unit)


def teletext(path: Path, shown: Sequence[tuple[Fraction, Sequence[str]]]) -> Path:
    """A transport stream with a page of subtitles: from each instant these lines are shown, or, where there are none, nothing."""
    packets = [_table(0, b"\x00\x01\xf0\x00", 0x00), _table(0x1000, _map_of_program(), 0x02)]
    counter = 0
    for at, lines in shown:
        pes = _pes(at, lines)
        packets.append(_clock(at))
        for start in range(0, len(pes), 184):
            packets.append(b"\x47" + (b"\x01\x00" if start else b"\x41\x00") + bytes([0x10 | counter % 16]) + pes[start : start + 184])
            counter += 1
    path.write_bytes(b"".join(packets))
    return path


def _clock(at: Fraction) -> bytes:
    """The clock of the program, 40 ms ahead: teletext is not read without."""
    base = round(at * 90_000) - 3600
    return (b"\x47\x01\x00\x20\xb7\x10" + (base << 15 | 0x7E00).to_bytes(6, "big")).ljust(188, b"\xff")


def _map_of_program() -> bytes:
    descriptor = b"\x56\x05eng" + bytes([2 << 3 | 0, PAGE])
    stream = b"\x06\xe1\x00" + bytes([0xF0, len(descriptor)]) + descriptor
    return b"\xe1\x00\xf0\x00" + stream


def _table(pid: int, body: bytes, table: int) -> bytes:
    section = bytes([table, 0xB0, len(body) + 9]) + b"\x00\x01\xc1\x00\x00" + body
    section += _crc(section).to_bytes(4, "big")
    return (b"\x47" + (0x4000 | pid).to_bytes(2, "big") + b"\x10\x00" + section).ljust(188, b"\xff")


def _crc(data: bytes) -> int:
    value = 0xFFFFFFFF
    for byte in data:
        value ^= byte << 24
        for _ in range(8):
            value = (value << 1 ^ 0x04C11DB7 if value & 1 << 31 else value << 1) & 0xFFFFFFFF
    return value


def _pes(at: Fraction, lines: Sequence[str]) -> bytes:
    rows = [_header(PAGE), *(_row(24 - 2 * (len(lines) - n), line) for n, line in enumerate(lines)), _header(0xFF)]
    units = b"".join(b"\x03\x2c" + bytes([0xC0 | 0x20 | 7 + n]) + b"\xe4" + row for n, row in enumerate(rows))
    short = -(46 + len(units)) % 184
    units += (b"\xff\x2c" + b"\xff" * 44) * (short // 46)
    pts = round(at * 90_000)
    stamp = bytes([0x21 | pts >> 29 & 14, pts >> 22 & 255, pts >> 14 & 254 | 1, pts >> 7 & 255, pts << 1 & 254 | 1])
    payload = b"\x84\x80\x24" + stamp + b"\xff" * 31 + b"\x10" + units
    return b"\x00\x00\x01\xbd" + len(payload).to_bytes(2, "big") + payload


def _header(page: int) -> bytes:
    """Row 0: its number; it erases the page, which is one of subtitles, and is not shown itself (C4, C6, C7); no text."""
    digits = [page & 15, page >> 4, 0, 8, 0, 8, 1, 0]
    return _turned(_address(0) + bytes(HAMMING[d] for d in digits) + bytes(map(_odd, b" " * 32)))


def _row(number: int, text: str) -> bytes:
    line = b"\x0d\x0b\x0b" + text.encode("ascii") + b"\x0a\x0a"
    return _turned(_address(number) + bytes(map(_odd, line.ljust(40))))


def _address(row: int) -> bytes:
    """Magazine 8 is written as 0."""
    return bytes([HAMMING[(row & 1) << 3], HAMMING[row >> 1]])


def _odd(byte: int) -> int:
    return byte | (0 if byte.bit_count() % 2 else 0x80)


def _turned(data: bytes) -> bytes:
    """The lowest bit goes first on the air."""
    return bytes(int(f"{byte:08b}"[::-1], 2) for byte in data)
