"""Which files `decord` can be trusted with: those for which it gives the pictures and instants that decoding in order gives.

It indexes packets and takes the n-th packet shown for the n-th picture, so every packet must show one; it seeks to key
frames, so these must be marked and near; and it always reads the one track it finds best. Measured on real files, all
that pass here come out alike; of the others some are wrong, late or refused (MPEG-TS, AV1, damaged files).
"""

import importlib.util
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise

from operators.sources.key_frames import KeyFrame
from operators.sources.scan import TrackScan

INDEXED = ("mov", "matroska")
CODECS = ("h264", "hevc", "vp8", "vp9", "mpeg4")
PIXEL_FORMATS = ("yuv420p", "yuvj420p", "yuv422p", "yuvj422p", "yuv444p", "yuvj444p")
LARGEST_BYTES = 1 << 30
MOST_PICTURES = 50_000
"""decord reads a whole file to index it, once for each chunk of pictures: beyond these it costs more than the decoding."""
FARTHEST_KEYS = Fraction(12)
"""Each chunk is decoded from the key frame before it."""
CUT_SHORT = Fraction(1)

TRUSTED = "an indexed file that both readers show alike"


@dataclass(frozen=True, slots=True)
class Kind:
    """What is known of a picture track before its packets are read."""

    container: str
    codec: str
    pixel_format: str
    tracks: int
    """Picture tracks in the file, cover art counted."""
    upright: bool
    """Turned by a multiple of 90 degrees, and not mirrored."""
    size: int
    """Of the file, in bytes."""
    fragmented: bool
    timed: bool
    """Its length is stated."""


def distrust_kind(kind: Kind) -> str:
    """Why not decord; empty where nothing speaks against it so far."""
    if kind.container.split(",")[0] not in INDEXED:
        return f"decord seeks badly in {kind.container}"
    if kind.fragmented:
        return "decord seeks badly in a fragmented file"
    if not kind.timed:
        return "decord refuses files that do not state their length"
    if kind.codec not in CODECS:
        return f"decord is not trusted with {kind.codec}"
    if kind.pixel_format not in PIXEL_FORMATS:
        return f"decord shows {kind.pixel_format} otherwise"
    if kind.tracks > 1:
        return "decord can not choose between picture tracks"
    if not kind.upright:
        return "decord does not mirror pictures"
    if kind.size > LARGEST_BYTES:
        return f"decord would index all of {kind.size >> 20} MiB again and again"
    if importlib.util.find_spec("decord") is None:
        return "decord is not installed"
    return ""


def distrust_packets(scan: TrackScan, stated_end: Fraction | None) -> str:
    """Why not decord, by the packets; `stated_end` is in the container's own time."""
    ticks, keys = scan.ticks, scan.keys
    if not ticks or scan.untimed or scan.jumps:
        return "decord needs a timestamp on every packet"
    if scan.hidden or any(a == b for a, b in pairwise(ticks)):
        return "decord counts packets that show nothing"
    if len(ticks) > MOST_PICTURES:
        return f"decord would index all {len(ticks)} pictures again and again"
    if scan.corrupt:
        return "the file is damaged"
    if stated_end is not None and scan.end is not None and scan.end * scan.time_base < stated_end - CUT_SHORT:
        return "the pictures stop before the stated end"
    if not keys or keys[0] != ticks[0]:
        return "the file does not begin with a key frame"
    if scan.worst_key > KeyFrame.CLOSED:
        return "decord can not begin at key frames that do not stand alone"
    if any((b - a) * scan.time_base > FARTHEST_KEYS for a, b in pairwise([*keys, ticks[-1]])):
        return f"key frames are more than {FARTHEST_KEYS} s apart"
    return ""
