"""Local agreement: what is certain of words that are heard again and again."""

from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from operators.speech.agreement import Agreement, bare
from operators.speech.recognition import HeardWord


def said(text: str, start: float = 0.0, each: float = 0.5) -> list[HeardWord]:
    return [HeardWord(Fraction(start + n * each), Fraction(start + (n + 1) * each), f" {w}", 0.9) for n, w in enumerate(text.split())]


def texts(words: object) -> str:
    return "".join(w.text for w in words).strip()  # type: ignore[attr-defined]


def test_a_word_is_certain_once_two_hypotheses_agree() -> None:
    a = Agreement()
    assert a.hear(said("And so my")).confirmed == ()
    assert texts(a.hear(said("And so, my fellow")).confirmed) == "And so, my"
    assert texts(a.tail) == "fellow"
    assert texts(a.hear(said("And so, my fellow Americans")).confirmed) == "fellow"
    assert texts(a.close(said("And so, my fellow Americans. Ask")).confirmed) == "Americans. Ask"


def test_marks_of_vowels_are_part_of_a_word() -> None:
    assert bare(" कि,") != bare(" की,")
    assert bare(" กิน") != bare(" กน")


def test_agreement_ends_at_the_first_difference() -> None:
    a = Agreement()
    a.hear(said("one two three four"))
    assert texts(a.hear(said("one too three four")).confirmed) == "one"
    assert texts(a.hear(said("one too three four")).confirmed) == "too three four"


def test_what_is_certain_stays_when_a_later_hypothesis_writes_it_otherwise() -> None:
    a = Agreement()
    a.hear(said("I thought that we would"))
    a.hear(said("I thought that we would"))
    assert texts(a.kept) == "I thought that we would"
    a.hear([*said("I think that,"), HeardWord(Fraction(3, 2), Fraction(5, 2), " we'd", 0.9), *said("go home", 2.5)])
    assert texts(a.tail) == "go home"
    assert texts(a.hear(said("thought that we would go home now", 0.5)).confirmed) == "go home"


def test_a_word_said_twice_is_two_words() -> None:
    a = Agreement()
    a.hear(said("no"))
    assert texts(a.hear(said("no no")).confirmed) == "no"
    assert texts(a.hear(said("no no no")).confirmed) == "no"


def test_where_the_letters_leave_a_choice_the_times_decide() -> None:
    a = Agreement()
    a.hear(said("alpha beta"))
    a.hear(said("alpha beta"))
    a.hear(said("something else entirely here", 0.0, 0.5))
    assert texts(a.tail) == "entirely here"


def test_erased_counts_what_was_shown_and_is_gone() -> None:
    a = Agreement()
    assert a.hear(said("ice cream")).erased == 0
    assert a.hear(said("I scream for")).erased == 2
    assert a.hear(said("I scream, for ice")).erased == 2  # "scream" became "scream,": what stands behind it was shown anew


def test_forgotten_sound_is_not_laid_against() -> None:
    a = Agreement()
    a.hear(said("One. Two three"))
    a.hear(said("One. Two three"))
    a.forget(Fraction(1, 2))
    assert texts(a.kept) == "Two three"
    a.hear(said("Two three four", 0.5))
    assert texts(a.tail) == "four"


def test_nothing_is_confirmed_by_a_close_that_was_heard_already() -> None:
    a = Agreement()
    a.hear(said("so it is"))
    assert texts(a.close().confirmed) == "so it is"
    assert a.close().confirmed == ()


WORDS = st.lists(st.sampled_from(["a", "b", "c.", "A,"]), max_size=6)


@given(st.lists(WORDS, max_size=8), WORDS)
def test_confirmed_words_are_a_growing_text_that_no_hypothesis_changes(hypotheses: list[list[str]], last: list[str]) -> None:
    a, told = Agreement(), list[str]()
    for hypothesis in hypotheses:
        before = [bare(w.text) for w in a.tail]
        news = a.hear(said(" ".join(hypothesis)))
        told += [w.text for w in news.confirmed]
        assert [w.text for w in a.kept] == told
        assert [bare(w.text) for w in news.confirmed] == before[: len(news.confirmed)]
        restored = Agreement()
        restored.restore(a.snapshot())
        assert (restored.kept, restored.tail) == (a.kept, a.tail)
    a.close(said(" ".join(last)))
    assert (a.kept, a.tail) == ([], [])
