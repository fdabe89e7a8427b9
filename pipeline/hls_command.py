"""`capstream hls`: a resident process beside those that run the stream; it may be killed at any moment and goes on."""

import signal
import sys
from pathlib import Path
from threading import Event
from time import monotonic

from operators.errors import ConfigError, SourceUnavailable
from operators.subtitles.formats.hls_playlist import Playlist
from pipeline.hls_folder import HlsFolder, State
from pipeline.hls_follow import HlsFollower, HlsOptions
from pipeline.naming import check_id

POLL_S = 0.2


def execute(out: Path, stream: str, folder: Path, options: HlsOptions) -> int:
    """Until the stream has ended, or SIGINT or SIGTERM; the exit code. Raises CapstreamError where it can not go on."""
    check_id(stream)
    if not out.is_dir():
        raise ConfigError(f"{out} is not there: it is the --out of run or serve")
    stop = Event()
    for sign in (signal.SIGINT, signal.SIGTERM):
        signal.signal(sign, lambda number, frame: stop.set())
    published = HlsFolder(folder, State(stream, Playlist(options.target_s), beside=options.beside is not None))
    try:
        return _follow(HlsFollower(out / stream, published, options), published, stop)
    finally:
        published.close()


def _follow(follower: HlsFollower, folder: HlsFolder, stop: Event) -> int:
    told, late = "", folder.state.late
    if not follower.done:
        _say(f"follows {folder.state.stream}")
    while not stop.is_set() and not follower.done:
        try:
            moved = follower.turn(monotonic())
        except SourceUnavailable as e:
            moved = False
            if e.message != told:
                _say(told := e.message)
        if folder.state.late > late:
            late = folder.state.late
            _say(f"{late} cues came after their segment was published; a longer --delay makes it rarer")
        if not moved:
            stop.wait(POLL_S)
    state = folder.state
    how = "complete" if follower.done else "stopped (run it again to go on)"
    print(f"{state.stream}: {how}, {state.playlist.next} segments, {state.late} cues came late")
    return 0


def _say(line: str) -> None:
    print(f"capstream: {line}", file=sys.stderr, flush=True)
