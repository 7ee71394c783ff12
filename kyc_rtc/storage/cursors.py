"""Cursors of lists: opaque to whoever gets one, and good for the list that it came from. Pure."""

from __future__ import annotations

import base64
import binascii

from kyc_rtc.errors import BadRequest
from kyc_rtc.storage.records import Position
from kyc_rtc.storage.values import MAX_INTEGER, can_be_id

_MAX_CURSOR_CHARS = 128


def cursor_of(kind: str, position: Position) -> str:
    """The text that stands for a position in a list of this kind."""
    plain = f"{kind}.{position.at_ms}.{position.id}"
    return base64.urlsafe_b64encode(plain.encode()).decode().rstrip("=")


def position_of(kind: str, cursor: str) -> Position | None:
    """The position that a cursor stands for; None for an empty one: from the beginning.

    Raises:
        BadRequest: it is not one that this list gave.
    """
    if not cursor:
        return None
    try:
        position = _read(kind, cursor)
    except (ValueError, binascii.Error):
        position = None
    if position is None or cursor_of(kind, position) != cursor:
        raise BadRequest(
            "after: is not a cursor of this list", hint="use `next` of the page before"
        )
    return position


def _read(kind: str, cursor: str) -> Position | None:
    if len(cursor) > _MAX_CURSOR_CHARS or not cursor.isascii():
        return None
    padded = cursor + "=" * (-len(cursor) % 4)
    named, at_ms, key = base64.urlsafe_b64decode(padded).decode().split(".")
    if named != kind or not at_ms.isdecimal() or not can_be_id(key):
        return None
    return Position(int(at_ms), key) if int(at_ms) <= MAX_INTEGER else None
