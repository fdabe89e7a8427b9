"""Made clips as videos with a manifest: to look at, to listen to, and to train from as from anybody's clips."""

import json
import os
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np

from operators.fusion.corpus import Corpus, audio, example, frames
from operators.fusion.corpus.script import Script
from operators.media import SOUND_RATE_HZ, Pcm, Pixels

FPS = 12
SIZE = (480, 288)
BLOCK = 4096


def write_media(out: Path, corpus: Corpus) -> None:
    """OUT/manifest.jsonl and a Matroska file a clip: H.264 where the codec is there, and FLAC."""
    with (out / "manifest.jsonl.part").open("w", encoding="utf-8") as manifest:
        for n in range(len(corpus)):
            script = corpus.script(n)
            name = f"{script.key}.mkv"
            write_clip(out / name, script)
            manifest.write(json.dumps(line(name, script)) + "\n")
    os.replace(out / "manifest.jsonl.part", out / "manifest.jsonl")


def write_clip(path: Path, script: Script) -> None:
    times = tuple(Fraction(2 * k + 1, 2 * FPS) for k in range(int(script.duration * FPS)))
    _write_video(path, frames.render(script, times), audio.render(script))


def line(name: str, script: Script) -> dict[str, object]:
    """A clip of the corpus as a line of a manifest (`pipeline.clip_manifest`)."""
    known = example(script)
    return {
        "id": known.clip_id,
        "media": name,
        "start": 0,
        "end": float(script.duration),
        "captions": [
            {"text": text, "start": float(t.span.start), "end": float(t.span.end)}
            for t in known.captions
            for text in dict.fromkeys(t.texts)
        ],
        "events": [{"label": e.label, "start": float(e.span.start), "end": float(e.span.end)} for e in known.events or ()],
        "questions": [{"text": q.text, "answer": q.answer, "needs": sorted(q.needs)} for q in known.questions],
        "words": [{"text": w.text, "start": float(w.start), "end": float(w.end), "kind": w.kind} for w in known.clip.words],
    }


def _write_video(path: Path, pictures: Pixels, pcm: Pcm) -> None:
    with av.open(str(path), "w") as container:
        video = container.add_stream("libx264" if "libx264" in av.codecs_available else "mpeg4", rate=FPS)
        video.width, video.height, video.pix_fmt = *SIZE, "yuv420p"
        sound = container.add_stream("flac", rate=SOUND_RATE_HZ, layout="mono")
        for n, picture in enumerate(pictures):
            large = cv2.resize(picture, SIZE, interpolation=cv2.INTER_CUBIC)
            seen = av.VideoFrame.from_ndarray(large, format="rgb24")
            seen.pts, seen.time_base = n, Fraction(1, FPS)
            container.mux(video.encode(seen))
        numbers = (pcm * 32767).astype(np.int16)[None]
        for first in range(0, numbers.shape[1], BLOCK):
            heard = av.AudioFrame.from_ndarray(np.ascontiguousarray(numbers[:, first : first + BLOCK]), format="s16", layout="mono")
            heard.sample_rate, heard.pts, heard.time_base = SOUND_RATE_HZ, first, Fraction(1, SOUND_RATE_HZ)
            container.mux(sound.encode(heard))
        for stream in (video, sound):
            container.mux(stream.encode(None))
