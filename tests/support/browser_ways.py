"""The ways to take a check: a browser, and the applicant's page or uploaded pictures."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from playwright.async_api import Browser, async_playwright

from tests.support.browser import ApplicantPage, chromium_path, launch
from tests.support.browser_camera import PERIOD_MS, Person
from tests.support.browser_firefox import Firefox, FirefoxTab, firefox_path, launched
from tests.support.browser_server import LiveServer
from tests.support.browser_tab import Tab

UPLOADING = Path(__file__).parent.parent / "browser" / "uploading.js"
UPLOAD_PERIOD_MS = 80


class Maker(StrEnum):
    """Whose browser it is."""

    CHROMIUM = "Chromium"
    FIREFOX = "Firefox"


class Browsers:
    """The browsers of a run: each is started when it is first needed, and ends with the stack. Their camera
    takes a picture every `period_ms`."""

    def __init__(self, stack: AsyncExitStack, period_ms: float = PERIOD_MS) -> None:
        self._stack = stack
        self._period_ms = period_ms
        self._chromium: Browser | None = None
        self._firefox: Firefox | None = None

    async def open(self, maker: Maker, person: Person) -> Tab:
        """A tab whose camera shows `person`. Raises `RuntimeError` where the browser is not installed."""
        match maker:
            case Maker.CHROMIUM:
                return await self.open_chromium(person)
            case Maker.FIREFOX:
                firefox = await self._started_firefox()
                return await FirefoxTab.open(firefox, person, self._period_ms)

    async def open_chromium(self, person: Person) -> ApplicantPage:
        """The same in Chromium."""
        chromium = await self._started_chromium()
        return await ApplicantPage.open(chromium, person, period_ms=self._period_ms)

    async def _started_chromium(self) -> Browser:
        if self._chromium is None:
            path = _found(chromium_path(), "chromium")
            playwright = await self._stack.enter_async_context(async_playwright())
            self._chromium = await launch(playwright, path)
            self._stack.push_async_callback(self._chromium.close)
        return self._chromium

    async def _started_firefox(self) -> Firefox:
        if self._firefox is None:
            path = _found(firefox_path(), "firefox-esr")
            self._firefox = await self._stack.enter_async_context(launched(path))
        return self._firefox


def _found(path: str | None, package: str) -> str:
    if path is None:
        raise RuntimeError(f"install the system's package `{package}`")
    return path


Session = Mapping[str, Any]
"""What `start-session` answers."""


@dataclass(frozen=True, slots=True)
class Way:
    """One way; `begin` returns once the applicant has agreed, or the first picture is on its way."""

    browser: Maker
    begin: Callable[[Tab, LiveServer, Session], Awaitable[None]]


async def by_the_page(tab: Tab, _server: LiveServer, session: Session) -> None:
    """The applicant's page, over WebRTC."""
    await tab.follow(session["join_url"])


async def by_pictures(tab: Tab, server: LiveServer, session: Session) -> None:
    """A page of the institution, that uploads pictures. It stands at an address of the server that
    shows plain text, so that nothing else runs in it."""
    await tab.goto(f"{server.url}/static/sdk/kyc-rtc.js")
    await tab.evaluate(f"(() => {{ {UPLOADING.read_text('utf-8')} }})()")
    given = {
        "sessionId": session["session_id"],
        "token": session["client_token"],
        "periodMs": UPLOAD_PERIOD_MS,
    }
    await tab.evaluate(f"void kycTestUpload({json.dumps(given)})")


WAYS = {
    f"{maker.value}, {name}": Way(maker, begin)
    for name, begin in (("WebRTC", by_the_page), ("pictures", by_pictures))
    for maker in Maker
}
"""By the name that the tables give them."""
