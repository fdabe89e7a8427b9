from fractions import Fraction

import pytest

from operators.errors import ConfigError
from pipeline.naming import STREAM_ID, check_id, id_of, instant, name_sources, safe_id, split_id


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("jfk", "jfk"),
        ("My Holiday (2)", "my-holiday-2"),
        ("a/b c.MP4", "a-b-c-mp4"),
        ("Überblick_é", "uberblick_e"),
        ("--x--", "x"),
    ],
)
def test_a_name_is_made_safe(name: str, expected: str) -> None:
    assert safe_id(name) == expected


@pytest.mark.parametrize("name", ["第1話", "映画", "☃", "...", "x" * 200, "_", "Фильм"])
def test_any_name_gives_an_id(name: str) -> None:
    assert STREAM_ID.fullmatch(safe_id(name))


def test_what_is_lost_of_a_name_still_tells_ids_apart() -> None:
    assert safe_id("第1話 東京") != safe_id("第1話 大阪")
    assert safe_id("x" * 80 + "a") != safe_id("x" * 80 + "b")


@pytest.mark.parametrize(
    ("uri", "expected"),
    [
        ("/films/Sintel Trailer.mp4", "sintel-trailer"),
        ("talk.v2.mkv", "talk-v2"),
        (".hidden", "hidden"),
        ("https://example.org/live/Door.m3u8?token=secret", "door"),
        ("rtsp://user:secret@camera.example:554", "camera-example"),
    ],
)
def test_the_id_comes_from_the_name_without_its_ending(uri: str, expected: str) -> None:
    assert id_of(uri) == expected


def test_no_address_gives_its_password_away() -> None:
    with pytest.raises(ConfigError) as caught:
        id_of("rtsp://user:secret@[camera/1")
    assert "secret" not in caught.value.message
    assert id_of("rtsp://user:secret@/") == "rtsp"


def test_a_name_that_the_system_refuses_is_a_missing_source() -> None:
    named, [(stream_id, error)] = name_sources(["x" * 5000])
    assert not named
    assert STREAM_ID.fullmatch(stream_id)
    assert len(error.message) < 200


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("door=rtsp://camera/1?a=b", ("door", "rtsp://camera/1?a=b")),
        ("http://example.org/x?a=b", (None, "http://example.org/x?a=b")),
        ("folder/a=b.mp4", (None, "folder/a=b.mp4")),
        ("film.mp4", (None, "film.mp4")),
        ("Bad Id=film.mp4", ("Bad Id", "film.mp4")),
        ("door=", (None, "door=")),
    ],
)
def test_id_and_source_are_told_apart(source: str, expected: tuple[str | None, str]) -> None:
    assert split_id(source) == expected


@pytest.mark.parametrize("bad", ["", "Door", "a b", "-a", "a" * 65, "é", "a/b", "a.b"])
def test_a_wrong_id_is_refused_with_a_right_one(bad: str) -> None:
    with pytest.raises(ConfigError, match="can not be the id of a stream"):
        check_id(bad)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("0", 0),
        ("90", 90),
        ("90.5", Fraction(181, 2)),
        ("1:30", 90),
        ("1:02:03.250", Fraction(14893, 4)),
        ("0:01:30.001", Fraction(90001, 1000)),
        ("100:00:00", 360000),
        ("90:00", 5400),
        ("0.1", Fraction(1, 10)),
    ],
)
def test_instants_are_exact(text: str, seconds: Fraction) -> None:
    assert instant(text) == seconds


@pytest.mark.parametrize("text", ["", "-1", "1:60", "1:60:00", "1:2:3:4", "1m", "1e3", ":30", "1:", "NaN", "1/2", "٣"])
def test_what_is_no_instant_is_refused(text: str) -> None:
    with pytest.raises(ConfigError, match="is no instant"):
        instant(text)


@pytest.fixture
def films(tmp_path, monkeypatch):  # type: ignore[no-untyped-def]
    for name in ("a.mp4", "b/a.mp4", "b/c.mkv", "x=y.mp4"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"film")
    (tmp_path / "b/notes.txt").write_text("no media")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_folder_names_its_files_by_relative_path_with_the_ending(films) -> None:  # type: ignore[no-untyped-def]
    named, missing = name_sources(["b"])
    assert [n.stream_id for n in named] == ["a-mp4", "c-mkv"]
    assert not missing


def test_two_sources_with_one_id_ask_for_a_name(films) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(ConfigError, match=r"a-2=b/a\.mp4"):
        name_sources(["a.mp4", "b/a.mp4"])
    named, _ = name_sources(["a.mp4", "other=b/a.mp4"])
    assert [n.stream_id for n in named] == ["a", "other"]


def test_the_same_source_twice_is_one_stream(films) -> None:  # type: ignore[no-untyped-def]
    named, _ = name_sources(["a.mp4", "a.mp4"])
    assert len(named) == 1


def test_a_file_with_an_equals_sign_in_its_name_is_a_file(films) -> None:  # type: ignore[no-untyped-def]
    named, _ = name_sources(["x=y.mp4"])
    assert named[0].stream_id == "x-y"


def test_what_is_missing_does_not_hide_the_rest(films) -> None:  # type: ignore[no-untyped-def]
    named, missing = name_sources(["a.mp4", "empty*/x.mp4", "nothing=b/*.wav"])
    assert [n.stream_id for n in named] == ["a"]
    assert [stream_id for stream_id, _ in missing] == ["x", "nothing"]


def test_an_id_can_not_name_a_folder_of_many(films) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(ConfigError, match="an id names one source"):
        name_sources(["all=b"])
    with pytest.raises(ConfigError, match="can not be the id"):
        name_sources(["A B=a.mp4"])
