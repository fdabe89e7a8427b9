"""The fusion model's operators in the lanes: the law, what they ask, what they say."""

import hashlib
import itertools
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from law import assert_law, entries, outputs_of
from tiny_fusion import checkpoint, examples

from operators.captioners.fused import FusedDescriber, FusedDescriberOptions, parts
from operators.errors import ConfigError, ModelError
from operators.events.fused import FusedDetector, FusedOptions
from operators.facts import Features, Motion, SeenText, Shot, Sound, Still, Word
from operators.fusion import FusionFrames, FusionReader, FusionSound
from operators.fusion.clip import SOUND_BANDS, SOUND_RATE, SOUND_STEPS
from operators.fusion.looking import Glance
from operators.fusion.reader import FusionOptions
from operators.media import PACKET_SAMPLES, Frame, Picture, Samples
from operators.protocols import Ask, Entry, Item
from operators.records import Caption, End, Event, Gap
from operators.timeline import ZERO, Span
from operators.windows import Fused, RowKind, Sentence, Window
from pipeline.kept import KeptFiles
from pipeline.log import Header, LogWriter

WIDTH = 128
F = Fraction


class Kept:
    """Rows of every cell up to `until`, but for a hole; of numbers that say which cell it is."""

    until = 60
    hole = Span(F(20), F(33))

    def __call__(self, instants: Sequence[Fraction]) -> list[Still]:
        return [Still(at, b"jpeg") for at in instants]

    def rows(self, kind: RowKind, span: Span) -> list[Features]:
        cells = [n for n in range(self.until * kind.rate) if (m := F(2 * n + 1, 2 * kind.rate)) in span and m not in self.hole]
        return [Features(n, kind.rate, np.full(kind.width, n + 1, np.float32)) for n in cells]


def fused(window: Window) -> Fused:
    """Stands in for the model: what it says depends on all that it is given, but for two stretches of which it always says the same."""
    key = repr((window.span, window.asked, [f.index for f in (*window.frames, *window.sound)], window.words, window.seen))
    digest = hashlib.sha256(key.encode()).digest()
    cells = max(1, int(window.span.duration * 5 + F(1, 2)))
    middles = [float(window.span.start) + (n + 0.5) / 5 for n in range(cells)]
    struck = [[0.9 if 7 < m < 8.5 or 44 < m < 46 else 0.1, digest[n % 32] / 255] for n, m in enumerate(middles)]
    told = "nothing new" if 4 <= window.asked.start < 20 or 33 <= window.asked.start < 57 else f"told {digest.hex()[:6]}"
    sentences = (Sentence(told, 0.95), Sentence("Perhaps not.", 0.2)) if window.captions else ()
    return Fused(sentences, ("strike", "other"), 5, np.array(struck, np.float32), (0.5, 0.5), ("fused", "picture"))


def shot(start: int, end: int) -> Shot:
    still = Motion("still", 0, 0, 0, 0, None)
    return Shot(F(start), F(end), "cut", "cut", (F(start),), 0.5, 0.2, 0.3, ("grey",), (1.0,), 100.0, still)


def stream() -> list[Entry]:
    shots = entries("look.shots", "fact", [shot(a, b) for a, b in ((0, 4), (4, 9), (9, 20), (33, 57), (57, 60))])
    sounds = entries("listen.sound", "fact", [Sound(F(t), F(t + 5), "noise", -20.0) for t in range(0, 60, 5)])
    words = entries("listen.words", "fact", [Word(F(t), F(2 * t + 1, 2), f"w{t}", 0.9, "en", "s") for t in range(1, 60, 3)])
    seen = entries("look.text", "fact", [SeenText(F(t), F(t + 2), "EXIT", 0.9, (0.0, 0.0, 1.0, 1.0)) for t in (2, 40)])
    ends = [Entry(lane, "record", 0, End(F(60), F(60), lane, None, 60_000, {})) for lane in ("look", "listen")]
    gaps = [Entry("look", "record", 0, Gap(F(20), F(33), "look", "decode_error"))]
    return sorted([*shots, *sounds, *words, *seen, *gaps, *ends], key=lambda e: e.key)


def frames(count: int = 24) -> list[Item]:
    rng = np.random.default_rng(1)
    found: list[Item] = [
        Frame(n, 4, F(n, 4), Picture(rng.integers(0, 255, (60, 90, 3), dtype=np.uint8))) for n in range(count) if n % 7 != 5
    ]
    return [*found[:11], Gap(found[10].end, found[11].start, "look", "decode_error"), *found[11:]]


def packets(count: int = 31) -> list[Item]:
    rng = np.random.default_rng(2)
    return [
        Samples(n, rng.normal(0, 0.1, PACKET_SAMPLES if n < count - 1 else 700).astype(np.float32)) for n in range(count) if not 8 <= n < 11
    ]


def look(item: Any) -> np.ndarray:
    parts_of = (
        item if isinstance(item, np.ndarray) else np.concatenate([item.picture.ravel(), [] if item.before is None else item.before.ravel()])
    )
    return np.array([float(parts_of.sum()), getattr(item, "seconds", 0.0)], np.float32)


