"""Delivery styles by name or from a file, as the tables that settings are made of."""

import json
from pathlib import Path
from typing import Any

from pydantic import ConfigDict, TypeAdapter, ValidationError, with_config

from operators.errors import ConfigError
from operators.subtitles.styles import NAMES, Style, shipped
from pipeline.toml_files import read_toml

DEFAULT = "netflix"
Raw = dict[str, Any]
STYLE: TypeAdapter[Style] = TypeAdapter(with_config(ConfigDict(extra="forbid", strict=True, allow_inf_nan=False))(Style))


def style_table(name: str) -> Raw:
    """The table of a shipped style, or of a TOML file; one that says `base = "bbc"` changes a few keys of another.

    Raises ConfigError where there is none, or no TOML in it.
    """
    return _read(name, ())


def load_style(name: str) -> Style:
    """The same as a Style. Raises ConfigError where a key is unknown, missing or not what it should be."""
    try:
        return STYLE.validate_json(json.dumps(style_table(name)))
    except ValidationError as e:
        told = "; ".join(f"{'.'.join(map(str, error['loc']))}: {_explain(error)}" for error in e.errors(include_url=False))
        raise ConfigError(f"style {name}: {told}") from e


def _explain(error: Any) -> str:
    cause = error.get("ctx", {}).get("error")
    return str(cause) if cause else str(error["msg"])


def _read(name: str, chain: tuple[Path, ...]) -> Raw:
    if name in NAMES:
        return shipped(name)
    path = ((chain[-1].parent if chain else Path()) / name).resolve()
    if path in chain:
        raise ConfigError(f"style {path} is based on itself: {' -> '.join(p.name for p in (*chain, path))}")
    if not path.is_file():
        raise ConfigError(f"no style {name!r}: name one of {', '.join(NAMES)}, or a TOML file")
    raw = read_toml(path, "style")
    base = raw.pop("base", None)
    if base is None:
        return raw
    if not isinstance(base, str):
        raise ConfigError(f"style {path}: base is the name of a style or its file, not {base!r}")
    below = _read(base, (*chain, path))
    ours, theirs = raw.get("languages", {}), below.get("languages", {})
    if not isinstance(ours, dict) or not all(isinstance(own, dict) for own in ours.values()):
        raise ConfigError(f"style {path}: languages is a table of tables, as in [languages.ja]")
    languages = theirs | {key: theirs.get(key, {}) | own for key, own in ours.items()}
    return {**below, "style": path.stem, **raw, "languages": languages}
