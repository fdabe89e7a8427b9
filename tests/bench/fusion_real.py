"""What the fusion model says of twenty real clips that it was never trained on, beside what was to be seen: to be read by a person.

python tests/bench/fusion_real.py MODEL PAGE.html

The clips are cut from files that judge the model (CAPSTREAM_MEDIA). Words are left out: they are the recogniser's to find.
"""

import os
import sys
from collections.abc import Sequence
from html import escape
from pathlib import Path

import numpy as np

from operators.captioners.fused import FusedDescriberOptions
from operators.fusion.clip import Example
from operators.timeline import clock
from pipeline.clip_manifest import ClipLine
from pipeline.clip_reading import read_clip
from pipeline.evaluation_page import STYLE, picture, spread

MEDIA = Path(os.environ.get("CAPSTREAM_MEDIA") or Path(__file__).parents[3] / "shared" / "media")
CLIPS = (
    ("video_speech/nasa_13013.mp4", 0, 8), ("video_speech/nasa_13013.mp4", 8, 16),
    ("video_speech/sintel_trailer.mp4", 0, 9), ("video_speech/sintel_trailer.mp4", 9, 17), ("video_speech/sintel_trailer.mp4", 17, 24),
    ("video_speech/sintel_trailer.mp4", 24, 32), ("video_speech/sintel_trailer.mp4", 32, 42), ("video_speech/sintel_trailer.mp4", 42, 52),
    ("video_events/frigate_cctv_1.mp4", 0, 10), ("video_events/frigate_cctv_2.mp4", 30, 40), ("video_events/frigate_cctv_3.mp4", 6, 16),
    ("video_events/stove_fire_and_dog.mp4", 0, 2.3), ("video_events/intel/car-detection.mp4", 2, 12),
    ("video_events/intel/car-detection.mp4", 14, 24), ("video_events/intel/one-by-one-person-detection.mp4", 2, 12),
    ("video_events/intel/one-by-one-person-detection.mp4", 44, 54), ("video_events/intel/bottle-detection.mp4", 5, 15),
    ("audio_events/rain.mp3", 5, 15), ("audio_events/music_demucs_test.mp3", 2, 12), ("audio_events/toast_bell.mp3", 0, 5),
)  # fmt: skip


def examples() -> list[Example]:
    return [
        read_clip(ClipLine(id=f"{name} {start:g}-{end:g} s", media=str(MEDIA / name), start=start, end=end)) for name, start, end in CLIPS
    ]


def told(model: Path, several: Sequence[Example], least: float) -> list[tuple[Example, str, str, str]]:
    """(clip, what is said of its stretches, what the model is less sure of than `least`, events), with times and how sure it is."""
    from operators.fusion.measures import segments
    from operators.fusion.network.checkpoint import load
    from operators.fusion.network.examiner import stretches_of
    from operators.fusion.network.readout import Reader
    from operators.fusion.network.spotter import EVENT_RATE

    net, tokenizer = load(model)
    found = []
    for example in several:
        reader, span = Reader(net, tokenizer, [example.clip]), example.clip.span
        [scores] = reader.events()
        there, labels = scores > np.array(net.config.thresholds), net.config.labels
        stretches = stretches_of(there, labels, span)
        said: dict[bool, list[str]] = {True: [], False: []}
        for stretch, caption in zip(stretches, reader.captions([(0, s) for s in stretches]), strict=True):
            for sentence in caption.sentences:
                line = f"[{clock(stretch.start)}-{clock(stretch.end)}] {sentence.text} ({sentence.confidence:.2f})"
                said[sentence.confidence >= least].append(line)
        events = segments(there, labels, EVENT_RATE, span.start)
        told_events = ", ".join(f"{e.label} {float(e.span.start):.1f}-{float(e.span.end):.1f}" for e in events)
        found.append((example, " / ".join(said[True]), " / ".join(said[False]), told_events))
    return found


def main() -> None:
    model, page = Path(sys.argv[1]), Path(sys.argv[2])
    parts = []
    for example, said, unsaid, events in told(model, examples(), FusedDescriberOptions().least_confidence):
        print(f"{example.clip_id}\n  {said}\n  not said: {unsaid}\n  {events}")
        shown = "".join(picture(p) for p in spread(example.clip, example.clip.span))
        lines = f"<q>{escape(said)}</q><br><i>not said: {escape(unsaid)}</i><br>{escape(events)}"
        parts.append(f"<article><b>{escape(example.clip_id)}</b><br>{shown}<br>{lines}</article>")
    page.write_text(f"<!doctype html><meta charset=utf-8><title>Real clips</title><style>{STYLE}</style>{''.join(parts)}", encoding="utf-8")


if __name__ == "__main__":
    main()
