"""What happens in the real media beside what the detectors of events say of it.

python tests/bench/events.py [--write FILE]
"""

import json
import os
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cache
from pathlib import Path
from typing import Any

from operators.events import DETECTORS
from operators.facts import Sound
from operators.protocols import FramesNeed, Output
from operators.records import Event
from operators.sound import SoundMeasurer
from operators.sources import open_source
from operators.timeline import ZERO, Span
from pipeline.operator_run import OperatorRun

MEDIA = Path(os.environ.get("CAPSTREAM_MEDIA") or Path(__file__).parents[3] / "shared" / "media")
RATE, SIZE_PX = 8, 384
FOREVER = Fraction(10**6)
LANES = {
    "look": {o: d for o, d in DETECTORS.items() if o.startswith("look.")},
    "listen": {"listen.sound": SoundMeasurer, **{o: d for o, d in DETECTORS.items() if o.startswith("listen.")}},
}

Times = tuple[tuple[float, float], ...]
Row = dict[str, str]

CCTV = tuple(f"video_events/frigate_cctv_{n}.mp4" for n in (1, 2, 3))
CARS, PEOPLE, BOTTLES = (f"video_events/intel/{n}.mp4" for n in ("car-detection", "one-by-one-person-detection", "bottle-detection"))
TRAILER, CLIP, BUNNY = "video_speech/sintel_trailer.mp4", "shots/sintel_clip_30s.mp4", "shots/big_buck_bunny_0_30.webm"
SCENES = "shots/testvideo.mp4"
FIXED, FILMS = (*CCTV, CARS, PEOPLE, BOTTLES), (TRAILER, CLIP, BUNNY, "video_speech/nasa_13013.mp4")
DOG, BELL, CLICK = (f"audio_events/{n}" for n in ("esc10_dog_1-100032-A-0.wav", "toast_bell.mp3", "camera_click.ogg"))
RAIN, MUSIC, SONG = "audio_events/rain.mp3", "audio_events/music_demucs_test.mp3", "speech/song_paulallen.mp3"
OTHER_SOUND = (RAIN, MUSIC, SONG, "audio_events/noise/noise2.wav", "audio_events/noise/noise4.wav", "video_speech/ai_campus_full_audio.mp3")


@dataclass(frozen=True, slots=True)
class Case:
    """What a detector should say of a file: an event that begins within `near_s` of the beginning of each stretch of `truth`, and nothing
    that touches none of them."""

    origin: str
    file: str
    truth: Times = ()
    near_s: float = 0.5
    note: str = ""

    def met(self, found: Times) -> int:
        return sum(any(abs(f[0] - t[0]) <= self.near_s for f in found) for t in self.truth)

    def false(self, found: Times) -> int:
        near = self.near_s
        return sum(not any(f[0] <= t[1] + near and t[0] - near <= f[1] for t in self.truth) for f in found)

    def right(self, found: Times) -> bool:
        return self.met(found) == len(self.truth) and not self.false(found)


def cases() -> list[Case]:
    """Where something happens. Truth from the manifest where it has it; else judged by eye or read from the wave, as the note says."""
    truth = manifest()

    def spans(file: str, key: str) -> Times:
        return tuple((float(a), float(b)) for a, b in truth[file][key])

    def tracks(file: str) -> Times:
        return tuple((float(t["start"]), float(t["end"])) for t in truth[file]["tracks"])

    between_fades = ((0, 1.001), (6.172, 7.24), (12.145, 13.346), (23.256, 24.023))
    return [
        Case("look.black", TRAILER, spans(TRAILER, "black")),
        Case("look.black", CLIP, spans(CLIP, "fades_black")),
        Case("look.black", BUNNY, spans(BUNNY, "fades_black")),
        Case("look.black", SCENES, between_fades, note="between its fades"),
        Case("look.black", CCTV[2], ((10.5, 10.83),), note="the camera switches"),
        Case("look.motion", CCTV[1], ((31, 58),), 2.0, "a man sweeps"),
        Case("look.motion", CARS, tracks(CARS), 1.5, "cars drive through"),
        Case("look.motion", PEOPLE, tracks(PEOPLE), 1.5, "people come, stand and go"),
        Case("look.light", CCTV[0], ((7.3, 8.5),), note="of 0 to 8 s, by eye the switch"),
        Case("look.light", CCTV[2], ((10.5, 11.5),)),
        Case("listen.silence", DOG, ((0, 2.2), (2.6, 5)), note="zeros in the wave"),
        Case("listen.impulse", DOG, ((2.25, 2.7),), note="a bark"),
        Case("listen.impulse", BELL, ((0.11, 0.5),), note="struck once"),
        Case("listen.impulse", CLICK, ((0.0, 0.2),), note="begins with the file"),
    ]


