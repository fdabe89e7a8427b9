"""Whatever comes when, and whenever the process is killed: every playlist is valid, follows from the one before, and lists what is there;
and the cues of all segments are those of the log."""

import itertools
import os
from datetime import UTC, datetime, timedelta
from fractions import Fraction as F

import msgspec
from hls_checks import Listing, check_follows, check_served, cues_of
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from operators.media import PictureTrack
from operators.records import Caption, Clock, End
from operators.sources.manifest import MANIFEST, Arrival, Down, Ended, Missing, SegmentBegin, SegmentEnd, Session, boot_id, to_line
from operators.subtitles.formats.hls_playlist import Playlist
from operators.timeline import to_ms
from pipeline import hls_folder, hls_spool
from pipeline.hls_folder import HlsFolder, State
from pipeline.hls_follow import HlsFollower, HlsOptions
from pipeline.log import Header, LogWriter

OPTIONS = HlsOptions(target_s=4, delay_s=6, window_s=12)
ZERO_TIME = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
PICTURE = PictureTrack(0, "h264", 640, 360, 0, F(25), F(0))


class Killed(Exception):
    pass


class Broadcast:
    """A live stream whose recorder and lanes do what they are told."""

    def __init__(self, stream_dir):
        self.place = stream_dir / "1"
        (self.place / "spool").mkdir(parents=True)
        generation = {"uri": "udp://127.0.0.1:1", "number": 1}
        (self.place / "generation.json").write_bytes(msgspec.json.encode(generation))
        clock = Clock("arrival", "2026-01-02T03:04:05.000+00:00")
        self.log = LogWriter(self.place / "narrate.jsonl", Header("cam", 1, "narrate", {}, "source", "settings", clock))
        self.log.commit(F(0), F(0), {})
        self.manifest = open(self.place / "spool" / MANIFEST, "ab", buffering=0)  # noqa: SIM115
        self.now, self.at, self.segment, self.session, self.cues = F(0), F(0), 0, -1, 0
        self.said = []
        self.published = lambda: 0
        self.open = False
        self.begin()

    def _arrival(self):
        return Arrival("2026-01-02T03:04:05.000+00:00", float(self.now), boot_id())

    def _say(self, line):
        self.manifest.write(to_line(line))

    def begin(self):
        self.session += 1
        arrival = self._arrival()
        self._say(Session(self.session, self.at, "start", arrival, arrival.wall, "mpegts", PICTURE, None, {"picture": F(1, 1000)}))

    def record(self, length, key=True):
        self.close()
        self._say(SegmentBegin(self.segment, self.session, self.at, key, self._arrival()))
        self.open = True
        self.at, self.now = self.at + length, self.now + length

    def close(self):
        if self.open:
            self._say(
                SegmentEnd(self.segment, {"picture": self.at - 1}, {"picture": self.at}, {"picture": 9}, {"picture": 9}, {"picture": ""})
            )
            self.segment, self.open = self.segment + 1, False

    def lose(self, seconds):
        self.close()
        self._say(Down("has stopped sending", False))
        self._say(Missing(self.at, self.at + seconds, "source_down", None))
        self.at, self.now = self.at + seconds, self.now + seconds
        self.begin()

    def cue(self, start, length):
        text = f"Cue {self.cues}."
        self.log.append(
            "narrate.subtitles", Caption(start, start + length, "subtitle", text, (text,), "en", 0.9, f"narrate.subtitles-{self.cues}")
        )
        self.said.append((to_ms(start), to_ms(start + length), text, self.published()))
        self.cues += 1

    def commit(self, watermark):
        self.log.commit(watermark, watermark, {})

    def end(self):
        self.close()
        self._say(Ended(self.at, "stopped"))
        self.log.append("narrate", End(self.at, self.at, "narrate", None, 0, {}))
        self.log.commit(self.at, None, {}, done=True)
        self.log.close()
        self.manifest.close()


class Viewer:
    """Looks into the folder after every step, as a player may at any moment."""

    def __init__(self, folder):
        self.folder, self.seen, self.cues = folder, {}, set()
        self.began = None

    @property
    def next(self):
        seen = self.seen.get("subtitles.m3u8")
        return seen.first + len(seen.entries) if seen else 0

    def look(self):
        for name in ("subtitles.m3u8", "media.m3u8"):
            if (self.folder / name).exists():
                listing = Listing((self.folder / name).read_text())
                check_served(self.folder, listing)
                if name in self.seen:
                    check_follows(self.seen[name], listing)
                self.seen[name] = listing
                if listing.entries:
                    self.began = self.began or listing.entries[0].date_time
        for entry in self.seen["subtitles.m3u8"].entries if "subtitles.m3u8" in self.seen else ():
            self.cues |= {(entry.name, *cue) for cue in cues_of(self.folder / entry.name)}


