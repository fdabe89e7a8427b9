"""Translators, on tiny checkpoints of the true architectures that know a few sentences."""

from pathlib import Path

import pytest
from translation.tiny_translators import PAIRS, save_m2m100, save_marian

from operators.errors import ModelError, ModelUnavailable
from operators.sentences import Sentence, Term, Translation, holds
from operators.translation.m2m100 import M2m100Translator
from operators.translation.marian import MarianOptions, MarianTranslator
from operators.translation.options import TranslatorOptions


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    out = tmp_path_factory.mktemp("translators")
    return {
        "marian": save_marian(out / "marian"),
        "several": save_marian(out / "several", ("de", "fr")),
        "m2m100": save_m2m100(out / "m2m100"),
    }


def opened(folders, name, **options):
    kind, told = (M2m100Translator, TranslatorOptions) if name == "m2m100" else (MarianTranslator, MarianOptions)
    translator = kind(told(str(folders[name]), **options))
    translator.open("cpu", 1)
    return translator


def learnt(*languages):
    return [(Sentence(s, "en", into), t) for into in languages for s, t in PAIRS[into]]


@pytest.mark.parametrize(("name", "languages"), [("marian", ["de"]), ("several", ["de", "fr"]), ("m2m100", ["de", "fr"])])
@pytest.mark.parametrize("beams", [1, 4])
def test_what_a_checkpoint_has_learnt_is_what_is_said_in_one_batch_for_all_languages(folders, name, languages, beams):
    translator = opened(folders, name, beams=beams)
    asked = learnt(*languages)
    got = translator([sentence for sentence, _ in asked])
    assert [t.text for t in got] == [target for _, target in asked]
    assert all(0.8 < t.confidence <= 1 and not t.lost for t in got)
    alone = [translator([sentence])[0].text for sentence, _ in asked]
    assert alone == [t.text for t in got], "a padded batch says what each alone says"


@pytest.mark.parametrize("name", ["marian", "m2m100"])
def test_a_term_stands_in_the_translation_though_the_model_says_another(folders, name):
    translator = opened(folders, name, beams=1)
    terms = Term("bridge", "Überführung"), Term("old", "alt")
    got = translator([Sentence("The bridge is old.", "en", "de", terms), Sentence("The house is old.", "en", "de", terms[1:])])
    assert holds(got[0].text, "Überführung")
    assert holds(got[0].text, "alt", ending=True)
    assert got[0].lost == got[1].lost == ()
    assert got[1].text == "Das Haus ist alt.", "a term that is there changes nothing"
    assert got[0].confidence < got[1].confidence


def test_a_term_that_can_not_be_written_is_told(folders):
    term = Term("bridge", "橋")
    [got] = opened(folders, "marian", beams=1)([Sentence("The bridge is old.", "en", "de", (term,))])
    assert (got.text, got.lost) == ("Die Brücke ist alt.", (term,))


@pytest.mark.parametrize(
    ("name", "sentence", "why"),
    [
        ("m2m100", Sentence("Hello.", "xx", "de"), "does not know the language 'xx'"),
        ("marian", Sentence("Hello.", "en", "fr"), "translates en into de, not en into fr"),
        ("marian", Sentence("Bonjour.", "fr", "de"), "translates en into de, not fr into de"),
        ("several", Sentence("Hello.", "en", "es"), "translates en into de, fr, not en into es"),
        ("m2m100", Sentence("house " * 80, "en", "de"), "too long for the translator, which takes 64"),
    ],
)
def test_what_can_not_be_translated_is_told_and_the_rest_of_the_batch_is_done(folders, name, sentence, why):
    good, target = learnt("de")[0]
    refused, done = opened(folders, name)([sentence, good])
    assert isinstance(refused, ModelError)
    assert why in str(refused)
    assert isinstance(done, Translation)
    assert done.text == target


def test_codes_name_languages_as_the_checkpoint_does(folders):
    german = opened(folders, "marian", codes={"gsw": "de"})
    assert german([Sentence("The house is old.", "en", "gsw")])[0].text == "Das Haus ist alt."


def test_a_folder_without_such_a_model_is_refused_in_one_line(folders, tmp_path):
    for translator in (MarianTranslator(MarianOptions(str(folders["m2m100"]))), MarianTranslator(MarianOptions(str(tmp_path)))):
        with pytest.raises(ModelUnavailable, match=r"^no marian model in '.*': .*; narrate.translations=false needs none$"):
            translator.open("cpu", 1)


def test_a_term_is_found_where_a_word_begins():
    assert holds("Old Bridges.", "bridges")
    assert not holds("Old Bridges.", "bridge")
    assert holds("Alte Brücken.", "Brücke", ending=True)
    assert not holds("Zugbrücke", "brücke", ending=True)
    assert holds("古い橋です", "橋")
