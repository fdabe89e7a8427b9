"""On the shared real media: every stated cut and fade, no cut where there is one shot, and a title as long as it stands."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.bench import shots

pytestmark = [pytest.mark.media, pytest.mark.ffmpeg]


@pytest.mark.parametrize("path", ["shots/sintel_clip_30s.mp4", "shots/big_buck_bunny_0_30.webm", "shots/counter.mp4", "shots/fades.mp4"])
def test_stated_cuts_and_fades_are_found_and_no_others(path: str, media: Callable[[str], Path]) -> None:
    media(path)
    for row in shots.shot_rows(path):
        assert (row["what"], row["missed"]) == (row["what"], "none"), row
        assert (row["what"], row["false"]) == (row["what"], "none"), row


@pytest.mark.parametrize("path", ["video_events/frigate_cctv_3.mp4", "video_events/intel/bottle-detection.mp4"])
def test_a_camera_that_switches_or_sees_motion_is_one_shot(path: str, media: Callable[[str], Path]) -> None:
    media(path)
    found = shots.look(path)
    assert not found.cuts
    assert not found.fades


@pytest.mark.parametrize("path", ["shots/sintel_clip_30s.mp4", "shots/big_buck_bunny_0_30.webm", "shots/counter.mp4"])
def test_no_stated_cut_that_scenedetect_finds_is_missed(path: str, media: Callable[[str], Path]) -> None:
    media(path)
    stated = shots.hard_cuts(path)
    ours = {cut for cut in stated if shots.is_near(cut, shots.look(path).cuts)}
    theirs = {cut for cut in stated if shots.is_near(cut, shots.scenedetect_cuts(path))}
    assert theirs <= ours


def test_a_title_over_moving_pictures_is_read_while_it_stands(media: Callable[[str], Path]) -> None:
    media("shots/big_buck_bunny_0_30.webm")
    texts = {s.text: s for s in shots.look("shots/big_buck_bunny_0_30.webm").texts}
    title = texts["THE PEACH OPEN MOVIE PROJECT"]
    assert 20.5 <= title.start <= 21.6
    assert 22.9 <= title.end <= 23.5
