"""The checkpoint's form: read back as written, and never guessed at."""

import msgspec
import pytest

from operators.errors import ConfigError
from pipeline.kafka_checkpoint import MOST_BYTES, Checkpoint, Lane, Origin, decode, encode

CHECKPOINT = Checkpoint(
    "one",
    2,
    "folder",
    "source",
    "settings",
    {
        "look": Lane(
            10, 20, 99, {"lane": "look"}, "7/3", False, ("5/2", "look.shots", "fact", 4), {"position": "7/3"}, True, {"look.x": "1"}
        )
    },
    {"look.black": Origin(4, "7/3")},
)


def test_it_is_read_back_as_it_was_written() -> None:
    assert decode(encode(CHECKPOINT), "it") == CHECKPOINT


def test_one_that_is_too_large_goes_without_what_a_new_folder_needs() -> None:
    commit = {"operators": {"look.x": {"state": "x" * MOST_BYTES}}}
    large, small = (
        msgspec.structs.replace(CHECKPOINT, lanes={"look": msgspec.structs.replace(CHECKPOINT.lanes["look"], restart=restart)})
        for restart in (commit, None)
    )
    assert decode(encode(large), "it") == small


@pytest.mark.parametrize("value", [b"", b"\xff\x00", b"[]", b"{}", b'{"version":1}', encode(CHECKPOINT)[:-9]])
def test_t13_what_is_damaged_is_said_and_not_shipped_on(value: bytes) -> None:
    with pytest.raises(ConfigError, match="the checkpoint of one is damaged"):
        decode(value, "the checkpoint of one")


def test_t13_a_version_that_is_not_known_is_said() -> None:
    newer = msgspec.json.encode({"version": 2, "everything": "else"})
    with pytest.raises(ConfigError, match="version 2, and this capstream reads version 1"):
        decode(newer, "it")
