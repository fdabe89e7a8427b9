import pickle
import subprocess
from fractions import Fraction
from pathlib import Path

import pytest

from operators.errors import ConfigError, ModelUnavailable, SourceUnavailable
from pipeline import build
from pipeline.build import Cut, PlannedStream, plan_models, plan_streams
from pipeline.config import load
from pipeline.plan import LaneName

pytestmark = pytest.mark.ffmpeg
WHOLE = Cut(Fraction(0), None)


@pytest.fixture(scope="module")
def films(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("films")
    picture = ["-f", "lavfi", "-i", "testsrc2=size=160x120:rate=10:duration=2"]
    sound = ["-f", "lavfi", "-i", "sine=frequency=440:duration=2"]
    for name, inputs in {"both.mp4": picture + sound, "picture.mp4": picture, "sound.wav": sound}.items():
        subprocess.run(["ffmpeg", "-v", "error", *inputs, folder / name], check=True)
    (folder / "notes.mp4").write_text("no media at all")
    return folder


def plan(*sources: Path | str, profile: str = "cpu", changes: tuple[str, ...] = (), cut: Cut = WHOLE) -> list[PlannedStream]:
    streams, refused = plan_streams([str(s) for s in sources], load(profile, changes), cut)
    assert not refused
    return streams


def test_a_plan_makes_fresh_operators_of_each_lane_and_travels(films: Path) -> None:
    (stream,) = plan(films / "both.mp4")
    assert stream.stream_id == "both"
    assert Path(stream.uri).is_absolute()
    again = pickle.loads(pickle.dumps(stream))
    lanes: tuple[LaneName, ...] = ("look", "listen", "narrate")
    for lane in lanes:
        operators, others = (s.operators(lane, lambda instants: []) for s in (stream, again))
        assert operators
        assert [o.origin for o in operators] == [o.origin for o in others]
        assert all(o.origin.startswith(f"{lane}.") for o in operators)
        assert not {id(o) for o in operators} & {id(o) for o in stream.operators(lane, lambda instants: [])}


def test_a_track_that_is_not_there_has_no_operators_and_asks_no_models(films: Path) -> None:
    silent, deaf = plan(films / "picture.mp4", films / "sound.wav")
    assert silent.operators("listen", lambda instants: []) == []
    assert deaf.operators("look", lambda instants: []) == []
    models = plan_models([silent], load("cpu"), pytest.fail)
    assert [m.name for m in models] == ["text", "captioner"], "no speech model is fetched for a silent film"


def test_subtitles_are_told_the_pictures_a_second_of_their_video(films: Path) -> None:
    def rate(name: str, *changes: str) -> float:
        (stream,) = plan(films / name, changes=changes)
        return next(float(c.options.frames_per_s) for c in stream.lanes["narrate"] if c.place == "narrate.subtitles")

    assert rate("both.mp4") == 10
    assert rate("sound.wav") == 0
    assert rate("both.mp4", "narrate.subtitles.frames_per_s=25.0") == 25


def test_models_are_placed_by_the_plan(films: Path) -> None:
    models = {m.name: m for m in plan_models(plan(films / "both.mp4"), load("offline"), pytest.fail)}
    assert {name: m.shared for name, m in models.items()} == {"vad": False, "speech": True, "text": False, "captioner": False}
    assert models["speech"].identity.name == "pocketsphinx"
    assert models["speech"].identity.revision
    assert all(1 <= m.threads <= build.cores() for m in models.values())
    assert type(pickle.loads(pickle.dumps(models["vad"])).make()) is type(models["vad"].make())


def test_weights_are_given_as_a_folder_and_named_as_in_the_catalogue(films: Path, whisper_base: Path) -> None:
    models = {m.name: m for m in plan_models(plan(films / "both.mp4"), load("cpu"), lambda line: None)}
    assert Path(models["speech"].make().options.model).is_dir()  # type: ignore[attr-defined]
    assert models["speech"].identity.name == "whisper-base"
    assert models["speech"].identity.revision


def test_a_gpu_that_is_not_there_is_said(films: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(build, "has_gpu", lambda: False)
    with pytest.raises(ModelUnavailable, match="NVIDIA GPU, and none is seen here: --profile cpu works without"):
        plan_models(plan(films / "both.mp4"), load("cpu", ["models.speech.device=cuda"]), pytest.fail)


@pytest.mark.parametrize(
    ("changes", "cut", "same"),
    [
        ((), WHOLE, True),
        (("description=another",), WHOLE, True),
        (("models.speech.batch=4", "models.speech.replicas=2", "models.speech.age_s=0.5"), WHOLE, True),
        (("models.speech.transformers.model=unused",), WHOLE, True),
        (("look.black=false", "look.black=true"), WHOLE, True),
        (("look.black.share=0.9",), WHOLE, False),
        (("look.text=false",), WHOLE, False),
        (("models.speech.faster_whisper.model=whisper-small",), WHOLE, False),
        (("models.speech.use=pocketsphinx",), WHOLE, False),
        (("listen.words.language=en",), WHOLE, False),
        ((), Cut(Fraction(1), None), False),
        ((), Cut(Fraction(0), Fraction(1)), False),
    ],
)
def test_the_settings_fingerprint_tells_what_decides_the_records(films: Path, changes: tuple[str, ...], cut: Cut, same: bool) -> None:
    (base,) = plan(films / "both.mp4")
    (other,) = plan(films / "both.mp4", changes=changes, cut=cut)
    assert (base.settings_fingerprint == other.settings_fingerprint) is same


def test_the_source_fingerprint_is_of_the_content(films: Path, tmp_path: Path) -> None:
    (stream,) = plan(films / "sound.wav")
    content = (films / "sound.wav").read_bytes()
    (tmp_path / "sound.wav").write_bytes(content)
    (copy,) = plan(tmp_path / "sound.wav")
    assert copy.source_fingerprint() == stream.source_fingerprint()
    (tmp_path / "sound.wav").write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    assert copy.source_fingerprint() != stream.source_fingerprint()
    (tmp_path / "sound.wav").unlink()
    with pytest.raises(SourceUnavailable):
        copy.source_fingerprint()


def test_of_a_large_file_both_ends_count(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(build, "WHOLE_FILE", 100)
    monkeypatch.setattr(build, "ENDS", 10)
    seen = set()
    for changed in (None, 3, 197):
        content = bytearray(range(200))
        if changed is not None:
            content[changed] ^= 1
        (tmp_path / "film").write_bytes(content)
        seen.add(build._fingerprint(str(tmp_path / "film")))
    assert len(seen) == 3


def test_what_can_not_be_read_does_not_stop_the_others(films: Path) -> None:
    sources = [str(films / name) for name in ("both.mp4", "notes.mp4", "nowhere.mp4", "sound.wav")]
    streams, refused = plan_streams(sources, load("cpu"), WHOLE)
    assert [s.stream_id for s in streams] == ["both", "sound"]
    assert {o.stream_id: o.state for o in refused} == {"nowhere": "failed", "notes": "failed"}
    assert all(o.error and "\n" not in o.error for o in refused)


def test_a_cut_behind_the_end_is_refused(films: Path) -> None:
    _, (outcome,) = plan_streams([str(films / "both.mp4")], load("cpu"), Cut(Fraction(3600), None))
    assert outcome.error is not None
    assert outcome.error.startswith("--from 1:00:00.000 is not before its end at 0:00:02.")


def test_settings_that_do_not_hold_together_are_refused(films: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"look\.features asks a frames model and the profile names none: set models\.frames\.use"):
        plan(films / "both.mp4", changes=("look.features.use=encoder",))
    with pytest.raises(ConfigError, match="does not know the language 'tlh'"):
        plan(films / "both.mp4", changes=("listen.words.language=tlh",))
    assert plan(films / "both.mp4", changes=("listen.words.language=pt-BR",))


FUSED = ("narrate.fused=true", "models.fusion.use=fusion")


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ((), r"narrate\.fused reads rows of the model's own encoders: set look\.features\.use=fusion, or leave look\.features out"),
        (("look.features=false", "listen.features=false"), "narrate.fused has nothing to look at or listen to"),
        (("look.features.use=fusion", "listen.features=false", 'narrate.fused.labels=["fire"]', "models.fusion.fusion.model={model}"),
         "knows no event 'fire'; it knows bang, pan_left"),
    ],
)  # fmt: skip
def test_what_the_fusion_model_can_not_give_is_told_before_anything_runs(
    films: Path, tmp_path: Path, changes: tuple[str, ...], told: str
) -> None:
    (tmp_path / "config.json").write_text('{"labels": ["bang", "pan_left"]}')
    with pytest.raises(ConfigError, match=told):
        plan(films / "both.mp4", changes=(*FUSED, *(c.format(model=tmp_path) for c in changes)))
    known = ("look.features.use=fusion", "listen.features=false", 'narrate.fused.labels=["bang"]', f"models.fusion.fusion.model={tmp_path}")
    assert plan(films / "both.mp4", changes=(*FUSED, *known))


def test_a_model_of_one_language_is_asked_for_no_other(films: Path) -> None:
    model = ("models.speech.use=ctc", "models.speech.ctc.language=de")
    with pytest.raises(ConfigError, match="does not know the language 'en': it knows de"):
        plan(films / "both.mp4", changes=(*model, "listen.words.language=en"))
    assert plan(films / "both.mp4", changes=(*model, "listen.words.language=de-AT"))
