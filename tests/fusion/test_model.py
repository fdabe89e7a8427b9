"""The fusion model: what must not change what it says, and its checkpoints."""

from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tiny_fusion
import torch
from tiny_fusion import checkpoint, examples, model, tokenizer

from operators.errors import ModelUnavailable
from operators.fusion.clip import Clip, TimedWord, Track
from operators.fusion.network.attention import Tokens
from operators.fusion.network.batch import collate
from operators.fusion.network.checkpoint import load
from operators.fusion.network.config import FUSIONS
from operators.fusion.network.model import FusionModel
from operators.fusion.network.readout import Reader, embed_texts, once
from operators.fusion.network.spotter import beside
from operators.fusion.network.tokenizer import Tokenizer, written
from operators.timeline import Span


def read(net: FusionModel, clips: list[Clip]) -> list[np.ndarray]:
    """All that is said of each clip, as numbers: of a caption how likely each next piece of a given one is."""
    reader = Reader(net, tokenizer(), clips)
    asked = [(n, Span(c.span.start, c.span.start + 2)) for n, c in enumerate(clips)]
    text = torch.tensor([[tokenizer().caption, *tokenizer().ids("the camera pans left")]] * len(clips))
    with torch.inference_mode():
        said = net.write(reader.memories(asked), text).flatten(1).numpy()
    return [np.concatenate([s, e.ravel(), v.ravel()]) for s, e, v in zip(said, reader.embeddings(asked), reader.events(), strict=True)]


def later(clip: Clip, seconds: int) -> Clip:
    def track(t: Track | None) -> Track | None:
        return t and Track(t.rows, tuple(at + seconds for at in t.times))

    words = tuple(replace(w, start=w.start + seconds, end=w.end + seconds) for w in clip.words)
    return Clip(Span(clip.span.start + seconds, clip.span.end + seconds), track(clip.frames), track(clip.sound), words)


@pytest.mark.parametrize("fusion", FUSIONS)
def test_a_clip_says_the_same_alone_and_among_others(fusion: str) -> None:
    net = model(fusion=fusion)
    clips = [e.clip for e in examples()]
    short = replace(clips[1], words=())
    together = read(net, [clips[0], short, clips[2]])
    for clip, told in zip([clips[0], short, clips[2]], together, strict=True):
        assert read(net, [clip])[0] == pytest.approx(told, abs=2e-4)


@pytest.mark.parametrize("fusion", FUSIONS)
def test_a_clip_says_the_same_whenever_it_was(fusion: str) -> None:
    net = model(fusion=fusion)
    clip = examples()[0].clip
    assert np.array_equal(read(net, [later(clip, 1_000_003)])[0], read(net, [clip])[0])


@pytest.mark.parametrize("fusion", FUSIONS)
@pytest.mark.parametrize("kept", [("frames",), ("sound",), ("words",), ()])
def test_any_modality_may_be_missing(fusion: str, kept: tuple[str, ...]) -> None:
    clip = examples()[0].clip
    part = Clip(clip.span, *(getattr(clip, m) if m in kept else None for m in ("frames", "sound")), clip.words if "words" in kept else ())
    assert np.isfinite(read(model(fusion=fusion), [part])[0]).all()


def test_each_modality_counts() -> None:
    clip = next(e.clip for e in examples() if e.clip.words)
    net = model()
    whole = read(net, [clip])[0]
    for part in (replace(clip, frames=None), replace(clip, sound=None), replace(clip, words=())):
        assert np.abs(read(net, [part])[0] - whole).max() > 1e-4


def frames_with_and_without_sound(net: FusionModel) -> list[torch.Tensor]:
    clip = next(e.clip for e in examples() if e.clip.words)
    with torch.inference_mode():
        return [net.see(collate([c], tokenizer())).tokens["frames"].x for c in (clip, replace(clip, sound=None))]


@pytest.mark.parametrize("fusion", FUSIONS)
def test_only_co_attention_exchanges_anything_before_the_heads_and_not_before_it_has_learned_to(fusion: str) -> None:
    net = model(fusion=fusion, opened=False)
    assert torch.equal(*frames_with_and_without_sound(net))
    tiny_fusion.open_trunk(net)
    assert torch.equal(*frames_with_and_without_sound(net)) is (fusion != "co_attention")


