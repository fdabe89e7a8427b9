"""Picture detectors on made footage: what each says, and what it must not say."""

from collections.abc import Callable
from fractions import Fraction

import numpy as np
import pytest

from operators.events import DETECTORS
from operators.events.black import BlackDetector, BlackOptions
from operators.events.covered import CoveredDetector
from operators.events.frozen import FrozenDetector
from operators.events.light import LightDetector
from operators.events.motion import MotionDetector
from operators.media import Frame, Pixels
from operators.protocols import Item, StreamOperator
from operators.records import Event, Gap
from tests.events.footage import blurred, flat, frames, lettered, lit, noisy, scene, spans, walker, watch
from tests.law import assert_law, outputs_of

ROOM, OTHER = scene(1), scene(2)
LATE = 0.01


def clocked(picture: Pixels, n: int, rate: int) -> Pixels:
    return lettered(picture, f"12:00:{n // rate:02}")


def says(make: Callable[[], StreamOperator], items: list[Frame]) -> list[tuple[float, float]]:
    return spans(outputs_of(make, items))


class TestBlack:
    def film(self, dark: Pixels) -> list[Frame]:
        return watch(6, 8, lambda t, n: noisy(dark if 2 <= t < 4 else ROOM, n))

    @pytest.mark.parametrize("luma", [0, 12, 18])
    def test_black_with_noise(self, luma: int) -> None:
        assert says(BlackDetector, self.film(flat(luma))) == [(2 + LATE, 4 + LATE)]

    def test_a_clock_and_a_line_of_text_do_not_hide_it(self) -> None:
        picture = lettered(lettered(flat(5), "12:00:01 CAM 3"), "copyright by nobody", (3, 84))
        assert says(BlackDetector, self.film(picture)) == [(2 + LATE, 4 + LATE)]

    def test_bars_around_a_dark_scene_do_not_make_it_black(self) -> None:
        picture = lit(ROOM, 0.5)
        picture[:20] = picture[-20:] = 0
        assert says(BlackDetector, self.film(picture)) == []

    def test_a_large_title_on_black_is_not_black(self) -> None:
        assert says(BlackDetector, self.film(lettered(flat(0), "THE END", (15, 55), 1.2))) == []

    def test_one_black_picture_is_too_short_unless_asked_for(self) -> None:
        film = frames([ROOM] * 8 + [flat(0)] + [ROOM] * 8, 8)
        assert says(BlackDetector, film) == []
        assert says(lambda: BlackDetector(BlackOptions(shortest_s=0.1)), film) == [(1.01, 1.135)]

    def test_a_black_picture_stands_where_no_other_comes(self) -> None:
        film = frames([ROOM] * 8 + [flat(0)] + [None] * 23 + [ROOM] * 8, 8)
        assert says(BlackDetector, film) == [(1.01, 4.01)]

    def test_the_event_says_what_it_is(self) -> None:
        start = outputs_of(BlackDetector, self.film(flat(0)))[0]
        assert isinstance(start, Event)
        assert (start.event_id, start.label, start.source, start.certainty) == ("look.black-0", "black", "picture", "Observed")
        assert start.score == pytest.approx(1)
        assert start.end == Fraction(19, 8)


