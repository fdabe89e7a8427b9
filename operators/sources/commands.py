"""The command lines of the decoders, built by ffmpeg-python: timed pictures and sound as NUT on stdout."""

import os
from fractions import Fraction
from typing import Any

import ffmpeg

from operators.media import SOUND_RATE_HZ, PictureTrack
from operators.sources.binaries import find_ffmpeg
from operators.sources.expressions import first_of_each_cell, unjumped
from operators.sources.probe import MOST_PIXELS, Probe

THREADS = min(4, os.cpu_count() or 1)
"""Of one decoder of pictures: beyond these a picture costs more memory and gains little."""


def pictures_command(found: Probe, rate: int, size: tuple[int, int], seek: Fraction | None) -> list[str]:
    """The first picture of each cell, rgb24, of exactly `size`, with its own timestamp. `seek`: instant on the timeline to begin before."""
    track, zero = found.info.picture, found.info.zero
    assert track is not None
    options: dict[str, Any] = {"threads": THREADS, "max_pixels": MOST_PIXELS}
    if seek is not None:
        # The trimming of an accurate seek goes wrong with absolute timestamps: what comes too early is dropped by us.
        options |= {"ss": f"{float(zero + seek):.6f}", "seek_timestamp": 1, "noaccurate_seek": None}
    jumps = found.jumps(track.index)
    if jumps:
        # A picture of another size would rebuild the filters, and they would forget how often the clock has jumped.
        options |= {"reinit_filter": 0}
    stream = _input(found, options)[str(track.index)]
    if jumps:
        stream = stream.filter("setpts", unjumped(jumps))
    base = found.bases[track.index]
    stream = (
        stream.filter("settb", _ratio(base, "/"))
        .filter("select", first_of_each_cell(rate, zero, base))
        .filter("scale", size[0], size[1], flags="bicubic")
        .filter("format", "rgb24")
    )
    return _command(stream, vcodec="rawvideo", fps_mode="passthrough", enc_time_base=_ratio(base, ":"))


def sound_command(found: Probe) -> list[str]:
    """The whole sound: 16 kHz, mono, float32, with timestamps."""
    track = found.info.sound
    assert track is not None
    stream = _input(found, {"threads": 1})[str(track.index)]
    if jumps := found.jumps(track.index):
        stream = stream.filter("asetpts", unjumped(jumps))
    return _command(stream, acodec="pcm_f32le", ar=SOUND_RATE_HZ, ac=1)


def shown_size(track: PictureTrack, longest_px: int) -> tuple[int, int]:
    """Width and height of the frames: as shown, scaled down, never up, so that the long side is at most `longest_px`."""
    scale = min(Fraction(1), Fraction(longest_px, max(track.width_px, track.height_px)))
    return max(1, round(track.width_px * scale)), max(1, round(track.height_px * scale))


def _input(found: Probe, options: dict[str, Any]) -> Any:
    return ffmpeg.input(found.source.url, f=found.demuxer, copyts=None, **found.source.options, **options)


def _command(stream: Any, **options: Any) -> list[str]:
    output = ffmpeg.output(stream, "pipe:1", f="nut", **options)
    command: list[str] = output.global_args("-nostdin", "-hide_banner", "-loglevel", "repeat+error").compile(cmd=find_ffmpeg())
    return command


def _ratio(value: Fraction, sign: str) -> str:
    return f"{value.numerator}{sign}{value.denominator}"
