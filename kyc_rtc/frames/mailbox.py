"""A mailbox with one slot: the latest item wins, and what it replaces is counted as dropped."""

from __future__ import annotations

from typing import Generic, TypeVar

T = TypeVar("T")


class Mailbox(Generic[T]):
    """Holds the latest item for one reader. All methods belong to one event loop's thread.

    `put` never blocks and never grows: it replaces an item that was not taken yet.
    """

    def __init__(self) -> None:
        self._item: T | None = None
        self._offered = 0
        self._dropped = 0

    @property
    def offered(self) -> int:
        """How many items were put, dropped ones included."""
        return self._offered

    @property
    def dropped(self) -> int:
        """How many items were replaced before the reader took them."""
        return self._dropped

    def put(self, item: T) -> T | None:
        """Leave `item` for the reader; returns the one that it replaces, if any."""
        replaced, self._item = self._item, item
        self._offered += 1
        self._dropped += replaced is not None
        return replaced

    def take(self) -> T | None:
        """The latest item; None where none was put since the last call."""
        item, self._item = self._item, None
        return item