class TestFrozen:
    def test_a_living_scene_that_stands_still(self) -> None:
        last = noisy(ROOM, 19)
        film = watch(15, 4, lambda t, n: noisy(ROOM, n) if not 5 <= t < 11 else last)
        assert says(FrozenDetector, film) == [(4.75 + LATE, 11 + LATE)] or says(FrozenDetector, film) == [(5 + LATE, 11 + LATE)]

    def test_refreshes_of_a_codec_do_not_hide_it(self) -> None:
        refreshed = [noisy(ROOM, 100 + k, 1.5) for k in range(8)]
        film = watch(15, 4, lambda t, n: noisy(ROOM, n, 3) if not 5 <= t < 11 else refreshed[n // 4 % 8])
        found = says(FrozenDetector, film)
        assert len(found) == 1
        assert found[0] == (pytest.approx(5, abs=1.1), 11 + LATE)

    def test_a_still_scene_with_sensor_noise_lives(self) -> None:
        assert says(FrozenDetector, watch(30, 4, lambda t, n: noisy(ROOM, n, 1.5))) == []

    def test_a_still_scene_without_noise_lives_by_its_clock(self) -> None:
        assert says(FrozenDetector, watch(30, 4, lambda t, n: clocked(ROOM, n, 4))) == []

    def test_black_is_not_frozen(self) -> None:
        assert says(FrozenDetector, watch(30, 4, lambda t, n: noisy(ROOM, n) if t < 5 else flat(0))) == []

    def test_a_slide_is_not_frozen_so_soon(self) -> None:
        film = watch(20, 4, lambda t, n: noisy(ROOM, n) if t < 5 or t >= 13 else OTHER)
        assert says(FrozenDetector, film) == []

    def test_a_slide_that_stays_is(self) -> None:
        assert says(FrozenDetector, watch(20, 4, lambda t, n: OTHER)) == [(LATE, 20)]

    def test_no_picture_comes_any_more(self) -> None:
        film = frames([noisy(ROOM, n) for n in range(20)] + [None] * 20 + [noisy(ROOM, n) for n in range(40, 60)], 4)
        assert says(FrozenDetector, film) == [(4.75 + LATE, 10 + LATE)]

    def test_a_slow_rate_is_no_freeze(self) -> None:
        film = frames([noisy(ROOM, n) if n % 4 == 0 else None for n in range(80)], 4)
        assert says(FrozenDetector, film) == []


class TestCovered:
    def film(self, covered: Callable[[int], Pixels], since: float = 15, until: float = 21) -> list[Frame]:
        return watch(30, 2, lambda t, n: covered(n) if since <= t < until else noisy(ROOM, n))

    @pytest.mark.parametrize(
        "cover",
        [
            lambda n: noisy(blurred(ROOM, 4), n, 1),
            lambda n: noisy(flat(40), n, 1.5),
            lambda n: noisy(flat(128), n, 0),
            lambda n: noisy(lit(blurred(scene(3), 15), 0.5), n, 2),
        ],
        ids=["out of focus", "hand", "uniform", "cloth"],
    )
    def test_the_structure_of_the_scene_is_gone(self, cover: Callable[[int], Pixels]) -> None:
        (found,) = says(CoveredDetector, self.film(cover))
        assert found == (15 + LATE, pytest.approx(21, abs=0.6))

    @pytest.mark.parametrize(
        "picture",
        [
            lambda n: OTHER,
            lambda n: lettered(lettered(flat(90), "Tonight", (10, 40), 1), "at eight", (10, 70), 1),
            lambda n: flat(0),
            lambda n: flat(255),
            lambda n: noisy(lit(ROOM, 0.25), n),
            lambda n: noisy(walker(ROOM, 40), n),
        ],
        ids=["cut", "title", "black", "white", "lights out", "somebody"],
    )
    def test_what_is_not_covered(self, picture: Callable[[int], Pixels]) -> None:
        assert says(CoveredDetector, self.film(picture)) == []

    def test_nor_a_fade(self) -> None:
        fade = lambda n: lit(ROOM, max(0.0, 1 - (n - 30) / 5))  # noqa: E731
        assert says(CoveredDetector, self.film(fade)) == []

    def test_a_scene_seen_for_too_short_can_not_be_judged(self) -> None:
        assert says(CoveredDetector, self.film(lambda n: blurred(ROOM, 4), 5, 9)) == []


class TestMotion:
    def test_somebody_comes_and_goes(self) -> None:
        film = watch(20, 4, lambda t, n: noisy(walker(ROOM, -30 + 40 * (t - 8)), n))
        (found,) = says(MotionDetector, film)
        assert found == (pytest.approx(8.5, abs=0.6), pytest.approx(12.7, abs=0.8))

    def test_where_it_is(self) -> None:
        start = outputs_of(MotionDetector, watch(20, 4, lambda t, n: noisy(walker(ROOM, -30 + 40 * (t - 8)), n)))[0]
        assert isinstance(start, Event)
        assert start.box is not None
        x, y, w, h = start.box
        assert x < 0.3
        assert 0.2 < y < 0.5
        assert y + h > 0.8
        assert w < 0.5

    @pytest.mark.parametrize(
        "look",
        [
            lambda t, n: noisy(ROOM, n, 3),
            lambda t, n: noisy(lit(ROOM, 1 if t < 8 else 0.4), n),
            lambda t, n: noisy(lit(ROOM, 1 if t < 8 else max(0.3, 1 - (t - 8))), n),
            lambda t, n: noisy(ROOM if t < 8 else flat(3) if t < 8.5 else np.repeat(lit(ROOM, 0.6)[:, :, :1], 3, axis=2), n),
            lambda t, n: noisy(ROOM if t < 8 else OTHER, n),
            lambda t, n: noisy(np.roll(ROOM, 6 * max(0, n - 32), axis=1), n),
            lambda t, n: clocked(ROOM, n, 4),
            lambda t, n: noisy(walker(ROOM, 40 * t % 200 - 30), n),
        ],
        ids=["noise", "lights out", "dimmed", "day to night", "cut", "camera turns", "clock", "always busy"],
    )
    def test_what_is_no_sudden_motion(self, look: Callable[[float, int], Pixels]) -> None:
        assert says(MotionDetector, watch(20, 4, look)) == []


class TestLight:
    @pytest.mark.parametrize(
        "look",
        [
            lambda t, n: noisy(lit(ROOM, 1 if t < 8 else 0.4), n),
            lambda t, n: noisy(lit(ROOM, 0.4 if t < 8 else 1), n),
            lambda t, n: noisy(lit(ROOM, float(np.clip(1 - (t - 8) / 1.5, 0.4, 1))), n),
            lambda t, n: noisy(ROOM if t < 8 else flat(3) if t < 8.8 else np.repeat(lit(ROOM, 0.5)[:, :, :1], 3, axis=2), n),
        ],
        ids=["off", "on", "dimmed", "day to night"],
    )
    def test_the_light_of_the_scene_changes(self, look: Callable[[float, int], Pixels]) -> None:
        ((start, end),) = says(LightDetector, watch(16, 4, look))
        assert start == pytest.approx(8, abs=0.3)
        assert end == pytest.approx(9, abs=1)

    @pytest.mark.parametrize(
        "look",
        [
            lambda t, n: noisy(ROOM if t < 8 else OTHER, n),
            lambda t, n: noisy(lit(ROOM, 2 if n == 32 else 1), n),
            lambda t, n: noisy(lit(ROOM, max(0.0, 1 - max(0, t - 8) / 12)), n),
            lambda t, n: noisy(walker(ROOM, -30 + 40 * (t - 8)), n),
            lambda t, n: lit(ROOM, min(1.0, t)),
            lambda t, n: lit(ROOM, float(np.clip((t - 7.95) / 0.6, 0, 1))),
            lambda t, n: lit(ROOM, max(0.0, 9 - t)) if t > 8 else noisy(ROOM, n),
        ],
        ids=["cut", "flash", "dusk", "somebody", "fade in", "fade from black", "fade out"],
    )
    def test_what_is_none(self, look: Callable[[float, int], Pixels]) -> None:
        assert says(LightDetector, watch(16, 4, look)) == []


def eventful(rate: int) -> list[Item]:
    """A minute in which everything happens, with holes, gaps short and long, and another size of picture."""
    small = np.ascontiguousarray(ROOM[::2, ::2])

    def look(t: float, n: int) -> Pixels:
        if 4 <= t < 6 or 30 <= t < 31:
            return flat(0)
        if 14 <= t < 20:
            return noisy(blurred(ROOM, 5), n)
        if 24 <= t < 28:
            return noisy(walker(ROOM, -30 + 50 * (t - 24)), n)
        if 36 <= t < 42:
            return noisy(ROOM, 7)
        return noisy(small if t >= 55 else lit(ROOM, 0.4) if 50 <= t < 53 else ROOM, n)

    items: list[Item] = [f for f in watch(60, rate, look) if not 21 <= f.at < 22 and not 33 <= f.at < 33.5 and not 44 <= f.at < 50]
    for start, end in ((21, 22), (44, 50)):
        gap = Gap(Fraction(start), Fraction(end), "look", "decode_error")
        items.insert(next(k for k, i in enumerate(items) if i.start >= end), gap)
    return items


@pytest.mark.parametrize("origin", [o for o in DETECTORS if o.startswith("look.")])
def test_the_law(origin: str) -> None:
    detector = DETECTORS[origin]
    assert assert_law(detector, eventful(detector.need.rate), seeds=range(12))
