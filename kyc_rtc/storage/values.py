"""What may be stored: text and JSON that every database takes and gives back unchanged.

Both databases get the same rules. PostgreSQL stores no NUL character, UTF-8 no lone surrogate, JSON
no NaN; a value that one of them would refuse is refused before it reaches either.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from typing import TypeAlias

from kyc_rtc.errors import BadRequest

JsonValue: TypeAlias = (
    "Mapping[str, JsonValue] | Sequence[JsonValue] | str | int | float | bool | None"
)
JsonObject: TypeAlias = Mapping[str, JsonValue]

MAX_ID_LENGTH = 36
MAX_INTEGER = 2**63 - 1
MAX_JSON_BYTES = 65_536
MAX_JSON_DEPTH = 16


def dump_json(value: JsonValue) -> str:
    """The stored form: compact, and text as it is rather than escaped."""
    return json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))


def check_text(name: str, text: str, max_length: int, *, min_length: int = 1) -> None:
    """Raise BadRequest unless `text` can be stored. The message names the field, never its value."""
    if not min_length <= len(text) <= max_length:
        raise BadRequest(f"{name}: between {min_length} and {max_length} characters are allowed")
    if not _is_storable(text):
        raise BadRequest(f"{name}: NUL and lone surrogates are not allowed")


def check_integer(name: str, value: int, *, minimum: int = 0) -> None:
    """Raise BadRequest unless `value` lies in minimum..2^63 - 1."""
    if not minimum <= value <= MAX_INTEGER:
        raise BadRequest(f"{name}: must lie between {minimum} and {MAX_INTEGER}")


def check_score(name: str, value: float | None) -> None:
    """Raise BadRequest unless `value` is None or lies in 0..1."""
    if value is not None and not 0.0 <= value <= 1.0:
        raise BadRequest(f"{name}: must lie between 0 and 1")


def check_limit(limit: int, maximum: int) -> None:
    """Raise BadRequest unless a list of at most `limit` items may be asked for."""
    if not 1 <= limit <= maximum:
        raise BadRequest(f"limit: must lie between 1 and {maximum}")


def can_be_id(text: str) -> bool:
    """False for text that no stored id can equal, and that a database might refuse to look up."""
    return 0 < len(text) <= MAX_ID_LENGTH and _is_storable(text)


def copy_object(name: str, value: JsonObject) -> JsonObject:
    """A deep copy made of plain dictionaries and lists only, so that nobody shares it.

    Raises:
        BadRequest: not JSON, too deep, or more than `MAX_JSON_BYTES` when written.
    """
    copy = _copy_mapping(name, value, MAX_JSON_DEPTH)
    _check_size(name, copy)
    return copy


def copy_objects(name: str, values: Sequence[JsonObject]) -> tuple[JsonObject, ...]:
    """The same for a list of objects; the limits hold for the list as a whole."""
    copies = tuple(_copy_mapping(name, value, MAX_JSON_DEPTH - 1) for value in values)
    _check_size(name, copies)
    return copies


def _is_storable(text: str) -> bool:
    return "\x00" not in text and not any("\ud800" <= letter <= "\udfff" for letter in text)


def _check_size(name: str, value: JsonValue) -> None:
    if len(dump_json(value).encode()) > MAX_JSON_BYTES:
        raise BadRequest(f"{name}: longer than {MAX_JSON_BYTES} bytes")


def _copy_mapping(name: str, value: JsonObject, depth: int) -> dict[str, JsonValue]:
    copy: dict[str, JsonValue] = {}
    for key, member in value.items():
        if not isinstance(key, str):
            raise BadRequest(f"{name}: keys are text")
        check_text(name, key, MAX_JSON_BYTES, min_length=0)
        copy[key] = _copy(name, member, depth - 1)
    return copy


def _copy(name: str, value: JsonValue, depth: int) -> JsonValue:
    if depth < 0:
        raise BadRequest(f"{name}: nested deeper than {MAX_JSON_DEPTH}")
    match value:
        case None | bool():
            return value
        case int() if -MAX_INTEGER <= value <= MAX_INTEGER:
            return value
        case float() if math.isfinite(value):
            return value
        case str():
            check_text(name, value, MAX_JSON_BYTES, min_length=0)
            return str(value)  # an enum's member becomes its value
        case Mapping():
            return _copy_mapping(name, value, depth)
        case list() | tuple():
            return [_copy(name, member, depth - 1) for member in value]
        case _:
            raise BadRequest(f"{name}: not a JSON value, or a number out of range")
