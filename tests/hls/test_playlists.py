from dataclasses import replace
from fractions import Fraction as F

import pytest
from hls_checks import Listing, check_follows
from subtitles.test_views import cue

from operators.errors import ConfigError, StorageError
from operators.records import End
from operators.subtitles.formats import Cue
from operators.subtitles.formats.hls import vtt_segment
from operators.subtitles.formats.hls_playlist import Listed, Playlist, Rendition, Variant, attributes, master, read_playlist
from operators.timeline import Span
from pipeline.hls_cues import CueFollower
from pipeline.hls_folder import HlsFolder, State
from pipeline.hls_follow import HlsOptions
from pipeline.hls_media import LONGEST_GROUP, longest_group, next_border, part
from pipeline.hls_transport import PACKET, Copied, count_on
from pipeline.log import Header, LogWriter


def grown(count, duration=F(4), breaks=()):
    playlist = Playlist(4)
    for n in range(count):
        playlist = playlist.add(Listed(f"{n:06}", duration, n in breaks, f"2026-01-02T03:04:{n:02}.000Z"))
    return playlist


def test_a_playlist_rolls_and_counts_what_left_it():
    playlist = grown(10, breaks=(2, 8))
    rolled = playlist.within(F(20))
    assert (rolled.first, rolled.next, rolled.discontinuities) == (5, 10, 1)
    check_follows(Listing(playlist.text(".ts")), Listing(rolled.text(".ts")))
    assert grown(10).within(F(1)).duration == 12, "three target durations stay"
    assert Listing(rolled.end().text(".vtt")).ended
    with pytest.raises(ValueError, match="ended"):
        rolled.end().add(Listed("x", F(1)))
    with pytest.raises(ValueError, match=r"4\.5"):
        rolled.add(Listed("x", F(9, 2)))


def test_what_is_written_is_read():
    playlist = grown(5, F(10, 3), (1,)).since(1)
    read = read_playlist(playlist.text(), "x")
    assert [(s.name, round(s.duration, 5), s.discontinuity) for s in read.playlist.segments] == [
        (s.name, round(s.duration, 5), s.discontinuity) for s in playlist.segments
    ]
    assert (read.playlist.first, read.playlist.discontinuities, read.playlist.target_s) == (1, 0, 4)
    text = '#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXT-X-MAP:URI="a, b.mp4"\n#EXTINF:3.7,\nx.m4s\n'
    read = read_playlist(text, "x")
    assert (read.headers, read.playlist.target_s) == (("a, b.mp4",), 4), "a packager that says less than it lists"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("WEBVTT\n", "no playlist"),
        ("#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=1\nx.m3u8\n", "master playlist"),
        ("#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXTINF:2,\n#EXT-X-BYTERANGE:9\nx.ts\n", "a file of its own"),
        ("#EXTM3U\n#EXTINF:2,\nx.ts\n", "TARGETDURATION"),
        ("#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXTINF:two,\nx.ts\n", "two"),
    ],
)
def test_what_is_no_media_playlist_is_told(text, said):
    with pytest.raises(ConfigError, match=said):
        read_playlist(text, "their.m3u8")


def test_the_master_playlist_says_what_the_subtitles_are():
    text = master(
        Variant(800_000, ("avc1.640015",), (640, 360), F(30000, 1001)), "media.m3u8", Rendition("Deutsch", "de", sdh=True), "s.m3u8"
    )
    media, variant, name = text.splitlines()[2:]
    told = attributes(media.partition(":")[2])
    assert told | {"URI": "s.m3u8", "GROUP-ID": "subs", "LANGUAGE": "de", "DEFAULT": "YES", "AUTOSELECT": "YES", "FORCED": "NO"} == told
    assert "describes-music-and-sound" in told["CHARACTERISTICS"]
    assert attributes(variant.partition(":")[2])["SUBTITLES"] == "subs"
    assert "RESOLUTION=640x360,FRAME-RATE=29.970" in variant
    assert name == "media.m3u8"


@pytest.mark.parametrize(
    ("how", "said"),
    [
        ({"name": 'a "b"'}, "quotation"),
        ({"name": " "}, "can not stand"),
        ({"language": "de\n"}, "can not stand"),
        ({"autoselect": False}, "not autoselect"),
        ({"forced": True, "sdh": True}, "forced or sdh"),
    ],
)
def test_a_rendition_that_is_none(how, said):
    with pytest.raises(ConfigError, match=said):
        Rendition(**how)


