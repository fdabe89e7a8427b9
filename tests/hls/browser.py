"""A real browser that plays what a folder holds: Debian's Chromium with hls.js, and what it saw."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from importlib.util import find_spec
from pathlib import Path
from threading import Thread
from typing import Any

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
CHROMIUM = ("chromium", "chromium-browser", "google-chrome")
FLAGS = ["--no-sandbox", "--autoplay-policy=no-user-gesture-required", "--disable-gpu"]


def why_not() -> str | None:
    """What is missing for a browser, and the command that brings it; None where all is there."""
    if find_browser() is None:
        return "no browser: apt-get install chromium"
    if find_hls_js() is None:
        return "hls.js is not there: npm install --prefix .venv/npm hls.js@1.7.4, or name its hls.min.js in HLS_JS"
    if find_spec("playwright") is None:
        return "playwright is not there: make env"
    return None


def find_browser() -> str | None:
    return next((path for name in CHROMIUM if (path := shutil.which(name))), None)


def find_hls_js() -> Path | None:
    """Where `make test` puts it, or what HLS_JS names."""
    path = Path(os.environ.get("HLS_JS") or ROOT / ".venv" / "npm" / "node_modules" / "hls.js" / "dist" / "hls.min.js")
    return path if path.is_file() else None


class _Handler(SimpleHTTPRequestHandler):
    def __init__(self, *arguments: Any, folder: Path, script: Path) -> None:
        self._files = {"/": HERE / "page.html", "/hls.js": script}
        self._folder = folder
        super().__init__(*arguments)

    def translate_path(self, path: str) -> str:
        return str(self._files.get(path) or self._folder / Path(path).name)

    def end_headers(self) -> None:
        self.send_header("Cache-Control", "no-store")
        super().end_headers()

    def guess_type(self, path: str | os.PathLike[str]) -> str:
        kinds = {".m3u8": "application/vnd.apple.mpegurl", ".vtt": "text/vtt", ".ts": "video/mp2t"}
        return kinds.get(Path(path).suffix) or super().guess_type(path)

    def log_message(self, format: str, *arguments: object) -> None:
        pass


@contextmanager
def served(folder: Path, script: Path) -> Iterator[str]:
    """The page and the folder, on loopback."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(_Handler, folder=folder, script=script))
    Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/"
    finally:
        server.shutdown()
        server.server_close()


@dataclass
class Page:
    page: Any

    def seen(self) -> dict[str, Any]:
        found: dict[str, Any] = self.page.evaluate("window.seen")
        return found

    def play_until(self, condition: str, seconds: float) -> None:
        self.page.wait_for_function(condition, timeout=seconds * 1000, polling=200)

    def screenshot(self, path: Path) -> None:
        self.page.screenshot(path=str(path))


@contextmanager
def browser(url: str) -> Iterator[Page]:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=find_browser(), args=FLAGS)
        try:
            page = chromium.new_page(viewport={"width": 640, "height": 400})
            page.goto(url)
            yield Page(page)
        finally:
            chromium.close()
