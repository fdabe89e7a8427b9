"""Languages by the parts of a window."""

from operators.speech.whisper_languages import LEAST_PART, one_after_another, parts_between

EN, DE = {"en": 0.9, "de": 0.05}, {"de": 0.95, "en": 0.02}
UNSURE = {"de": 0.5, "en": 0.45}


def languages(*heard: dict[str, float]) -> list[tuple[int, int, str]]:
    return one_after_another([(n * 200, n * 200 + 200) for n in range(len(heard))], heard)


def test_one_language_is_one_part() -> None:
    assert languages(EN) == [(0, 200, "en")]
    assert languages(EN, EN, EN) == [(0, 600, "en")]


def test_a_switch_is_found_where_it_is() -> None:
    assert languages(EN, EN, DE, DE) == [(0, 400, "en"), (400, 800, "de")]
    assert languages(EN, DE, DE, EN, EN) == [(0, 200, "en"), (200, 600, "de"), (600, 1000, "en")]


def test_doubt_is_no_switch() -> None:
    assert languages(EN, UNSURE, EN) == [(0, 600, "en")]
    assert languages(UNSURE, EN) == [(0, 400, "en")]
    assert languages(DE, UNSURE) == [(0, 400, "de")]


def test_a_language_that_is_not_named_is_possible_everywhere() -> None:
    assert languages({"en": 1.0}, {"de": 1.0}) == [(0, 200, "en"), (200, 400, "de")]


def test_parts_are_long_enough_to_tell() -> None:
    assert parts_between((), 900) == [(0, 900)]
    assert parts_between((LEAST_PART - 1, 300, 310, 880), 900) == [(0, 300), (300, 900)]
    assert parts_between((100,), 200) == [(0, 200)]