def test_the_law_of_looking() -> None:
    rows = assert_law(FusionFrames, frames(), {"fusion": look})
    assert [r.index for r in rows if isinstance(r, Features)] == [n for n in range(24) if n % 7 != 5]


def test_a_picture_is_compared_with_the_one_before_it_unless_there_is_a_gap() -> None:
    asked: list[Glance] = []

    def note(item: Glance) -> np.ndarray:
        asked.append(item)
        return look(item)

    outputs_of(FusionFrames, frames(), {"fusion": note})
    assert [g.seconds for g in asked[:7]] == [0.0, 0.25, 0.25, 0.25, 0.25, 0.5, 0.25]
    assert [n for n, g in enumerate(asked) if g.before is None] == [0, 11]


def test_the_law_of_listening() -> None:
    rows = assert_law(FusionSound, packets(), {"fusion": look})
    assert [(r.index, r.rate) for r in rows if isinstance(r, Features)] == [(n, SOUND_RATE) for n in range(16) if n != 4]


def describer() -> FusedDescriber:
    return FusedDescriber(FusedDescriberOptions(), Kept())


def detector() -> FusedDetector:
    return FusedDetector(FusedOptions(), Kept())


def test_the_law_of_describing() -> None:
    captions = assert_law(describer, stream(), {"fusion": fused})
    spans = [(float(c.start), float(c.end)) for c in captions if isinstance(c, Caption)]
    assert spans[:3] == [(0, 4), (4, 9), (4, 14.5)]
    assert spans[-1] == (57, 60)
    assert all(isinstance(c, Caption) and c.evidence for c in captions if c.start in (0, 4))


def test_what_adjoins_and_is_told_alike_revises_the_caption() -> None:
    captions = [c for c in outputs_of(describer, stream(), {"fusion": fused}) if isinstance(c, Caption)]
    alike = [(float(c.start), float(c.end), c.revision) for c in captions if c.text == "nothing new"]
    assert alike == [(4, 9, 0), (4, 14.5, 1), (4, 20, 2), (33, 41, 0), (33, 49, 1), (33, 57, 2)]
    assert len({c.cue_id for c in captions}) == len(captions) - 4


def test_the_law_of_detecting() -> None:
    events = [e for e in assert_law(detector, stream(), {"fusion": fused}) if isinstance(e, Event)]
    assert [(e.label, float(e.start), float(e.end)) for e in events if e.lifecycle == "end"] == [
        ("strike", 7.0, 8.4),
        ("strike", 44.0, 46.0),
    ]
    assert {e.source for e in events} == {"fused"}


def test_what_is_read_aloud_is_told_once_the_text_is_known_and_nothing_waits_for_it() -> None:
    def read(window: Window) -> Fused:
        middles = [float(window.span.start) + (n + 0.5) / 5 for n in range(int(window.span.duration * 5))]
        scores = [[0.9 if 7 < m < 9 else 0.1, 0.9 if window.seen and 5 < m < 8 else 0.1] for m in middles]
        return Fused((), ("strike", "read_aloud"), 5, np.array(scores, np.float32), (0.5, 0.5), ("fused", "fused"))

    slide = [SeenText(F(a), F(b), "EXIT", 0.9, (0.0, 0.0, 1.0, 1.0)) for a, b in ((1, 31), (31, 58))]
    others = [e for e in stream() if e.origin != "look.text"]
    told = sorted([*others, *entries("look.text", "fact", slide)], key=lambda e: e.key)
    events = [e for e in assert_law(detector, told, {"fusion": read}) if isinstance(e, Event) and e.lifecycle == "end"]
    assert [(e.label, float(e.start), float(e.end)) for e in events] == [("strike", 7.0, 9.0), ("read_aloud", 5.0, 8.0)]
    early = outputs_of(detector, [e for e in told if e.end < 20], {"fusion": read}, at=F(20))
    assert [e.label for e in early if isinstance(e, Event)] == ["strike", "strike"]
    only = FusedOptions(labels=("read_aloud",))
    said = outputs_of(lambda: FusedDetector(only, Kept()), told, {"fusion": read})
    assert {e.label for e in said if isinstance(e, Event)} == {"read_aloud"}


def test_what_is_seen_and_heard_is_told_before_it_is_known_what_the_screen_read() -> None:
    live = FusedDetector(FusedOptions(labels=("strike", "read_aloud")), Kept())
    found: list[tuple[Fraction, Event]] = []
    for sound in entries("listen.sound", "fact", [Sound(F(t), F(t + 1), "noise", -20.0) for t in range(15)]):
        outputs = live.push(sound)
        while asks := [o for o in outputs if isinstance(o, Ask)]:
            outputs = [o for o in outputs if not isinstance(o, Ask)] + live.answer(asks[0], fused(asks[0].item))
        found += [(sound.end, o) for o in outputs if isinstance(o, Event)]
    assert [(known, e.label, e.lifecycle) for known, e in found] == [(F(13), "strike", "start"), (F(13), "strike", "end")]


