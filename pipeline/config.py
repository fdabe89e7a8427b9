"""Profiles and `--set` to typed settings. Everything that a user may write in a profile is named by its dotted path.

A profile is a TOML file that names every operator that runs and its options. One that says `base = "cpu"` changes a few keys
of another. In the tables of the lanes, `text = true` runs an operator as it is by default, `text = false` does not run it, and
naming one of its options runs it with that. Under `live` stand tables of the lanes as they are for live streams, where they differ.
`narrate.subtitles.style` names a delivery style, whose rules are its other keys.
"""

import difflib
import json
import tomllib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import fields, is_dataclass
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from pydantic import BaseModel, ValidationError

from operators.errors import ConfigError
from pipeline.settings import Settings, settings_type
from pipeline.styles import DEFAULT, style_table
from pipeline.toml_files import read_toml

PROFILES = Path(__file__).parent / "profiles"
LANES = ("look", "listen", "narrate")
Raw = dict[str, Any]


def profiles() -> list[str]:
    """The names of the shipped profiles."""
    return sorted(path.stem for path in PROFILES.glob("*.toml"))


def load(profile: str, changes: Sequence[str] = (), live: bool = False) -> Settings:
    """The settings of a shipped profile or a profile file, with `key=value` changes made to them; those for live streams, or for files.

    Raises:
        ConfigError: no such profile, no TOML, an unknown key, or a value that is not what its key takes.
    """
    kind = settings_type()
    raw = _read(profile, ())
    for change in changes:
        raw = merge(raw, _change(kind, change))
    over = raw.pop("live", {})
    if not isinstance(over, dict) or not set(over) <= set(LANES):
        raise ConfigError(f"live is a table of {', '.join(LANES)}, not {over!r}")
    if live:
        raw = merge(raw, {lane: _still_on(raw.get(lane), tables) for lane, tables in over.items()})
    try:
        return kind.model_validate_json(json.dumps(_styled(_plain(raw)), default=str))
    except ValidationError as e:
        raise ConfigError("; ".join(_explain(kind, error) for error in e.errors(include_url=False))) from e


def merge(base: Raw, over: Raw) -> Raw:
    """`over` laid upon `base`, table by table; `true` keeps a table as it is. Neither is changed."""
    merged = dict(base)
    for key, value in over.items():
        below = merged.get(key)
        if not isinstance(below, dict):
            merged[key] = value
        elif value is not True:
            merged[key] = merge(below, value) if isinstance(value, dict) else value
    return merged


def _still_on(lane: Any, over: Any) -> Any:
    """Of a lane's tables for live streams those that are not of an operator that is turned off: options alone turn nothing on."""
    if not isinstance(lane, dict) or not isinstance(over, dict):
        return over
    return {name: value for name, value in over.items() if not (isinstance(value, dict) and lane.get(name) is False)}


def _read(profile: str, chain: tuple[Path, ...]) -> Raw:
    path = _find(profile, chain[-1].parent if chain else Path())
    if path in chain:
        raise ConfigError(f"profile {path} is based on itself: {' -> '.join(p.name for p in (*chain, path))}")
    raw = read_toml(path, "profile")
    base = raw.pop("base", None)
    if base is None:
        return raw
    if not isinstance(base, str):
        raise ConfigError(f"profile {path}: base is the name of a profile or its file, not {base!r}")
    return merge(_read(base, (*chain, path)), raw)


def _find(profile: str, beside: Path) -> Path:
    """A name without a path is a shipped profile; a file is found from where it is named."""
    if profile in profiles():
        return PROFILES / f"{profile}.toml"
    path = (beside / profile).resolve()
    if path.is_file():
        return path
    raise ConfigError(f"no profile {profile!r}: {_did_you_mean(profile, profiles())}name one of {', '.join(profiles())}, or a TOML file")


def _plain(raw: Raw) -> Raw:
    """With `true` and `false` at the place of an operator said as tables."""
    said: dict[bool, Raw | None] = {True: {}, False: None}
    lanes = {
        lane: {name: said[value] if isinstance(value, bool) else value for name, value in raw[lane].items()}
        for lane in LANES
        if isinstance(raw.get(lane), dict)
    }
    return {**raw, **lanes}


