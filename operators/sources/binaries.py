"""The ffmpeg that is run: the system's where it is recent enough, else the one that the imageio-ffmpeg package brings."""

import re
import shutil
import subprocess
from functools import cache

from operators.errors import ConfigError, SourceUnavailable

OLDEST = (5, 1)
"""The first with `-fps_mode`; Debian 12 has it."""
TRIES = 5


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
    """(0, 0) where it does not run; a build without a number is taken for new.

    One that was killed or did not answer in time is asked again, for another ffmpeg would decode a stream's rest a little differently.
    Raises SourceUnavailable where it never answers.
    """
    for _ in range(TRIES):
        try:
            done = subprocess.run([path, "-version"], capture_output=True, text=True, timeout=20, check=False)
        except OSError:
            return 0, 0
        except subprocess.TimeoutExpired:
            continue
        if done.returncode > 0:
            return 0, 0
        if done.returncode == 0:
            number = re.match(r"ffmpeg version n?(\d+)\.(\d+)", done.stdout)
            return (int(number[1]), int(number[2])) if number else (999, 0)
    raise SourceUnavailable(f"{path} does not answer when asked for its version: is this machine overloaded? try again")
