"""Facts and records as JSON, exactly: the form of logs and snapshots, where instants are text ("7/3") and nothing is rounded.

`fact_from_json(fact_to_json(fact)) == fact` for every fact, through any JSON encoder; records the same. The wire form, which
is rounded, is `records.to_wire`.
"""

from fractions import Fraction
from typing import Any, TypeAlias, TypeVar

import msgspec

from operators.facts import FACTS, Fact
from operators.protocols import Entry
from operators.records import RECORDS, Record
from operators.timeline import exact

Json: TypeAlias = dict[str, Any]
ValueT = TypeVar("ValueT")

_FACT_NAMES = {cls: name for name, cls in FACTS.items()}


def fact_to_json(fact: Fact) -> Json:
    """{"type": "word", "start": "1/2", ...}: every field of the fact beside its type."""
    return {"type": _FACT_NAMES[type(fact)], **msgspec.to_builtins(fact, enc_hook=_encode)}


def fact_from_json(data: Json) -> Fact:
    """Raises ValueError where `data` is no fact."""
    return _read(data, FACTS, "fact")


def record_to_json(record: Record) -> Json:
    """{"type": "caption", "start": "1/2", ...}: every field of the record, words and evidence included, but no identity."""
    return {"type": record.type, **msgspec.to_builtins(record, enc_hook=_encode)}


def record_from_json(data: Json) -> Record:
    """Raises ValueError where `data` is no record."""
    return _read(data, RECORDS, "record")


def entry_to_json(entry: Entry) -> Json:
    """An entry by value, for the snapshots of narrators that have not used it up yet."""
    value = fact_to_json(entry.value) if isinstance(entry.value, Fact) else record_to_json(entry.value)
    return {"origin": entry.origin, "kind": entry.kind, "sequence": entry.sequence, "value": value}


def entry_from_json(data: Json) -> Entry:
    read = fact_from_json if data["kind"] == "fact" else record_from_json
    return Entry(data["origin"], data["kind"], data["sequence"], read(data["value"]))


def _read(data: Json, types: dict[str, type[ValueT]], what: str) -> ValueT:
    cls = types.get(data.get("type", ""))
    if cls is None:
        raise ValueError(f"no {what} has the type {data.get('type')!r}; one of {', '.join(types)}")
    return msgspec.convert(data, cls, dec_hook=_decode)


def _encode(value: Any) -> Any:
    if isinstance(value, Fraction):
        return exact(value)
    if isinstance(value, float):  # numpy.float64 is a float, and as exact
        return float(value)
    raise TypeError(f"facts and records are made of numbers, text, tuples and instants, not {type(value).__name__} {value!r}")


def _decode(cls: type, value: Any) -> Any:
    if cls is Fraction:
        return Fraction(value)
    raise TypeError(f"can not read {value!r} as {cls.__name__}")