@pytest.mark.parametrize(("how", "said"), [({"target_s": 0}, "1 to 60"), ({"window_s": 17}, "too short"), ({"delay_s": -1}, "none")])
def test_options_that_are_none(how, said):
    with pytest.raises(ConfigError, match=said):
        HlsOptions(**how)


def test_borders_are_key_frames_where_there_are_any():
    keys = [F(0), F(2), F(5), F(9), F(30)]
    assert next_border(F(0), keys, F(9), F(6), None) == 5
    assert next_border(F(5), keys, F(9), F(6), None) is None, "a later key frame may still be within"
    assert next_border(F(9), keys, F(30), F(6), None) == 15, "there is none"
    assert next_border(F(9), keys, F(30), F(6), F(14)) == 14
    assert next_border(F(14), keys, F(30), F(6), F(14)) is None
    assert longest_group(keys, F(30)) == LONGEST_GROUP
    assert longest_group([F(0)], F(3)) is None
    assert longest_group([F(0), F(2), F(5)], F(5)) == 3


def test_pictures_go_with_those_that_they_need():
    shown = [Copied("picture", None, F(at)) for at in (0, 3, 1, 2, 6, 4, 5, 9, 7, 8)]
    parts = part(shown, None, F(3)), part(shown, F(3), F(6)), part(shown, F(6), None)
    assert [[int(c.showing) for c in p] for p in parts] == [[0], [3, 1, 2], [6, 4, 5, 9, 7, 8]]


def test_packets_are_counted_on_from_segment_to_segment():
    def packet(number, flags, count):
        return bytes([0x47, number >> 8, number & 255, flags | count, *bytes(PACKET - 4)])

    counters = {}
    first = count_on(packet(256, 0x10, 0) + packet(17, 0x30, 0) + packet(256, 0x20, 0) + packet(256, 0x10, 1), counters)
    second = count_on(packet(256, 0x10, 0) + packet(17, 0x10, 0), counters)
    assert [first[n * PACKET + 3] & 15 for n in (0, 1, 3)] == [0, 0, 1]
    assert [second[n * PACKET + 3] & 15 for n in (0, 1)] == [2, 1]
    assert counters == {256: 3, 17: 2}


def test_a_segment_says_what_the_clock_of_the_media_shows_at_its_beginning():
    text = vtt_segment([Cue(107_999_000, 108_001_000, ("over",), "c")], 108_000_000, F(10))
    assert f"MPEGTS:{(108_010 * 90_000) % (1 << 33)},LOCAL:30:00:00.000\n" in text
    assert "29:59:59.000 --> 30:00:01.000\nover" in text


@pytest.fixture
def told(tmp_path):
    (tmp_path / "1").mkdir()
    log = LogWriter(tmp_path / "1" / "narrate.jsonl", Header("cam", 1, "narrate", {}, "s", "s"))

    def say(*cues, watermark=F(0)):
        for n, start, end in cues:
            log.append("narrate.subtitles", cue(n, start, end))
        log.commit(watermark, watermark, {})

    say.log = log
    yield say
    log.close()


def test_cues_stand_in_every_segment_that_they_are_shown_in(told, tmp_path):
    follower = CueFollower(tmp_path / "1")
    told((0, 1, 2), (1, 5, 7), (2, 13, 14), watermark=F(16))
    follower.poll()
    assert follower.complete(F(6))
    assert not follower.complete(F(7))
    assert [c.lines[0] for c in follower.take(Span(F(0), F(6)), F(6), None)] == ["Cue 0.", "Cue 1."]
    # The media has a hole up to 15.
    assert [c.lines[0] for c in follower.take(Span(F(6), F(12)), F(15), F(6))] == ["Cue 1.", "Cue 2."]
    assert follower.take(Span(F(15), F(20)), F(20), F(12)) == []
    assert (follower.late, follower.language, follower.sdh) == (0, "en", False)


