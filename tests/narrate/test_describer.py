import random
from fractions import Fraction as F
from hashlib import sha256
from itertools import pairwise

import cv2
import numpy as np
import pytest
from law import assert_law, outputs_of
from test_moments import ends, entries, shot, sound, word

from operators.captioners import Describer, DescriberOptions, Description, PlainCaptioner
from operators.captioners.novelty import alike, look, without_repeats
from operators.errors import ModelError
from operators.facts import SeenText, Speech, Still
from operators.records import Caption, Gap


def stills(instants):
    """Reads back all that were kept: every one but those at odd seconds."""
    return [Still(at, f"jpeg of {at}".encode()) for at in instants if int(at) % 2 == 0]


def make():
    return Describer(DescriberOptions(), stills)


def plain(scene):
    return PlainCaptioner()([scene])[0]


def stream(seed, seconds=90):
    """Shots of all lengths, words, texts, sounds, Gaps of both lanes, and the Ends, at random but merged as lanes merge them."""
    chance = random.Random(seed)
    look_end = seconds - 20 if seed % 2 else seconds
    values = []

    def lay(make_one, longest, skip, until=seconds):
        t = F(0)
        while t < until:
            length = min(until - t, F(chance.randint(1, longest * 8), 8))
            if chance.random() > skip:
                values.append(make_one(t, t + length))
            t += length

    lay(lambda a, b: shot(a, b, chance.choice(["cut", "fade", "part"]), "cut"), 8, 0.1, look_end)
    lay(lambda a, b: sound(a, b, chance.choice(["silence", "noise", "music_like", "tonal"])), 20, 0.1)
    lay(lambda a, b: word(a, b), 1, 0.5)
    lay(lambda a, b: Speech(a, b, 0.9), 9, 0.5)
    lay(lambda a, b: SeenText(a, b, "TITLE", 0.95, (0.1, 0.1, 0.3, 0.1)), 5, 0.7, look_end)
    values += [Gap(F(20), F(25), "listen", "decode_error"), Gap(F(40), F(52), "look", "discontinuity")]
    return entries(*values, *ends(look_end, seconds))


@pytest.mark.parametrize("seed", range(4))
def test_the_law(seed):
    outputs = assert_law(make, stream(seed), {"captioner": plain}, seeds=range(12))
    assert len(outputs) > 8
    assert all(isinstance(o, Caption) for o in outputs)


def test_the_law_where_there_is_only_sound_or_nothing():
    heard = entries(*(sound(t, t + 25, "noise") for t in range(0, 100, 25)), word(28, 31), *ends(0, 100))
    outputs = assert_law(make, heard, {"captioner": plain})
    assert [o.end for o in outputs] == [30, 60, 90, 100]
    assert assert_law(make, entries(*ends(0, 0)), {"captioner": plain}) == []


def test_captions_do_not_overlap_and_are_named_in_order():
    captions = list({c.cue_id: c for c in outputs_of(make, stream(5), {"captioner": plain})}.values())
    assert all(a.end <= b.start for a, b in pairwise(captions))
    numbers = [int(c.cue_id.removeprefix("narrate.captions-")) for c in captions]
    assert numbers == sorted(set(numbers))


def picture(*boxes):
    """A grey street, with white boxes that stand at these places."""
    pixels = np.random.default_rng(len(boxes)).normal(90, 6, (90, 160, 3)).clip(0, 255).astype(np.uint8)
    for x in boxes:
        pixels[40:60, x : x + 10] = 250
    return cv2.imencode(".jpg", pixels)[1].tobytes()


