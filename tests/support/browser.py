"""Chromium with the applicant's page in it, as a person meets it: links, buttons, words."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from typing import Any

from playwright.async_api import Browser, ConsoleMessage, Page, Playwright, ViewportSize

from tests.support.browser_camera import PERIOD_MS, SCRIPT, Person, ScriptedCamera
from tests.support.browser_tab import Tab

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


def chromium_path() -> str | None:
    """The system's Chromium or Chrome; None where there is none."""
    names = ("chromium", "chromium-browser", "google-chrome")
    return next((path for name in names if (path := shutil.which(name))), None)


async def launch(playwright: Playwright, path: str, arguments: Sequence[str] = ()) -> Browser:
    return await playwright.chromium.launch(
        executable_path=path, args=[*_ARGUMENTS, *arguments], handle_sigint=False
    )


class ApplicantPage(Tab):
    """One tab with an applicant's page; keeps what went wrong in it in `problems`."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.problems: list[str] = []
        page.on("console", self._heard)
        page.on("pageerror", lambda error: self.problems.append(f"uncaught: {error}"))

    @classmethod
    async def open(
        cls,
        browser: Browser,
        person: Person | None,
        viewport: ViewportSize = PHONE,
        period_ms: float = PERIOD_MS,
    ) -> ApplicantPage:
        """A tab whose camera shows `person`, a picture every `period_ms`; None leaves it to Chromium's own
        camera."""
        context = await browser.new_context(viewport=viewport, permissions=["camera"])
        page = await context.new_page()
        if person is not None:
            await page.expose_binding("kycTestFrame", ScriptedCamera(person).frame)
            await page.add_init_script(f"window.kycTestPeriodMs = {period_ms};")
        await page.add_init_script(path=SCRIPT)
        return cls(page)

    async def evaluate(self, expression: str) -> Any:
        return await self.page.evaluate(expression)

    async def goto(self, url: str) -> None:
        await self.page.goto(url)

    async def click(self, selector: str) -> None:
        await self.page.click(selector)

    async def close(self) -> None:
        await self.page.context.close()

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

    async def drop_peer(self) -> None:
        """Break the connection off, as a change of network does; the page is not asked."""
        await self.page.evaluate("window.kycTest.peers.at(-1).close()")

    def _heard(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            self.problems.append(f"{message.type}: {message.text}")
