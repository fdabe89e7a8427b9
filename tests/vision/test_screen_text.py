"""ScreenText: when text is read, from when to when a line is seen, and the law. TextReader on pictures that were drawn."""

import sys
from collections.abc import Callable, Sequence
from fractions import Fraction
from typing import Any

import cv2
import numpy as np
import pytest

from operators.errors import ModelError, ModelUnavailable
from operators.facts import SeenText
from operators.media import Pixels
from operators.protocols import Ask, Item
from operators.records import Gap
from operators.vision.lines import TextLine
from operators.vision.text import ScreenText, TextReader
from tests.law import assert_law, outputs_of
from tests.vision.scenes import at, frames, joined, lit, mixed, scene, still

WIDTH, HEIGHT = 480, 270
SCENE, OTHER = scene(1, WIDTH, HEIGHT), scene(2, WIDTH, HEIGHT)
BLACK = np.zeros((HEIGHT, WIDTH, 3), np.uint8)


def titled(picture: Pixels, text: str, y: int = 140, x: int = 60, scale: float = 1.0) -> Pixels:
    drawn = picture.copy()
    cv2.putText(drawn, text, (x, y), cv2.FONT_HERSHEY_SIMPLEX, scale, (255, 255, 255), 2, cv2.LINE_AA)
    return drawn


class Drawn:
    """A reader that knows the pictures it is shown, and counts them."""

    def __init__(self, *pictures: tuple[Pixels, Sequence[TextLine]]) -> None:
        self._known = {picture.tobytes(): tuple(lines) for picture, lines in pictures}
        self.reads = 0

    def __call__(self, pixels: Pixels) -> Any:
        self.reads += 1
        return self._known.get(pixels.tobytes(), ())


def line(text: str, confidence: float = 0.95, y: float = 0.4, x: float = 0.1, width: float = 0.6) -> TextLine:
    return TextLine(text, confidence, (x, y, width, 0.15))


def seen(items: Sequence[Item], reader: Callable[[Pixels], Any]) -> list[SeenText]:
    return [o for o in outputs_of(ScreenText, items, {"text": reader}) if isinstance(o, SeenText)]


def test_a_title_is_read_once_and_seen_from_its_first_picture_to_its_last() -> None:
    title = titled(BLACK, "COMING SOON")
    reader = Drawn((title, [line("COMING SOON")]))
    (found,) = seen(frames(joined(still(BLACK, 6), still(title, 12), still(BLACK, 4)), 2), reader)
    assert (found.start, found.end, found.text) == (at(6, 2), Fraction(9), "COMING SOON")
    assert reader.reads == 1


def test_nothing_is_asked_where_there_are_no_strokes() -> None:
    reader = Drawn()
    blurred = np.asarray(cv2.GaussianBlur(SCENE, (0, 0), 6), np.uint8)
    assert not seen(frames(joined(still(BLACK, 10), still(blurred, 10), still(lit(blurred, 1.5), 10)), 2), reader)
    assert reader.reads == 0


def test_a_line_that_changes_is_read_again_and_the_other_goes_on() -> None:
    name = titled(SCENE, "ADA LOVELACE", 60)
    first, second = titled(name, "FIRST SUBTITLE", 240), titled(name, "QUITE ANOTHER", 240)
    reader = Drawn(
        (first, [line("ADA LOVELACE", y=0.12), line("FIRST SUBTITLE", y=0.78)]),
        (second, [line("ADA LOVELACE", 0.99, y=0.12), line("QUITE ANOTHER", y=0.78)]),
    )
    found = {s.text: s for s in seen(frames(joined(still(first, 8), still(second, 8)), 2), reader)}
    assert {t: (s.start, s.end) for t, s in found.items()} == {
        "FIRST SUBTITLE": (at(0, 2), Fraction(4)),
        "QUITE ANOTHER": (at(8, 2), Fraction(8)),
        "ADA LOVELACE": (at(0, 2), Fraction(8)),
    }
    assert found["ADA LOVELACE"].confidence == 0.99, "the better of its readings"
    assert reader.reads == 2


