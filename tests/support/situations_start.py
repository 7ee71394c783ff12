"""Situations of the applicant's page up to the live check: loading, link, consent, camera."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial

from playwright.async_api import Browser, ViewportSize

from tests.support.browser_script import (
    STORAGE_AWAY,
    Answer,
    ScriptedPage,
    ScriptedServer,
    consent_text,
    problem,
    report,
)

Situation = Callable[[Browser, ViewportSize], Awaitable[ScriptedPage]]

NO_CAMERA = """navigator.mediaDevices.getUserMedia = async () => {{
    throw new DOMException('{said}', '{name}');
}};"""
NO_ANSWER = "navigator.mediaDevices.getUserMedia = () => new Promise(() => undefined);"
NOT_ASKED = "navigator.permissions.query = async () => ({ state: 'prompt' });"
NO_DEVICES = "Object.defineProperty(navigator, 'mediaDevices', { value: undefined });"
NOT_SECURE = "Object.defineProperty(window, 'isSecureContext', { value: false });"
NO_WEBRTC = "delete window.RTCPeerConnection;"
PHONES = {
    "ios": "Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 Safari/604.1",
    "android": "Mozilla/5.0 (Linux; Android 15; K) AppleWebKit/537.36 Chrome/143.0.0.0 Mobile Safari/537.36",
}
AGENT = "Object.defineProperty(navigator, 'userAgent', {{ value: '{agent}' }});"
CATALOGUE_FILE = "/static/i18n/en.json"
BANK = "https://rheinbank.example/done"
BUSY = problem(503, "at_capacity", 5)


# ── loading ──


async def loading(browser: Browser, size: ViewportSize) -> ScriptedPage:
    """The catalogue is on its way."""
    server = ScriptedServer()
    server.held = {CATALOGUE_FILE}
    return await ScriptedPage.visit(browser, server, viewport=size)


async def not_loaded(browser: Browser, size: ViewportSize) -> ScriptedPage:
    """The catalogue does not arrive."""
    server = ScriptedServer()
    server.missing = {CATALOGUE_FILE}
    tab = await ScriptedPage.visit(browser, server, viewport=size)
    await tab.pass_time(4)
    await tab.page.locator("#load-failed").wait_for(state="visible")
    return tab


async def old_browser(browser: Browser, size: ViewportSize) -> ScriptedPage:
    tab = await ScriptedPage.visit(browser, viewport=size, lack=NO_WEBRTC)
    await tab.page.locator("#load-old").wait_for(state="visible")
    return tab


async def malformed_link(browser: Browser, size: ViewportSize) -> ScriptedPage:
    tab = await ScriptedPage.visit(browser, viewport=size, address="/apply/first#a.b")
    await tab.step("result")
    return tab


async def looked_up(
    browser: Browser, size: ViewportSize, answer: Answer, later_s: float = 2
) -> ScriptedPage:
    """The first question of the page is answered like this, again and again."""
    server = ScriptedServer()
    server.answers["open" if answer.status == 401 else "session"] = answer
    tab = await ScriptedPage.visit(browser, server, viewport=size)
    await tab.until("['result', 'loading'].includes(document.body.dataset.step)")
    await tab.pass_time(later_s)
    return tab


# ── consent ──


async def consent(browser: Browser, size: ViewportSize) -> ScriptedPage:
    tab = await ScriptedPage.visit(browser, viewport=size)
    await tab.step("consent")
    return tab


async def consent_to_the_end(browser: Browser, size: ViewportSize) -> ScriptedPage:
    """The same, scrolled down."""
    tab = await consent(browser, size)
    await tab.page.evaluate("window.scrollTo(0, document.body.scrollHeight)")
    return tab


async def consent_again(browser: Browser, size: ViewportSize) -> ScriptedPage:
    """The check broke off on an earlier visit."""
    server = ScriptedServer()
    server.answers["session"] = report("interrupted", can_retry=True)
    tab = await ScriptedPage.visit(browser, server, viewport=size)
    await tab.step("consent")
    return tab


async def consent_changed(browser: Browser, size: ViewportSize) -> ScriptedPage:
    tab = await consent(browser, size)
    tab.server.answers["consent"] = problem(409, "consent_changed")
    tab.server.later["consent"] = Answer(200, consent_text())
    await tab.page.click("#agree")
    await tab.until("!document.querySelector('#consent-note').hidden")
    return tab


async def declined(browser: Browser, size: ViewportSize) -> ScriptedPage:
    server = ScriptedServer()
    server.answers["session"] = report("created", return_url=BANK)
    tab = await ScriptedPage.visit(browser, server, viewport=size)
    await tab.step("consent")
    await tab.page.click("#decline")
    await tab.step("result")
    return tab


# ── camera ──


async def asking(browser: Browser, size: ViewportSize, lack: str = "") -> ScriptedPage:
    """The camera step, where the permission does not stand yet."""
    tab = await ScriptedPage.visit(browser, viewport=size, lack=NOT_ASKED + lack)
    await tab.step("consent")
    await tab.page.click("#agree")
    await tab.step("camera")
    return tab


async def without_camera(browser: Browser, size: ViewportSize, lack: str) -> ScriptedPage:
    """The camera does not open."""
    tab = await asking(browser, size, lack)
    await tab.page.click("#camera-open")
    await tab.until("!document.querySelector('#camera-trouble').hidden")
    return tab


async def unanswered(browser: Browser, size: ViewportSize, for_s: float = 8.5) -> ScriptedPage:
    """Nobody answers the question for the permission."""
    tab = await asking(browser, size, NO_ANSWER)
    await tab.page.click("#camera-open")
    await tab.pass_time(for_s)
    return tab


async def slow(browser: Browser, size: ViewportSize) -> ScriptedPage:
    """The camera is allowed, and does not come."""
    tab = await ScriptedPage.visit(browser, viewport=size, lack=NO_ANSWER)
    await tab.step("consent")
    await tab.page.click("#agree")
    await tab.step("camera")
    await tab.pass_time(8.5)
    return tab


def denied(family: str) -> Situation:
    """On a phone: the way to the permission is another one."""
    lack = NO_CAMERA.format(name="NotAllowedError", said="no") + AGENT.format(agent=PHONES[family])
    return partial(without_camera, lack=lack)


def fails(name: str, said: str = "no") -> Situation:
    """`getUserMedia` throws this."""
    return partial(without_camera, lack=NO_CAMERA.format(name=name, said=said))


START: dict[str, Situation] = {
    "loading": loading,
    "load_failed": not_loaded,
    "load_old_browser": old_browser,
    "load_link_lost": partial(looked_up, answer=Answer(0)),
    "load_busy": partial(looked_up, answer=BUSY),
    "load_storage_away": partial(looked_up, answer=STORAGE_AWAY),
    "load_server_trouble": partial(looked_up, answer=problem(500, "internal_error")),
    "link_malformed": malformed_link,
    "link_unknown": partial(looked_up, answer=problem(404, "not_found")),
    "link_expired": partial(looked_up, answer=problem(401, "link_expired")),
    "link_replaced": partial(looked_up, answer=problem(401, "link_replaced")),
    "link_used": partial(
        looked_up, answer=report("passed", status="PASSED", verified=True, return_url=BANK)
    ),
    "link_cancelled": partial(looked_up, answer=report("cancelled", can_retry=True)),
    "link_session_expired": partial(looked_up, answer=report("expired")),
    "link_withdrawn": partial(looked_up, answer=report("cancelled", withdrawn=True)),
    "link_open_elsewhere": partial(looked_up, answer=report("challenging")),
    "given_up_offline": partial(looked_up, answer=Answer(0), later_s=75),
    "given_up_busy": partial(looked_up, answer=BUSY, later_s=320),
    "given_up_server": partial(looked_up, answer=problem(500, "internal_error"), later_s=260),
    "consent": consent,
    "consent_to_the_end": consent_to_the_end,
    "consent_again": consent_again,
    "consent_changed": consent_changed,
    "consent_declined": declined,
    "camera": asking,
    "camera_waiting": partial(unanswered, for_s=0.5),
    "camera_no_answer": unanswered,
    "camera_denied": fails("NotAllowedError"),
    "camera_denied_ios": denied("ios"),
    "camera_denied_android": denied("android"),
    "camera_dismissed": fails("NotAllowedError", said="Permission dismissed"),
    "camera_slow": slow,
    "camera_in_use": fails("NotReadableError"),
    "camera_not_found": fails("NotFoundError"),
    "camera_overconstrained": fails("OverconstrainedError"),
    "camera_failed": fails("UnknownError"),
    "camera_unsupported": partial(without_camera, lack=NO_DEVICES),
    "camera_insecure": partial(without_camera, lack=NOT_SECURE),
}
"""By name."""
