"""Which streams a resident capstream is to watch, and how many it takes on."""

from pathlib import Path

import pytest

from operators.errors import ConfigError
from pipeline.fleet import SETTLE_S, Admission, StreamSpec, differences, read_fleet, with_secrets
from pipeline.naming import masked
from pipeline.node_load import NodeLoad, cluster_load

FLEET = """
profile = "offline"
set = ["look.text=false"]

[streams.lobby]
source = "rtsp://viewer:${LOBBY_PASSWORD}@10.0.0.7/stream1"
language = "en"
set = ["look.motion=false"]

[streams.film]
source = "film.mp4"
"""


def written(folder: Path, text: str) -> Path:
    path = folder / "fleet.toml"
    path.write_text(text)
    return path


def test_a_fleet_file_names_streams_and_what_is_different_for_each(tmp_path: Path) -> None:
    fleet = read_fleet(written(tmp_path, FLEET))
    assert (fleet.profile, fleet.set, list(fleet.streams)) == ("offline", ["look.text=false"], ["lobby", "film"])
    assert fleet.streams["lobby"].changes == ["listen.words.language=en", "look.motion=false"]
    assert fleet.streams["film"].changes == []


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("streams = 3", "streams"),
        ("[streams.lobby]\nsuorce = 'x'", "streams.lobby.suorce"),
        ("[streams.lobby]", "streams.lobby.source"),
        ("[streams.Lobby]\nsource = 'x'", "for example lobby"),
        ("[streams", "is no TOML"),
    ],
)
def test_what_is_wrong_with_a_fleet_file_is_said_with_its_path(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        read_fleet(written(tmp_path, text))


def test_a_fleet_file_that_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="can not be read: No such file"):
        read_fleet(tmp_path / "fleet.toml")


def test_passwords_come_from_the_environment_and_are_never_shown() -> None:
    source = with_secrets("rtsp://viewer:${PASSWORD}@camera/1", {"PASSWORD": "s3cret@x"})
    assert source == "rtsp://viewer:s3cret@x@camera/1"
    assert masked(source) == "rtsp://…@camera/1"
    assert masked("a@b.mp4") == "a@b.mp4"
    with pytest.raises(ConfigError, match="has no PASSWORD"):
        with_secrets("rtsp://viewer:${PASSWORD}@camera/1", {})


def test_only_what_differs_is_stopped_and_started() -> None:
    a, b, c = (StreamSpec(source=name) for name in "abc")
    assert differences({"a": a, "b": b}, {"a": a, "b": c, "c": c}) == (["b"], ["b", "c"])
    assert differences({"a": a}, {"a": StreamSpec(source="a")}) == ([], [])
    assert differences({"a": a}, {}) == (["a"], [])


def test_streams_are_taken_on_by_what_they_cost() -> None:
    admission = Admission(places=2)
    assert admission.admit(0, 0.0, []) == 2
    assert admission.admit(1, 0.1, [0.5, 0.5]) == 0
    assert admission.admit(SETTLE_S, 0.25, [0.5, 0.5]) == 4
    assert admission.admit(2 * SETTLE_S, 0.75, [0.5] * 6) == 0


def test_no_stream_is_taken_on_while_one_is_late() -> None:
    admission = Admission(places=2)
    admission.admit(0, 0.0, [])
    assert admission.admit(100, 0.1, [0.5, 11.0]) == 0
    assert admission.admit(100, 0.1, [None, 0.5]) > 0


def test_idle_streams_do_not_open_the_door_to_any_number() -> None:
    admission = Admission(places=2)
    admission.admit(0, 0.0, [])
    assert admission.admit(100, 0.0, [0.1]) == 42


NODES = [
    {"NodeID": "head", "Alive": True, "Resources": {}},
    {"NodeID": "large", "Alive": True, "Resources": {"CPU": 6.0}},
    {"NodeID": "small", "Alive": True, "Resources": {"CPU": 2.0}},
    {"NodeID": "empty", "Alive": True, "Resources": {"CPU": 64.0}},
    {"NodeID": "lost", "Alive": False, "Resources": {"CPU": 8.0}},
]


def test_the_load_of_a_cluster_is_that_of_the_processors_on_which_something_runs() -> None:
    loads = [NodeLoad("large", 0.5), NodeLoad("small", 0.75), NodeLoad("small", 0.25), NodeLoad("lost", 1.0), NodeLoad("head", 1.0)]
    assert cluster_load(NODES, loads) == (6 * 0.5 + 2 * 0.75) / 8


def test_a_cluster_of_which_nothing_is_known_takes_no_further_stream() -> None:
    assert (
        cluster_load(NODES, []) == cluster_load(NODES, [NodeLoad("large", 0.1), None]) == cluster_load([], [NodeLoad("large", 0.1)]) == 1.0
    )