def test_a_model_that_fails_on_a_window_says_nothing_of_it() -> None:
    for make in (describer, detector):
        said = outputs_of(make, stream(), {"fusion": lambda item: ModelError("no")})
        assert {type(o) for o in said} == {Gap}


def test_what_the_model_is_not_sure_of_is_not_said() -> None:
    unsure = FusedDescriberOptions(least_confidence=0.97)
    assert outputs_of(lambda: FusedDescriber(unsure, Kept()), stream(), {"fusion": fused}) == []
    told = outputs_of(describer, stream(), {"fusion": fused})
    assert {c.confidence for c in told if isinstance(c, Caption)} == {0.95}
    assert not any("Perhaps" in c.text for c in told if isinstance(c, Caption))


def test_a_hole_of_hours_asks_nothing() -> None:
    asked: list[Window] = []

    def note(window: Window) -> Fused:
        asked.append(window)
        return fused(window)

    far = [Entry("look.shots", "fact", 0, shot(0, 4)), Entry("look.shots", "fact", 1, shot(20_000, 20_010))]
    ends = [Entry(lane, "record", 0, End(F(20_010), F(20_010), lane, None, 0, {})) for lane in ("look", "listen")]
    outputs_of(detector, sorted([*far, *ends], key=lambda e: e.key), {"fusion": note})
    assert 0 < len(asked) < 20


def test_a_long_moment_is_told_in_equal_parts() -> None:
    assert parts(Span(F(0), F(25)), F(10)) == [Span(F(25 * n, 3), F(25 * (n + 1), 3)) for n in range(3)]
    assert parts(Span(F(3), F(13)), F(10)) == [Span(F(3), F(13))]
    with pytest.raises(ConfigError, match="12 s"):
        FusedDescriberOptions(longest_s=11)


@pytest.fixture
def reader(tmp_path: Path) -> FusionReader:
    reader = FusionReader(FusionOptions(str(checkpoint(tmp_path / "m"))))
    reader.open("cpu", 1)
    return reader


def test_the_model_answers_what_operators_ask(reader: FusionReader) -> None:
    clip = examples()[0].clip
    assert clip.frames is not None
    assert clip.sound is not None
    pictures: Any = clip.frames.rows
    glances = [Glance(pictures[0], None, 0.0), *(Glance(b, a, 0.25) for a, b in itertools.pairwise(pictures))]
    looked = reader([*glances, *np.asarray(clip.sound.rows, np.uint8)])
    seen = [Features(n, 4, v) for n, v in enumerate(looked[: len(glances)])]
    heard = [Features(n, 5, v) for n, v in enumerate(looked[len(glances) :])]
    assert heard[0].vector.shape == (32,)
    words = tuple(Word(w.start, w.end, w.text, 1.0, "en", "s") for w in clip.words if w.kind == "spoken")
    [told] = reader([Window(clip.span, clip.span, tuple(seen), tuple(heard), words)])
    assert told.sentences
    assert told.scores.shape == (int(clip.span.duration * 5 + F(1, 2)), len(told.labels))
    [quiet] = reader([Window(clip.span, clip.span, captions=False)])
    assert quiet.sentences == ()


def test_rows_of_another_width_are_refused(reader: FusionReader) -> None:
    [told] = reader([Window(Span(ZERO, F(1)), Span(ZERO, F(1)), (Features(0, 4, np.zeros(96, np.float32)),))])
    assert isinstance(told, ModelError)
    assert "of 32 numbers, not of 96" in told.message


def test_a_patch_of_sound_is_what_the_model_was_trained_on() -> None:
    asked: list[np.ndarray] = []

    def note(item: np.ndarray) -> np.ndarray:
        asked.append(item)
        return look(item)

    outputs_of(FusionSound, packets(), {"fusion": note})
    assert {a.shape for a in asked} == {(SOUND_STEPS, SOUND_BANDS)}
    assert {a.dtype for a in asked} == {np.dtype(np.uint8)}


def test_rows_come_back_from_the_disk(tmp_path: Path) -> None:
    log = LogWriter(tmp_path / "look.jsonl", Header("s", 1, "look", {}, "", ""))
    for n in (0, 1, 3, 6):
        log.append("look.features", Features(n, 4, np.full(WIDTH, n + 1, np.float32)))
    log.commit(F(2), F(2), {})
    log.close()
    kind = RowKind("look.features", 4, WIDTH)
    assert [f.index for f in KeptFiles(tmp_path).rows(kind, Span(ZERO, F(10)))] == [0, 1, 3, 6]
    assert [f.index for f in KeptFiles(tmp_path).rows(kind, Span(F(3, 8), F(13, 8)))] == [1, 3]
    assert KeptFiles(tmp_path).rows(RowKind("listen.features", 5, 8), Span(ZERO, F(10))) == []
