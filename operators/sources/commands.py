"""The command lines of the decoders, built by ffmpeg-python: timed pictures and sound as NUT on stdout."""

import os
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import ffmpeg

from operators.media import SOUND_RATE_HZ, PictureTrack
from operators.sources.binaries import find_ffmpeg
from operators.sources.expressions import first_of_each_cell, on_timeline
from operators.sources.probe import MOST_PIXELS, Probe

_URL = "file:"
"""Stands for the file's own: ffmpeg-python takes only names that are UTF-8."""
MOST_THREADS = min(4, os.cpu_count() or 1)
"""Of one decoder of pictures: beyond these a picture costs more memory and gains little."""


def threads_for(codec: str, threads: int) -> int:
    """VP8 says nothing of damage, and what its threads make of it is a race: it is decoded by one."""
    return 1 if codec == "vp8" else threads


@dataclass(frozen=True, slots=True)
class Pictures:
    """Which pictures a decoder is to give."""

    rate: int
    size: tuple[int, int]
    seek: Fraction | None
    """Instant on the timeline to begin before; None: the beginning."""


def pictures_command(found: Probe, wanted: Pictures, threads: int) -> list[str]:
    """The first picture of each cell, rgb24, of exactly the size, with its own timestamp."""
    track = found.info.picture
    assert track is not None
    options: dict[str, Any] = {"threads": threads_for(track.codec, threads), "max_pixels": MOST_PIXELS}
    if wanted.seek is not None:
        # The trimming of an accurate seek goes wrong with absolute timestamps: what comes too early is dropped by us.
        options |= {"ss": f"{float(found.info.zero + wanted.seek):.6f}", "seek_timestamp": 1, "noaccurate_seek": None}
    if found.jumps(track.index):
        # A picture of another size would rebuild the filters, and they would forget how often the clock has jumped.
        options |= {"reinit_filter": 0}
    source, base = _input(found, options), found.bases[track.index]
    stream = (
        _timed(source, "setpts", found, track.index)
        .filter("settb", _ratio(base, "/"))
        .filter("select", first_of_each_cell(wanted.rate, found.info.zero + found.lift, base))
        .filter("scale", *wanted.size, flags="bilinear")
        .filter("format", "rgb24")
    )
    outputs = [_nut(stream, vcodec="rawvideo", fps_mode="passthrough", enc_time_base=_ratio(base, ":"))]
    if found.source.playlist and found.info.sound is not None:
        # ffmpeg 5 gives wrong timestamps to pictures of a playlist whose sound is not read along.
        outputs.append(ffmpeg.output(source[found.selectors[found.info.sound.index]], "-", f="null", c="copy"))
    return _command(found, outputs)


def sound_command(found: Probe, apart: bool = False) -> list[str]:
    """The whole sound: 16 kHz, float32, with timestamps; mono, or with its channels `apart` as they are."""
    track = found.info.sound
    assert track is not None
    stream = _timed(_input(found, {"threads": 1}), "asetpts", found, track.index)
    return _command(found, [_nut(stream, acodec="pcm_f32le", ar=SOUND_RATE_HZ, ac=track.channels if apart else 1, rematrix_maxval=1)])


def shown_size(track: PictureTrack, longest_px: int) -> tuple[int, int]:
    """Width and height of the frames: as shown, scaled down, never up, so that the long side is at most `longest_px`."""
    scale = min(Fraction(1), Fraction(longest_px, max(track.width_px, track.height_px)))
    return max(1, round(track.width_px * scale)), max(1, round(track.height_px * scale))


def _input(found: Probe, options: dict[str, Any]) -> Any:
    return ffmpeg.input(_URL, f=found.demuxer, copyts=None, **found.source.options, **options)


def _timed(source: Any, filter_name: str, found: Probe, index: int) -> Any:
    jumps = found.jumps(index)
    stream = source[found.selectors[index]]
    return stream.filter(filter_name, on_timeline(jumps, found.lift)) if jumps or found.lift else stream


def _nut(stream: Any, **options: Any) -> Any:
    return ffmpeg.output(stream, "pipe:1", f="nut", **options)


def _command(found: Probe, outputs: list[Any]) -> list[str]:
    merged = ffmpeg.merge_outputs(*outputs).global_args("-nostdin", "-hide_banner", "-loglevel", "repeat+error")
    command: list[str] = merged.compile(cmd=find_ffmpeg())
    return [found.source.url if word == _URL else word for word in command]


def _ratio(value: Fraction, sign: str) -> str:
    return f"{value.numerator}{sign}{value.denominator}"
