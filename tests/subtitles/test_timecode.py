import pytest

from operators.errors import ConfigError
from operators.subtitles.formats import Timecode


@pytest.mark.parametrize(
    ("rate", "start", "milliseconds", "label"),
    [
        ("25", "", 1480, "00:00:01:12"),
        ("25", "10:00:00:00", 1480, "10:00:01:12"),
        ("24", "", 3_600_000, "01:00:00:00"),
        ("23.976", "", 3_600_000, "00:59:56:10"),
        ("29.97", "", 3_600_000, "00:59:56:12"),
        ("29.97df", "", 3_600_000, "01:00:00;00"),
        ("29.97df", "", 60_027, "00:00:59;29"),
        ("29.97df", "", 60_060, "00:01:00;02"),
        ("29.97df", "", 600_000, "00:10:00;00"),
        ("59.94df", "", 60_060, "00:01:00;04"),
        ("29.97df", "01:00:00;00", 0, "01:00:00;00"),
        ("25", "", 123 * 3_600_000, "123:00:00:00"),
    ],
)
def test_labels(rate, start, milliseconds, label):
    assert Timecode.of(rate, start).label(milliseconds) == label


@pytest.mark.parametrize("rate", ["23.976", "25", "29.97", "29.97df", "59.94df"])
def test_every_frame_has_one_label_and_is_found_by_it(rate):
    timecode = Timecode.of(rate)
    labels = [timecode.label(round(n * 1000 / timecode.rate)) for n in range(0, 120_000, 13)]
    assert [timecode.number(label) for label in labels] == list(range(0, 120_000, 13))


@pytest.mark.parametrize(
    ("rate", "start", "said"),
    [
        ("26", "", r"no timecode of 26 frames a second: one of 23.976, 24"),
        ("25df", "", r"25 frames a second drops none: write --rate 25"),
        ("25", "10:00:00:25", r"25 frames in a second, 0 to 24"),
        ("25", "10:00:00.000", r"is no timecode: write HH:MM:SS:FF"),
        ("29.97df", "00:01:00;01", r"no such frame; the first of that minute is 02"),
    ],
)
def test_wrong_rates_and_labels_are_said(rate, start, said):
    with pytest.raises(ConfigError, match=said):
        Timecode.of(rate, start)