def uneventful() -> dict[str, Sequence[str]]:
    """Files of which a detector should say nothing."""
    sound = (*OTHER_SOUND, *speech_files())
    return {
        "look.black": [f for f in FIXED if f != CCTV[2]],
        "look.frozen": (*FIXED, *FILMS),
        "look.covered": (*FIXED, *FILMS),
        "look.motion": (CCTV[0], CCTV[2]),
        "look.light": (CCTV[1], CARS, PEOPLE, BOTTLES, *FILMS),
        "listen.silence": (*OTHER_SOUND, "speech/jfk.flac", "speech/leopard/empty.wav"),
        "listen.impulse": sound,
        "listen.siren": (*sound, DOG, BELL, TRAILER),
    }


def kinds_expected() -> dict[str, tuple[Sequence[str], str]]:
    read = [f for f in speech_files() if "hifitts" in f or "librispeech" in f]
    single = {RAIN: "noise", MUSIC: "music_like", SONG: "music_like"}
    return {**{f: ([f], kind) for f, kind in single.items()}, f"{len(read)} clips of read speech": (read, "speech_like")}


@cache
def manifest() -> dict[str, dict[str, Any]]:
    return {f["path"]: f.get("ground_truth") or {} for f in json.loads((MEDIA / "MANIFEST.json").read_text())["files"]}


def speech_files() -> list[str]:
    return [f for f in manifest() if f.startswith("speech/") and f.endswith((".wav", ".flac", ".mp3")) and f != SONG]


def found(origin: str, file: str) -> Times:
    """(start, end) of the events that the detector says of the file, in seconds."""
    outputs = run(origin.split(".")[0], file)[origin]
    return tuple((float(e.start), float(e.end)) for e in outputs if isinstance(e, Event) and e.lifecycle == "end")


def kinds(files: Sequence[str]) -> dict[str, float]:
    """Share of the sound of the files by kind, longest first."""
    lengths: defaultdict[str, float] = defaultdict(float)
    for file in files:
        for sound in (o for o in run("listen", file)["listen.sound"] if isinstance(o, Sound)):
            lengths[sound.kind] += float(sound.end - sound.start)
    return {kind: length / sum(lengths.values()) for kind, length in sorted(lengths.items(), key=lambda k: -k[1])}


@cache
def run(lane: str, file: str) -> Mapping[str, list[Output]]:
    """What each detector of the lane says of the file, given what the lane would give it."""
    runs = {origin: OperatorRun(make(), lane) for origin, make in LANES[lane].items()}
    source, info = open_source(str(MEDIA / file))
    span, end = Span(ZERO, FOREVER), ZERO
    said: dict[str, list[Output]] = {origin: [] for origin in runs}
    for item in source.frames(info, FramesNeed(RATE, SIZE_PX), span) if lane == "look" else source.samples(info, span):
        end = item.end
        for origin, operator in runs.items():
            operator.feed(item)
            said[origin] += operator.take()
    for origin, operator in runs.items():
        operator.finish(end)
        said[origin] += operator.take()
    return said


def rows() -> list[Row]:
    made = [_row(case) for case in cases()]
    made += [_uneventful_row(origin, files) for origin, files in uneventful().items()]
    return made + [_kinds_row(name, files, kind) for name, (files, kind) in kinds_expected().items()]


def _row(case: Case) -> Row:
    said = found(case.origin, case.file)
    truth = _times(case.truth) + (f" ({case.note})" if case.note else "")
    return _line(case.origin, Path(case.file).name, truth, _times(said), f"{case.met(said)} of {len(case.truth)}, {case.false(said)} false")


def _uneventful_row(origin: str, files: Sequence[str]) -> Row:
    said = {file: times for file in files if (times := found(origin, file))}
    names = f"{len(files)} others, {_minutes(files):.1f} min"
    text = "; ".join(f"{Path(file).name} {_times(times)}" for file, times in said.items()) or "none"
    return _line(origin, names, "none", text, f"{sum(map(len, said.values()))} false")


def _minutes(files: Sequence[str]) -> float:
    durations = [open_source(str(MEDIA / file))[1].duration or ZERO for file in files]
    return float(sum(durations)) / 60


def _kinds_row(name: str, files: Sequence[str], kind: str) -> Row:
    shares = kinds(files)
    text = ", ".join(f"{k} {100 * share:.0f} %" for k, share in shares.items() if share >= 0.005)
    return _line("listen.sound", Path(name).name, kind, text, f"{100 * shares[kind]:.0f} %")


def _line(origin: str, file: str, truth: str, said: str, verdict: str) -> Row:
    return {"detector": origin, "file": file, "truth (s)": truth, "found (s)": said, "verdict": verdict}


def _times(times: Times) -> str:
    return ", ".join(f"{a:.2f}–{b:.2f}" for a, b in times) or "none"
