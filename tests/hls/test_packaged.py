"""What is packaged is what was recorded, on the clock that the subtitles are mapped to; ffmpeg and ffprobe read it back."""

import json
import subprocess
from dataclasses import dataclass, replace
from fractions import Fraction as F
from pathlib import Path

import av
import msgspec
import numpy as np
import pytest
from hls_checks import Listing, cues_of, map_of
from live.broadcasts import clip, ffmpeg, free_port, recorded, sender, wait_until
from subtitles.test_views import cue

from operators.records import Clock, End
from operators.subtitles.formats.hls_playlist import Playlist
from pipeline.cli import execute
from pipeline.hls_folder import HlsFolder, State
from pipeline.hls_follow import HlsFollower, HlsOptions
from pipeline.hls_transport import Copied, Packager
from pipeline.log import Header, LogWriter
from pipeline.spool_watch import SpoolOptions

pytestmark = pytest.mark.ffmpeg
CLOCK = Clock("arrival", "2026-01-02T03:04:05.000+00:00")
LATER_S = 1e9


@dataclass
class Stream:
    """A stream that was run, or runs."""

    out: Path
    uri: str
    clock: Clock | None = None

    def __post_init__(self):
        self.place = self.out / "cam" / "1"
        self.place.mkdir(parents=True)
        (self.place / "generation.json").write_bytes(msgspec.json.encode({"uri": self.uri}))
        self.log = LogWriter(self.place / "narrate.jsonl", Header("cam", 1, "narrate", {}, "s", "s", self.clock))

    def say(self, *cues, end=None):
        for n, start, length in cues:
            self.log.append("narrate.subtitles", cue(n, start, start + length))
        if end is not None:
            self.log.append("narrate", End(F(end), F(end), "narrate", None, 0, {}))
        self.log.commit(F(end or 0), None if end else F(0), {}, done=end is not None)
        if end is not None:
            self.log.close()


def publish(stream, folder, options, now_s=LATER_S):
    opened = HlsFolder(folder, State("cam", Playlist(options.target_s), beside=options.beside is not None))
    follower = HlsFollower(stream.out / "cam", opened, options)
    turns = 0
    while follower.turn(now_s) or (turns < 3 and not follower.done):
        turns += 1
    opened.close()
    return Listing((folder / "subtitles.m3u8").read_text())


def packets(path, kind):
    """(content without what containers change, instant) of each packet."""
    with av.open(str(path)) as container:
        track = next(s for s in container.streams if s.type == kind)
        return [(p.size, float(p.pts * p.time_base)) for p in container.demux(track) if p.size]


def probed(path, *entries):
    arguments = ["ffprobe", "-v", "error", "-of", "json", *entries, str(path)]
    return json.loads(subprocess.run(arguments, capture_output=True, text=True, check=True).stdout)


def check_media(folder, listing, source, most_lost=0):
    """All packets of the source (from the first on that was received), none twice, each at the same distance from the first; each
    segment on the clock that the subtitles are mapped to; counted without a hole."""
    for kind in ("video", "audio"):
        given, made = packets(source, kind), packets(folder / "media.m3u8", kind)
        assert len(given) - len(made) in range(most_lost + 1)
        given = given[len(given) - len(made) :]
        shift = made[0][1] - given[0][1]
        assert all(abs(b - a - shift) < 0.002 for (_, a), (_, b) in zip(given, made, strict=True))
    for n, entry in enumerate(listing.entries):
        ticks, local_ms = map_of(folder / entry.name)
        assert ticks == 900_000 + local_ms * 90
        media = (folder / entry.name).with_suffix(".ts")
        (picture,) = probed(media, "-select_streams", "v", "-show_entries", "stream=start_pts")["streams"]
        assert abs(picture["start_pts"] - ticks) <= (90 if n else 180_000 if most_lost else 9000), "a key frame where the segment begins"
    rows = np.frombuffer(b"".join((folder / f"{Path(e.name).stem}.ts").read_bytes() for e in listing.entries), np.uint8).reshape(-1, 188)
    numbers = (rows[:, 1].astype(int) & 31) << 8 | rows[:, 2]
    for number in set(numbers):
        counts = rows[(numbers == number) & (rows[:, 3] & 16 > 0), 3] & 15
        assert (np.diff(counts.astype(int)) % 16 == 1).all(), "parts of one transport stream"