def watched(pictures, *facts, captioner=None):
    """(captions, scenes that the captioner was asked about) of shots of 10 s, each with one picture."""
    asked = []

    def tell(scene):
        asked.append(scene)
        return Description(f"Scene {len(asked)}.", 0.9)

    shots = [shot(10 * n, 10 * (n + 1)) for n in range(len(pictures))]
    make_one = lambda: Describer(DescriberOptions(), lambda instants: [Still(at, pictures[int(at) // 10]) for at in instants])  # noqa: E731
    end = 10 * len(pictures)
    return outputs_of(make_one, entries(*shots, *facts, *ends(end, end)), {"captioner": captioner or tell}), asked


def test_a_caption_is_revised_where_there_is_nothing_else_to_be_seen():
    captions, asked = watched([picture(), picture(), picture(50), picture(50), picture()])
    told = [(c.cue_id, c.revision, c.start, c.end, c.text) for c in captions]
    assert told == [
        ("narrate.captions-0", 0, 0, 10, "Scene 1."),
        ("narrate.captions-0", 1, 0, 20, "Scene 1."),
        ("narrate.captions-1", 0, 20, 30, "Scene 2."),
        ("narrate.captions-1", 1, 20, 40, "Scene 2."),
        ("narrate.captions-2", 0, 40, 50, "Scene 3."),
    ]
    assert [s.before for s in asked] == ["", "Scene 1.", "Scene 2."]


def test_what_is_said_or_heard_makes_a_moment_new():
    same = [picture()] * 4
    assert len(watched(same, word(12, 13), Speech(F(12), F(13), 0.9))[1]) == 3  # somebody speaks, then nobody does
    assert len(watched(same, *(sound(10 * n, 10 * n + 10, kind) for n, kind in enumerate(["noise", "noise", "tonal", "tonal"])))[1]) == 2


def test_a_captioner_that_says_the_same_again_revises():
    captions, _ = watched([picture(), picture(50)], captioner=lambda scene: Description("A street.", 0.9))
    assert [(c.cue_id, c.revision, c.end) for c in captions] == [("narrate.captions-0", 0, 10), ("narrate.captions-0", 1, 20)]


def test_pictures_that_change_little_are_not_shown():
    stills = [Still(F(n), picture(*boxes)) for n, boxes in enumerate([(), (), (50,), (50,), (), (90,)])]
    kept, last = without_repeats(stills)
    assert [s.at for s in kept] == [0, 2, 4, 5]
    assert alike(last, look(stills[5]))


def test_the_law_with_pictures():
    look_s = {F(10 * n): picture(*boxes) for n, boxes in enumerate([(), (), (50,), (50,), (), ()])}
    shots = [shot(10 * n, 10 * n + 10) for n in range(6)]
    outputs = assert_law(
        lambda: Describer(DescriberOptions(), lambda instants: [Still(at, look_s[at]) for at in instants]),
        entries(*shots, *ends(60, 60)),
        {"captioner": lambda scene: Description(f"Something at {scene.moment.start}, after {scene.before!r}.", 0.9)},
    )
    assert [o.revision for o in outputs] == [0, 1, 0, 1, 0, 1]


def test_a_caption_names_its_evidence():
    seen = SeenText(F(1), F(4), "TITLE", 0.9, (0.1, 0.1, 0.3, 0.1))
    (caption,) = outputs_of(make, entries(shot(0, 5), seen, *ends(5, 0)), {"captioner": plain})
    still, text = caption.evidence
    assert (still.type, still.at, still.uri) == ("still", 0, "frames/0000000000.jpg")
    assert still.sha256 == sha256(b"jpeg of 0").hexdigest()
    assert (text.type, text.at) == ("text", 1)
    assert caption.kind == "description"
    assert caption.lines == (caption.text,)


def test_the_captioner_is_shown_at_most_so_many_stills_evenly():
    asked = []
    shots = [shot(F(n, 8), F(n + 1, 8)) for n in range(40)]

    def captioner(scene):
        asked.append([s.at for s in scene.stills])
        return Description("x", 1.0)

    outputs_of(lambda: Describer(DescriberOptions(shortest_s=5.0), stills), entries(*shots, *ends(5, 0)), {"captioner": captioner})
    assert asked == [[F(6, 8), F(20, 8), F(33, 8)]]


def test_a_scene_that_fails_or_tells_nothing_gives_no_caption_and_the_next_keeps_its_name():
    def captioner(scene):
        if scene.moment.start == 0:
            return ModelError("no")
        return Description("" if scene.moment.start == 5 else "Something.", 1.0)

    outputs = outputs_of(make, entries(shot(0, 5), shot(5, 9), shot(9, 12), *ends(12, 0)), {"captioner": captioner})
    gaps, captions = [o for o in outputs if isinstance(o, Gap)], [o for o in outputs if isinstance(o, Caption)]
    assert [g.reason for g in gaps] == ["model_error"]
    assert [(c.start, c.cue_id) for c in captions] == [(9, "narrate.captions-2")]
