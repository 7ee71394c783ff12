"""The system's Firefox by WebDriver BiDi (https://www.w3.org/TR/webdriver-bidi/), which it speaks itself."""

from __future__ import annotations

import asyncio
import json
import shutil
import tempfile
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from aiohttp import ClientSession, ClientWebSocketResponse, WSMsgType

from tests.support.browser import PHONE
from tests.support.browser_camera import PERIOD_MS, SCRIPT, Person, ScriptedCamera
from tests.support.browser_tab import Tab

_START_LIMIT_S = 60.0
_CALL_LIMIT_S = 30.0
_STOP_LIMIT_S = 10.0
_POLL_S = 0.1

_PREFERENCES = {
    "permissions.default.camera": 1,  # allowed, as in Chromium's contexts
    "media.peerconnection.ice.obfuscate_host_addresses": False,  # as with a camera that is allowed
    "media.gmp-manager.updateEnabled": False,
}

_ASK_FOR_FRAMES = """(ask) => {
    const waiting = new Map();
    let number = 0;
    window.kycTestFrame = (shown) => new Promise((resolve) => {
        waiting.set((number += 1), resolve);
        ask(JSON.stringify({ number, shown }));
    });
    window.kycTestAnswer = (answered, jpeg) => {
        waiting.get(answered)(jpeg);
        waiting.delete(answered);
    };
}"""
"""Before `scripted_camera.js`: its requests for pictures go through the channel `ask`."""


class BidiError(RuntimeError):
    """Firefox refused a command."""


def firefox_path() -> str | None:
    """The system's Firefox; None where there is none."""
    return next((path for name in ("firefox-esr", "firefox") if (path := shutil.which(name))), None)


