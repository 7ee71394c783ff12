"""What an injecting client hears of the server, and tells whoever its pictures show."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from typing import Any

from tests.support.browser_camera import Person, Prompt
from tests.support.browser_whip import challenge_of
from tests.support.sitter import Sitter


class Heard:
    """The messages of one attempt. `done` is set by the verdict, by the end of the attempt without one, and
    once a `Sitter` was asked for what the recording lacks."""

    def __init__(self, person: Person) -> None:
        self.person = person
        self.done = asyncio.Event()
        self._began_s: float | None = None
        self._last_s = 0.0

    @property
    def lacks(self) -> bool:
        return isinstance(self.person, Sitter) and self.person.lacks

    @property
    def seconds(self) -> float:
        """From the first message to the last."""
        return 0.0 if self._began_s is None else self._last_s - self._began_s

    def take(self, message: Mapping[str, Any]) -> None:
        """A message of the server, as JSON has it."""
        if self.done.is_set():
            return
        self._last_s = time.monotonic()
        self._began_s = self._began_s or self._last_s
        prompt = prompt_of(message)
        if prompt is not None:
            self.person.sees(prompt)
        if self.lacks or ends(message):
            self.done.set()

    async def over(self, within_s: float) -> None:
        """Wait until it is done, or for so long."""
        try:
            async with asyncio.timeout(within_s):
                await self.done.wait()
        except TimeoutError:
            return


def prompt_of(message: Mapping[str, Any]) -> Prompt | None:
    """What a page would show for this message; None where nothing new is asked or said."""
    match message["type"]:
        case "challenge":
            return Prompt("challenge", "", challenge_of(dict(message)))
        case "challenge_result" if message.get("will_retry"):
            return Prompt("again", "", None)
        case "challenge_result" if message.get("passed"):
            return Prompt("passed", "", None)
        case _:
            return None


def ends(message: Mapping[str, Any]) -> bool:
    """Whether the attempt is over with this message."""
    over = ("interrupted", "expired", "cancelled")
    kind = message["type"]
    return kind == "verdict" or (kind == "state" and message.get("state") in over)
