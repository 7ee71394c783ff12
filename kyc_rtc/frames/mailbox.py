"""A mailbox with one slot: the latest item wins, and what it replaces is counted as dropped."""

from __future__ import annotations

import asyncio
from typing import Generic, TypeVar

T = TypeVar("T")


class MailboxClosed(Exception):
    """No item is left, and none will come."""


class Mailbox(Generic[T]):
    """Hands the latest item to one reader. All methods belong to one event loop's thread.

    `put` never blocks and never grows: it replaces an item that was not taken yet. After `close`,
    `get` still returns an item that is waiting, then raises `MailboxClosed`.
    """

    def __init__(self) -> None:
        self._item: T | None = None
        self._filled = asyncio.Event()
        self._closed = False
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

    def put(self, item: T) -> None:
        """Leave `item` for the reader in place of the one that waits; ignored after `close`."""
        if self._closed:
            return
        self._offered += 1
        if self._item is not None:
            self._dropped += 1
        self._item = item
        self._filled.set()

    async def get(self) -> T:
        """The latest item, as soon as there is one.

        Raises:
            MailboxClosed: the mailbox was closed and is empty.
        """
        await self._filled.wait()
        item, self._item = self._item, None
        if item is None:
            raise MailboxClosed
        if not self._closed:
            self._filled.clear()
        return item

    def close(self) -> None:
        """Let the reader finish. Idempotent."""
        self._closed = True
        self._filled.set()