@asynccontextmanager
async def launched(path: str) -> AsyncIterator[Firefox]:
    """A headless Firefox with a profile of its own. Raises `TimeoutError` where it does not start."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        lines = [f"user_pref({json.dumps(k)}, {json.dumps(v)});" for k, v in _PREFERENCES.items()]
        (Path(profile) / "user.js").write_text("\n".join(lines), "utf-8")
        arguments = ("--headless", "--no-remote", "--profile", profile)
        process = await asyncio.create_subprocess_exec(
            path,
            *arguments,
            "--remote-debugging-port=0",
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.DEVNULL,
        )
        try:
            url = await _address(Path(profile) / "WebDriverBiDiServer.json")
            async with ClientSession() as http, http.ws_connect(url, max_msg_size=0) as socket:
                yield await Firefox.connect(socket)
        finally:
            process.terminate()
            async with asyncio.timeout(_STOP_LIMIT_S):
                await process.wait()


async def _address(file: Path) -> str:
    """Where it listens; it writes so into its profile."""
    deadline_s = time.monotonic() + _START_LIMIT_S
    while time.monotonic() < deadline_s:
        try:
            found = json.loads(await asyncio.to_thread(file.read_text, "utf-8"))
        except (FileNotFoundError, json.JSONDecodeError):
            await asyncio.sleep(_POLL_S)  # polling a process, bounded by the deadline
        else:
            return f"ws://{found['ws_host']}:{found['ws_port']}/session"
    raise TimeoutError("Firefox does not start")


class Firefox:
    """One browser: commands, and the events of its tabs."""

    def __init__(self, socket: ClientWebSocketResponse) -> None:
        self._socket = socket
        self._number = 0
        self._answers: dict[int, asyncio.Future[dict[str, Any]]] = {}
        self._listeners: dict[tuple[str, str], Callable[[Any], None]] = {}
        self._reader = asyncio.create_task(self._read())

    @classmethod
    async def connect(cls, socket: ClientWebSocketResponse) -> Firefox:
        browser = cls(socket)
        await browser.call("session.new", capabilities={})
        await browser.call("session.subscribe", events=["script.message", "log.entryAdded"])
        return browser

    async def call(self, method: str, **parameters: Any) -> dict[str, Any]:
        """Carry out a command. Raises `BidiError`, `TimeoutError`."""
        self._number += 1
        answer = asyncio.get_running_loop().create_future()
        self._answers[self._number] = answer
        command = {"id": self._number, "method": method, "params": parameters}
        await self._socket.send_json(command)
        async with asyncio.timeout(_CALL_LIMIT_S):
            result: dict[str, Any] = await answer
        return result

    def listen(self, event: str, context: str, listener: Callable[[Any], None]) -> None:
        """What one tab says from now on goes to `listener`."""
        self._listeners[event, context] = listener

    async def _read(self) -> None:
        async for message in self._socket:
            if message.type is not WSMsgType.TEXT:
                break
            said = message.json()
            if said["type"] == "event":
                context = said["params"].get("source", {}).get("context", "")
                listener = self._listeners.get((said["method"], context))
                if listener is not None:
                    listener(said["params"])
            elif (answer := self._answers.pop(said["id"], None)) is not None and not answer.done():
                if said["type"] == "success":
                    answer.set_result(said["result"])
                else:
                    answer.set_exception(BidiError(f"{said['error']}: {said['message']}"))


class FirefoxTab(Tab):
    """One tab with an applicant's page, in a user context of its own: cookies and storage are new."""

    def __init__(self, browser: Firefox, user: str, context: str) -> None:
        self._browser, self._user, self._context = browser, user, context
        self._work: set[asyncio.Task[None]] = set()
        self.problems: list[str] = []
        browser.listen("log.entryAdded", context, self._heard)

    @classmethod
    async def open(
        cls, browser: Firefox, person: Person, period_ms: float = PERIOD_MS
    ) -> FirefoxTab:
        """A tab whose camera shows `person`, a picture every `period_ms`."""
        user = (await browser.call("browser.createUserContext"))["userContext"]
        channel = {"type": "channel", "value": {"channel": "frames"}}
        scripts = [
            (_ASK_FOR_FRAMES, [channel]),
            (f"() => {{ window.kycTestPeriodMs = {period_ms}; }}", []),
            (f"() => {{ {SCRIPT.read_text('utf-8')} }}", []),
        ]
        for declaration, arguments in scripts:
            await browser.call(
                "script.addPreloadScript",
                functionDeclaration=declaration,
                arguments=arguments,
                userContexts=[user],
            )
        created = await browser.call("browsingContext.create", type="tab", userContext=user)
        tab = cls(browser, user, created["context"])
        tab.show(person)
        viewport = dict(PHONE)
        await browser.call("browsingContext.setViewport", context=tab._context, viewport=viewport)
        return tab

    @classmethod
    async def plain(cls, browser: Firefox) -> FirefoxTab:
        """A tab without a camera."""
        user = (await browser.call("browser.createUserContext"))["userContext"]
        created = await browser.call("browsingContext.create", type="tab", userContext=user)
        return cls(browser, user, created["context"])

    async def resize(self, width: int, height: int) -> None:
        viewport = {"width": width, "height": height}
        await self._browser.call(
            "browsingContext.setViewport", context=self._context, viewport=viewport
        )

    def show(self, person: Person) -> None:
        """From now on the camera shows `person`."""
        camera = ScriptedCamera(person)

        def asked(message: Any) -> None:
            request = json.loads(message["data"]["value"])
            jpeg = camera.frame(None, request["shown"])
            task = asyncio.create_task(self._answer(request["number"], jpeg))
            self._work.add(task)
            task.add_done_callback(self._work.discard)

        self._browser.listen("script.message", self._context, asked)

    async def _answer(self, number: int, jpeg: str) -> None:
        try:
            await self.evaluate(f"window.kycTestAnswer({number}, '{jpeg}')")
        except BidiError:
            return  # the page that asked is gone

    async def evaluate(self, expression: str) -> Any:
        found = await self._browser.call(
            "script.evaluate",
            expression=f"JSON.stringify({expression})",
            target={"context": self._context},
            awaitPromise=False,
        )
        if found["type"] == "exception":
            raise BidiError(found["exceptionDetails"]["text"])
        value = found["result"].get("value")
        return None if value is None else json.loads(value)

    async def goto(self, url: str) -> None:
        await self._browser.call(
            "browsingContext.navigate", context=self._context, url=url, wait="complete"
        )

    async def click(self, selector: str) -> None:
        locator = {"type": "css", "value": selector}
        found = await self._browser.call(
            "browsingContext.locateNodes", context=self._context, locator=locator
        )
        element = {"type": "element", "element": {"sharedId": found["nodes"][0]["sharedId"]}}
        await self.evaluate(f"document.querySelector({json.dumps(selector)}).scrollIntoView()")
        steps = [
            {"type": "pointerMove", "x": 0, "y": 0, "origin": element},
            {"type": "pointerDown", "button": 0},
            {"type": "pointerUp", "button": 0},
        ]
        pointer = {"type": "pointer", "id": "finger", "actions": steps}
        await self._browser.call("input.performActions", context=self._context, actions=[pointer])

    async def close(self) -> None:
        await self._browser.call("browser.removeUserContext", userContext=self._user)

    def _heard(self, entry: Any) -> None:
        if entry["type"] == "javascript" and entry["level"] == "error":
            self.problems.append(entry["text"])
