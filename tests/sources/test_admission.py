"""What may be opened, and the one line that is said of what may not."""

import os
import shutil
from pathlib import Path

import pytest
from made_media import made
from reading import frames

from operators.errors import ConfigError, SourceUnavailable
from operators.sources import SourceOptions, open_source
from operators.sources.admission import admit

PLAYLIST = "#EXTM3U\n#EXT-X-TARGETDURATION:6\n#EXTINF:6,\n{segment}\n#EXT-X-ENDLIST\n"


def refusal(uri: str) -> str:
    """What is said; always one line that names the file."""
    with pytest.raises(SourceUnavailable) as caught:
        open_source(uri)
    message = caught.value.message
    assert "\n" not in message
    assert not caught.value.retriable
    return message


def test_what_is_no_file(tmp_path: Path) -> None:
    assert "no such file" in refusal(str(tmp_path / "missing.mp4"))
    assert "folder" in refusal(str(tmp_path))
    assert "pipe or a device" in refusal("/dev/null")
    assert "only files" in refusal("rtsp://user:secret@camera/stream")
    assert "secret" not in refusal("rtsp://user:secret@camera/stream")
    assert "null byte" in refusal("a\0b.mp4")
    os.mkfifo(tmp_path / "pipe.mp4")
    assert "pipe or a device" in refusal(str(tmp_path / "pipe.mp4"))


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "empty"),
        (b"Just some words.\n", "text file"),
        (b"ffconcat version 1.0\nfile secret.ts\n", "text file"),
        (b"v=0\no=- 0 0 IN IP4 127.0.0.1\nm=video 5004 RTP/AVP 96\n", "text file"),
        (b"\0\0\0\x18ftypmp42\0\0\0\0mp42isom\0\0\0\x10mdat12345678", "index \\(moov\\) is missing"),
        (bytes(range(256)) * 40, "no media"),
        (b"\x89PNG\r\n\x1a\n" + bytes(100), "no media"),
        (b"#EXTM3U\n#EXTINF:6,\nsecret.ts\n#EXT-X-ENDLIST\n", "playlist under another name"),
    ],
)
def test_what_is_no_media(content: bytes, reason: str, tmp_path: Path) -> None:
    file = tmp_path / "clip.mp4"
    file.write_bytes(content)
    with pytest.raises(SourceUnavailable, match=reason):
        open_source(str(file))


@pytest.mark.ffmpeg
def test_encrypted_media_says_so() -> None:
    assert "encrypted" in refusal(str(made("encrypted.mp4")))


def test_a_file_that_may_not_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def closed(*_: object) -> None:
        raise PermissionError(13, "Permission denied")

    (tmp_path / "closed.mp4").write_bytes(b"x")
    monkeypatch.setattr(Path, "open", closed)
    assert "Permission denied" in refusal(str(tmp_path / "closed.mp4"))


@pytest.mark.ffmpeg
@pytest.mark.parametrize("segment", ["{folder}/stream.ts", "../stream.ts", "http://127.0.0.1:9/a.ts", "subfile:,start,0,end,9,,:stream.ts"])
def test_a_playlist_is_not_followed_out_of_its_folder(segment: str, tmp_path: Path) -> None:
    folder = tmp_path / "inner"
    folder.mkdir()
    shutil.copy(made("stream.ts"), tmp_path / "stream.ts")
    playlist = folder / "list.m3u8"
    playlist.write_text(PLAYLIST.format(segment=segment.format(folder=tmp_path)))
    assert "not followed" in refusal(str(playlist))
    master = folder / "master.m3u8"
    master.write_text('#EXTM3U\n#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID="a",NAME="a",URI="list.m3u8"\n#EXT-X-STREAM-INF:BANDWIDTH=1\nlist.m3u8\n')
    assert "not followed" in refusal(str(master))


@pytest.mark.ffmpeg
def test_a_link_out_of_the_folder_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "seg.ts").symlink_to(made("stream.ts"))
    (tmp_path / "list.m3u8").write_text(PLAYLIST.format(segment="seg.ts"))
    assert "not followed" in refusal(str(tmp_path / "list.m3u8"))


@pytest.mark.ffmpeg
def test_playlists_that_would_be_waited_for_or_can_not_be_read(tmp_path: Path) -> None:
    shutil.copy(made("stream.ts"), tmp_path / "seg.ts")
    playlist = tmp_path / "list.m3u8"
    playlist.write_text(PLAYLIST.format(segment="seg.ts").replace("#EXT-X-ENDLIST\n", ""))
    assert "still open" in refusal(str(playlist))
    playlist.write_text(PLAYLIST.format(segment="seg.ts").replace("#EXTINF", '#EXT-X-KEY:METHOD=AES-128,URI="key"\n#EXTINF'))
    assert "encrypted" in refusal(str(playlist))
    playlist.write_text(PLAYLIST.format(segment="seg.ts"))
    assert open_source(str(playlist))[1].container == "hls"


@pytest.mark.ffmpeg
@pytest.mark.parametrize(
    "name", ["-y.mp4", "a:b.mp4", "two words é 日本.mp4", "100%03d.mp4", "quo'te\"s[0].mp4", "new\nline.mp4", os.fsdecode(b"lat\xe9n.mp4")]
)
def test_any_name_is_read(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    try:
        shutil.copy(made("silent.mp4"), tmp_path / name)
    except OSError:
        pytest.skip("this file system does not take such names")
    monkeypatch.chdir(tmp_path)
    source, info = open_source(name)
    assert len(frames(source, info, 2)) == 4
    assert "\n" not in admit(name).name
    (tmp_path / name).write_bytes(b"")
    refusal(name)


@pytest.mark.ffmpeg
def test_pictures_beyond_all_measure_are_refused_before_they_are_decoded() -> None:
    assert "more than 64 Mpx" in refusal(str(made("huge.mov")))


@pytest.mark.ffmpeg
def test_choice_of_tracks() -> None:
    uri = str(made("two-pictures-two-languages.mkv"))

    def chosen(options: SourceOptions) -> tuple[int, int]:
        _, info = open_source(uri, options)
        assert info.picture is not None
        assert info.sound is not None
        return info.picture.index, info.sound.index

    assert chosen(SourceOptions()) == (1, 2)
    assert chosen(SourceOptions(video=0, audio=3)) == (0, 3)
    assert chosen(SourceOptions(language="SWE")) == (1, 3)
    source, info = open_source(uri, SourceOptions(video=0))
    red, green, blue = frames(source, info, 2)[0].picture.pixels[0, 0]
    assert red > 200 > green + blue
    for options in (SourceOptions(video=2), SourceOptions(audio=0), SourceOptions(language="fra")):
        with pytest.raises(ConfigError, match="1 video h264 96x64, 2 audio flac eng, 3 audio flac swe"):
            open_source(uri, options)


@pytest.mark.ffmpeg
def test_cover_art_is_no_picture() -> None:
    _, info = open_source(str(made("cover.mp3")))
    assert info.picture is None
    assert info.sound is not None
