"""A live HLS server on loopback, as well and as badly behaved as its test wants."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from time import monotonic
from types import TracebackType

from broadcasts import H264, ffmpeg
from sources.made_media import both

LISTED = 4


@dataclass
class RollingHls:
    """Segments of 1 s, one more each second, the last LISTED of them listed. A context manager.

    frozen_at: from this segment on the playlist stays as it is. lost: segments that are listed and not there (404).
    gone: the playlist itself is not there. twice: segments that are listed again right after themselves.
    shift: what is added to the numbers in the playlist. clock: when the first segment began; None: it is not said. elsewhere: the address
    in front of the names of segments.
    """

    folder: Path
    seconds: int
    clock: datetime | None = None
    elsewhere: str = ""
    frozen_at: int | None = None
    lost: set[int] = field(default_factory=set)
    gone: bool = False
    skipped: set[int] = field(default_factory=set)
    twice: set[int] = field(default_factory=set)
    shift: Callable[[int], int] = lambda number: 0

    def __post_init__(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        hls = "-f hls -hls_time 1 -hls_list_size 0 -hls_segment_filename"
        ffmpeg(*both(seconds=self.seconds).split(), *H264.split(), *hls.split(), str(self.folder / "%d.ts"), str(self.folder / "all.m3u8"))
        self.began_s: float | None = None
        server = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                server.answer(self)

            def log_message(self, format: str, *args: object) -> None:
                pass

        self._http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._http.server_port}/live.m3u8"

    def __enter__(self) -> "RollingHls":
        Thread(target=self._http.serve_forever, daemon=True).start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._http.shutdown()
        self._http.server_close()

    @property
    def newest(self) -> int:
        """Number of the newest segment: it is listed once it has ended."""
        self.began_s = self.began_s or monotonic() - LISTED
        return min(self.seconds, int(monotonic() - self.began_s)) - 1

    def answer(self, request: BaseHTTPRequestHandler) -> None:
        name = request.path.strip("/")
        if name == "live.m3u8":
            body = None if self.gone else self._playlist().encode()
        else:
            file = self.folder / name
            body = None if int(file.stem) in self.lost or not file.exists() else file.read_bytes()
        request.send_response(404 if body is None else 200)
        request.send_header("Content-Length", str(len(body or b"")))
        request.end_headers()
        request.wfile.write(body or b"")

    def _playlist(self) -> str:
        newest = self.newest if self.frozen_at is None else min(self.newest, self.frozen_at)
        numbers = [n for n in range(max(0, newest - LISTED + 1), newest + 1) if n not in self.skipped]
        lines = ["#EXTM3U", "#EXT-X-VERSION:3", "#EXT-X-TARGETDURATION:1", f"#EXT-X-MEDIA-SEQUENCE:{numbers[0] + self.shift(newest)}"]
        for number in numbers:
            for _ in range(2 if number in self.twice else 1):
                if self.clock:
                    lines.append(f"#EXT-X-PROGRAM-DATE-TIME:{(self.clock + timedelta(seconds=number)).isoformat()}")
                lines += ["#EXTINF:1.0,", f"{self.elsewhere}{number}.ts"]
        return "\n".join(lines) + "\n"