class Publisher:
    """The process that is tested; it may be killed in the middle of whatever it writes."""

    def __init__(self, stream_dir, folder, viewer):
        self.stream_dir, self.path, self.viewer = stream_dir, folder, viewer
        self.writes_left = None
        self.follower = None

    def start(self):
        self.folder = HlsFolder(self.path, State("cam", Playlist(OPTIONS.target_s)))
        self.follower = HlsFollower(self.stream_dir, self.folder, OPTIONS)

    def turns(self, now, until_writes=None):
        """All that is due; killed at the nth file that it writes."""
        self.writes_left = until_writes
        try:
            if self.follower is None:
                self.start()
            while self.follower.turn(float(now)):
                pass
        except Killed:
            self.kill()
        self.writes_left = None

    def kill(self):
        if self.follower is not None:
            self.folder.close()
            self.follower = None

    def write(self, path, data):
        if self.writes_left is not None:
            if self.writes_left == 0:
                path.with_name(f".{path.name}.123").write_bytes(data[: len(data) // 2])
                raise Killed
            self.writes_left -= 1
        path.write_bytes(data)
        self.viewer.look()


ms = st.integers(0, 4000).map(lambda n: F(n, 1000))
steps = st.lists(
    st.one_of(
        st.tuples(st.just("record"), st.sampled_from([F(2), F(13, 6), F(3), F(1, 2)]), st.booleans()),
        st.tuples(st.just("lose"), st.sampled_from([F(1, 2), F(7), F(40)])),
        st.tuples(st.just("say"), ms, ms),
        st.tuples(st.just("kill"), st.integers(0, 5)),
        st.tuples(st.just("restart")),
    ),
    min_size=5,
    max_size=60,
)
folders = itertools.count()


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps)
def test_every_playlist_is_valid_and_no_cue_is_lost(tmp_path, monkeypatch, script):
    monkeypatch.setattr(os, "fsync", lambda handle: None)
    monkeypatch.setattr(hls_spool.SpoolMedia, "read", lambda self, piece, counters: b"media")
    monkeypatch.setattr(hls_spool.SpoolMedia, "variant", hls_spool.Variant(0))
    place = tmp_path / str(next(folders))
    cast, viewer = Broadcast(place / "cam"), Viewer(place / "hls")
    publisher = Publisher(place / "cam", place / "hls", viewer)
    cast.published = lambda: viewer.next
    monkeypatch.setattr(hls_folder, "write_atomically", lambda path, data: publisher.write(path, data))
    said_to = F(0)
    for name, *how in script:
        if name == "record":
            cast.record(*how)
        elif name == "lose" and cast.open:
            cast.lose(*how)
        elif name == "say":
            start = max(said_to, cast.at - 10) + how[0]
            cast.cue(start, how[1] + F(1, 2))
            said_to = start + how[1] + F(1, 2)
            cast.commit(said_to)
        elif name == "restart":
            publisher.kill()
        publisher.turns(cast.now, how[0] if name == "kill" else None)
        viewer.look()
    cast.end()
    publisher.turns(cast.now + 100)
    publisher.turns(cast.now + 100)
    viewer.look()
    if cast.segment:
        check_end(cast, viewer)
    publisher.kill()


def check_end(cast, viewer):
    subtitles, media = viewer.seen["subtitles.m3u8"], viewer.seen["media.m3u8"]
    assert subtitles.ended
    assert subtitles.shape() == media.shape()
    first_ms = (datetime.fromisoformat(viewer.began) - ZERO_TIME) / timedelta(milliseconds=1)
    heard = {(text, start, end) for _, start, end, text in viewer.cues}
    assert len(heard) == len({text for text, *_ in heard}), "a cue has the same times in all its segments"
    last = subtitles.entries[-1]
    # What is lost at the end is in no segment.
    until_ms = (datetime.fromisoformat(last.date_time) - ZERO_TIME) / timedelta(milliseconds=1) + 1000 * last.duration
    could = [(t, start, end) for start, end, t, published in cast.said if end > first_ms and start < until_ms and published < viewer.next]
    assert {(text, clock(start), clock(end)) for text, start, end in could} <= heard, "no cue is lost"


def clock(n):
    return f"{n // 3_600_000:02}:{n // 60_000 % 60:02}:{n // 1000 % 60:02}.{n % 1000:03}"
