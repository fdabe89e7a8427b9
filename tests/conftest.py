"""What tests need from outside, never skipped silently.

CAPSTREAM_REQUIRE=ray,ffmpeg,whisper,media makes what is listed and missing fail.
"""

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

REQUIRED = set(filter(None, os.environ.get("CAPSTREAM_REQUIRE", "").split(",")))
MEDIA = Path(os.environ.get("CAPSTREAM_MEDIA") or Path(__file__).parents[2] / "shared" / "media")


def missing(what: str, why: str) -> None:
    """Fail where `what` is required, else skip and say how to provide it."""
    if what in REQUIRED:
        pytest.fail(f"{what} is required (CAPSTREAM_REQUIRE) and missing: {why}")
    pytest.skip(why)


@pytest.fixture(autouse=True)
def _provided(request: pytest.FixtureRequest) -> None:
    if request.node.get_closest_marker("ffmpeg") and not (shutil.which("ffmpeg") and shutil.which("ffprobe")):
        missing("ffmpeg", "ffmpeg is not there: apt-get install ffmpeg")
    if request.node.get_closest_marker("media") and not MEDIA.is_dir():
        missing("media", f"no real media at {MEDIA}: set CAPSTREAM_MEDIA to their folder")


@pytest.fixture
def media() -> Callable[[str], Path]:
    """A file of the real media by its path in MANIFEST.json."""

    def path(name: str) -> Path:
        file = MEDIA / name
        if not file.exists():
            missing("media", f"{name} is not there: set CAPSTREAM_MEDIA to the folder of the real media")
        return file

    return path


@pytest.fixture(scope="session")
def whisper_base() -> Path:
    """The folder of the real Whisper base (CTranslate2), fetched once into the user's cache."""
    from operators.errors import ModelUnavailable
    from pipeline.models import resolve

    try:
        return resolve("whisper-base")
    except ModelUnavailable as e:
        missing("whisper", f"Whisper base can not be had: {e}; try `capstream models fetch whisper-base`")
        raise
