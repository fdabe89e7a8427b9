"""Training: it learns, resumes, stops where it must, and keeps what was good."""

import math
import random
from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import pytest
import torch
from tiny_fusion import examples, model, tokenizer

from operators.errors import ConfigError
from operators.fusion.clip import Clip, Example, Labelled
from operators.fusion.corpus import Corpus, CorpusOptions
from operators.fusion.labels import LABELS
from operators.fusion.network.checkpoint import load
from operators.fusion.network.config import FUSIONS
from operators.fusion.network.cropping import cropped
from operators.fusion.network.examiner import examine, mark, scores_of, tuned
from operators.fusion.network.lessons import RAREST, Teacher, cells_of, shares
from operators.fusion.network.losses import losses
from operators.fusion.network.renaming import Renames
from operators.fusion.network.trainer import Trainer, TrainingOptions, Workers, pace
from operators.timeline import Span

OPTIONS = TrainingOptions(steps=4, batch=3, rate=3e-3, warmup=1, save_every=2)


def run(folder: Path, options: TrainingOptions = OPTIONS, seen: Sequence[Example] = examples(), **changes: object) -> Trainer:
    trainer = Trainer(model(**changes), tokenizer(), folder, options)
    trainer.run(seen, seen[:2], lambda told: None)
    return trainer


def weights(trainer: Trainer) -> torch.Tensor:
    return torch.cat([p.detach().flatten() for p in trainer.model.parameters()])


def test_the_losses_fall(tmp_path: Path) -> None:
    trainer = run(tmp_path, replace(OPTIONS, steps=30, save_every=10, withhold=0.0))
    first, last = trainer.state.history[0], trainer.state.history[-1]
    for task in ("captions", "answers", "events"):
        assert last[f"check.{task}"] < first[f"check.{task}"]
    assert last["step"] == 30


def test_resumed_is_as_unbroken(tmp_path: Path) -> None:
    whole = run(tmp_path / "a")
    run(tmp_path / "b", replace(OPTIONS, steps=2))
    resumed = Trainer(model(), tokenizer(), tmp_path / "b", OPTIONS)
    assert resumed.state.step == 2
    resumed.run(examples(), examples()[:2], lambda told: None)
    assert resumed.state.step == whole.state.step == 4


def test_an_interrupted_run_of_the_same_length_gives_the_same_weights(tmp_path: Path) -> None:
    whole = run(tmp_path / "a")

    def stop(told: dict[str, float]) -> None:
        raise KeyboardInterrupt

    broken = Trainer(model(), tokenizer(), tmp_path / "b", OPTIONS)
    with pytest.raises(KeyboardInterrupt):
        broken.run(examples(), examples()[:2], stop)
    resumed = Trainer(model(seed=9), tokenizer(), tmp_path / "b", OPTIONS)
    resumed.run(examples(), examples()[:2], lambda told: None)
    assert torch.equal(weights(whole), weights(resumed))


def test_a_loss_that_is_no_number_stops_and_the_last_good_state_stays(tmp_path: Path) -> None:
    trainer = Trainer(model(), tokenizer(), tmp_path, OPTIONS)

    def spoil(told: dict[str, float]) -> None:
        with torch.no_grad():
            trainer.model.embedding.weight.fill_(math.nan)

    with pytest.raises(ConfigError, match=r"no number at step 3; the last good state, step 2, is in .* lower rate"):
        trainer.run(examples(), [], spoil)
    kept, _ = load(tmp_path / "model")
    assert all(torch.isfinite(p).all() for p in kept.parameters())
    assert Trainer(model(), tokenizer(), tmp_path, OPTIONS).state.step == 2


def test_a_loss_that_runs_away_stops(tmp_path: Path) -> None:
    trainer = run(tmp_path, replace(OPTIONS, steps=2))
    trainer.options = replace(OPTIONS, steps=9, warmup=0)
    trainer.state.lowest = 1e-3
    with pytest.raises(ConfigError, match="runs away"):
        trainer.run(examples(), [], lambda told: None)


def test_frozen_encoders_learn_nothing_until_their_time_comes(tmp_path: Path) -> None:
    before = [p.clone() for p in model().encoders.parameters()]
    frozen = run(tmp_path / "a", replace(OPTIONS, steps=2, frozen=2))
    assert all(torch.equal(a, b) for a, b in zip(before, frozen.model.encoders.parameters(), strict=True))
    thawed = run(tmp_path / "b", replace(OPTIONS, steps=4, frozen=2))
    assert not all(torch.equal(a, b) for a, b in zip(before, thawed.model.encoders.parameters(), strict=True))