def test_a_file_while_it_runs_and_after_a_restart(tmp_path):
    source = clip(8, suffix="mp4")
    stream, folder, options = Stream(tmp_path / "out", str(source)), tmp_path / "hls", HlsOptions(target_s=2, window_s=6)
    stream.say((0, F(1, 2), 1), (1, F(3, 2), 1))
    assert not (folder / "subtitles.m3u8").exists()
    with pytest.raises(FileNotFoundError):
        publish(stream, folder, options)
    stream.log.commit(F(14), F(14), {})
    listing = publish(stream, folder, options)
    assert (listing.kind, listing.ended, len(listing.entries)) == ("EVENT", False, 2), "what is settled"
    stream.say((2, F(15, 2), 1), end=8)
    listing = publish(stream, folder, options)
    assert listing.ended
    assert listing.duration == pytest.approx(8, abs=0.05)
    check_media(folder, listing, source)
    texts = [[text for *_, text in cues_of(folder / e.name)] for e in listing.entries]
    assert texts == [["Cue 0.", "Cue 1."], ["Cue 1."], [], ["Cue 2."]]
    master = (folder / "master.m3u8").read_text()
    assert 'LANGUAGE="en"' in master
    assert 'CODECS="avc1.' in master
    assert "RESOLUTION=192x108" in master
    decoded = subprocess.run(
        ["ffmpeg", "-v", "warning", "-i", str(folder / "media.m3u8"), "-f", "null", "-"], capture_output=True, check=True
    )
    assert not decoded.stderr, "ffmpeg has nothing to complain of"


def test_a_live_stream_from_its_spool(tmp_path):
    source, address = clip(8), f"udp://127.0.0.1:{free_port()}?pkt_size=1316"
    stream, folder = Stream(tmp_path / "out", "udp://127.0.0.1", CLOCK), tmp_path / "hls"
    options = HlsOptions(target_s=2, window_s=60, delay_s=1)
    with recorded(address, stream.place / "spool", SpoolOptions(answer_s=30, stall_s=3)):
        with sender(source, address) as process:
            process.wait()
        wait_until(lambda: "has stopped sending" in (stream.place / "spool" / "manifest.jsonl").read_text(), 60)
    stream.say((0, F(1, 2), 1), (1, F(7, 2), 1), end=8)
    listing = publish(stream, folder, options)
    assert listing.ended
    assert listing.kind is None
    check_media(folder, listing, source, most_lost=60)
    began = listing.entries[0].date_time
    assert began is not None
    # Of a sender that is joined while it sends, the first packets may be missed.
    assert "2026-01-02T03:04:05.000Z" <= began < "2026-01-02T03:04:05.200Z"
    heard = [text for e in listing.entries for *_, text in cues_of(folder / e.name)]
    assert list(dict.fromkeys(heard)) == ["Cue 0.", "Cue 1."]
    assert listing.shape() == Listing((folder / "media.m3u8").read_text()).shape()


def test_a_clock_that_started_again(tmp_path):
    source, begins = clip(2), F(2**33, 90_000)
    with av.open(str(source)) as container:
        track = container.streams.video[0]
        copied = [Copied("picture", p, p.pts * p.time_base) for p in container.demux(track) if p.size]
        first = min(c.showing for c in copied)
        (tmp_path / "a.ts").write_bytes(Packager(begins - F(1, 2)).segment(copied, {"picture": track}, {}))
    (stream,) = probed(tmp_path / "a.ts", "-show_entries", "stream=start_pts")["streams"]
    assert stream["start_pts"] % 2**33 == pytest.approx((first - F(1, 2)) * 90_000, abs=1)