def test_text_that_fades_in_ends_in_its_best_reading() -> None:
    title = titled(SCENE, "SINTEL AND FRIENDS")
    steps = [mixed(SCENE, title, s) for s in (0.2, 0.4, 0.6, 0.8)]

    def reader(pixels: Pixels) -> Any:
        return (line("SINTEL AND FRIENDS", 0.98),) if np.array_equal(pixels, title) else (line("SINTFL AND", 0.75),)

    found = seen(frames(joined(still(SCENE, 4), steps, still(title, 8)), 2), reader)
    assert len(found) == 1
    assert at(4, 2) <= found[0].start <= at(8, 2)
    assert found[0].end == Fraction(8)


def test_a_clock_that_ticks_is_left_alone_more_and_more() -> None:
    pictures = [titled(SCENE, f"12:00:{n // 2 % 60:02}", scale=0.8) for n in range(240)]
    reads = []

    def reader(pixels: Pixels) -> Any:
        reads.append(1)
        return (line(f"12:00:{len(reads):02}"),)

    found = seen(frames(pictures, 2), reader)
    assert len(reads) <= 14
    assert (found[0].start, found[0].end) == (at(0, 2), at(0, 2) + 30)
    assert sum(s.end - s.start for s in found) == Fraction(120) - at(0, 2)


def test_what_follows_on_restless_text_is_read() -> None:
    swelling = [titled(BLACK, "SINTEL", 150, 100 - n, 1 + n / 60) for n in range(24)]
    after = titled(BLACK, "COMING SOON", 150, 90)
    reader = Drawn(*((p, [line("SINTEL", x=0.18, width=0.3)]) for p in swelling), (after, [line("COMING SOON", x=0.18, width=0.5)]))
    found = seen(frames(joined(swelling, still(BLACK, 1), still(after, 6)), 2), reader)
    assert [(s.text, s.start, s.end) for s in found] == [
        ("SINTEL", at(0, 2), Fraction(12)),
        ("COMING SOON", at(25, 2), Fraction(31, 2)),
    ]


def test_a_moving_picture_is_not_asked_all_the_time() -> None:
    wide = scene(9, 1600, HEIGHT)
    for n in range(40):
        cv2.putText(wide, "M", (40 * n, 60 + 23 * (n % 9)), cv2.FONT_HERSHEY_SIMPLEX, 1, (255, 255, 255), 2)
    reader = Drawn()
    seen(frames([wide[:, 10 * n : 10 * n + WIDTH].copy() for n in range(110)], 2), reader)
    assert 1 <= reader.reads <= 11, "once in five seconds"


def test_a_long_line_is_told_in_parts_of_thirty_seconds() -> None:
    title = titled(BLACK, "STANDING TITLE")
    found = seen(frames(still(title, 150), 2), Drawn((title, [line("STANDING TITLE")])))
    assert [(s.start, s.end) for s in found] == [
        (at(0, 2), at(0, 2) + 30),
        (at(0, 2) + 30, at(0, 2) + 60),
        (at(0, 2) + 60, Fraction(75)),
    ]


def test_a_slide_that_stands_without_new_pictures_is_read() -> None:
    slide, last = titled(BLACK, "ONE PICTURE ONLY"), titled(BLACK, "THE LAST SLIDE", 200)
    reader = Drawn((slide, [line("ONE PICTURE ONLY")]), (last, [line("THE LAST SLIDE", y=0.65)]))
    items = [
        *frames([BLACK], 2),
        *frames([slide], 2, first=4),
        *frames([last], 2, first=16),
        Gap(Fraction(11), Fraction(30), "look", "discontinuity"),
    ]
    assert [(s.text, s.start, s.end) for s in seen(items, reader)] == [
        ("ONE PICTURE ONLY", at(4, 2), Fraction(8)),
        ("THE LAST SLIDE", at(16, 2), Fraction(11)),
    ]


def test_doubtful_lines_and_lone_signs_are_no_text() -> None:
    title = titled(SCENE, "WHATEVER")
    reader = Drawn((title, [line("WHATEVER", 0.5), line("|", 0.99), line("- -", 0.99)]))
    assert not seen(frames(still(title, 8), 2), reader)


