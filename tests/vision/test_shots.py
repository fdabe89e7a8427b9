"""ShotDetector: cuts, fades, dissolves, what is none of them, measures, stills, and the law."""

from fractions import Fraction

import cv2
import numpy as np
import pytest

from operators.facts import Shot, Still
from operators.media import Pixels
from operators.protocols import Item, Output
from operators.records import Event, Gap
from operators.vision.shots import ShotDetector
from tests.law import assert_law, outputs_of
from tests.vision.scenes import at, fade, flat, frames, joined, lit, pan, scene, still

A, B, C = scene(1), scene(2), scene(3)
BLACK, WHITE = flat(0, 0, 0), flat(255, 255, 255)


def small(picture: Pixels) -> Pixels:
    return np.asarray(cv2.resize(picture, (80, 45), interpolation=cv2.INTER_AREA), np.uint8)


def detect(pictures: list[Pixels]) -> list[Output]:
    return outputs_of(ShotDetector, frames(pictures, 8))


def shots(outputs: list[Output]) -> list[tuple[Fraction, Fraction, str, str]]:
    return [(s.start, s.end, s.opens_with, s.closes_with) for s in outputs if isinstance(s, Shot)]


def cuts(outputs: list[Output]) -> list[Fraction]:
    return [e.start for e in outputs if isinstance(e, Event) and e.label == "shot_cut" and e.lifecycle == "end"]


def fades(outputs: list[Output]) -> list[tuple[Fraction, Fraction]]:
    return [(e.start, e.end) for e in outputs if isinstance(e, Event) and e.label == "shot_fade" and e.lifecycle == "end"]


def test_a_hard_cut_is_the_instant_of_the_first_new_picture() -> None:
    outputs = detect(joined(still(A, 20), still(B, 20), still(C, 20)))
    assert cuts(outputs) == [at(20), at(40)]
    assert shots(outputs) == [
        (at(0), at(20), "start", "cut"),
        (at(20), at(40), "cut", "cut"),
        (at(40), Fraction(60, 8), "cut", "end"),
    ]
    starts = [e for e in outputs if isinstance(e, Event) and e.lifecycle == "start"]
    assert [e.event_id for e in starts] == ["look.shots-0", "look.shots-1"]
    assert all(Fraction(1, 2) <= e.end - e.start <= Fraction(3, 4) for e in starts), "a cut is said half a second after it"


@pytest.mark.parametrize(
    "pictures",
    [
        joined(still(A, 12), still(lit(A, 1.4, 90), 1), still(A, 12)),
        joined(still(A, 12), still(WHITE, 2), still(A, 12)),
        joined(still(A, 12), still(B, 2), still(A, 12)),
        joined(still(A, 12), still(lit(A, 0.4), 12), still(lit(A, 1.3), 12)),
        joined(still(A, 12), still(BLACK, 8), [lit(A, g) for g in (0.3, 0.6, 0.9)], still(A, 12)),
        pan(4, 40, 9.0),
        pan(4, 40, -6.0, 0.02),
    ],
    ids=["flash", "blinded", "passing object", "light", "camera switched", "fast pan", "pan and zoom"],
)
def test_one_place_is_one_shot(pictures: list[Pixels]) -> None:
    outputs = detect(pictures)
    assert len(shots(outputs)) == 1
    assert not cuts(outputs)


def test_noise_and_a_moving_object_are_no_cuts() -> None:
    rng = np.random.default_rng(5)
    pictures = []
    for n in range(60):
        noisy = np.clip(A + rng.normal(0, 8, A.shape), 0, 255).astype(np.uint8)
        cv2.circle(noisy, (10 + 3 * n, 45), 22, (250, 240, 20), -1)
        pictures.append(noisy)
    assert len(shots(detect(pictures))) == 1


def test_a_fade_through_black_is_one_event_with_its_border_in_the_dark() -> None:
    outputs = detect(joined(still(A, 16), fade(A, BLACK, 7), still(BLACK, 5), fade(BLACK, B, 7), still(B, 16)))
    ((start, end),) = fades(outputs)
    assert abs(start - at(15)) <= Fraction(1, 4)
    assert abs(end - at(35)) <= Fraction(1, 4)
    (_, border, _, closes), (_, _, opens, _) = shots(outputs)
    assert (closes, opens) == ("fade", "fade")
    assert at(22) <= border <= at(27)
    assert not cuts(outputs)


def test_a_fade_through_white_is_a_fade() -> None:
    outputs = detect(joined(still(A, 16), fade(A, WHITE, 6), still(WHITE, 3), fade(WHITE, B, 6), still(B, 16)))
    assert len(fades(outputs)) == 1
    assert [s[2:] for s in shots(outputs)] == [("start", "fade"), ("fade", "end")]