def test_the_first_third_of_the_layers_looks_at_each_modality_alone() -> None:
    trunk = model(trunk_layers=3).trunk
    assert trunk.alone == 1
    assert [hasattr(layer, "across") for layer in trunk.layers] == [False, True, True]


def test_bottleneck_tokens_alone_carry_something_too() -> None:
    net = model(opened=False)
    torch.nn.init.ones_(net.trunk.layers[1].shared)
    assert not torch.equal(*frames_with_and_without_sound(net))


def test_a_stretch_of_which_a_modality_shows_nothing_lies_where_the_others_put_it() -> None:
    clip = next(e.clip for e in examples() if e.clip.words)
    net, stretch = model(fusion="late"), Span(clip.span.start, clip.span.end)
    asked, frames = [(0, stretch)], replace(clip, sound=None, words=())
    with torch.inference_mode():
        [alone] = Reader(net, tokenizer(), [frames]).embeddings(asked)
        seen = net.see(collate([frames], tokenizer()))
        tokens = seen.tokens["frames"].rest()
        own = net.pool(tokens, torch.tensor([0]), tokens.real)[0].numpy()
    assert alone == pytest.approx(own / np.linalg.norm(own), abs=1e-5)


def test_a_cell_reads_the_rows_on_both_sides_of_its_middle() -> None:
    whole, times = [99.0], torch.tensor([[2.0, 0.25, 0.5, 3.0, 0.0]])
    rows = Tokens(torch.tensor([[whole, [1.0], [2.0], [3.0], [4.0]]]), times, torch.tensor([[True, True, True, True, False]]))
    before, behind = beside(rows, torch.tensor([[0.2, 0.25, 0.3, 0.6, 1.6, 2.5]]))
    assert before.flatten().tolist() == [0, 0, 1, 2, 0, 0]  # nothing within reach at 1.6 and 2.5
    assert behind.flatten().tolist() == [1, 1, 2, 0, 0, 3]


def test_seen_and_spoken_words_are_told_apart_and_so_is_when() -> None:
    clip = examples()[0].clip

    def word(kind: str, at: int) -> Clip:
        return replace(clip, words=(TimedWord(Fraction(at), Fraction(at + 1), "exit", kind),))  # type: ignore[arg-type]

    spoken, seen, after = (read(model(), [word(*w)])[0] for w in (("spoken", 1), ("seen", 1), ("spoken", 5)))
    assert np.abs(spoken - seen).max() > 1e-5
    assert np.abs(spoken - after).max() > 1e-5


def test_features_of_other_encoders_do() -> None:
    clip = examples()[0].clip
    assert clip.frames is not None
    rows = np.random.default_rng(0).standard_normal((len(clip.frames.times), 96)).astype(np.float32)
    signal = replace(clip, frames=Track(rows, clip.frames.times))
    assert np.isfinite(read(model(frames=96), [signal])[0]).all()


def test_rows_made_before_are_as_good_as_pictures() -> None:
    net, clip = model(), examples()[0].clip
    assert clip.frames is not None
    assert clip.sound is not None
    with torch.inference_mode():
        rows = net.encode(collate([clip], tokenizer()))
    kept = replace(clip, frames=Track(rows["frames"].numpy(), clip.frames.times), sound=Track(rows["sound"].numpy(), clip.sound.times))
    assert read(net, [kept])[0] == pytest.approx(read(net, [clip])[0], abs=1e-5)


def test_a_checkpoint_comes_back_as_it_was(tmp_path: Path) -> None:
    clip = examples()[0].clip
    net, spelled = load(checkpoint(tmp_path / "m"))
    assert sorted(p.suffix for p in (tmp_path / "m").iterdir() if "model" in p.name) == [".safetensors"]
    assert read(net, [clip])[0] == pytest.approx(read(model(), [clip])[0], abs=1e-6)
    assert spelled.ids("the camera pans left") == tokenizer().ids("the camera pans left")


