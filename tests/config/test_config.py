import pickle
import re
from dataclasses import fields
from pathlib import Path

import pytest

from operators.errors import ConfigError
from pipeline.config import load, merge, profiles
from pipeline.settings import MODELS, OPERATORS, asked_models, choose_model, choose_operators


@pytest.mark.parametrize("name", ["cpu", "offline", "hub", "gpu"])
def test_a_shipped_profile_runs_in_all_lanes_and_names_every_model_that_is_asked(name: str) -> None:
    settings = load(name)
    lanes = choose_operators(settings)
    assert all(lanes.values())
    assert all(choose_model(role, settings) for role in asked_models(lanes))


def test_the_shipped_profiles_are_four() -> None:
    assert profiles() == ["cpu", "gpu", "hub", "offline"]


def test_every_place_is_the_origin_of_what_stands_there() -> None:
    for lane, places in OPERATORS.items():
        for name, place in places.items():
            for cls in [place] if isinstance(place, type) else place.values():
                assert cls.origin == f"{lane}.{name}"
                assert set(cls.models) <= set(MODELS)


def test_every_option_of_every_operator_can_be_set_to_what_it_is() -> None:
    """So every options dataclass is made of what TOML can say."""
    lanes = choose_operators(load("hub"))
    for chosen in (c for lane in lanes.values() for c in lane):
        for field in fields(chosen.options):
            value = getattr(chosen.options, field.name)
            if isinstance(value, dict):
                continue  # a table of tables: set in a file
            said = str(list(value)) if isinstance(value, tuple) else str(value).lower() if isinstance(value, bool) else str(value)
            again = choose_operators(load("hub", [f"{chosen.place}.{field.name}={said}"]))
            assert again == lanes, f"{chosen.place}.{field.name}"


def test_what_is_chosen_travels_between_processes() -> None:
    chosen = choose_operators(load("hub"))
    assert pickle.loads(pickle.dumps(chosen)) == chosen


@pytest.mark.parametrize(
    ("change", "place", "key", "value"),
    [
        ("look.black.share=0.9", "look.black", "share", 0.9),
        ("look.black.share=1", "look.black", "share", 1.0),
        ("narrate.keywords.keywords=['fire', 'help']", "narrate.keywords", "keywords", ("fire", "help")),
        ("listen.words.language=no", "listen.words", "language", "no"),
        ("listen.words.language='no'", "listen.words", "language", "no"),
        ("listen.words.min_silence_ms = 700", "listen.words", "min_silence_ms", 700),
    ],
)
def test_set_changes_any_key(change: str, place: str, key: str, value: object) -> None:
    chosen = {c.place: c for lane in choose_operators(load("cpu", [change])).values() for c in lane}
    found = getattr(chosen[place].options, key)
    assert found == value
    assert type(found) is type(value)


def test_an_operator_is_turned_off_and_on() -> None:
    def places(*changes: str) -> list[str]:
        return [c.place for c in choose_operators(load("cpu", changes))["look"]]

    assert "look.text" in places()
    assert "look.text" not in places("look.text=false")
    assert "look.text" in places("look.text=false", "look.text=true")
    assert "look.black" in places("look.black=false", "look.black.share=0.5")
    assert "look.features.signal" in places()
    assert "look.features.encoder" in places("look.features.use=encoder")


