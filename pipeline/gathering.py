"""`make sources`: a folder of real pictures and sounds for the made corpus, from Debian packages and a folder of media with a manifest.

python -m pipeline.gathering OUT [--debs FOLDER] [--media FOLDER]
"""

import argparse
import json
import subprocess
import tempfile
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from operators.media import Pixels

WIDTH, HEIGHT = 320, 192
LEAST_PX = 480
"""A narrower picture is an icon or a thumbnail."""
FLAT = 12
"""Standard deviation of a picture in which nothing is to be seen."""
EVERY_S = Fraction(2)
"""One picture of a film in so many seconds."""
LICENCES = ("permissive", "public-domain", "cc-by")
KEPT_OUT = ("video_events/", "audio_events/", "video_speech/nasa_13013", "video_speech/sintel_trailer", "shots/sintel_clip", "odd_media/")
"""Never trained on: real footage that judges the model, and what was cut from it."""
PICTURES = (".jpg", ".jpeg", ".png", ".webp")
SOUNDS = {"alarm-clock-elapsed.oga": "alarm", "audio-test-signal.oga": "hum"}
"""Of sound-theme-freedesktop: those that are what a label says."""
MUSIC = ("speech/song_paulallen.mp3",)
LONGEST_LINE_S = 12
FILMS = (".mp4", ".webm", ".mkv")


def gather(out: Path, debs: Path | None, media: Path | None) -> dict[str, int]:
    """How many files of each kind lie in `out` now."""
    for deb in sorted(debs.glob("*.deb")) if debs else []:
        _unpack(deb, out)
    if media:
        _pick(media, out)
    return {str(p.relative_to(out)): len(list(p.iterdir())) for p in [out / "pictures", *sorted((out / "sounds").glob("*"))] if p.is_dir()}


def _unpack(deb: Path, out: Path) -> None:
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run(["dpkg-deb", "-x", str(deb), folder], check=True)
        package = deb.name.partition("_")[0]
        seen: set[str] = set()
        for path in sorted(Path(folder).rglob("*")):
            if path.is_symlink() or not path.is_file():
                continue
            if path.suffix.lower() in PICTURES:
                _keep_picture(path, out / "pictures", package, seen)
            elif label := SOUNDS.get(path.name):
                _copy(path, out / "sounds" / label / f"{package}-{path.name}")


def _keep_picture(path: Path, folder: Path, package: str, seen: set[str]) -> None:
    """Once, at whatever sizes it lies there: wallpapers come in many, in a folder that bears their name."""
    name = (
        next((p for p in reversed(path.parts[:-1]) if p not in ("images", "images_dark", "contents")), "")
        if "contents" in path.parts
        else path.stem
    )
    name += "-dark" if "images_dark" in path.parts else ""
    pixels = None if name in seen else cv2.imread(str(path), cv2.IMREAD_COLOR)
    if pixels is None or pixels.shape[1] < LEAST_PX or pixels.std() < FLAT:
        return
    seen.add(name)
    _write(pixels, folder / f"{package}-{name}.jpg")


def _write(pixels: Pixels, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), cv2.resize(pixels, (WIDTH, HEIGHT), interpolation=cv2.INTER_AREA), [cv2.IMWRITE_JPEG_QUALITY, 92])


def _copy(path: Path, to: Path) -> None:
    to.parent.mkdir(parents=True, exist_ok=True)
    to.write_bytes(path.read_bytes())


def _pick(media: Path, out: Path) -> None:
    """What its licence allows and what is not kept to judge by."""
    for file in json.loads((media / "MANIFEST.json").read_text(encoding="utf-8"))["files"]:
        name: str = file["path"]
        path, plain = media / name, name.replace("/", "-")
        if file.get("licence_class") not in LICENCES or name.startswith(KEPT_OUT):
            continue
        if path.suffix in FILMS and name.startswith("shots/"):
            for n, pixels in enumerate(_stills(path)):
                _write(pixels, out / "pictures" / f"{path.stem}-{n:03}.jpg")
        elif name in MUSIC:
            _copy(path, out / "sounds" / "music" / plain)
        elif name.startswith("speech/") and path.suffix in (".wav", ".flac", ".mp3") and _is_line(file):
            _copy(path, out / "sounds" / "speech" / plain)


def _is_line(file: dict[str, Any]) -> bool:
    """Somebody speaks in it from end to end."""
    return bool((file.get("ground_truth") or {}).get("text")) and (file.get("duration") or LONGEST_LINE_S) < LONGEST_LINE_S


def _stills(path: Path) -> Iterator[Pixels]:
    """BGR, where there is something to be seen."""
    import av

    with av.open(str(path)) as container:
        due = Fraction(0)
        for frame in container.decode(video=0):
            at = Fraction(0) if frame.time is None else Fraction(frame.time)
            if at >= due and (pixels := frame.to_ndarray(format="bgr24")).std() > FLAT:
                due = at + EVERY_S
                yield np.asarray(pixels, np.uint8)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out", type=Path)
    parser.add_argument("--debs", type=Path)
    parser.add_argument("--media", type=Path)
    given = parser.parse_args()
    for kind, count in gather(given.out, given.debs, given.media).items():
        print(f"{kind}: {count}")


if __name__ == "__main__":
    main()