def _styled(raw: Raw) -> Raw:
    """With the rules of the delivery style under those that the profile has itself."""
    table = raw.get("narrate", {}).get("subtitles") if isinstance(raw.get("narrate"), dict) else None
    if not isinstance(table, dict):
        return raw
    name = table.get("style", DEFAULT)
    if not isinstance(name, str):
        raise ConfigError(f"narrate.subtitles.style is the name of a style or its file, not {name!r}")
    rules = style_table(name)
    return merge(raw, {"narrate": {"subtitles": {**rules, **table, "style": rules.get("style", name)}}})


def _change(kind: type, change: str) -> Raw:
    """`look.shots.threshold=3` as nested tables."""
    dotted, equals, text = change.partition("=")
    if not equals or not dotted:
        raise ConfigError(f"--set {change}: write it as key=value, for example look.shots=false")
    if not change.isprintable():
        raise ConfigError(f"--set {change!r}: it holds characters that can not be printed; write the value in plain UTF-8")
    path = dotted.strip().split(".")
    if path[0] == "live" and path[1:2] and path[1] in LANES:
        return {"live": _change(kind, change.strip().removeprefix("live."))}
    at: Any = kind
    for depth, name in enumerate(path):
        if name not in (below := _keys(at)):
            raise ConfigError(f"--set {change}: {_unknown(kind, path[: depth + 1], below)}")
        at = below[name]
    value = _value(text.strip(), at, change)
    for name in reversed(path):
        value = {name: value}
    return value  # type: ignore[no-any-return]


def _value(text: str, kind: Any, change: str) -> Any:
    """Text for keys that take text, quoted or not; any other value as TOML writes it."""
    quoted = text[:1] in ("'", '"')
    if not quoted and any(k is str or get_origin(k) is Literal for k in _choices(kind)):
        return text
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except (tomllib.TOMLDecodeError, KeyError) as e:
        raise ConfigError(f'--set {change}: {text!r} is no TOML value; write 3, 0.5, true, "text" or \'["a", "b"]\'') from e


def _choices(kind: Any) -> tuple[Any, ...]:
    return get_args(kind) if get_origin(kind) in (Union, UnionType) else (kind,)


def _keys(kind: Any) -> Mapping[str, Any]:
    """The keys of a table and what each takes; empty where `kind` is no table."""
    for choice in _choices(kind):
        if isinstance(choice, type) and issubclass(choice, BaseModel):
            return {name: f.annotation for name, f in choice.model_fields.items()}
        if isinstance(choice, type) and is_dataclass(choice):
            hints = get_type_hints(choice)
            return {f.name: hints[f.name] for f in fields(choice) if f.init}
    return {}


def _paths(kind: Any, above: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    for name, below in _keys(kind).items():
        yield (*above, name)
        yield from _paths(below, (*above, name))


def _unknown(kind: type, path: Sequence[str], allowed: Iterable[str]) -> str:
    dotted, names = ".".join(path), ", ".join(allowed)
    place = f"in {'.'.join(path[:-1])}" if len(path) > 1 else "at the top"
    guess = _did_you_mean(dotted, [".".join(p) for p in _paths(kind)])
    return f"unknown key {dotted}: {guess}{f'allowed {place}: {names}' if names else f'there are no keys {place}'}"


def _did_you_mean(name: str, names: Sequence[str]) -> str:
    close = difflib.get_close_matches(name, names, n=1, cutoff=0.75)
    return f"did you mean {close[0]}? " if close else ""


def _explain(kind: type, error: Mapping[str, Any]) -> str:
    """One of pydantic's errors as one line for the person who wrote the profile."""
    path = [str(part) for part in error["loc"]]
    above: Any = kind
    for name in path[:-1]:
        above = _keys(above).get(name, NoneType)
    dotted, allowed = ".".join(path), _keys(above)
    match error["type"]:
        case "extra_forbidden" | "unexpected_keyword_argument":
            return _unknown(kind, path, allowed)
        case "missing":
            return f"{dotted} is missing"
        case "value_error" | "assertion_error":
            return f"{dotted}: {error['ctx']['error']}"
        case "literal_error":
            guess = _did_you_mean(str(error["input"]), [str(name) for name in get_args(allowed[path[-1]])])
            return f"{dotted}: {guess}should be {error['ctx']['expected']}, not {error['input']!r}"
        case "model_type" | "dataclass_type":
            return f"{dotted} is a table of {', '.join(_keys(allowed[path[-1]]))}, not {error['input']!r}"
    return f"{dotted}: {error['msg'].replace('Input should', 'should')}, not {error['input']!r}"
