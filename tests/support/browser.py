"""Chromium with the applicant's page in it, as a person meets it: links, buttons, words."""

from __future__ import annotations

import asyncio
import shutil
import time
from collections.abc import Sequence
from typing import Any

from playwright.async_api import Browser, ConsoleMessage, Page, Playwright, ViewportSize

from tests.support.browser_camera import PERIOD_MS, SCRIPT, Person, ScriptedCamera

PHONE = ViewportSize(width=390, height=844)
DESKTOP = ViewportSize(width=1280, height=800)
AT_A_CHALLENGE = "document.querySelector('#prompt-count').textContent !== ''"
"""For `ApplicantPage.until`: the page asks for something."""

_ARGUMENTS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-quic",
    "--no-first-run",
)
_POLL_S = 0.1


def chromium_path() -> str | None:
    """The system's Chromium or Chrome; None where there is none."""
    names = ("chromium", "chromium-browser", "google-chrome")
    return next((path for name in names if (path := shutil.which(name))), None)


async def launch(playwright: Playwright, path: str, arguments: Sequence[str] = ()) -> Browser:
    return await playwright.chromium.launch(
        executable_path=path, args=[*_ARGUMENTS, *arguments], handle_sigint=False
    )


class ApplicantPage:
    """One tab with an applicant's page; keeps what went wrong in it in `problems`."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.problems: list[str] = []
        page.on("console", self._heard)
        page.on("pageerror", lambda error: self.problems.append(f"uncaught: {error}"))

    @classmethod
    async def open(
        cls, browser: Browser, person: Person | None, viewport: ViewportSize = PHONE
    ) -> ApplicantPage:
        """A tab whose camera shows `person`; None leaves it to Chromium's own camera."""
        context = await browser.new_context(viewport=viewport, permissions=["camera"])
        page = await context.new_page()
        if person is not None:
            await page.expose_binding("kycTestFrame", ScriptedCamera(person).frame)
            await page.add_init_script(f"window.kycTestPeriodMs = {PERIOD_MS};")
        await page.add_init_script(path=SCRIPT)
        return cls(page)

    async def follow(self, join_url: str) -> None:
        """Open the link, and agree."""
        await self.page.goto(join_url)
        await self.step("consent")
        await self.page.click("#agree")

    async def step(self, name: str, within_s: float = 20) -> None:
        """Wait until the page stands at `loading`, `consent`, `camera`, `live` or `result`."""
        await self.until(f"document.body.dataset.step === '{name}'", within_s)

    async def until(self, condition: str, within_s: float = 20) -> None:
        """Wait until the JavaScript expression holds. (The page forbids `wait_for_function`.)"""
        deadline_s = time.monotonic() + within_s
        while not await self.page.evaluate(f"() => Boolean({condition})"):
            if time.monotonic() > deadline_s:
                raise TimeoutError(f"{condition}\n{await self.summary()}")
            await asyncio.sleep(_POLL_S)  # polling a page, bounded by the deadline

    async def text(self, selector: str) -> str:
        return (await self.page.inner_text(selector)).strip()

    async def texts(self, selector: str) -> list[str]:
        return [text.strip() for text in await self.page.locator(selector).all_inner_texts()]

    async def in_view(self, selector: str) -> bool:
        """Whether all of the element is on the screen, without scrolling."""
        visible: bool = await self.page.evaluate(
            """(selector) => {
                const box = document.querySelector(selector).getBoundingClientRect();
                return box.width > 0 && box.height > 0 && box.top >= 0 && box.left >= 0
                    && box.bottom <= window.innerHeight && box.right <= window.innerWidth;
            }""",
            selector,
        )
        return visible

    async def messages(self, kind: str | None = None) -> list[dict[str, Any]]:
        """What the server said on the data channels since the page was loaded, oldest first."""
        heard: list[dict[str, Any]] = await self.page.evaluate("window.kycTest.messages")
        return [message for message in heard if kind in (None, message["type"])]

    async def sent(self, kind: str) -> list[dict[str, Any]]:
        """What the page said on the data channels since it was loaded, oldest first."""
        said: list[dict[str, Any]] = await self.page.evaluate("window.kycTest.sent")
        return [message for message in said if message["type"] == kind]

    async def violations(self) -> list[str]:
        """What the page's content security policy stopped."""
        found: list[str] = await self.page.evaluate("window.kycTest.violations")
        return found

    async def drop_peer(self) -> None:
        """Break the connection off, as a change of network does; the page is not asked."""
        await self.page.evaluate("window.kycTest.peers.at(-1).close()")

    async def session_id(self) -> str:
        """From the page's address."""
        path: str = await self.page.evaluate("location.pathname")
        return path.rsplit("/", 1)[-1]

    async def summary(self) -> str:
        """For a test that fails: results, verdict, and the evidence at the end."""
        messages = await self.messages()
        told = [
            m for m in messages if m["type"] in ("state", "challenge_result", "verdict", "error")
        ]
        frames = [m for m in messages if m["type"] == "frame"][-1:]
        step = await self.page.evaluate("document.body.dataset.step")
        lines = [f"step: {step}", *map(str, [*told, *frames]), *self.problems]
        return "\n".join(lines)

    def _heard(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            self.problems.append(f"{message.type}: {message.text}")