def test_a_checkpoint_of_other_dimensions_or_none_says_so(tmp_path: Path) -> None:
    with pytest.raises(ModelUnavailable, match="capstream train"):
        load(tmp_path / "none")
    folder = checkpoint(tmp_path / "m")
    config = folder / "config.json"
    config.write_text(config.read_text().replace('"trunk_layers": 3', '"trunk_layers": 4'))
    with pytest.raises(ModelUnavailable, match="do not fit"):
        load(folder)
    config.write_text(
        config.read_text().replace('"trunk_layers": 4', '"trunk_layers": 3').replace('"hidden_size": 32', '"hidden_size": 64')
    )
    with pytest.raises(ModelUnavailable, match="do not fit"):
        load(folder)
    (folder / "model.safetensors").write_bytes(b"no weights")
    with pytest.raises(ModelUnavailable, match="no fusion model"):
        load(folder)


def test_texts_of_any_length_have_a_place() -> None:
    points = embed_texts(model(), tokenizer(), ["a", "the camera pans left " * 40])
    assert np.linalg.norm(points, axis=1) == pytest.approx([1, 1], abs=1e-5)


def test_a_sentence_is_spelled_and_written(tmp_path: Path) -> None:
    pieces = tokenizer()
    said = 'The screen reads "GATE 5". Astrid speaks.'
    assert pieces.text(pieces.ids(said), timed("seen", "GATE 5") + timed("spoken", "i am Astrid")) == said
    pieces.save(tmp_path)
    assert Tokenizer.load(tmp_path).ids(said) == pieces.ids(said)
    assert written('it reads " on air " . yes', {}, {}) == 'It reads "on air". Yes'


def timed(kind: Any, text: str) -> tuple[TimedWord, ...]:
    return tuple(TimedWord(Fraction(n), Fraction(n + 1), word, kind) for n, word in enumerate(text.split()))


@pytest.mark.parametrize(
    ("seen", "spoken", "said", "written_as"),
    [
        ("THE END", "", 'the view moves. the screen reads "the end".', 'The view moves. The screen reads "THE END".'),
        ("THE END", "", "the end", "THE END"),
        (
            "",
            "This is Anna, in the garden. It rains. The end.",
            "anna speaks. it rains in the garden.",
            "Anna speaks. It rains in the garden.",
        ),
        (
            "",
            "Qrizzo! The camera is here.",
            "the view. qrizzo speaks while the camera pans.",
            "The view. Qrizzo speaks while the camera pans.",
        ),
        ("", "Anna here at the park", "in the park, anna says hello", "In the park, Anna says hello"),
    ],
)
def test_capitals_are_those_of_names_and_signs_alone(seen: str, spoken: str, said: str, written_as: str) -> None:
    pieces = tokenizer()
    assert pieces.text(pieces.ids(said), timed("seen", seen) + timed("spoken", spoken)) == written_as


def test_the_shipped_size_stays_below_its_bound() -> None:
    from operators.fusion.network.config import FusionConfig

    assert sum(p.numel() for p in FusionModel(FusionConfig()).parameters()) * 4 < 20e6
    assert tiny_fusion.SMALL["hidden_size"] == 32


def test_any_latin_word_can_be_spelled_so_that_it_can_be_copied() -> None:
    pieces = Tokenizer.learned(["the camera pans"], 300)
    for word in ("Benjamin", "xyzzyjqw", "JOJO", "b52x"):
        assert pieces.unknown not in pieces.ids(word)
        assert pieces.text(pieces.ids(word)).casefold() == word.casefold()
    assert pieces.unknown in pieces.ids("Москва")


def test_a_sentence_ends_where_no_quotation_goes_on() -> None:
    t = tokenizer()
    pieces = [*t.ids('The screen reads "dr. no". Rain is heard. Someone'), t.end]
    told = [t.text(pieces[s]).casefold() for s in t.sentences(pieces)]
    assert told == ['the screen reads "dr. no".', "rain is heard.", "someone"]
    assert t.sentences([]) == []
    assert len(t.sentences(t.ids("wait . . . gate 3.5 opens."))) == 2


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ("Music is heard and a voice is heard and music is heard.", "Music is heard and a voice is heard."),
        ("A ball falls while a ball falls.", "A ball falls."),
        ("a red and white ball and a red and blue ball", "a red and white ball and a red and blue ball"),
        ('The screen reads "up we go now and up we go now".', 'The screen reads "up we go now and up we go now".'),
        ("", ""),
    ],
)
def test_a_clause_is_said_once(said: str, told: str) -> None:
    assert once(said) == told