def test_a_state_of_another_model_says_so(tmp_path: Path) -> None:
    run(tmp_path, replace(OPTIONS, steps=2))
    with pytest.raises(ConfigError, match="no state of this training"):
        Trainer(model(trunk_layers=2), tokenizer(), tmp_path, OPTIONS)


@pytest.mark.parametrize("fusion", ["joint", "late"])
def test_the_yardsticks_learn_too(tmp_path: Path, fusion: str) -> None:
    trainer = run(tmp_path, replace(OPTIONS, steps=12, save_every=4), fusion=fusion)
    assert trainer.state.history[-1]["check.captions"] < trainer.state.history[0]["check.captions"]


def test_clips_without_events_or_questions_teach_the_rest(tmp_path: Path) -> None:
    bare = tuple(replace(e, events=None, questions=()) for e in examples())
    trainer = run(tmp_path, seen=bare)
    assert set(trainer.state.smoothed) == {"captions", "matches"}


def test_workers_share_each_step() -> None:
    pair = [Trainer(model(), tokenizer(), Path("none"), OPTIONS, Workers(rank, 2)) for rank in (0, 1)]
    shares = [set(t._lesson(examples(), whole=True)[1]) for t in pair]
    alone = set(Trainer(model(), tokenizer(), Path("none"), OPTIONS)._lesson(examples(), whole=True)[1])
    assert shares[0] | shares[1] == alone
    assert not shares[0] & shares[1]


def test_more_workers_than_clips_have_nothing_to_do(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="9 workers share"):
        Trainer(model(), tokenizer(), tmp_path, OPTIONS, Workers(0, 9)).run(examples(), (), print)


def test_half_precision_learns(tmp_path: Path) -> None:
    assert math.isfinite(sum(run(tmp_path, replace(OPTIONS, precision="bfloat16")).state.smoothed.values()))


def test_unusable_options_say_so() -> None:
    with pytest.raises(ConfigError, match="float99"):
        TrainingOptions(precision="float99")
    with pytest.raises(ConfigError, match="above 0"):
        TrainingOptions(steps=0)


def test_the_rate_rises_then_falls() -> None:
    options = TrainingOptions(steps=100, warmup=10)
    rates = [pace(n, options) for n in range(100)]
    assert rates[0] == 0.1
    assert max(rates) == rates[9] == 1.0
    assert rates[-1] < 0.02


def test_an_event_marks_the_cells_it_fills() -> None:
    example = examples()[0]
    events, judged = Teacher(tokenizer(), model().config.labels).targets([example], [frozenset()])
    assert judged.sum() == events.shape[1]
    label = {name: n for n, name in enumerate(model().config.labels)}
    for event in example.events or ():
        first, last = cells_of(event.span, example.clip.span)
        assert last > first
        assert bool(events[0, first:last, label[event.label]].all())


@pytest.mark.parametrize("fusion", FUSIONS)
def test_a_rare_label_counts_as_much_as_a_common_one(fusion: str) -> None:
    """A model that knows of each label how common it is, and nothing else, has lost one of each."""
    several, labels = list(examples()), model().config.labels
    common = shares(several, labels)
    net = model(shares=common, fusion=fusion)
    net.spotter.out[1].weight.data.zero_()
    lesson = Teacher(tokenizer(), labels, withhold=0.0).lesson(several, random.Random(1), whole=True)
    lost = losses(net, lesson)["events"].item()
    there = sum(share > RAREST for share in common)
    absent = -math.log(1 - RAREST) / -(RAREST * math.log(RAREST) + (1 - RAREST) * math.log(1 - RAREST))
    assert 5 < there < len(labels)
    assert lost == pytest.approx((there + (len(labels) - there) * absent) / len(labels), rel=1e-3)
    assert shares([replace(e, events=None) for e in several], labels) == [RAREST] * len(labels)
    assert shares([replace(e, events=2 * (e.events or ())) for e in several], labels) == common


def test_of_labels_that_become_common_a_model_says_the_same() -> None:
    net, clips = model(shares=[0.01] * len(LABELS)), list(examples()[:2])
    before = scores_of(net, tokenizer(), clips)
    net.start_from([0.3] * len(LABELS))
    assert net.config.shares[0] == 0.3
    for told, meant in zip(scores_of(net, tokenizer(), clips), before, strict=True):
        assert told == pytest.approx(meant, abs=1e-6)


