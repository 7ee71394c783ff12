"""A page of somebody else's in Chromium that sends its camera over WHIP, without the project's SDK."""

from __future__ import annotations

import asyncio
from typing import Any

from playwright.async_api import Browser, Response

from kyc_rtc.liveness.catalogue import Challenge, ChallengeType, Direction
from tests.support.browser import ApplicantPage
from tests.support.browser_camera import Person, Prompt
from tests.support.browser_server import LiveServer

_PAGE = "<!doctype html><title>WHIP</title><body></body>"


class WhipPage:
    """The page, at the server's origin; whoever is before the camera does what the messages ask.

    A script calls `heard` with every message. `answers`: method, status and body of every WHIP answer.
    """

    def __init__(self, tab: ApplicantPage, server: LiveServer, person: Person) -> None:
        self.tab = tab
        self.messages: list[dict[str, Any]] = []
        self.answers: list[tuple[str, int, str]] = []
        self._server = server
        self._person = person
        self._reading = asyncio.Queue[Response]()

    @classmethod
    async def open(cls, browser: Browser, server: LiveServer, person: Person) -> WhipPage:
        tab = await ApplicantPage.open(browser, person)
        made = cls(tab, server, person)
        url = f"{server.url}/whip-page"
        await tab.page.route(url, lambda route: route.fulfill(body=_PAGE, content_type="text/html"))
        await tab.page.expose_function("heard", made._hear)
        tab.page.on("response", made._note)
        await tab.page.goto(url)
        return made

    def _hear(self, message: dict[str, Any]) -> None:
        self.messages.append(message)
        if message["type"] == "challenge":
            self._person.sees(Prompt("", "", challenge_of(message)))

    def _note(self, response: Response) -> None:
        if response.request.method in ("POST", "PATCH", "DELETE"):
            self._reading.put_nowait(response)

    async def run(self, script: str, session: dict[str, Any], within_s: float) -> None:
        """Run a script, an async function of (url, token, camera), until it returns."""
        url = f"{self._server.url}/whip/{session['session_id']}"
        camera = "await navigator.mediaDevices.getUserMedia({ video: true })"
        run = f"async ([url, token]) => {{ await ({script})(url, token, {camera}); }}"
        async with asyncio.timeout(within_s):
            await self.tab.page.evaluate(run, [url, session["client_token"]])
        while not self._reading.empty():
            response = self._reading.get_nowait()
            body = await response.text() if response.status == 201 else ""
            self.answers.append((response.request.method, response.status, body))

    def of_type(self, kind: str) -> list[dict[str, Any]]:
        return [message for message in self.messages if message["type"] == kind]


def challenge_of(message: dict[str, Any]) -> Challenge:
    """What a `challenge` message asks for."""
    side = message["direction"]
    return Challenge(
        ChallengeType(message["challenge_type"]),
        None if side is None else Direction(side),
        message["count"],
        message["hold_ms"],
    )
