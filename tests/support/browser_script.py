"""The applicant's page with a server that a test plays: every answer and every message is scripted."""

from __future__ import annotations

import asyncio
import json
import mimetypes
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from playwright.async_api import Browser, Error, Route, ViewportSize

from kyc_rtc.settings import ConsentSettings, Settings
from signaling.consent import consent_text as make_consent_text
from tests.support.browser import PHONE, ApplicantPage
from tests.support.browser_camera import CATALOGUE
from tests.support.browser_server import REPOSITORY

ORIGIN = "http://127.0.0.1:9"
"""Nobody listens there, and nobody is asked: the test answers. A loopback address may use a camera."""

LINK_TOKEN, NEXT_LINK_TOKEN = "a.t1.z", "a.t2.z"
"""Of the link, and of the next attempt's."""

_STATIC = REPOSITORY / "static"
_SCRIPT = REPOSITORY / "tests" / "browser" / "scripted_server.js"
_STEP_MS = 500
_CALL_LIMIT_S = 10


@dataclass(frozen=True, slots=True)
class Answer:
    """One HTTP answer; `status` 0 means no answer at all."""

    status: int
    body: Mapping[str, Any] = field(default_factory=dict)
    retry_after_s: int | None = None


def problem(status: int, code: str, retry_after_s: int | None = None) -> Answer:
    """An error as the server words it."""
    return Answer(status, {"error": {"code": code, "message": code, "hint": None}}, retry_after_s)


def report(state: str, **fields: Any) -> Answer:
    """Of `GET sessions/{id}`; without `status` there is no verdict yet."""
    nothing: dict[str, Any] = {"status": None, "verified": None, "reasons": [], "can_retry": False}
    return Answer(200, {"session_id": "first", "state": state, **nothing, **fields})


def consent_text(**changes: Any) -> dict[str, Any]:
    """Of `GET …/consent`, as the server makes it of its settings."""
    own = {"institution": "Rheinbank", "privacy_url": "https://rheinbank.example/privacy"}
    settings = Settings(consent=ConsentSettings(**(own | changes)))
    return make_consent_text(settings, CATALOGUE).model_dump()


STORAGE_AWAY = problem(503, "storage_unavailable", 2)


@dataclass(frozen=True, slots=True)
class Call:
    """What the page asked: the name of the answer, the bearer token, the body."""

    name: str
    token: str
    body: Mapping[str, Any]


class ScriptedServer:
    """Answers the page's calls with what `answers` holds now, by the last word of the path. `asked`: the
    calls so far, with what they carried. `later`: answers that hold after the next one.
    `missing`: files that do not arrive; `held`: those that wait for `release`.
    `refuse`: tokens that have run out."""

    def __init__(self) -> None:
        invitation = {"session_id": "second", "verification_id": "first", "client_token": "c2"}
        opened = {"session_id": "first", "client_token": "c1", "expires_in_s": 3_600}
        self.answers = {
            "open": Answer(200, opened),
            "renew": Answer(200, opened),
            "client-config": Answer(200, {"ice_servers": [], "expose_scores": False}),
            "session": report("created"),
            "consent": Answer(200, consent_text()),
            "offer": Answer(200, {"type": "answer", "sdp": "v=0"}),
            "retry": Answer(
                201, {**invitation, "join_url": f"{ORIGIN}/apply/second#{NEXT_LINK_TOKEN}"}
            ),
        }
        self.later: dict[str, Answer] = {}
        self.missing: set[str] = set()
        self.held: set[str] = set()
        self.refuse: set[str] = set()
        self._released = asyncio.Event()
        self.calls: list[str] = []
        self.asked: list[Call] = []
        self.paths: list[str] = []

    async def handle(self, route: Route) -> None:
        path = route.request.url.removeprefix(ORIGIN).partition("?")[0]
        if path in self.held:
            await self._released.wait()
        if path in self.missing:
            await route.abort("connectionfailed")
        elif path.startswith("/static/"):
            file = _STATIC / path.removeprefix("/static/")
            kind = mimetypes.guess_type(file.name)[0]
            await route.fulfill(body=file.read_bytes(), content_type=kind)
        elif path.startswith("/apply"):
            page = _STATIC / "apply" / "index.html"
            await route.fulfill(body=page.read_bytes(), content_type="text/html")
        else:
            await self._answer(route, path)

    def release(self) -> None:
        """Let the held files go."""
        self._released.set()

    async def _answer(self, route: Route, path: str) -> None:
        word = path.rsplit("/", 1)[-1]
        name = word if word in self.answers else "session"
        self.calls.append(name)
        self.paths.append(path)
        token = route.request.headers.get("authorization", "").removeprefix("Bearer ")
        self.asked.append(Call(name, token, json.loads(route.request.post_data or "{}")))
        answer = problem(401, "unauthorised") if token in self.refuse else self.answers[name]
        self.answers.update({name: self.later.pop(name)} if name in self.later else {})
        if answer.status == 0:
            await route.abort("connectionfailed")
            return
        seconds = answer.retry_after_s
        headers = {} if seconds is None else {"Retry-After": str(seconds)}
        await route.fulfill(
            status=answer.status,
            body=json.dumps(answer.body),
            headers={"Content-Type": "application/json", **headers},
        )


