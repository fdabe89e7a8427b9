"""Small media, made by ffmpeg."""

import atexit
import shutil
import subprocess
from functools import cache
from pathlib import Path
from tempfile import mkdtemp

PICTURES = "testsrc2=size=192x108:rate={rate}:duration={seconds}"
TONE = "sine=frequency=440:sample_rate=44100:duration={seconds}"
H264 = "-c:v libx264 -preset ultrafast -bf 2 -g 24 -pix_fmt yuv420p"
AAC = "-c:a aac -b:a 64k"


def lavfi(source: str) -> str:
    return f"-f lavfi -i {source}"


def both(rate: str = "25", seconds: float = 6) -> str:
    return f"{lavfi(PICTURES.format(rate=rate, seconds=seconds))} {lavfi(TONE.format(seconds=seconds))}"


RECIPES = {
    "cfr.mp4": f"{both()} {H264} {AAC}",
    "ntsc.mp4": f"{both('30000/1001')} {H264} {AAC}",
    "film.mkv": f"{both('24000/1001')} {H264} -c:a flac",
    # Pictures thinned irregularly, with a hole of 2.5 s.
    "vfr.mp4": f"{both()} -vf select='gt(mod(n*n\\,7)\\,2)*not(between(t\\,2\\,4.5))' -fps_mode vfr {H264} {AAC}",
    "open-groups.mp4": f"{both()} -c:v libx264 -preset veryfast -x264-params open-gop=1:keyint=30:bframes=3 -pix_fmt yuv420p {AAC}",
    "refresh.mp4": f"{both()} -c:v libx264 -preset veryfast -x264-params intra-refresh=1:keyint=50 -pix_fmt yuv420p {AAC}",
    "cut.mp4": "-ss 1.3 -i b-frames.mp4 -c copy",
    "b-frames.mp4": f"{both()} -c:v libx264 -preset veryfast -bf 3 -b_strategy 2 -g 250 -pix_fmt yuv420p {AAC}",
    "start.mp4": f"{both()} -output_ts_offset 5 {H264} {AAC}",
    "late-clock.mkv": f"{both(seconds=3)} -output_ts_offset 20000 {H264} -c:a flac",
    "late-sound.mp4": f"{lavfi(PICTURES.format(rate=25, seconds=6))} -itsoffset 1.3 {lavfi(TONE.format(seconds=3))} {H264} {AAC}",
    "late-pictures.mp4": (
        f"-itsoffset 0.72 {lavfi(PICTURES.format(rate=25, seconds=3))} {lavfi(TONE.format(seconds=4))} -fps_mode passthrough {H264} {AAC}"
    ),
    "very-late-sound.mkv": (
        f"{lavfi(PICTURES.format(rate=5, seconds=20))} -itsoffset 15.05 {lavfi(TONE.format(seconds=2))} {H264} -c:a flac"
    ),
    "hole.mkv": f"{lavfi(PICTURES.format(rate=25, seconds=4))} -vf setpts=PTS+if(gte(N\\,50)\\,15/TB) {H264}",
    "ten-hours.mkv": f"{lavfi('color=size=64x64:rate=1:duration=2')} -vf setpts=N*36000/TB -fps_mode passthrough {H264}",
    "huge.mov": f"{lavfi('color=size=9000x9000:rate=1:duration=1')} -pix_fmt monob -c:v png",
    "rotated.mp4": "-i cfr.mp4 -c copy -t 2 -metadata:s:v rotate=90",
    "wide-pixels.mp4": f"{lavfi(PICTURES.format(rate=25, seconds=2))} -vf setsar=4/3 {H264}",
    "odd.webm": f"{lavfi('testsrc=size=161x121:rate=25:duration=2')} -c:v libvpx-vp9 -deadline realtime -cpu-used 8 -pix_fmt yuv420p",
    "vp8.webm": f"{lavfi(PICTURES.format(rate=25, seconds=4))} -c:v libvpx -deadline realtime -cpu-used 8 -g 25 -b:v 300k",
    "hevc.mp4": f"{lavfi(PICTURES.format(rate=25, seconds=3))} -c:v libx265 -preset ultrafast -x265-params log-level=none -pix_fmt yuv420p",
    "silent.mp4": f"{lavfi(PICTURES.format(rate=25, seconds=2))} {H264}",
    "sound.m4a": f"{lavfi(TONE.format(seconds=3.21))} {AAC}",
    "sound.wav": f"{lavfi(TONE.format(seconds=3.21))}",
    "stream.ts": f"{both()} {H264} {AAC}",
    "short.ts": f"{lavfi('testsrc=size=128x96:rate=30:duration=3')} {lavfi(TONE.format(seconds=3))} {H264} {AAC}",
    "fragments.mp4": f"{both()} {H264} {AAC} -movflags frag_keyframe+empty_moov",
    "list.m3u8": f"{both()} {H264} {AAC} -f hls -hls_list_size 0 -hls_time 2",
    "stereo.wav": f"{lavfi('aevalsrc=0.5|0.25:sample_rate=16000:duration=1')} -c:a pcm_f32le",
    "six.wav": f"{lavfi('aevalsrc=0.1|0.2|0.3|0.4|0.5|0.6:sample_rate=48000:duration=1')} -c:a pcm_s16le",
    "eight-khz.wav": f"{lavfi('aevalsrc=0.5*sin(2*PI*300*t)|0.25:sample_rate=8000:duration=1')} -c:a pcm_s16le",
    "odd-rate.flac": f"{lavfi('aevalsrc=0.5|0.25:sample_rate=37800:duration=1')} -c:a flac",
    "clipped.wav": f"{lavfi('aevalsrc=4*sin(2*PI*300*t)|0.25:sample_rate=16000:duration=1')} -c:a pcm_f32le",
    "no-numbers.wav": f"{lavfi('aevalsrc=sqrt(-1)|0.25:sample_rate=16000:duration=1')} -c:a pcm_f32le",
    "encrypted.mp4": (
        f"{both(seconds=2)} {H264} {AAC} -encryption_scheme cenc-aes-ctr -encryption_key 76a6c65c5ea762046bd749a2e632ccbb "
        "-encryption_kid a7e61c373e219033c21091fa607bf3b8"
    ),
    "two-pictures-two-languages.mkv": (
        f"{lavfi('color=red:size=64x64:rate=5:duration=1')} {lavfi('color=blue:size=96x64:rate=5:duration=1')} "
        f"{lavfi('sine=440:duration=1')} {lavfi('sine=880:duration=1')} -map 0 -map 1 -map 2 -map 3 {H264} -c:a flac "
        "-metadata:s:a:0 language=eng -metadata:s:a:1 language=swe -disposition:a:0 default"
    ),
    "cover.mp3": (
        f"{lavfi(TONE.format(seconds=2))} {lavfi('color=green:size=64x64:rate=1:duration=1')} -map 0 -map 1 -c:a libmp3lame "
        "-c:v mjpeg -frames:v 1 -disposition:v:0 attached_pic"
    ),
}


@cache
def _folder() -> Path:
    folder = Path(mkdtemp(prefix="capstream-made-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


@cache
def made(name: str) -> Path:
    """Made when it is first asked for; gone with the process."""
    words = RECIPES[name].split(" ")
    for word in words:
        if word in RECIPES:
            made(word)
    subprocess.run(["ffmpeg", "-v", "error", *words, "-threads", "1", name], check=True, cwd=_folder())
    return _folder() / name