def test_a_picture_that_can_not_be_read_is_a_gap_and_the_next_is_read() -> None:
    first, second = titled(BLACK, "UNLUCKY TITLE"), titled(SCENE, "LUCKY TITLE", 60)

    def reader(pixels: Pixels) -> Any:
        return ModelError("no") if np.array_equal(pixels, first) else (line("LUCKY TITLE", y=0.1),)

    outputs = outputs_of(ScreenText, frames(joined(still(first, 6), still(second, 6)), 2), {"text": reader})
    assert [o.reason for o in outputs if isinstance(o, Gap)] == ["model_error"]
    assert [o.text for o in outputs if isinstance(o, SeenText)] == ["LUCKY TITLE"]


def test_asks_are_blocking_and_scaled() -> None:
    operator = ScreenText()
    large = titled(np.zeros((1080, 1920, 3), np.uint8), "LARGE PICTURE", 500, 200, 4)
    asks = [o for frame in frames(still(large, 3), 2) for o in operator.push(frame) if isinstance(o, Ask)]
    assert [(a.model, a.item.shape, a.blocking) for a in asks[:1]] == [("text", (480, 854, 3), True)]


def test_the_law_of_stream_operators() -> None:
    a, b = titled(SCENE, "FIRST TITLE", 60), titled(titled(SCENE, "FIRST TITLE", 60), "SECOND LINE", 200)
    c, d = titled(OTHER, "THIRD THING", 120), titled(BLACK, "END CREDITS", 120)
    known = Drawn(
        (a, [line("FIRST TITLE", 0.8, 0.1)]),
        (b, [line("FIRST TITLF", 0.75, 0.1), line("SECOND LINE", 0.9, 0.62)]),
        (c, [line("THIRD THING", 0.9, 0.32)]),
        (d, [line("END CREDITS", 0.97, 0.32)]),
    )

    def reader(pixels: Pixels) -> Any:
        return ModelError("no") if np.array_equal(pixels, OTHER) else known(pixels)

    ticking = [titled(SCENE, f"12:00:{n:02}", 240, 200) for n in range(10)]
    items: list[Item] = [*frames(joined(still(SCENE, 4), still(a, 6), still(b, 6), still(OTHER, 4), still(c, 5), ticking, still(a, 70)), 2)]
    end = items[-1].end
    items.append(Gap(end, end + 20, "look", "discontinuity"))
    first = int((end + 20) * 2)
    items += [*frames([d], 2, first=first), *frames(joined(still(d, 3), still(BLACK, 3), still(c, 1)), 2, first=first + 9)]
    outputs = assert_law(ScreenText, items, {"text": reader})
    texts = {o.text for o in outputs if isinstance(o, SeenText)}
    assert texts == {"FIRST TITLE", "SECOND LINE", "THIRD THING", "END CREDITS"}


@pytest.fixture(scope="module")
def text_reader() -> TextReader:
    reader = TextReader()
    reader.open("cpu", 1)
    return reader


def test_the_reader_reads_what_was_drawn(text_reader: TextReader) -> None:
    picture = titled(titled(BLACK, "COMING SOON", 90, 120), "in December 2026", 190, 90)
    (lines, empty) = text_reader([picture, SCENE])
    assert [found.text for found in lines] == ["COMING SOON", "in December 2026"]
    assert all(found.confidence > 0.9 for found in lines)
    x, y, w, h = lines[0].box
    assert x == pytest.approx(120 / WIDTH, abs=0.03)
    assert y + h == pytest.approx(90 / HEIGHT, abs=0.05)
    assert 0 < w < 0.6
    assert empty == ()


def test_the_reader_does_not_depend_on_the_batch(text_reader: TextReader) -> None:
    pictures = [titled(SCENE, "ONE LINE"), titled(BLACK, "ANOTHER LINE", 60), np.zeros((3, 5, 3), np.uint8)]
    assert list(text_reader(pictures)) == [text_reader([p])[0] for p in pictures]


def test_an_item_that_is_no_picture_is_a_model_error(text_reader: TextReader) -> None:
    good = titled(BLACK, "STILL READ")
    broken, read = text_reader([np.zeros((0, 0, 3), np.uint8), good])
    assert isinstance(broken, ModelError)
    assert read[0].text == "STILL READ"


def test_without_rapidocr_text_is_model_unavailable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "rapidocr", None)
    with pytest.raises(ModelUnavailable, match=r"rapidocr can not read text.*look\.text=false"):
        TextReader().open("cpu", 1)


def test_the_reader_closes_twice() -> None:
    reader = TextReader()
    reader.open("cpu", 1)
    reader.close()
    reader.close()
