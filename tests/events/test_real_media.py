"""The detectors on real media that nobody here made: what happens in it is said, and nothing else."""

import pytest

from tests.bench.events import cases, found, kinds, kinds_expected, uneventful

pytestmark = [pytest.mark.media, pytest.mark.ffmpeg]

LANES = ("look", "listen")


@pytest.mark.parametrize("lane", LANES)
def test_what_happens_is_said(lane: str) -> None:
    wrong = {(c.origin, c.file): said for c in cases() if c.origin.startswith(lane) and not c.right(said := found(c.origin, c.file))}
    assert wrong == {}


@pytest.mark.parametrize("lane", LANES)
def test_where_nothing_happens_nothing_is_said(lane: str) -> None:
    said = {
        (origin, file): times
        for origin, files in uneventful().items()
        if origin.startswith(lane)
        for file in files
        if (times := found(origin, file))
    }
    known = {("listen.impulse", "speech/leopard/test_es.wav"): 1}
    """A click at its very beginning, 9 dB below full scale, before anybody speaks."""
    assert {where: len(times) for where, times in said.items()} == (known if lane == "listen" else {})


def test_sound_is_told_by_its_kind() -> None:
    shares = {name: kinds(files)[kind] for name, (files, kind) in kinds_expected().items()}
    assert {name for name, share in shares.items() if share < 0.85} == set(), shares