def test_damaged_packets_hold_nobody_up(tmp_path):
    with av.open(str(clip(2))) as container:
        tracks = {"picture": container.streams.video[0], "sound": container.streams.audio[0]}
        given = [p for p in container.demux(list(tracks.values())) if p.size]
        copied = [Copied("picture" if p.stream.type == "video" else "sound", p, p.pts * p.time_base) for p in given]
        twice = [replace(c, showing=copied[0].showing) if n % 7 == 0 else c for n, c in enumerate(copied)]
        broken = av.Packet(bytes(20))
        broken.stream, broken.pts, broken.time_base = tracks["sound"], given[0].pts, given[0].time_base
        data = Packager(F(10)).segment([*twice, Copied("sound", broken, copied[0].showing)], tracks, {})
    (tmp_path / "a.ts").write_bytes(data)
    read = probed(tmp_path / "a.ts", "-count_packets", "-show_entries", "stream=codec_type,nb_read_packets")["streams"]
    assert sum(int(s["nb_read_packets"]) for s in read) >= len(copied) - 2


def test_beside_the_packager_of_somebody_else(tmp_path):
    theirs, options = tmp_path / "theirs", "-f hls -hls_time 2 -hls_flags program_date_time -start_number 40 -hls_list_size 0"
    theirs.mkdir()
    ffmpeg("-i", str(clip(8)), "-c", "copy", *options.split(), str(theirs / "live.m3u8"))
    text = (theirs / "live.m3u8").read_text()
    when = next(line.partition(":")[2] for line in text.splitlines() if "DATE-TIME" in line)
    stream = Stream(tmp_path / "out", "udp://127.0.0.1", Clock("source", when[:-2] + ":" + when[-2:]))
    stream.say((0, F(1, 2), 1), (1, F(3, 2), 1), end=8)
    folder = tmp_path / "hls"
    listing = publish(stream, folder, HlsOptions(beside=str(theirs / "live.m3u8")))
    packager = Listing(text)
    assert (listing.first, listing.ended, listing.target) == (40, True, packager.target)
    assert [e.duration for e in listing.entries] == [e.duration for e in packager.entries]
    assert [[text for *_, text in cues_of(folder / e.name)] for e in listing.entries][:2] == [["Cue 0.", "Cue 1."], ["Cue 1."]]
    for ours, entry in zip(listing.entries, packager.entries, strict=True):
        shown = probed(theirs / entry.name, "-select_streams", "v", "-show_entries", "packet=pts")["packets"]
        assert map_of(folder / ours.name)[0] == pytest.approx(min(p["pts"] for p in shown), abs=180), "their own clock"
    assert not list(folder.glob("*.ts"))


def test_a_live_packager_without_clock_times_is_told_what_to_do(tmp_path, capsys):
    stream = Stream(tmp_path / "out", "udp://127.0.0.1", CLOCK)
    stream.say(end=1)
    (tmp_path / "live.m3u8").write_text("#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXTINF:2,\nx.ts\n")
    arguments = ["hls", str(stream.out), "cam", str(tmp_path / "hls"), "--beside", str(tmp_path / "live.m3u8")]
    assert execute(arguments) == 2
    assert "have the packager write EXT-X-PROGRAM-DATE-TIME" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("options", "suffix", "said"),
    [
        ("-c:v mpeg4 -c:a aac", "mkv", "its picture is mpeg4, which HLS does not carry"),
        ("-c:v libx264 -c:a pcm_s16le", "mkv", None),
    ],
)
def test_what_hls_does_not_carry(tmp_path, capsys, options, suffix, said):
    source = clip(2, options, suffix)
    stream = Stream(tmp_path / "out", str(source))
    stream.say(end=2)
    assert execute(["hls", str(stream.out), "cam", str(tmp_path / "hls")]) == (2 if said else 0)
    told = capsys.readouterr()
    if said:
        assert said in told.err
        assert "--beside" in told.err
    else:
        assert "complete" in told.out
        tracks = probed(tmp_path / "hls" / "000000.ts", "-show_entries", "stream=codec_type")["streams"]
        assert {s["codec_type"] for s in tracks} == {"video"}, "the picture alone"


def test_what_is_not_there_is_one_line(tmp_path, capsys):
    assert execute(["hls", str(tmp_path / "none"), "cam", str(tmp_path / "hls")]) == 2
    assert "is not there" in capsys.readouterr().err
    stream = Stream(tmp_path / "out", str(tmp_path / "gone.mp4"))
    stream.say(end=2)
    assert execute(["hls", str(stream.out), "cam", str(tmp_path / "hls")]) == 2
    assert "--video" in capsys.readouterr().err
