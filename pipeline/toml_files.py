"""TOML files that people write: profiles, styles, fleets."""

import tomllib
from pathlib import Path
from typing import Any

from operators.errors import ConfigError


def read_toml(path: Path, what: str) -> dict[str, Any]:
    """Raises ConfigError, which calls the file `what`: it can not be read, or is no TOML."""
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as e:
        raise ConfigError(f"{what} {path} can not be read: {e.strerror}") from e
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as e:
        raise ConfigError(f"{what} {path} is no TOML: {e}") from e
