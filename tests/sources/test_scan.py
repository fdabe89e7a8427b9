"""What is learned from packets alone: key frames, jumps of the clock, the order of pictures."""

from array import array
from fractions import Fraction
from pathlib import Path

import pytest
from made_media import made

from operators.sources.admission import admit
from operators.sources.key_frames import KeyFrame, key_frame
from operators.sources.picture_index import PictureIndex
from operators.sources.scan import TrackScan, scan
from operators.sources.trust import distrust_packets
from operators.timeline import ZERO

AVCC = b"\1\x64\0\x1f\xff"
HVCC = b"\1" + bytes(20) + b"\xff"


def unit(payload: bytes) -> bytes:
    return len(payload).to_bytes(4, "big") + payload


@pytest.mark.parametrize(
    ("codec", "extradata", "payloads", "kind"),
    [
        ("h264", AVCC, [b"\x09\x10", b"\x67sps", b"\x65\x88"], KeyFrame.CLOSED),
        ("h264", AVCC, [b"\x06sei", b"\x41\x88\x80"], KeyFrame.OPEN),  # first_mb 0, slice type 7
        ("h264", AVCC, [b"\x06sei", b"\x41\x9a\x00"], KeyFrame.GRADUAL),  # slice type 5
        ("h264", AVCC, [], KeyFrame.GRADUAL),
        ("h264", b"\0\0\0\1\x67", [b"\x65\x88"], KeyFrame.OPEN),
        ("hevc", HVCC, [b"\x40\1vps", bytes([19 << 1, 1])], KeyFrame.CLOSED),
        ("hevc", HVCC, [bytes([21 << 1, 1])], KeyFrame.OPEN),
        ("hevc", HVCC, [bytes([1 << 1, 1])], KeyFrame.GRADUAL),
        ("vp9", b"", [b"\x82"], KeyFrame.CLOSED),
    ],
)
def test_kinds_of_key_frames(codec: str, extradata: bytes, payloads: list[bytes], kind: KeyFrame) -> None:
    assert key_frame(codec, extradata, b"".join(map(unit, payloads))) == kind


@pytest.mark.ffmpeg
@pytest.mark.parametrize(
    ("name", "kind"), [("cfr.mp4", KeyFrame.CLOSED), ("open-groups.mp4", KeyFrame.OPEN), ("refresh.mp4", KeyFrame.GRADUAL)]
)
def test_key_frames_of_real_encoders(name: str, kind: KeyFrame) -> None:
    assert scan(admit(str(made(name))), [0])[0].worst_key == kind


@pytest.mark.ffmpeg
def test_both_tracks_jump_together(tmp_path: Path) -> None:
    joined = tmp_path / "joined.ts"
    joined.write_bytes(made("stream.ts").read_bytes() + made("short.ts").read_bytes())
    pictures, sound = scan(admit(str(joined)), [0, 1]).values()
    assert len(pictures.jumps) == len(sound.jumps) == 1
    assert pictures.jumps[0] * pictures.time_base == sound.jumps[0] * sound.time_base
    assert list(pictures.ticks) == sorted(pictures.ticks)
    assert pictures.first is not None
    assert pictures.end is not None
    assert abs((pictures.end - pictures.first) * pictures.time_base - 9) < Fraction(1, 5)


def scanned(ticks: list[int], keys: list[int]) -> TrackScan:
    found = TrackScan(Fraction(1, 25), array("q", ticks), array("q", keys))
    found.first, found.end = ticks[0], ticks[-1] + 1
    return found


def test_distrust_by_packets() -> None:
    good = scanned(list(range(100)), [0, 50])
    assert distrust_packets(good, Fraction(4)) == ""
    assert "stated end" in distrust_packets(good, Fraction(6))
    assert "show nothing" in distrust_packets(scanned([0, 1, 1, 2], [0]), None)
    assert "begin with a key frame" in distrust_packets(scanned([0, 1, 2], [1]), None)
    assert "apart" in distrust_packets(scanned([0, 400], [0]), None)
    for flaw, reason in (("untimed", "timestamp"), ("hidden", "show nothing"), ("corrupt", "damaged")):
        flawed = scanned([0, 1, 2], [0])
        setattr(flawed, flaw, True)
        assert reason in distrust_packets(flawed, None)


def test_picks_are_the_first_pictures_of_cells() -> None:
    index = PictureIndex(scanned([10, 11, 12, 30, 31, 60, 61], [10, 30]), Fraction(10, 25))
    picks = [p for chunk in index.chunks(0, 1000, 2, 100) for p in chunk]
    assert [p.number for p in picks] == [0, 3, 5]
    assert [p.at for p in picks] == [ZERO, Fraction(20, 25), Fraction(2)]
    assert [[p.number for p in chunk] for chunk in index.chunks(1, 4, 2, 100)] == [[3]]
    assert index.since(Fraction(2)) == 5


def test_chunks_part_at_key_frames_where_they_can() -> None:
    index = PictureIndex(scanned(list(range(100)), [0, 25, 50, 75]), ZERO)
    assert [len(c) for c in index.chunks(0, 100, 25, 60)] == [50, 50]
    assert [len(c) for c in index.chunks(0, 100, 25, 20)] == [20, 5] * 4
    assert [p.number for c in index.chunks(0, 100, 25, 7) for p in c] == list(range(100))
