"""Whisper's text with time tokens, its languages, its own signs of failure."""

from fractions import Fraction

import pytest

from operators.speech.recognition import HeardWord
from operators.speech.whisper_text import Sentence, echoes, language_tag, sentences, spoken, trusted, whisper_code

END, ZERO = 100, 200


def at(seconds: float) -> int:
    return ZERO + round(seconds * 50)


def split(*tokens: int, length: float = 20.0) -> tuple[list[Sentence], int | None]:
    return sentences(tokens, ZERO, END, round(length * 50))


def test_sentences_lie_between_their_time_tokens() -> None:
    assert split(at(0.5), 1, 2, at(3), at(4), 3, at(5)) == ([Sentence(25, 150, [1, 2]), Sentence(200, 250, [3])], None)


def test_text_without_an_end_goes_to_the_end_of_the_sound() -> None:
    assert split(at(1), 1, at(2), at(2), 2, 3) == ([Sentence(50, 100, [1]), Sentence(100, 1000, [2, 3])], None)
    assert split(1, 2) == ([Sentence(0, 1000, [1, 2])], None)
    assert split() == ([], None)


def test_a_sentence_that_was_opened_only_is_to_be_heard_again() -> None:
    assert split(at(0), 1, at(8), at(8)) == ([Sentence(0, 400, [1])], 400)
    assert split(at(0), 1, at(19.5), at(19.5)) == ([Sentence(0, 975, [1])], None)
    assert split(at(0), at(0)) == ([], None)


def test_what_is_placed_after_the_sound_was_not_said() -> None:
    assert split(at(0), 1, at(21), at(21), 2, at(29)) == ([Sentence(0, 1000, [1])], None)
    assert split(at(0), 1, at(20), at(20), 2) == ([Sentence(0, 1000, [1])], None)
    assert split(at(19.5), 1, at(29)) == ([Sentence(975, 1000, [1])], None)


def test_what_the_time_up_to_the_end_of_the_sound_is_too_short_for_was_not_said() -> None:
    whole = [*range(1, 25)]
    assert split(at(0), *whole, at(19.8), at(19.8), *whole, at(22.8)) == ([Sentence(0, 990, whole)], None)
    assert split(at(0), *whole, at(19.8), at(19.8), 7, 8, at(19.9))[0][1:] == [Sentence(990, 995, [7, 8])]


def test_circles_and_guesses_are_not_trusted() -> None:
    assert trusted(" Ask not what your country can do for you.", -0.3)
    assert not trusted(" Ask not what your country can do for you.", -1.2)
    assert not trusted(" I'm sorry" * 20, -0.1)
    assert trusted("", 0.0)


def word(text: str, start: int = 0) -> HeardWord:
    return HeardWord(Fraction(start), Fraction(start + 1), text, 0.5)


def test_signs_join_the_word_before_and_dashes_of_a_dialogue_are_left_out() -> None:
    said = spoken([word(" -"), word(" 100", 1), word("%", 2), word(" sure", 3), word(" &", 4), word(" so", 5), word("…", 6), word(" ♪", 7)])
    assert [w.text for w in said] == [" 100%", " sure", " &", " so…"]
    assert [(w.start, w.end) for w in said[:1]] == [(1, 3)]
    assert spoken([word("像"), word("張"), word("。")])[1].text == "張。"
    assert spoken([word("♪")]) == ()


def test_languages_by_their_tags() -> None:
    assert whisper_code("en-GB") == "en"
    assert whisper_code("jv") == "jw"
    assert language_tag("<|jw|>") == "jv"
    assert language_tag("de") == "de"
    with pytest.raises(ValueError, match="does not know the language 'tlh'"):
        whisper_code("tlh")


def test_an_echo_of_the_prompt_is_told_from_a_name_that_was_said() -> None:
    prompt = "Ada Lovelace, Charles Babbage, Analytical Engine"
    assert echoes(" Ada Lovelace, Charles Babbage.", prompt)
    assert echoes(" So ada lovelace charles babbage said", prompt)
    assert not echoes(" Then Ada Lovelace wrote to Charles Babbage.", prompt)
    assert echoes(" Kubernetes", "Kubernetes")
    assert not echoes(" We run Kubernetes.", "Kubernetes")
    assert not echoes("", prompt)
    assert not echoes(" Anything.", "")
