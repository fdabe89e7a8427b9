"""What the made corpus says of its clips is so, and its splits share nothing."""

import itertools
import random
import re
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import pytest

from operators.acoustics import level_dbfs
from operators.errors import ConfigError
from operators.fusion.clip import FRAME_HEIGHT, FRAME_WIDTH
from operators.fusion.corpus import Corpus, CorpusOptions, audio, example, frames, middles
from operators.fusion.corpus.names import NAMES, PLACES
from operators.fusion.corpus.planner import THEMES
from operators.fusion.corpus.questions import ask
from operators.fusion.corpus.recording import Hearing, Recording
from operators.fusion.corpus.script import Camera, Effect, Heard, Line, Script, Shot, Spoken, Thing
from operators.fusion.corpus.sources import SPLITS, Sources, family, split_of
from operators.fusion.corpus.truth import events
from operators.fusion.labels import LABELS
from operators.media import SOUND_RATE_HZ
from operators.timeline import Span

MADE = "made:discs:5"


def span(start: float, end: float) -> Span:
    return Span(Fraction(str(start)), Fraction(str(end)))


def shot(start: float = 0, end: float = 8, **changes: object) -> Shot:
    whole = span(start, end)
    known = {"span": whole, "opening": "start", "opens": Span(whole.start, whole.start), "source": MADE, "camera": Camera("still", "")}
    return Shot(**{**known, **changes})  # type: ignore[arg-type]


def script(*shots: Shot, **changes: object) -> Script:
    return Script("t-0", 3, shots[-1].span.end, shots, **changes)  # type: ignore[arg-type]


def drift(pictures: np.ndarray) -> tuple[float, float]:
    """Mean movement of what is seen, pixels a frame."""
    grey = [cv2.cvtColor(p, cv2.COLOR_RGB2GRAY).astype(np.float32) for p in pictures]
    moves = [
        cv2.phaseCorrelate(a, b, cv2.createHanningWindow((FRAME_WIDTH, FRAME_HEIGHT), cv2.CV_32F))[0] for a, b in itertools.pairwise(grey)
    ]
    return tuple(np.median(moves, axis=0))  # type: ignore[return-value]


@pytest.mark.parametrize(("move", "axis", "sign"), [("pan_left", 0, 1), ("pan_right", 0, -1), ("tilt_up", 1, 1), ("tilt_down", 1, -1)])
def test_what_is_seen_moves_against_the_camera(move: str, axis: int, sign: int) -> None:
    seen = frames.render(script(shot(camera=Camera(move, ""))), middles(Fraction(8), 4))
    moved = drift(seen)
    assert sign * moved[axis] > 0.5
    assert abs(moved[1 - axis]) < 0.3


@pytest.mark.parametrize(("way", "axis", "sign"), [("left", 1, -1), ("right", 1, 1), ("up", 0, -1), ("down", 0, 1)])
def test_things_go_where_the_script_says(way: str, axis: int, sign: int) -> None:
    thing = Thing(1, "large", "red", "ball", way, 0.05)
    seen = frames.render(script(shot(things=(thing,))), middles(Fraction(8), 4)).astype(int)
    red = (seen[..., 0] > 180) & (seen[..., 1] < 80) & (seen[..., 2] < 80)
    places = [np.argwhere(r).mean(axis=0)[axis] for r in red if r.sum() > 20]
    steps = np.diff(places)
    assert np.sign(np.median(steps)) == sign


