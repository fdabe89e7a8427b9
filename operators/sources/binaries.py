"""The ffmpeg that is run: the system's where it is recent enough, else the one that the imageio-ffmpeg package brings."""

import re
import shutil
import subprocess
from functools import cache

from operators.errors import ConfigError

OLDEST = (5, 1)
"""The first with `-fps_mode`; Debian 12 has it."""


@cache
def find_ffmpeg() -> str:
    """Raises ConfigError where there is none."""
    system = shutil.which("ffmpeg")
    if system and ffmpeg_version(system) >= OLDEST:
        return system
    try:
        import imageio_ffmpeg

        return str(imageio_ffmpeg.get_ffmpeg_exe())
    except (ImportError, RuntimeError) as e:
        oldest = ".".join(map(str, OLDEST))
        raise ConfigError(
            f"there is no ffmpeg {oldest} or newer; install one (apt-get install ffmpeg) or the package imageio-ffmpeg"
        ) from e


@cache
def ffmpeg_version(path: str) -> tuple[int, int]:
    """(0, 0) where it does not run; a build without a number is taken for new."""
    try:
        said = subprocess.run([path, "-version"], capture_output=True, text=True, timeout=20, check=True).stdout
    except (OSError, subprocess.SubprocessError):
        return 0, 0
    number = re.match(r"ffmpeg version n?(\d+)\.(\d+)", said)
    return (int(number[1]), int(number[2])) if number else (999, 0)
