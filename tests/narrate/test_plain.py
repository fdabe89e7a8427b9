from dataclasses import replace
from fractions import Fraction as F

import pytest

from operators.captioners import PlainCaptioner, Scene
from operators.captioners.plain import describe
from operators.facts import Moment, Motion, SeenText, Shot, Sound, Speech, Word
from operators.timeline import Span

STILL = Motion("still", 0.0, 0.0, 0.0, 0.005, None)
SHOT = Shot(F(10), F(20), "cut", "cut", (), 0.2, 0.15, 0.3, ("blue", "black", "grey"), (0.5, 0.3, 0.05), 40.0, STILL)


def moment(*shots, words=(), speech=(), seen=(), sounds=(), span=None):
    return Moment(span or Span(shots[0].start, shots[-1].end), shots, tuple(words), tuple(speech), tuple(seen), tuple(sounds))


def said(*facts, span=(10, 20)):
    """What is told of sound alone."""
    of = {cls: tuple(f for f in facts if isinstance(f, cls)) for cls in (Word, Speech, SeenText, Sound)}
    return describe(Moment(Span(F(span[0]), F(span[1])), (), of[Word], of[Speech], of[SeenText], of[Sound]))


def speech(start, end):
    return Speech(F(start), F(end), 0.9)


def sound(kind, start=10, end=20, level=-30.0, **kwargs):
    return Sound(F(start), F(end), kind, level, **kwargs)


WORD = Word(F(12), F(13), "hello", 0.9, "en", "s")


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({}, "A dark picture in blue and black."),
        ({"brightness": 0.05}, "A very dark picture in blue and black."),
        ({"brightness": 0.9, "contrast": 0.35}, "A very bright, high-contrast picture in blue and black."),
        ({"brightness": 0.5}, "A picture in blue and black."),
        ({"colour_shares": (0.8, 0.15, 0.0)}, "A dark picture, mostly blue."),
        ({"saturation": 0.01, "contrast": 0.05}, "A dark, low-contrast, black-and-white picture."),
        ({"brightness": 0.01, "contrast": 0.005}, "The screen is black."),
        ({"brightness": 1.0, "contrast": 0.0}, "The screen is white."),
        ({"contrast": 0.0}, "The screen is plain blue."),
        ({"opens_with": "fade", "closes_with": "fade"}, "Out of a fade, a dark picture in blue and black; it fades out."),
        ({"opens_with": "part"}, "The shot goes on: a dark picture in blue and black."),
    ],
)
def test_the_picture_is_told_by_what_was_measured(changes, told):
    assert describe(moment(replace(SHOT, **changes))) == told


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"objects": 0.0}, "hardly anything moves"),
        ({"objects": 0.05, "region": (0.8, 0.7, 0.2, 0.2)}, "something moves at the lower right"),
        ({"objects": 0.05, "region": (0.45, 0.45, 0.1, 0.1)}, "something small moves in the centre"),
        ({"objects": 0.05, "region": (0.0, 0.4, 0.3, 0.2)}, "something moves at the left"),
        ({"objects": 0.05, "region": None}, "there is movement in several places"),
        ({"objects": 0.4, "region": (0.0, 0.0, 1.0, 1.0)}, "much of the picture moves"),
        ({"camera": "pan_left", "pan_per_s": -0.02}, "the view pans left slowly"),
        ({"camera": "zoom_in", "zoom_per_s": 0.1}, "the view closes in"),
        ({"camera": "tilt_up", "tilt_per_s": -0.5, "objects": 0.3}, "the view tilts up quickly while much of the picture moves"),
        ({"camera": "shaky", "objects": 0.0}, "the view shakes"),
    ],
)
def test_movement_is_told_of_the_view_and_of_things(changes, told):
    assert describe(moment(replace(SHOT, motion=replace(STILL, **changes)))) == f"A dark picture in blue and black; {told}."


def test_quick_shots_are_told_together_and_a_long_one_outweighs_a_short():
    quick = [replace(SHOT, start=F(n, 4), end=F(n + 1, 4)) for n in range(5)]
    assert describe(moment(*quick)) == "Five quick shots, dark, in blue and black."
    flash = replace(SHOT, start=F(9), end=F(10), brightness=1.0)
    assert describe(moment(flash, SHOT)) == "A dark picture in blue and black."