@pytest.mark.parametrize("kind", ["black", "freeze", "flash", "blur", "cover", "noise"])
def test_effects_are_to_be_seen_when_they_are_said_to_be(kind: str) -> None:
    clip = script(shot(camera=Camera("pan_left", ""), effect=Effect(kind, span(3, 5))))
    seen = frames.render(clip, middles(Fraction(8), 4)).astype(float)[:, 8:-8]
    within, outside = seen[13:20], np.concatenate([seen[:12], seen[20:]])
    change = [np.abs(np.diff(s, axis=0)).mean() for s in (within, seen[:12])]
    grain = [np.mean([cv2.Laplacian(p, cv2.CV_64F).std() for p in s]) for s in (within, outside)]
    told = {
        "black": within.mean() < 10,
        "freeze": change[0] == 0 < change[1],
        "flash": within.mean() > 180 > outside.mean(),
        "blur": grain[0] < grain[1] / 2,
        "cover": within[2:].std(axis=(1, 2)).max() < 12,
        "noise": grain[0] > 2 * grain[1],
    }
    assert told[kind]


def test_recordings_differ_in_what_means_nothing() -> None:
    drawn = [Recording.drawn(np.random.default_rng(seed)) for seed in range(200)]
    for name, none in (("bars", 0), ("wobble", 0), ("quality", 100), ("soft", 0), ("swing", 0)):
        assert 0.05 < sum(getattr(r, name) != none for r in drawn) / 200 < 0.8
    shaky, barred = max(drawn, key=lambda r: r.wobble), max(drawn, key=lambda r: r.bars)
    assert max(np.hypot(*shaky.hand(n / 4)) for n in range(50)) < frames.SHAKE_PX / 2
    grey = np.full((FRAME_HEIGHT, FRAME_WIDTH, 3), 128, np.float32)
    seen = barred.exposed(grey.copy(), 1.0)
    assert seen[: barred.bars].max() < 10 < seen[barred.bars].min()
    coded = barred.coded(seen.astype(np.uint8))
    assert coded.shape == seen.shape
    assert np.abs(coded.astype(float) - seen).mean() < 8


