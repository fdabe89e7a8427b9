"""What the fusion model finds in real pictures and sounds to which known things were done: none of them was it trained on.

python tests/bench/fusion_truth.py [MODEL] [--each 12] [--write docs/fusion_real.md]

Pictures: stretches of real films in which the camera stands still, as they are, joined by cuts, fades and dissolves, with effects, or
looked at by a camera that moves. Sounds: recordings, and made calls over recorded noise. All from CAPSTREAM_MEDIA, of the files
that the corpus never takes.
"""

import argparse
import os
import random
from contextlib import closing
from dataclasses import dataclass
from fractions import Fraction
from functools import cache
from pathlib import Path

import cv2
import numpy as np

from operators.fusion.clip import FRAME_HEIGHT, FRAME_WIDTH, SOUND_RATE, Clip, Example, Labelled, Track
from operators.fusion.corpus import FRAME_RATE, middles
from operators.fusion.corpus.frames import affected, transition
from operators.fusion.corpus.script import EFFECTS, Effect
from operators.fusion.corpus.sounds import sound
from operators.fusion.corpus.sources import Sources
from operators.fusion.mel import patches
from operators.fusion.reader import SHIPPED
from operators.media import SOUND_RATE_HZ, Frame, Pcm, Pixels, Samples
from operators.protocols import FramesNeed
from operators.sources import open_source
from operators.timeline import Span
from pipeline.evaluate_command import markdown

MEDIA = Path(os.environ.get("CAPSTREAM_MEDIA") or Path(__file__).parents[3] / "shared" / "media")
STILL = {
    "video_events/frigate_cctv_1.mp4": (20, 130),
    "video_events/frigate_cctv_2.mp4": (0, 85),
    "video_events/intel/car-detection.mp4": (0, 30),
    "video_events/intel/one-by-one-person-detection.mp4": (0, 139),
    "video_events/intel/bottle-detection.mp4": (0, 39),
}
"""Films, and from when to when their camera stands still and nothing is done to their picture."""
RECORDED = {"rain": "audio_events/rain.mp3", "music": "audio_events/music_demucs_test.mp3", "speech": "video_speech/nasa_13013.mp4"}
NOISES = ("audio_events/noise/noise2.wav", "audio_events/noise/noise3.wav", "audio_events/noise/noise4.wav")
CALLS = ("siren", "alarm", "beep", "bang", "glass", "applause", "hum")
OPENINGS = ("cut", "fade", "dissolve")
WAYS = {"pan_left": (-1, 0), "pan_right": (1, 0), "tilt_up": (0, -1), "tilt_down": (0, 1)}
MOVES = (*WAYS, "zoom_in", "zoom_out", "shake")
NOTHING = "nothing"
HIGH, WIDE, SEEN = 96, 160, 0.65
"""Of the pictures that the moving camera looks at, and which part of them it sees."""
LENGTH = Fraction(9)
TIMES, HEARD = middles(LENGTH, FRAME_RATE), middles(LENGTH, SOUND_RATE)
VARIANTS = Sources.of("test").variants()
"""Of made calls: those that no training hears."""
KINDS = (*OPENINGS, *EFFECTS, *MOVES, *RECORDED, *CALLS, NOTHING)


@dataclass(frozen=True, slots=True)
class Made:
    """What is seen and heard, and what was done."""

    pictures: Pixels
    pcm: Pcm
    events: tuple[Labelled, ...]


@cache
def film(name: str) -> Pixels:
    """uint8 [n, HIGH, WIDE, 3], FRAME_RATE a second."""
    source, info = open_source(str(MEDIA / name))
    start, end = (Fraction(t) for t in STILL[name])
    with closing(source.frames(info, FramesNeed(FRAME_RATE, WIDE), Span(start, end))) as items:
        seen = [cv2.resize(i.picture.pixels, (WIDE, HIGH), interpolation=cv2.INTER_AREA) for i in items if isinstance(i, Frame)]
    return np.stack(seen)


@cache
def recording(name: str) -> Pcm:
    source, info = open_source(str(MEDIA / name))
    assert info.sound is not None
    with closing(source.samples(info, Span(Fraction(0), info.duration or LENGTH))) as items:
        return np.concatenate([i.pcm for i in items if isinstance(i, Samples)])


def stretch(rng: random.Random, other: str = "") -> tuple[str, Pixels]:
    name = rng.choice([n for n in STILL if n != other])
    whole = film(name)
    at = rng.randrange(max(1, len(whole) - len(TIMES)))
    return name, whole[at : at + len(TIMES)]


def looked_at(pictures: Pixels, move: str, pace: float, rng: np.random.Generator) -> np.ndarray:
    """float32 [n, FRAME_HEIGHT, FRAME_WIDTH, 3]: through a camera that moves as the corpus's own do."""
    seen = []
    across, down = WAYS.get(move, (0, 0))
    for time, picture in zip(TIMES, pictures, strict=False):
        since = float(time - LENGTH / 2)
        scale = SEEN * float(np.exp(0.1 * pace * since * {"zoom_in": -1, "zoom_out": 1}.get(move, 0)))
        x, y = (0.5 + d * 0.05 * pace * since for d in (across, down))
        left, top = x * WIDE - scale * WIDE / 2, y * HIGH - scale * HIGH / 2
        if move == "shake":
            left, top = left + rng.normal(0, 3), top + rng.normal(0, 3)
        matrix = np.array([[scale * WIDE / FRAME_WIDTH, 0, left], [0, scale * HIGH / FRAME_HEIGHT, top]], np.float32)
        flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
        seen.append(cv2.warpAffine(picture, matrix, (FRAME_WIDTH, FRAME_HEIGHT), flags=flags, borderMode=cv2.BORDER_REFLECT_101))
    return np.array(seen, np.float32)