class ScriptedPage(ApplicantPage):
    """A tab that only knows the scripted server, on a clock that the test can turn."""

    server: ScriptedServer
    _event = 0

    @classmethod
    async def visit(
        cls,
        browser: Browser,
        server: ScriptedServer | None = None,
        viewport: ViewportSize = PHONE,
        address: str = f"/apply/first#{LINK_TOKEN}",
        lack: str = "",
    ) -> ScriptedPage:
        """A tab with the link open; consent is not given yet. `lack`: a script that takes something from
        the browser."""
        context = await browser.new_context(viewport=viewport, permissions=["camera"])
        page = await context.new_page()
        await page.clock.install()
        await page.add_init_script(path=_SCRIPT)
        if lack:
            await page.add_init_script(lack)
        tab = cls(page)
        tab.server = server or ScriptedServer()
        await page.route(f"{ORIGIN}/**", tab.server.handle)
        await page.goto(ORIGIN + address)
        return tab

    async def agree(self) -> None:
        """Agree; the check begins, or a refusal has ended it at once."""
        await self.step("consent")
        await self.page.click("#agree")
        await self.until("['live', 'result'].includes(document.body.dataset.step)")

    async def connected(self, peers: int = 1) -> None:
        """Wait for the hello of this peer, counted from 1."""
        await self.until(f"kycScript.peers.length >= {peers}")
        await self.until("document.querySelector('#link').dataset.state === 'up'")

    async def until_called(self, name: str, times: int) -> None:
        """Wait until the page has made so many calls of this name."""
        deadline_s = time.monotonic() + _CALL_LIMIT_S
        while self.server.calls.count(name) < times:
            if time.monotonic() > deadline_s:
                raise TimeoutError(f"{name}: {self.server.calls}")
            await asyncio.sleep(0.02)  # polling, bounded by the deadline

    async def stop(self) -> None:
        """Press Stop once it takes a tap, and answer its question."""
        await self.pass_time(2.5)
        await self.page.click("#stop")
        await self.page.click("#stop-confirm")
        await self.pass_time(1.5)  # the farewell

    async def say(self, kind: str, **fields: Any) -> None:
        """The server says something that is not in the journal."""
        await self.page.evaluate("([kind, fields]) => kycScript.say(kind, fields)", [kind, fields])

    async def tell(self, kind: str, **fields: Any) -> int:
        """The server says the next thing of the journal; its number there."""
        self._event += 1
        await self.say(kind, event=self._event, **fields)
        return self._event

    async def ask(
        self, challenge_id: str, kind: str = "smile", limit_ms: int = 10_000, **more: Any
    ) -> int:
        """The server asks for something; the number of the event."""
        fields = {
            "challenge_id": challenge_id,
            "challenge_type": kind,
            "direction": None,
            "count": 1,
            "hold_ms": 0,
            "instruction": f"instruction.{kind}",
            "index": 1,
            "total": 3,
            "attempt": 1,
            "attempts": 2,
            "time_limit_ms": limit_ms,
            "can_exclude": True,
            "deadline_t_ms": 1_000 + limit_ms,
        }
        return await self.tell("challenge", **(fields | more))

    async def lose(self) -> None:
        """The connection breaks off."""
        await self.page.evaluate("kycScript.lose()")

    async def greet_with(self, **hello: Any) -> None:
        """What the next hello says."""
        await self.page.evaluate("(hello) => Object.assign(kycScript.hello, hello)", hello)

    async def pass_time(self, seconds: float) -> None:
        """Let time go by in the page, with its calls answered on the way."""
        for _ in range(round(seconds * 1_000 / _STEP_MS)):
            await self.page.clock.run_for(_STEP_MS)
            await self._answered()

    async def _answered(self) -> None:
        """Wait until the calls that came due are answered, and the page has seen the answers."""
        deadline_s = time.monotonic() + _CALL_LIMIT_S
        while time.monotonic() < deadline_s:
            await asyncio.sleep(0.01)  # what follows an answer may be another call
            if not await self.page.evaluate("kycScript.calls"):
                return
        raise TimeoutError(f"a call is not answered: {self.server.calls}")

    async def freeze(self) -> None:
        """Let no more time go by in the page. Its clock can be stopped in the future only, and runs on
        meanwhile."""
        for ahead_s in (0.1, 0.5, 2, 8):
            with suppress(Error):
                now_s = await self.page.evaluate("Date.now() / 1000")
                return await self.page.clock.pause_at(now_s + ahead_s)
        raise TimeoutError("the page's clock is ahead of the test")

    async def ready_messages(self) -> list[dict[str, Any]]:
        said: list[dict[str, Any]] = await self.page.evaluate("kycScript.sent")
        return [message for message in said if message["type"] == "ready"]

    async def summary(self) -> str:
        step = await self.page.evaluate("document.body.dataset.step")
        shown = await self.page.evaluate(
            "document.querySelector('section:not([hidden])').innerText"
        )
        return "\n".join([f"step: {step}", shown, *self.problems, *self.server.calls[-20:]])


async def title(tab: ScriptedPage) -> str:
    """The heading of the result, once that is shown."""
    await tab.step("result")
    return await tab.text("#result-title")


def words(name: str) -> str:
    """The catalogue's heading of a result."""
    return CATALOGUE[f"result.{name}.title"]
