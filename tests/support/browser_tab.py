"""A tab of any browser with an applicant's page in it."""

from __future__ import annotations

import asyncio
import time
from abc import ABC, abstractmethod
from typing import Any

_POLL_S = 0.1


class Tab(ABC):
    """What a browser has to be able to do, and what every test does with it. It needs
    `scripted_camera.js` in the page; `problems` is what went wrong there."""

    problems: list[str]

    @abstractmethod
    async def evaluate(self, expression: str) -> Any:
        """The value of a JavaScript expression in the page, as JSON has it."""

    @abstractmethod
    async def goto(self, url: str) -> None:
        """Open the address, and wait until it is loaded."""

    @abstractmethod
    async def click(self, selector: str) -> None:
        """Press the element with a pointer."""

    @abstractmethod
    async def close(self) -> None:
        """Close the tab, with what the browser keeps for it."""

    async def follow(self, join_url: str) -> None:
        """Open the link, and agree."""
        await self.goto(join_url)
        await self.step("consent")
        await self.click("#agree")

    async def step(self, name: str, within_s: float = 20) -> None:
        """Wait until the page stands at `loading`, `consent`, `camera`, `live` or `result`."""
        await self.until(f"document.body.dataset.step === '{name}'", within_s)

    async def until(self, condition: str, within_s: float = 20) -> None:
        """Wait until the JavaScript expression holds. (The page forbids `wait_for_function`.)"""
        deadline_s = time.monotonic() + within_s
        while not await self.evaluate(f"Boolean({condition})"):
            if time.monotonic() > deadline_s:
                raise TimeoutError(f"{condition}\n{await self.summary()}")
            await asyncio.sleep(_POLL_S)  # polling a page, bounded by the deadline

    async def messages(self, kind: str | None = None) -> list[dict[str, Any]]:
        """What the server said on the data channels since the page was loaded, oldest first."""
        heard: list[dict[str, Any]] = await self.evaluate("window.kycTest.messages")
        return [message for message in heard if kind in (None, message["type"])]

    async def sent(self, kind: str) -> list[dict[str, Any]]:
        """What the page said on the data channels since it was loaded, oldest first."""
        said: list[dict[str, Any]] = await self.evaluate("window.kycTest.sent")
        return [message for message in said if message["type"] == kind]

    async def violations(self) -> list[str]:
        """What the page's content security policy stopped."""
        found: list[str] = await self.evaluate("window.kycTest.violations")
        return found

    async def session_id(self) -> str:
        """From the page's address."""
        path: str = await self.evaluate("location.pathname")
        return path.rsplit("/", 1)[-1]

    async def summary(self) -> str:
        """For a test that fails: results, verdict, and the evidence at the end."""
        messages = await self.messages()
        chosen = [
            m for m in messages if m["type"] in ("state", "challenge_result", "verdict", "error")
        ]
        frames = [m for m in messages if m["type"] == "frame"][-1:]
        step = await self.evaluate("document.body.dataset.step")
        lines = [f"step: {step}", *map(str, [*chosen, *frames]), *self.problems]
        return "\n".join(lines)