def test_true_keeps_the_options_that_a_profile_gives(tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_text('base = "cpu"\n[look.black]\nshare = 0.5\n')
    assert load(str(tmp_path / "mine.toml"), ["look.black=true"]).look.black.share == 0.5


def test_a_profile_changes_a_few_keys_of_another(tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_text('base = "cpu"\n[look]\ntext = false\n[models.speech]\nfaster_whisper.beam = 5\n')
    (tmp_path / "ours.toml").write_text('base = "mine.toml"\n[look]\nmotion = false\n')
    settings = load(str(tmp_path / "ours.toml"))
    assert settings.look.text is None
    assert settings.look.motion is None
    assert settings.look.shots is not None
    assert settings.models.speech.faster_whisper.beam == 5
    assert settings.models.speech.faster_whisper.model == "whisper-base"


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (
            "look.black.shar=0.9",
            "unknown key look.black.shar: did you mean look.black.share? allowed in look.black: shortest_s, darkest_luma, share",
        ),
        ("look.shot.x=3", "unknown key look.shot: did you mean look.shots? allowed in look: shots, "),
        ("lok.shots=true", "unknown key lok: did you mean look? allowed at the top: description, "),
        ("look.black.share.deep=1", "there are no keys in look.black.share"),
        ("look.black.share=wide", "--set look.black.share=wide: 'wide' is no TOML value"),
        ("look.black.share='wide'", "look.black.share: should be a valid number, not 'wide'"),
        ("look.black.share=true", "look.black.share: should be a valid number, not True"),
        ("look.black.share=nan", "look.black.share: should be a finite number"),
        ("look.black.darkest_luma=2.5", "look.black.darkest_luma: should be a valid integer, not 2.5"),
        ("look.black=7", "look.black is a table of shortest_s, darkest_luma, share, not 7"),
        ("narrate.keywords.keywords=[1]", "narrate.keywords.keywords.0: should be a valid string, not 1"),
        ("models.speech.use=pocketspinx", "models.speech.use: did you mean pocketsphinx? should be "),
        ("models.speech.batch=0", "models.speech.batch: should be greater than or equal to 1, not 0"),
        ("models.speech.device=gpu", "models.speech.device: should be 'cpu' or 'cuda', not 'gpu'"),
        ("models.sound.device=cpu", "models.sound.use is missing"),
        ("models=false", "models is a table of vad, speech, "),
        ("look.shots", "write it as key=value"),
        ("=3", "write it as key=value"),
        ("", "write it as key=value"),
        ("listen.words.threshold=0.1", "threshold"),
        ("listen.words.language=\udcff", "can not be printed"),
    ],
)
def test_what_is_wrong_is_said_with_its_path_and_what_to_do(change: str, said: str) -> None:
    with pytest.raises(ConfigError, match=re.escape(said)) as caught:
        load("cpu", [change])
    assert "\n" not in caught.value.message


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[look\n", "is no TOML"),
        ("base = 3", "base is the name of a profile or its file, not 3"),
        ('base = "nowhere"', "no profile 'nowhere'"),
        ('base = "mine.toml"', "is based on itself"),
        ('base = "cpu"\n[look.blakc]\nshare = 1', "unknown key look.blakc: did you mean look.black?"),
        ('base = "cpu"\nlook = "all"', "look is a table of"),
        ('base = "cpu"\n[models.speech]\nuse = 2026-01-01', "models.speech.use: should be"),
        (
            'base = "cpu"\n[look.black]\nshare = "a"\ndarkest_luma = "b"',
            "look.black.darkest_luma: should be a valid integer, not 'b'; look.black.share: ",
        ),
    ],
)
def test_a_wrong_profile_file_is_said(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "mine.toml").write_text(text)
    with pytest.raises(ConfigError, match=re.escape(said)) as caught:
        load(str(tmp_path / "mine.toml"))
    assert "\n" not in caught.value.message


def test_profiles_that_are_not_there_and_that_can_not_be_read(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"did you mean offline\? name one of cpu, gpu, hub, offline, or a TOML file"):
        load("ofline")
    (tmp_path / "binary.toml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ConfigError, match="is no TOML"):
        load(str(tmp_path / "binary.toml"))
    with pytest.raises(ConfigError, match="no profile"):
        load(str(tmp_path))


def test_merge_changes_neither() -> None:
    base, over = {"a": {"b": 1, "c": 2}, "d": True}, {"a": {"b": 3}, "d": {"e": 4}}
    assert merge(base, over) == {"a": {"b": 3, "c": 2}, "d": {"e": 4}}
    assert base == {"a": {"b": 1, "c": 2}, "d": True}
    assert over == {"a": {"b": 3}, "d": {"e": 4}}


def test_a_live_stream_has_the_settings_of_the_profile_and_its_own_upon_them() -> None:
    changes = ["listen.words.threshold=0.5", "live.listen.words.pack_s=9", "live.look.text=false"]
    file, live = load("cpu", changes), load("cpu", changes, live=True)
    assert (file.listen.words.threshold, live.listen.words.threshold) == (0.5, 0.5)
    assert file.listen.words.pack_s > live.listen.words.pack_s == 9
    assert file.look.text is not None
    assert live.look.text is None
    assert file.models == live.models


@pytest.mark.parametrize(
    ("change", "said"),
    [("live.models.vad.use=silero", "unknown key live"), ("live.listen.wrods=true", "unknown key listen.wrods: did you mean")],
)
def test_only_lanes_differ_for_live_streams(change: str, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        load("cpu", [change])


def test_what_is_turned_off_stays_off_in_a_live_stream() -> None:
    quiet = load("cpu", ["narrate.subtitles=false", "listen.words=false"], live=True)
    assert quiet.narrate.subtitles is None
    assert quiet.listen.words is None