def made(kind: str, seed: int) -> Made:
    rng, numbers = random.Random(f"{kind}/{seed}"), np.random.default_rng((KINDS.index(kind), seed))
    name, pictures = stretch(rng)
    seen = looked_at(pictures, kind, rng.uniform(0.7, 1.6), numbers)
    at, events = Fraction(rng.randrange(60, 120), 20), list[Labelled]()
    pcm = recording(rng.choice(NOISES))
    heard = np.resize(pcm, int(LENGTH * SOUND_RATE_HZ)).astype(np.float64) * 10 ** (rng.uniform(-30, -10) / 20)
    if kind in OPENINGS:
        after = looked_at(stretch(rng, name)[1], "", 1, numbers)
        half = Fraction(0) if kind == "cut" else Fraction(rng.randrange(6, 16), 20)
        opens = Span(at - half, at + half)
        for n, time in enumerate(TIMES):
            if time in opens:
                seen[n] = transition(kind, seen[n], after[n], float((time - opens.start) / opens.duration))
            elif time >= opens.end:
                seen[n] = after[n]
        events.append(Labelled(opens if half else Span(at, at + Fraction(1, 5)), kind))
    elif kind in EFFECTS:
        length = Fraction(3, 10) if kind == "flash" else Fraction(2)
        effect = Effect(kind, Span(at, at + length))
        if kind == "freeze":
            seen = looked_at(pictures, "pan_left", 1.5, numbers)
            moving = (Span(Fraction(0), effect.span.start), Span(effect.span.end, LENGTH))
            events += [Labelled(span, "pan_left") for span in moving]
        first = next(n for n, time in enumerate(TIMES) if time in effect.span)
        for n, time in enumerate(TIMES):
            if time in effect.span:
                seen[n] = seen[first] if kind == "freeze" else affected(seen[n], effect, time, numbers)
        events.append(Labelled(effect.span, kind))
    elif kind in MOVES:
        events.append(Labelled(Span(Fraction(0), LENGTH), kind))
    elif kind in (*RECORDED, *CALLS):
        span = (
            Span(Fraction(0), LENGTH) if kind in RECORDED else Span(at, at + (Fraction(4, 5) if kind in ("beep", "bang", "glass") else 3))
        )
        a, b = (int(t * SOUND_RATE_HZ) for t in (span.start, span.end))
        wave = sound(f"made:{kind}:{VARIANTS[seed]}", b - a) if kind in CALLS else _recorded(RECORDED[kind], b - a, rng)
        heard[a:b] += wave * 10 ** (rng.uniform(-18, -10) / 20)
        events.append(Labelled(span, kind))
    return Made(np.clip(seen, 0, 255).astype(np.uint8), np.clip(heard, -1, 1).astype(np.float32), tuple(events))


def _recorded(name: str, length: int, rng: random.Random) -> np.ndarray:
    """A part of a recording, at an RMS of 1."""
    pcm = recording(name)
    at = rng.randrange(max(1, len(pcm) - length))
    part = np.resize(pcm[at : at + length], length).astype(np.float64)
    return np.asarray(part / max(1e-4, float(np.sqrt(np.square(part).mean()))))


def example(kind: str, seed: int) -> Example:
    thing = made(kind, seed)
    clip = Clip(Span(Fraction(0), LENGTH), Track(thing.pictures, TIMES), Track(patches(thing.pcm)[: len(HEARD)], HEARD))
    return Example(f"{kind}-{seed}", clip, (), thing.events)


def measured(model: Path, each: int) -> str:
    """A row for each kind."""
    from operators.fusion.measures import onset_scores, segment_scores, segments
    from operators.fusion.network.checkpoint import load
    from operators.fusion.network.examiner import scores_of
    from operators.fusion.network.lessons import truth_of
    from operators.fusion.network.spotter import EVENT_RATE

    net, tokenizer = load(model)
    labels: list[str] = net.config.labels
    examples = [example(kind, seed) for kind in KINDS for seed in range(each)]
    active = [s > np.array(net.config.thresholds) for s in scores_of(net, tokenizer, examples)]
    by_segment = segment_scores(active, [truth_of(e, labels, len(a)) for e, a in zip(examples, active, strict=True)])
    found = [segments(a, labels, EVENT_RATE, Fraction(0)) for a in active]
    by_onset = onset_scores(found, [e.events or () for e in examples], labels)
    rows = []
    for label in KINDS[:-1]:
        s, o = (scores[labels.index(label)] for scores in (by_segment, by_onset))
        rows.append((label, f"{s.precision:.2f}", f"{s.recall:.2f}", f"{s.f1:.2f}", f"{o.f1:.2f}"))
    return markdown(("", "precision", "recall", "F1, segments of 1 s", "F1, onsets"), rows)


PAGE = """# The fusion model on real pictures and sounds

Made by `python tests/bench/fusion_truth.py --each {each} --write docs/fusion_real.md`: {clips} clips of 9 s, of the shared real media
that the corpus never takes, to which one known thing was done each. Films whose camera stands still, in which people and cars move, are
joined, affected, or looked at by a camera that moves; recordings and made calls are heard over recorded noise. Precision counts
what is found in all of these clips.

{table}
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path, nargs="?", default=SHIPPED)
    parser.add_argument("--each", type=int, default=12)
    parser.add_argument("--write", type=Path)
    given = parser.parse_args()
    page = PAGE.format(each=given.each, clips=given.each * len(KINDS), table=measured(given.model, given.each))
    print(page)
    if given.write:
        given.write.write_text(page, encoding="utf-8")


if __name__ == "__main__":
    main()