@pytest.mark.parametrize(("translation", "expected"), [(None, ["Cue 0."]), ("de", ["Cue 1."]), ("fr", ["Cue 2."])])
def test_one_language_is_followed(told, tmp_path, translation, expected):
    told((0, 1, 2))
    for n, language in ((1, "de"), (2, "fr")):
        told.log.append("narrate.translations", replace(cue(n, 1, 2), language=language))
    told(watermark=F(16))
    follower = CueFollower(tmp_path / "1", translation=translation)
    follower.poll()
    assert [c.lines[0] for c in follower.take(Span(F(0), F(6)), None, False)] == expected
    assert follower.language == (translation or "en")


def test_who_speaks_and_in_which_colour_is_passed_on(told, tmp_path):
    two = replace(cue(0, 1, 2), lines=("Hello.", "Hello, you."), speakers=("Ann", "Ben"), colours=("yellow", "cyan"))
    told.log.append("narrate.subtitles", two)
    told(watermark=F(16))
    follower = CueFollower(tmp_path / "1")
    follower.poll()
    text = vtt_segment(follower.take(Span(F(0), F(6)), F(6), None), 0, F(0))
    assert "<v Ann><c.yellow>Hello.</c></v>\n<v Ben><c.cyan>Hello, you.</c></v>" in text


def test_a_cue_that_comes_late_goes_into_the_next_segment_with_its_own_times(told, tmp_path):
    follower = CueFollower(tmp_path / "1")
    told((0, 1, 2))
    follower.poll()
    follower.take(Span(F(0), F(6)), F(6), None)
    told((1, 3, 4))
    again = CueFollower(tmp_path / "1", dict(follower.told), follower.late)
    for one in (follower, again):
        one.poll()
        assert [(c.start_ms, c.end_ms) for c in one.take(Span(F(6), F(12)), F(12), F(6))] == [(3000, 4000)]
        assert one.late == 1
        assert one.take(Span(F(12), F(18)), F(18), F(12)) == []


def test_the_final_segment_holds_what_lies_behind_it(told, tmp_path):
    follower = CueFollower(tmp_path / "1")
    told((0, 7, 8))
    told.log.append("narrate", End(F(8), F(8), "narrate", None, 0, {}))
    told()
    follower.poll()
    assert follower.end == 8
    assert [c.start_ms for c in follower.take(Span(F(0), F(6)), None, None)] == [7000]


def test_a_segment_stays_for_who_has_read_an_older_playlist(tmp_path):
    folder = HlsFolder(tmp_path, State("cam", Playlist(4)))
    for n in range(20):
        state = folder.state.grown(Listed(f"{n:06}", F(4)), F(12), None)
        folder.publish(state, [(f"{n:06}.vtt", b"x"), (f"{n:06}.ts", b"x")])
    folder.close()
    there = sorted(int(p.stem) for p in tmp_path.glob("*.ts"))
    assert folder.state.playlist.first == 17
    assert there == list(range(there[0], 20))
    assert 17 - 5 <= there[0] <= 17 - 4, "as long as itself and the longest playlist that listed it, and no longer"


def test_a_folder_has_one_writer_and_one_stream(tmp_path):
    folder = HlsFolder(tmp_path / "a", State("cam", Playlist(4)))
    with pytest.raises(StorageError, match="another process"):
        HlsFolder(tmp_path / "a", State("cam", Playlist(4)))
    folder.publish(folder.state.grown(Listed("000000", F(4)), None, None), [])
    folder.close()
    with pytest.raises(ConfigError, match="is that of cam"):
        HlsFolder(tmp_path / "a", State("other", Playlist(4)))
    with pytest.raises(ConfigError, match="begun without --beside"):
        HlsFolder(tmp_path / "a", State("cam", Playlist(4), beside=True))
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "index.m3u8").touch()
    with pytest.raises(ConfigError, match="not ours"):
        HlsFolder(tmp_path / "b", State("cam", Playlist(4)))
    (tmp_path / "a" / ".state.json").write_text("{")
    with pytest.raises(StorageError, match="damaged"):
        HlsFolder(tmp_path / "a", State("cam", Playlist(4)))


def test_what_a_killed_process_left_is_removed(tmp_path):
    HlsFolder(tmp_path, State("cam", Playlist(4))).close()
    for name in ("000007.ts", ".000008.vtt.123", "index.html"):
        (tmp_path / name).write_text("x")
    HlsFolder(tmp_path, State("cam", Playlist(4))).close()
    assert sorted(p.name for p in tmp_path.iterdir()) == [".lock", "index.html"]