def test_sound_is_recorded_in_rooms_and_by_microphones_that_differ() -> None:
    click = np.zeros(2 * SOUND_RATE_HZ)
    click[SOUND_RATE_HZ] = 0.5
    seen = set()
    for seed in range(40):
        rng = np.random.default_rng(seed)
        hearing = Hearing.drawn(rng)
        told = hearing.heard(click, rng)
        seen.add((bool(hearing.echo), bool(hearing.drive), hearing.limit_hz < SOUND_RATE_HZ / 2))
        assert abs(int(np.abs(told).argmax()) - SOUND_RATE_HZ) <= 2, "what is heard begins when it began"
        assert np.abs(told[: SOUND_RATE_HZ // 2]).max() < 1e-3
        assert np.abs(told[-SOUND_RATE_HZ // 2 :]).max() < 1e-3
    assert len(seen) > 5
    assert not Hearing.drawn(np.random.default_rng(1)).heard(np.zeros(1000), np.random.default_rng(1)).any()


@pytest.mark.parametrize("label", ["siren", "alarm", "beep", "bang", "glass", "rain", "hum", "music", "applause"])
def test_sounds_are_to_be_heard_when_they_are_said_to_be(label: str) -> None:
    for seed in range(8):
        clip = script(shot(), heard=(Heard(label, span(3, 5), -15, f"made:{label}:{seed}"),))
        pcm = audio.render(replace(clip, seed=seed))
        loud, still = pcm[3 * SOUND_RATE_HZ : 5 * SOUND_RATE_HZ], pcm[: 3 * SOUND_RATE_HZ]
        assert level_dbfs(loud[: SOUND_RATE_HZ // 2]) > level_dbfs(still) + 12


def test_as_many_things_are_to_be_seen_as_the_script_says() -> None:
    for seed, way in enumerate(("left", "up", "still", "down")):
        things = (Thing(3, "large", "red", "ball", way, 0.2),)
        clip = replace(script(shot(things=things, seed=seed)), seed=seed)
        seen = frames.render(clip, middles(Fraction(8), 4)).astype(int)
        red = (seen[..., 0] > 120) & (seen[..., 1] < 110) & (seen[..., 2] < 110)
        counts = [cv2.connectedComponents(r.astype(np.uint8))[0] - 1 for r in red]
        assert max(counts) >= 3


def line(kind: str, at: float, text: str, **changes: object) -> Line:
    words = tuple(
        Spoken(w, Fraction(str(at)) + n * Fraction(3, 10), Fraction(str(at)) + n * Fraction(3, 10) + Fraction(1, 4))
        for n, w in enumerate(text.split())
    )
    return Line(kind, words, "babble:0", **changes)  # type: ignore[arg-type]


def labels(known: Script) -> set[str]:
    return {e.label for e in events(known)}


def asked(known: Script, question: str) -> str | None:
    return next((q.answer for seed in range(9) for q in ask(known, random.Random(seed)) if q.text == question), None)


def test_a_strike_is_a_flash_and_a_bang_at_once() -> None:
    flash = shot(effect=Effect("flash", span(3, 3.3)))
    together = script(flash, heard=(Heard("bang", span(3.1, 4), -12, "made:bang:1"),))
    apart = script(flash, heard=(Heard("bang", span(5, 6), -12, "made:bang:1"),))
    assert "strike" in labels(together)
    assert "strike" not in labels(apart)
    assert [asked(s, "Do the flash and the bang come together?") for s in (together, apart)] == ["yes", "no"]


def test_an_alarm_is_unseen_only_while_the_picture_is_hidden() -> None:
    dark = shot(effect=Effect("black", span(3, 5)))
    during = script(dark, heard=(Heard("siren", span(3.5, 6), -12, "made:siren:1"),))
    before = script(dark, heard=(Heard("siren", span(0, 2), -12, "made:siren:1"), Heard("beep", span(3.2, 3.8), -12, "made:beep:1")))
    assert [e.span for e in events(during) if e.label == "alarm_unseen"] == [span(3.5, 5)]
    assert "alarm_unseen" not in labels(before)
    assert asked(before, "What is heard while the picture is black?") == "beep"


def test_what_is_pointed_out_is_in_the_picture() -> None:
    red, blue = Thing(1, "small", "red", "ball", "left", 0.1), Thing(1, "large", "blue", "star", "up", 0.1)
    there = script(shot(things=(red, blue)), lines=(line("point", 1, "look at the blue star", thing=blue),))
    missing = script(shot(things=(red,)), lines=(line("point", 1, "look at the blue star", thing=blue),))
    assert "pointed_out" in labels(there)
    assert "pointed_out" not in labels(missing)
    assert asked(there, "Which way goes what they speak of?") == "up"
    assert asked(missing, "Is what they speak of in the picture?") == "no"


def test_a_clip_is_the_same_whenever_it_is_made() -> None:
    first, again = (Corpus(CorpusOptions(clips=3, voices=False)).example(2) for _ in range(2))
    assert first.clip.frames is not None
    assert again.clip.frames is not None
    assert np.array_equal(first.clip.frames.rows, again.clip.frames.rows)
    assert (first.captions, first.events, first.questions, first.clip.words) == (
        again.captions,
        again.events,
        again.questions,
        again.clip.words,
    )


def test_everything_lies_within_its_clip() -> None:
    for n in range(12):
        made = Corpus(CorpusOptions(clips=12, voices=False)).example(n)
        whole = made.clip.span
        assert made.captions[0].span.start == 0
        assert made.captions[-1].span.end == whole.end
        assert {e.label for e in made.events or ()} <= set(LABELS)
        for told in (*(made.events or ()), *made.captions):
            assert whole.start <= told.span.start < told.span.end <= whole.end
        assert all(w.end <= whole.end for w in made.clip.words)
        assert made.clip.sound is not None
        assert all(t in whole for t in made.clip.sound.times)


def test_splits_share_no_source() -> None:
    kinds = [Sources.of(s, voices=False) for s in SPLITS]
    for own, other in ((a, b) for a in kinds for b in kinds if a is not b):
        assert not set(own.variants()) & set(other.variants())
        assert not set(own.voices) & set(other.voices)
        assert not set(NAMES[own.split]) & set(NAMES[other.split])
        assert not set(PLACES[own.split]) & set(PLACES[other.split])
    assert "waves" in Sources.of("test").textures
    assert "waves" not in Sources.of("train").textures


def test_a_file_falls_the_same_way_wherever_it_is_kept(tmp_path: Path) -> None:
    for folder in ("a", "b"):
        (tmp_path / folder / "pictures").mkdir(parents=True)
        for n in range(30):
            (tmp_path / folder / "pictures" / f"p{n}.jpg").touch()
    names = [{Path(k).name for k in Sources.of("test", tmp_path / f).photographs} for f in ("a", "b")]
    assert names[0] == names[1] == {f"p{n}.jpg" for n in range(30) if split_of(f"p{n}") == "test"}


@pytest.mark.parametrize(
    ("names", "one"),
    [
        (["film_0_30-000.jpg", "film_0_30-014.jpg"], "film"),
        (["gnome-grid-d.jpg", "gnome-grid-l.jpg"], "gnome-grid"),
        (["mate-Elephants.jpg", "mate-Elephants_3840x2160.jpg"], "mate-Elephants"),
        (["plasma-Patak.jpg", "plasma-Patak-dark.jpg"], "plasma-Patak"),
        (["speech-hifitts_6097-a_03_b_0639.wav", "speech-hifitts_6097-c_01_d_0076.wav"], "speech-hifitts_6097"),
    ],
)
def test_what_is_of_one_film_picture_or_speaker_falls_together(names: list[str], one: str) -> None:
    assert {family(f"file:/x/{name}") for name in names} == {one}


def test_a_folder_without_sources_says_so(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="make sources"):
        Sources.of("train", tmp_path)
    (tmp_path / "sounds" / "quack").mkdir(parents=True)
    with pytest.raises(ConfigError, match="quack"):
        Sources.of("train", tmp_path)


def test_every_theme_comes_up_and_questions_need_two_modalities_often() -> None:
    corpus = Corpus(CorpusOptions(clips=150, voices=False))
    scripts = [corpus.script(n) for n in range(150)]
    found = [q for s in scripts for q in ask(s, random.Random(s.seed))]
    both = [q for q in found if len(q.needs) == 2]
    assert len(both) > len(found) / 5
    assert sum(bool(s.strikes()) for s in scripts) >= 3
    yes = [q.answer for q in both if q.answer in ("yes", "no")]
    assert 0.25 < yes.count("yes") / len(yes) < 0.75
    assert len(THEMES) == 7


def test_words_that_are_spoken_and_seen_are_told() -> None:
    known = script(shot(), lines=(line("introduce", 1, "hello this is Vera in the harbour", name="Vera", place="harbour"),))
    told = example(known)
    assert [w.text for w in told.clip.words] == ["hello", "this", "is", "Vera", "in", "the", "harbour"]
    assert all(re.search(r"Vera .*harbour|harbour, Vera", t) for t in told.captions[0].ways)


def test_what_is_missing_is_not_told() -> None:
    red = Thing(1, "large", "red", "ball", "left", 0.1)
    look_at = line("point", 1, "look at the red ball", thing=red)
    known = script(shot(things=(red,)), lines=(look_at,), heard=(Heard("siren", span(3, 6), -12, "made:siren:1"),))
    [told] = example(known).captions
    assert all("siren" in t and "moves left" in t and "red ball" in t for t in told.ways)
    assert not any("siren" in t for t in told.without["sound"])
    assert not any("moves" in t or "camera" in t or "view" in t for t in told.without["frames"])
    assert all("red ball" in t for t in told.without["frames"])
    assert all("Someone speaks." in t for t in told.without["words"])
    assert not any("points out" in t for t in told.without["words"])