def test_a_stream_that_fades_in_has_no_shot_before() -> None:
    outputs = detect(joined(still(BLACK, 6), fade(BLACK, A, 8), still(A, 16)))
    ((start, end),) = fades(outputs)
    assert start <= at(6)
    assert at(12) <= end <= at(15)
    assert len(shots(outputs)) == 1


def test_cuts_to_black_and_from_black_are_cuts() -> None:
    outputs = detect(joined(still(A, 16), still(BLACK, 8), still(B, 16)))
    assert cuts(outputs) == [at(16), at(24)]
    assert not fades(outputs)
    assert cuts(detect(joined(still(BLACK, 8), still(B, 16)))) == [at(8)]


def test_a_long_black_stretch_is_a_shot_of_its_own() -> None:
    outputs = detect(joined(still(A, 16), fade(A, BLACK, 6), still(BLACK, 24), fade(BLACK, B, 6), still(B, 16)))
    assert [s[2:] for s in shots(outputs)] == [("start", "fade"), ("fade", "fade"), ("fade", "end")]
    assert len(fades(outputs)) == 2
    black = [s for s in outputs if isinstance(s, Shot)][1]
    assert black.colours[0] == "black"
    assert black.brightness < 0.05


def test_a_dissolve_is_a_fade_with_its_border_in_the_middle() -> None:
    outputs = detect(joined(still(A, 20), fade(A, B, 9), still(B, 20)))
    assert fades(outputs) == [(at(19), at(29))]
    assert shots(outputs)[0][1] == at(24)
    assert not cuts(outputs)


def test_flat_pictures_are_told_by_their_hue_not_by_their_light() -> None:
    assert cuts(detect(joined(still(flat(90, 96, 106), 10), still(flat(145, 90, 86), 10)))) == [at(10)]
    assert not cuts(detect(joined(still(flat(90, 96, 106), 10), still(flat(160, 170, 188), 10))))


def test_a_long_shot_is_told_in_parts_of_thirty_seconds() -> None:
    outputs = detect(still(A, 8 * 65))
    spans = shots(outputs)
    assert [s[2:] for s in spans] == [("start", "part"), ("part", "part"), ("part", "end")]
    assert [end - start for start, end, *_ in spans][:2] == [30, 30]
    assert [end for _, end, *_ in spans][-1] == 65


def test_a_picture_that_stands_is_told_in_parts_too() -> None:
    items: list[Item] = [*frames(still(A, 200), 8), *frames(still(B, 16), 8, first=8 * 34)]
    spans = shots(outputs_of(ShotDetector, items))
    assert [(end - start <= 30) for start, end, *_ in spans] == [True] * 3
    assert spans[-1][:1] == (at(8 * 34),)


def test_a_gap_ends_the_shot_and_another_starts_after_it() -> None:
    hole = Gap(Fraction(3), Fraction(20), "look", "discontinuity")
    items: list[Item] = [*frames(still(A, 24), 8), hole, *frames(still(A, 24), 8, first=160)]
    assert shots(outputs_of(ShotDetector, items)) == [
        (at(0), Fraction(3), "start", "end"),
        (at(160), Fraction(23), "start", "end"),
    ]


def test_stills_are_sharp_jpegs_named_by_their_shot() -> None:
    blurred = np.asarray(cv2.GaussianBlur(A, (0, 0), 3), np.uint8)
    outputs = detect(joined(still(blurred, 10), still(A, 2), still(blurred, 10), still(B, 48)))
    kept = {s.at: s.jpeg for s in outputs if isinstance(s, Still)}
    first, second = (s for s in outputs if isinstance(s, Shot))
    assert first.stills == (at(10),)
    assert len(second.stills) == 2
    assert set(kept) == {*first.stills, *second.stills}
    read = cv2.imdecode(np.frombuffer(kept[at(10)], np.uint8), cv2.IMREAD_COLOR)[..., ::-1]
    assert np.abs(read.astype(int) - A).mean() < 6


def test_what_a_shot_measures_is_what_the_picture_shows() -> None:
    picture = flat(20, 60, 200)
    picture[:, :40] = (230, 30, 30)
    (shot,) = (s for s in detect(still(picture, 16)) if isinstance(s, Shot))
    assert shot.colours == ("blue", "red")
    assert shot.colour_shares == pytest.approx((0.75, 0.25))
    luma = (0.299 * picture[..., 0] + 0.587 * picture[..., 1] + 0.114 * picture[..., 2]) / 255
    assert shot.brightness == pytest.approx(luma.mean(), abs=0.01)
    assert shot.contrast == pytest.approx(luma.std(), abs=0.01)
    assert shot.motion.camera == "still"
    assert shot.motion.objects == 0