@pytest.mark.parametrize(
    ("spans", "told"),
    [
        ([(8, 25)], "throughout"),
        ([(10, 14), (14.5, 20)], "throughout"),
        ([(5, 13)], "until 0:13"),
        ([(15, 22)], "SETS at 0:15"),
        ([(12, 15)], "from 0:12 to 0:15"),
        ([(12, 13)], "briefly"),
        ([(11, 12), (15, 17)], "twice"),
        ([(11, 12), (14, 15), (17, 18)], "on and off"),
    ],
)
def test_who_speaks_when(spans, told):
    heard = [speech(*s) for s in spans]
    with_words, without = told.replace("SETS", "starts"), told
    assert said(WORD, *heard) in (f"Someone speaks {with_words}.", "Someone starts to speak at 0:15.")
    assert said(*heard) in (f"A voice is heard {without}.", "A voice sets in at 0:15.")


def test_the_hour_is_told():
    assert said(speech(3712, 3716), span=(3700, 3730)) == "A voice is heard from 1:01:52 to 1:01:56."


@pytest.mark.parametrize(
    ("sounds", "told"),
    [
        ([sound("silence", level=-120.0)], "Silence."),
        ([sound("noise", level=-8.0)], "Loud noise throughout."),
        ([sound("tonal", level=-50.0)], "A faint tone throughout."),
        ([sound("quiet", 10, 15), sound("music_like", 15, 20)], "Quiet, then music-like sound."),
        ([sound("noise", 10, 14), sound("quiet", 14, F("14.2")), sound("noise", F("14.2"), 20)], "Noise throughout."),
        ([sound("noise", n, n + 1) if n % 2 else sound("quiet", n, n + 1) for n in range(10, 20)], "Noise and quiet by turns."),
        ([sound("noise", tags=("Siren", "Car"), scores=(0.8, 0.1))], "Siren throughout."),
        ([sound("noise", tags=("Siren",), scores=(0.3,))], "Noise throughout."),
    ],
)
def test_sound_is_told_by_what_was_measured(sounds, told):
    assert said(*sounds) == told


def test_sound_under_and_around_speech():
    assert said(WORD, speech(10, 20), sound("music_like")) == "Someone speaks throughout, over music-like sound."
    assert said(WORD, speech(10, 20), sound("speech_like")) == "Someone speaks throughout."
    assert said(WORD, speech(14, 20), sound("noise", 10, 14), sound("speech_like", 14, 20)) == (
        "Someone starts to speak at 0:14, otherwise noise."
    )


def test_the_screen_is_read_in_order_once_and_not_without_end():
    def line(text, y, start=10, confidence=0.9):
        return SeenText(F(start), F(20), text, confidence, (0.1, y, 0.5, 0.1))

    assert said(line("COMING SOON", 0.8), line("SINTEL", 0.2), line("Sintel", 0.2, 12)) == 'The screen reads "SINTEL" and "COMING SOON".'
    assert said(line("sm4dge", 0.1, confidence=0.4)) == ""
    credits = said(*(line(f"Name {n}", n / 10) for n in range(9)))
    assert credits == 'The screen reads "Name 0", "Name 1", "Name 2", "Name 3" and more.'
    assert said(line("word " * 60, 0.1)).endswith('word…".')
    assert len(said(line("word " * 60, 0.1))) < 160


def test_everything_together_is_three_sentences():
    title = SeenText(F(10), F(15), "SINTEL", 0.8, (0.1, 0.1, 0.5, 0.1))
    (description,) = PlainCaptioner()([Scene(moment(SHOT, words=[WORD], speech=[speech(12, 15)], seen=[title], sounds=[sound("noise")]))])
    assert description.text == (
        'A dark picture in blue and black. The screen reads "SINTEL". Someone speaks from 0:12 to 0:15, over noise.'
    )
    assert description.confidence == 0.8
    assert description.language == "en"


def test_nothing_known_is_nothing_told():
    assert said() == ""
    (description,) = PlainCaptioner()([Scene(moment(SHOT))])
    assert description.confidence == 1.0