def test_marks_of_an_untrained_model_are_low_and_of_the_truth_high() -> None:
    net, several = model(), list(examples())
    found = examine(net, tokenizer(), several)
    marks = mark(several, found, net.config.labels, net.config.thresholds)
    assert marks.cider < 1
    perfect = [
        replace(f, captions=tuple(t.texts[0] for t in e.captions), answers=tuple(q.answer for q in e.questions))
        for e, f in zip(several, found, strict=True)
    ]
    best = mark(several, perfect, net.config.labels, net.config.thresholds)
    assert best.answers == 1
    assert best.cider > 3
    before = [0.25] * len(net.config.labels)
    assert tuned(several, scores_of(net, tokenizer(), several), net.config.labels, before) != before
    assert tuned([], [], net.config.labels, before) == before


def test_one_wording_is_written_and_by_all_of_them_a_stretch_is_found() -> None:
    teacher = Teacher(tokenizer(), LABELS, withhold=0.0, rename=0.0)
    spelled = {tuple(tokenizer().ids(t)): t for e in examples() for c in e.captions for t in c.ways}
    lessons = [teacher.lesson(examples(), random.Random(n), whole=True) for n in range(12)]

    def told(rows: Sequence[torch.Tensor]) -> set[str]:
        return {spelled[tuple(i for i in row.tolist() if i not in (t.pad, t.caption, t.end))] for ids in rows for row in ids}

    t = tokenizer()
    assert told([lesson.caption_ids for lesson in lessons]) == {c.texts[0] for e in examples() for c in e.captions}
    found = told([lesson.bare_ids for lesson in lessons])
    assert found & {t for e in examples() for c in e.captions for t in c.others}
    assert found & {t for e in examples() for c in e.captions for t in c.texts}


def test_names_are_other_ones_wherever_they_stand() -> None:
    examples = [e for e in Corpus(CorpusOptions(clips=60, voices=False)) if e.names]
    example = next(e for e in examples if any(e.names[0] in w.text.casefold() for w in e.clip.words))
    renamed = Renames(example.names, random.Random(5))
    words = [w.text for w in renamed.clip(example.clip).words]
    told = [renamed.text(t) for c in example.captions for t in c.texts]
    assert not set(example.names) & {w.casefold() for w in words}
    for before, after in zip((t for c in example.captions for t in c.texts), told, strict=True):
        assert len(before.split()) == len(after.split())
        assert not set(example.names) & set(after.casefold().replace(".", "").replace('"', "").split())
    other = renamed.text(example.names[0])
    assert renamed.text(example.names[0].upper()) == other.upper()
    assert renamed.text(example.names[0].capitalize()) == other.capitalize()
    assert Renames((), random.Random(5)).text("Anna stays.") == "Anna stays."


def test_a_part_of_a_clip_holds_what_is_true_of_it() -> None:
    rng = random.Random(2)
    for example in Corpus(CorpusOptions(clips=20, voices=False)):
        part = cropped(example, rng)
        span = part.clip.span
        assert part.captions
        assert all(c.span.start >= span.start and c.span.end <= span.end for c in part.captions)
        assert part.clip.frames is not None
        assert example.clip.frames is not None
        assert part.clip.frames.times == tuple(t for t in example.clip.frames.times if t in span)
        assert len(part.clip.frames.rows) == len(part.clip.frames.times)
        assert all(e.span.start >= span.start and e.span.end <= span.end for e in part.events or ())
        assert {e.label for e in part.events or ()} <= {e.label for e in example.events or ()}
        assert part.questions == ()
        first = part.captions[0].span.start
        assert first == example.clip.span.start or first - span.start >= 1, "how a shot begins is to be seen"


def test_what_can_not_be_told_is_no_event() -> None:
    span = Span(Fraction(0), Fraction(2))
    events = tuple(Labelled(span, label) for label in ("siren", "pan_left", "strike", "pointed_out", "read_aloud"))
    example = Example("x", Clip(span), events=events)
    labels = [e.label for e in events]
    teacher = Teacher(tokenizer(), labels)
    for withheld, left in {"sound": {"pan_left", "pointed_out", "read_aloud"}, "words": {"siren", "pan_left", "strike"}}.items():
        targets, judged = teacher.targets([example], [frozenset({withheld})])
        assert judged.all()
        assert {labels[n] for n in range(5) if targets[0, :, n].any()} == left


def test_a_gradient_that_is_no_number_is_not_learned_from(tmp_path: Path) -> None:
    trainer = run(tmp_path)
    before = weights(trainer)
    trainer.options = replace(trainer.options, steps=6)
    trainer.model.weights.register_hook(lambda gradient: gradient * float("nan"))
    with pytest.raises(ConfigError, match="no gradient"):
        trainer.run(examples(), [], lambda told: None)
    assert torch.equal(weights(trainer), before)
