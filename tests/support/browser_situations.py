"""Situations of the applicant's page, each brought about on a scripted server."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial

from playwright.async_api import Browser, ViewportSize

from tests.support.browser_script import (
    STORAGE_AWAY,
    Answer,
    ScriptedPage,
    ScriptedServer,
    problem,
    report,
)

Situation = Callable[[Browser, ViewportSize], Awaitable[ScriptedPage]]

NO_CAMERA = """navigator.mediaDevices.getUserMedia = async () => {{
    throw new DOMException('no', '{name}');
}};"""
NO_ANSWER = "navigator.mediaDevices.getUserMedia = () => new Promise(() => undefined);"
NOT_ASKED = "navigator.permissions.query = async () => ({ state: 'prompt' });"
NO_FRAMES = """kycScript.realFrames = true;
    const canvas = document.createElement('canvas');
    navigator.mediaDevices.getUserMedia = async () => canvas.captureStream(0);"""


async def consent(browser: Browser, size: ViewportSize) -> ScriptedPage:
    tab = await ScriptedPage.visit(browser, viewport=size)
    await tab.step("consent")
    return tab


async def asking(browser: Browser, size: ViewportSize) -> ScriptedPage:
    """The camera step, where the permission does not stand yet."""
    tab = await ScriptedPage.visit(browser, viewport=size, lack=NOT_ASKED)
    await tab.step("consent")
    await tab.page.click("#agree")
    await tab.step("camera")
    return tab


async def without_camera(
    browser: Browser, size: ViewportSize, name: str = "NotAllowedError"
) -> ScriptedPage:
    lack = NOT_ASKED + NO_CAMERA.format(name=name)
    tab = await ScriptedPage.visit(browser, viewport=size, lack=lack)
    await tab.step("consent")
    await tab.page.click("#agree")
    await tab.step("camera")
    await tab.page.click("#camera-open")
    await tab.until("!document.querySelector('#camera-trouble').hidden")
    return tab


async def unanswered(browser: Browser, size: ViewportSize) -> ScriptedPage:
    """Nobody answers the question for the permission."""
    tab = await ScriptedPage.visit(browser, viewport=size, lack=NOT_ASKED + NO_ANSWER)
    await tab.step("consent")
    await tab.page.click("#agree")
    await tab.step("camera")
    await tab.page.click("#camera-open")
    await tab.pass_time(8.5)
    return tab


async def checking(browser: Browser, size: ViewportSize, lack: str = "") -> ScriptedPage:
    tab = await ScriptedPage.visit(browser, viewport=size, lack=lack)
    await tab.agree()
    await tab.connected()
    await tab.tell("state", state="checking_quality", previous="connecting")
    return tab


async def troubled(browser: Browser, size: ViewportSize, code: str) -> ScriptedPage:
    """Something is wrong with the picture before the first action."""
    tab = await checking(browser, size)
    await tab.say("quality", ok=False, issues=[{"code": code, "hint": f"hint.{code}"}])
    await tab.pass_time(0.5)
    return tab


async def asked(browser: Browser, size: ViewportSize) -> ScriptedPage:
    tab = await checking(browser, size)
    await tab.tell("state", state="challenging", previous="checking_quality")
    await tab.ask("a", "mouth_open")
    await tab.say("quality", ok=False, issues=[{"code": "too_dark", "hint": "hint.too_dark"}])
    await tab.say("challenge_progress", challenge_id="a", progress=0.4, remaining_ms=6_000)
    return tab


async def blind(browser: Browser, size: ViewportSize) -> ScriptedPage:
    """A camera without a picture, which does not come back."""
    tab = await checking(browser, size, NO_FRAMES)
    await tab.pass_time(8)
    await tab.until("!document.querySelector('#live-trouble').hidden")
    return tab


async def stopping(browser: Browser, size: ViewportSize) -> ScriptedPage:
    tab = await asked(browser, size)
    await tab.pass_time(2.5)
    await tab.page.click("#stop")
    return tab


async def cut_off(browser: Browser, size: ViewportSize) -> ScriptedPage:
    tab = await asked(browser, size)
    tab.server.answers["offer"] = Answer(0)
    await tab.lose()
    await tab.pass_time(1)
    return tab


async def ended(browser: Browser, size: ViewportSize, status: str) -> ScriptedPage:
    tab = await asked(browser, size)
    reasons = [] if status == "PASSED" else ["light", "framing", "action"]
    await tab.tell(
        "verdict",
        status=status,
        verified=status == "PASSED",
        reasons=[{"code": code, "text": f"reason.{code}"} for code in reasons],
        can_retry=status != "PASSED",
        needs_review=False,
    )
    await tab.step("result")
    return tab


async def refused(browser: Browser, size: ViewportSize, answer: Answer) -> ScriptedPage:
    """The first question of the page is answered like this."""
    server = ScriptedServer()
    server.answers["open" if answer.status == 401 else "session"] = answer
    tab = await ScriptedPage.visit(browser, server, viewport=size)
    await tab.until(
        "document.body.dataset.step === 'result' || document.body.dataset.step === 'loading'"
    )
    await tab.pass_time(2)
    return tab


SITUATIONS: dict[str, Situation] = {
    "consent": consent,
    "camera": asking,
    "camera_denied": without_camera,
    "camera_in_use": partial(without_camera, name="NotReadableError"),
    "camera_not_found": partial(without_camera, name="NotFoundError"),
    "camera_no_answer": unanswered,
    "live_checking": checking,
    "live_too_dark": partial(troubled, code="too_dark"),
    "live_too_small": partial(troubled, code="face_too_small"),
    "live_no_face": partial(troubled, code="no_face"),
    "live_asked": asked,
    "live_blind": blind,
    "live_stop": stopping,
    "live_cut_off": cut_off,
    "passed": partial(ended, status="PASSED"),
    "inconclusive": partial(ended, status="INCONCLUSIVE"),
    "failed": partial(ended, status="FAILED"),
    "expired": partial(refused, answer=report("expired")),
    "cancelled": partial(refused, answer=report("cancelled", can_retry=True)),
    "link_replaced": partial(refused, answer=problem(401, "link_replaced")),
    "storage_away": partial(refused, answer=STORAGE_AWAY),
}
"""By name. The sheets of `tests/screens.py` and the checks of every screen are of these."""