@pytest.mark.parametrize(
    ("pictures", "camera", "speed"),
    [
        (pan(4, 32, 3.0), "pan_right", (3 * 8 / 160, 0.0, 0.0)),
        (pan(4, 32, -4.0), "pan_left", (-4 * 8 / 160, 0.0, 0.0)),
        (pan(4, 32, 0.0, 0.01), "zoom_in", (0.0, 0.0, 0.08)),
        (pan(4, 32, 0.0, -0.01), "zoom_out", (0.0, 0.0, -0.08)),
        (still(A, 32), "still", (0.0, 0.0, 0.0)),
        ([pan(4, 32, 4.0)[n % 3] for n in range(32)], "shaky", None),
    ],
)
def test_camera_motion(pictures: list[Pixels], camera: str, speed: tuple[float, float, float] | None) -> None:
    (shot,) = (s for s in detect(pictures) if isinstance(s, Shot))
    assert shot.motion.camera == camera
    if speed is not None:
        measured = (shot.motion.pan_per_s, shot.motion.tilt_per_s, shot.motion.zoom_per_s)
        assert measured == pytest.approx(speed, abs=0.02)
    assert shot.motion.objects < 0.05


def test_what_moves_in_front_of_a_still_camera_has_its_place() -> None:
    pictures = []
    for n in range(40):
        picture = A.copy()
        cv2.circle(picture, (100 + n, 60 + 10 * (n % 2)), 10, (255, 255, 255), -1)
        pictures.append(picture)
    (shot,) = (s for s in detect(pictures) if isinstance(s, Shot))
    assert shot.motion.camera == "still"
    assert 0.005 < shot.motion.objects < 0.1
    assert shot.motion.region is not None
    x, y, w, h = shot.motion.region
    assert x >= 0.4
    assert x + w <= 1
    assert y >= 0.3
    assert y + h <= 1


@pytest.mark.parametrize(("width", "height"), [(1, 1), (2, 160), (31, 17), (200, 1000)])
def test_odd_sizes_are_pictures_too(width: int, height: int) -> None:
    rng = np.random.default_rng(8)
    noise = [rng.integers(0, 256, (height, width, 3)).astype(np.uint8) for _ in range(12)]
    outputs = detect(joined(noise, still(noise[0], 12)))
    assert [s.end for s in outputs if isinstance(s, Shot)][-1] == 3


def test_pictures_of_another_size_are_another_shot() -> None:
    wide, high = scene(1, 160, 90), scene(1, 90, 160)
    outputs = detect(joined(still(wide, 12), still(high, 12)))
    assert cuts(outputs) == [at(12)]


def test_a_cut_behind_a_ticker_that_stays_is_a_cut() -> None:
    def under_ticker(picture: Pixels) -> Pixels:
        told = picture.copy()
        told[72:84, 6:154] = (20, 40, 120)
        cv2.putText(told, "BREAKING NEWS", (10, 82), cv2.FONT_HERSHEY_SIMPLEX, 0.35, (255, 255, 255), 1)
        return told

    moving = pan(7, 20, 1.5)
    outputs = detect([under_ticker(p) for p in joined(still(A, 20), moving, still(B, 20))])
    assert cuts(outputs) == [at(20), at(40)]


def test_the_law_of_stream_operators() -> None:
    rng = np.random.default_rng(6)
    moving = [np.clip(p + rng.normal(0, 4, p.shape), 0, 255).astype(np.uint8) for p in pan(7, 24, 2.0)]
    pictures = joined(
        still(BLACK, 3), fade(BLACK, A, 5), still(A, 12), still(B, 9), still(lit(B, 1.4, 90), 1), still(B, 9), moving,
        fade(moving[-1], BLACK, 5), still(BLACK, 6), fade(BLACK, C, 5), still(C, 14), fade(C, A, 8), still(A, 12),
        still(BLACK, 20), still(B, 10), fade(B, WHITE, 4), still(WHITE, 2), still(C, 10),
    )  # fmt: skip
    items: list[Item] = [*frames(map(small, pictures), 8)]
    end = items[-1].end
    items.append(Gap(end, end + 12, "look", "discontinuity"))
    after = joined(still(A, 10), still(B, 10), fade(B, BLACK, 4), still(BLACK, 4))
    items += frames(map(small, after), 8, first=int((end + 12) * 8) + 3)
    outputs = assert_law(ShotDetector, items, seeds=range(4))
    assert len(cuts(outputs)) >= 5
    assert len(fades(outputs)) >= 4


def test_the_law_over_a_long_shot() -> None:
    pictures = joined(pan(4, 40, 1.0), still(A, 220), still(B, 10))
    assert_law(ShotDetector, frames(map(small, pictures), 8), seeds=range(2))
