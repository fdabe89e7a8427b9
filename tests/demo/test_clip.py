"""The committed clip holds what `expected.json` says of it: looked at directly, without any detector of ours."""

import json
from collections.abc import Iterator
from itertools import pairwise

import av
import numpy as np
import pytest

from pipeline.demo import CLIP, EXPECTED
from pipeline.demo.judge import read_expected

LARGEST_BYTES = 2_000_000
FRAME_MS = 40


@pytest.fixture(scope="module")
def pictures() -> dict[int, "np.ndarray"]:
    """Small grey pictures by their instant in ms."""
    with av.open(str(CLIP)) as container:
        frames = container.decode(video=0)
        return {round(float(f.time or 0) * 1000): f.reformat(width=64, height=36, format="gray").to_ndarray().astype(float) for f in frames}


@pytest.fixture(scope="module")
def sound() -> "np.ndarray":
    """Mono samples at 16 kHz, full scale 1."""

    def blocks() -> Iterator["np.ndarray"]:
        resampler = av.AudioResampler("flt", "mono", 16_000)
        with av.open(str(CLIP)) as container:
            for frame in container.decode(audio=0):
                yield from (r.to_ndarray()[0] for r in resampler.resample(frame))

    return np.concatenate(list(blocks()))


def of(what: str) -> tuple[int, int]:
    (entry,) = [e for e in read_expected(EXPECTED) if e.what == what and e.kind in ("event", "sound")]
    return entry.start_ms, entry.end_ms


def level_dbfs(sound: "np.ndarray", start_ms: int, end_ms: int) -> float:
    part = sound[start_ms * 16 : end_ms * 16]
    return float(10 * np.log10(np.mean(part**2) + 1e-12))


def test_it_is_small_and_its_content_is_told_by_time() -> None:
    assert CLIP.stat().st_size < LARGEST_BYTES
    entries = json.loads(EXPECTED.read_text())
    assert [e["start_ms"] for e in entries] == sorted(e["start_ms"] for e in entries)
    assert {e["kind"] for e in entries} == {"speech", "text", "event", "sound", "caption"}


def test_black_is_black_and_nothing_else_is(pictures: dict[int, "np.ndarray"]) -> None:
    start, end = of("black")
    dark = [ms for ms, picture in pictures.items() if picture.max() < 25]
    assert (min(dark), max(dark) + FRAME_MS) == pytest.approx((start, end), abs=2 * FRAME_MS)
    assert len(dark) * FRAME_MS == max(dark) + FRAME_MS - min(dark)


def test_the_largest_change_is_the_cut(pictures: dict[int, "np.ndarray"]) -> None:
    times = sorted(pictures)
    change = {later: np.abs(pictures[later] - pictures[earlier]).mean() for earlier, later in pairwise(times)}
    assert max(change, key=lambda ms: change[ms]) == of("shot_cut")[0]


def test_silence_is_silent_and_the_rest_is_not(sound: "np.ndarray") -> None:
    start, end = of("silence")
    assert level_dbfs(sound, start + 100, end - 100) < -80
    assert min(level_dbfs(sound, at, at + 500) for at in [*range(500, start - 500, 250), *range(end + 250, 33_000, 250)]) > -55


def test_the_siren_is_the_loudest_but_for_speech(sound: "np.ndarray") -> None:
    start, end = of("siren")
    middle = (start + end) // 2
    assert level_dbfs(sound, middle - 500, middle + 500) > level_dbfs(sound, start - 800, start - 100) + 15
