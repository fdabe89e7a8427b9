"""Makes clip.mp4 and expected.json of the demo: the timetable below is what the clip shows, and so what must be found."""

import json
import subprocess
from tempfile import NamedTemporaryFile
from typing import Any

import cv2
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from operators.media import Pixels
from pipeline.demo import CLIP, EXPECTED
from pipeline.demo.make import sounds
from pipeline.demo.make.harbour import Harbour
from pipeline.demo.make.lake import Lake
from pipeline.demo.make.nature import HEIGHT_PX, WIDTH_PX, Plane
from pipeline.demo.make.street import ARRIVES_S, PASSES_S, Street

RATE = 25
CUT_S, BLACK_S, LAKE_S, END_S = 11.0, 21.5, 24.5, 34.0
FADE_S = 0.6
TITLE, TITLE_FROM_S, TITLE_TO_S = "NORTH HARBOUR", 1.0, 5.0
SENTENCES = (
    (5.6, "rms", "The sun goes down, and the lights of the city are coming on."),
    (18.4, "awb", "The ambulance is on its way to the hospital."),
    (26.2, "rms", "The next morning is quiet. The birds fly over the lake."),
)
SIREN_S = (CUT_S + ARRIVES_S - 1.0, CUT_S + PASSES_S + 0.8)


def title() -> Plane:
    """The title's opacity, [HEIGHT_PX, WIDTH_PX]."""
    image = Image.new("L", (WIDTH_PX, HEIGHT_PX))
    draw = ImageDraw.Draw(image)
    draw.text((WIDTH_PX / 2, 96), TITLE, 255, ImageFont.load_default(64), anchor="mm")
    draw.rectangle((WIDTH_PX / 2 - 120, 142, WIDTH_PX / 2 + 120, 144), 255)
    return np.asarray(image, np.float32) / np.float32(255)


class Film:
    """Gives the picture of any instant of the clip, uint8 RGB."""

    def __init__(self) -> None:
        self.scenes = ((0.0, CUT_S, Harbour()), (CUT_S, BLACK_S, Street()), (LAKE_S, END_S, Lake()))
        self.title = title()[..., None]
        self.shadow = cv2.GaussianBlur(self.title, (0, 0), 5)[..., None]

    def __call__(self, t: float) -> Pixels:
        picture = np.zeros((HEIGHT_PX, WIDTH_PX, 3), np.float32)
        for start, end, scene in self.scenes:
            if start <= t < end:
                picture = scene(t - start)
        strength = np.clip(min(t - TITLE_FROM_S, TITLE_TO_S - t) / 0.4, 0, 1)
        picture = picture * (1 - 0.6 * strength * self.shadow) * (1 - strength * self.title) + strength * self.title
        light = np.clip(max(BLACK_S - t, t - LAKE_S) / FADE_S, 0, 1)
        if light:
            grain = np.random.default_rng(round(t * RATE)).standard_normal((HEIGHT_PX // 2, WIDTH_PX // 2), np.float32)
            picture = picture + 0.006 * cv2.resize(grain, (WIDTH_PX, HEIGHT_PX))[..., None]
        return np.asarray(np.clip(picture * light * 255 + 0.5, 0, 255), np.uint8)


def sound(spoken: list[sounds.Wave]) -> sounds.Wave:
    """The whole sound track; the black passage is digitally silent."""
    track = np.zeros(round(END_S * sounds.RATE_HZ), np.float32)
    sounds.put(track, sounds.sea(CUT_S), 0)
    sounds.put(track, sounds.traffic(BLACK_S - CUT_S), CUT_S)
    sounds.put(track, sounds.wind(END_S - LAKE_S), LAKE_S)
    sounds.put(track, sounds.siren(SIREN_S[1] - SIREN_S[0], CUT_S + (ARRIVES_S + PASSES_S) / 2 - SIREN_S[0]), SIREN_S[0])
    for (at_s, _, _), voice in zip(SENTENCES, spoken, strict=True):
        sounds.put(track, voice, at_s)
    return np.clip(track, -1, 1)


def expected(spoken: list[sounds.Wave]) -> list[dict[str, Any]]:
    """What a viewer of the clip would write down, by time."""

    def entry(kind: str, what: str, start_s: float, end_s: float) -> dict[str, Any]:
        return {"kind": kind, "what": what, "start_ms": round(start_s * 1000), "end_ms": round(end_s * 1000)}

    said = [
        entry("speech", text, at_s, at_s + len(voice) / sounds.RATE_HZ) for (at_s, _, text), voice in zip(SENTENCES, spoken, strict=True)
    ]
    seen = [
        entry("text", TITLE, TITLE_FROM_S, TITLE_TO_S),
        entry("caption", "pans right", 0, CUT_S),
        entry("caption", "movement", CUT_S, BLACK_S),
        entry("caption", "black", BLACK_S, LAKE_S),
        entry("event", "shot_cut", CUT_S, CUT_S),
        entry("sound", "siren", *SIREN_S),
        entry("event", "shot_fade", BLACK_S - FADE_S, BLACK_S),
        entry("event", "shot_fade", LAKE_S, LAKE_S + FADE_S),
        entry("event", "black", BLACK_S, LAKE_S),
        entry("event", "silence", BLACK_S, LAKE_S),
    ]
    return sorted(said + seen, key=lambda e: (e["start_ms"], e["kind"], e["what"]))


def encode(film: Film, track: sounds.Wave) -> None:
    """Write CLIP. Needs ffmpeg."""
    picture = f"-f rawvideo -pix_fmt rgb24 -video_size {WIDTH_PX}x{HEIGHT_PX} -framerate {RATE} -i -"
    coding = "-c:v libx264 -preset veryslow -crf 27 -g 125 -pix_fmt yuv420p -c:a aac -b:a 72k -movflags +faststart -fflags +bitexact"
    with NamedTemporaryFile(suffix=".f32") as pcm:
        pcm.write(track.tobytes())
        pcm.flush()
        audio = f"-f f32le -ar {sounds.RATE_HZ} -ac 1 -i {pcm.name}"
        command = f"ffmpeg -y -loglevel error {picture} {audio} {coding}"
        with subprocess.Popen([*command.split(), str(CLIP)], stdin=subprocess.PIPE) as ffmpeg:
            assert ffmpeg.stdin
            for number in range(round(END_S * RATE)):
                ffmpeg.stdin.write(film(number / RATE).tobytes())
    if ffmpeg.returncode:
        raise SystemExit(f"ffmpeg failed with {ffmpeg.returncode}")


def main() -> None:
    spoken = [sounds.speech(text, voice) for _, voice, text in SENTENCES]
    encode(Film(), sound(spoken))
    EXPECTED.write_text(json.dumps(expected(spoken), indent=1) + "\n", encoding="utf-8")
    print(f"{CLIP.name}: {CLIP.stat().st_size:,} bytes, {END_S} s")


if __name__ == "__main__":
    main()
