"""What we publish, played by a real browser: the cues come when the picture shows what they tell of."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from threading import Event, Thread
from time import monotonic

import msgspec
import pytest
from hls.browser import browser, find_hls_js, served
from live.broadcasts import ffmpeg, free_port, recorded, sender, wait_until
from sources.reading import ALL

from operators.media import Frame
from operators.protocols import FramesNeed
from operators.records import Caption, Clock
from operators.sources.spooled import SpooledSource
from operators.subtitles.formats.hls_playlist import Playlist
from pipeline.hls_folder import HlsFolder, State
from pipeline.hls_follow import HlsFollower, HlsOptions
from pipeline.log import Header, LogWriter

pytestmark = [pytest.mark.browser, pytest.mark.ffmpeg]
OPTIONS = HlsOptions(target_s=2, delay_s=4, window_s=30)
ON_TIME_S = 0.1
"""Between a cue and its picture."""
CLIP_S = 12
"""It is white for a second from 2, from 6 and from 10 on, else black."""
TIMES = 4
"""It is sent so often, each time by a sender of its own: the clock steps back, and there is a hole in between."""


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("clip") / "flashes.ts"
    flashes = f"color=black:s=320x180:r=25:d={CLIP_S},drawbox=w=iw:h=ih:color=white:t=fill:enable='gte(t,2)*lt(mod(t-2,4),1)'"
    codecs = "-c:v libx264 -preset ultrafast -bf 2 -g 25 -pix_fmt yuv420p -c:a aac -b:a 64k"
    ffmpeg("-f", "lavfi", "-i", flashes, "-f", "lavfi", "-i", f"sine=d={CLIP_S}", *codecs.split(), str(path))
    return path


class Show:
    """A stream as it is on the disk. Two threads: one sees in the spool, as lanes do, when the picture is white, and says so; the other is
    what is tested."""

    def __init__(self, out: Path) -> None:
        self.place = out / "cam" / "1"
        self.spool = self.place / "spool"
        self.spool.mkdir(parents=True)
        (self.place / "generation.json").write_bytes(msgspec.json.encode({"uri": "udp://127.0.0.1"}))
        self.hls = out / "hls"
        self._stop = Event()
        self._source = SpooledSource("flashes", self.spool)
        self._threads = [Thread(target=self._tell), Thread(target=self._publish)]

    def __enter__(self) -> "Show":
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._stop.set()
        self._source.close()
        for thread in self._threads:
            thread.join()

    def _tell(self) -> None:
        header = Header("cam", 1, "narrate", {}, "source", "settings", Clock("arrival", "2026-01-02T03:04:05.000+00:00"))
        log, since, told = LogWriter(self.place / "narrate.jsonl", header), None, 0
        for item in self._source.frames(self._source.probe(), FramesNeed(25, 64), ALL):
            light = isinstance(item, Frame) and item.picture.pixels.mean() > 100
            if light and since is None:
                since = item.at
            elif not light and since is not None:
                text = f"Flash {told}"
                log.append("narrate.subtitles", Caption(since, item.end, "subtitle", text, (text,), "en", 1.0, f"cue-{told}"))
                since, told = None, told + 1
            if item.end.denominator == 1:
                log.commit(item.end, item.end, {})
        log.close()

    def _publish(self) -> None:
        folder = HlsFolder(self.hls, State("cam", Playlist(2)))
        follower = HlsFollower(self.place.parent, folder, OPTIONS)
        while not self._stop.is_set():
            if not follower.turn(monotonic()):
                self._stop.wait(0.1)
        folder.close()


@contextmanager
def sent_again_and_again(clip: Path, address: str) -> Iterator[None]:
    stop = Event()

    def send() -> None:
        for _ in range(TIMES):
            with sender(clip, address) as process:
                while process.poll() is None and not stop.wait(0.1):
                    pass
            stop.wait(1)

    thread = Thread(target=send)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


def onsets(frames: list[tuple[float, int]]) -> list[tuple[float, float]]:
    """(last black, first white): the picture turned white in between."""
    shown = sorted(frames)
    return [(before, at) for (before, dark), (at, light) in pairwise(shown) if dark < 100 < light and at - before < 2]


@pytest.mark.timeout(240)
def test_a_live_stream_that_breaks_off_plays_with_its_cues_on_time(tmp_path: Path, clip: Path) -> None:
    address = f"udp://127.0.0.1:{free_port()}?pkt_size=1316"
    script = find_hls_js()
    assert script is not None
    with Show(tmp_path) as show, recorded(address, show.spool), sent_again_and_again(clip, address):
        wait_until(lambda: (show.hls / "master.m3u8").exists(), 120)
        with served(show.hls, script) as url, browser(url) as page:
            page.play_until("window.onsets() >= 5 && window.seen.shown.at(-1)?.[1].length", 120)
            page.screenshot(Path(os.environ.get("CAPSTREAM_SCREENSHOT") or tmp_path / "live.png"))
            seen = page.seen()
    assert "#EXT-X-DISCONTINUITY\n" in (show.hls / "media.m3u8").read_text()
    assert not [e for e in seen["errors"] if e.startswith("fatal")]
    assert seen["tracks"] == [["Subtitles", "en", True]]
    cues = {text: start for start, _, text in seen["cues"].values()}
    assert len(cues) == len(seen["cues"]), "a cue that stands in two segments is one, at one time"
    flashes = onsets([(at, light) for at, light in seen["frames"]])
    assert flashes
    for black, white in flashes:
        nearest = min(cues.values(), key=lambda start: abs(start - white))
        assert black - ON_TIME_S <= nearest <= white + ON_TIME_S, (black, white, cues)
    assert min(white - black for black, white in flashes) < ON_TIME_S
