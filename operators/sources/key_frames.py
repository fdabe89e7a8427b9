"""What a key frame is worth: whether decoding can begin at it, by the first bytes of its NAL units (ITU-T H.264 7.3, H.265 7.3).

A container marks as key frames also pictures at which decoding only can begin: those of an open group (pictures shown before
them need the group before), and those of a gradual refresh (nothing is whole until seconds later).
"""

from collections.abc import Iterator
from enum import IntEnum

H264_SLICE, H264_IDR = 1, 5
H264_INTRA = (2, 7)
HEVC_IDR = (19, 20)
HEVC_INTRA = range(16, 22)


class KeyFrame(IntEnum):
    CLOSED = 0
    """Nothing after it needs anything before it."""
    OPEN = 1
    """It is whole; what is shown before it may need what was before."""
    GRADUAL = 2
    """It is not whole itself."""


def key_frame(codec: str, extradata: bytes, packet: bytes) -> KeyFrame:
    """Of codecs other than H.264 and HEVC all key frames are taken to be closed."""
    if codec == "h264" and extradata[:1] == b"\1" and len(extradata) > 4:
        return _h264(_units(packet, (extradata[4] & 3) + 1))
    if codec == "hevc" and extradata[:1] == b"\1" and len(extradata) > 21:
        return _hevc(_units(packet, (extradata[21] & 3) + 1))
    return KeyFrame.OPEN if codec in ("h264", "hevc") else KeyFrame.CLOSED


def _h264(units: Iterator[bytes]) -> KeyFrame:
    for unit in units:
        kind = unit[0] & 31
        if kind == H264_IDR:
            return KeyFrame.CLOSED
        if kind == H264_SLICE:
            _first, slice_type = _golombs(unit[1:])
            return KeyFrame.OPEN if slice_type in H264_INTRA else KeyFrame.GRADUAL
    return KeyFrame.GRADUAL


def _hevc(units: Iterator[bytes]) -> KeyFrame:
    for unit in units:
        kind = unit[0] >> 1 & 63
        if kind in HEVC_IDR:
            return KeyFrame.CLOSED
        if kind < 32:
            return KeyFrame.OPEN if kind in HEVC_INTRA else KeyFrame.GRADUAL
    return KeyFrame.GRADUAL


def _units(packet: bytes, length_bytes: int) -> Iterator[bytes]:
    """The beginnings of the packet's NAL units."""
    at = 0
    while at + length_bytes < len(packet):
        length = int.from_bytes(packet[at : at + length_bytes], "big")
        at += length_bytes
        yield packet[at : at + 16]
        at += length


def _golombs(data: bytes) -> tuple[int, int]:
    """The first two unsigned Exp-Golomb codes; 16 bytes hold them."""
    bits = "".join(f"{byte:08b}" for byte in data)
    values, at = [], 0
    for _ in range(2):
        zeros = bits.find("1", at) - at
        end = at + 2 * zeros + 1
        values.append(int(bits[at:end] or "0", 2) - 1 if zeros >= 0 else -1)
        at = end
    return values[0], values[1]
