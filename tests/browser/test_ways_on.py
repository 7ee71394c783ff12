"""Second thoughts and slow answers: each has a sentence that is true, and a way on."""

from __future__ import annotations

import pytest
from playwright.async_api import Browser, ViewportSize

from tests.support.browser import PHONE
from tests.support.browser_camera import CATALOGUE
from tests.support.browser_script import (
    LINK_TOKEN,
    Answer,
    ScriptedPage,
    ScriptedServer,
    consent_text,
    report,
    title,
    words,
)
from tests.support.browser_situations import SITUATIONS
from tests.support.situations_start import fails, slow

pytestmark = pytest.mark.browser

LATER = """
    const good = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
    const permission = { state: 'denied', onchange: null };
    navigator.permissions.query = async () => permission;
    navigator.mediaDevices.getUserMedia = async (wanted) => {
        if (permission.state === 'granted') return good(wanted);
        throw new DOMException('Permission denied', 'NotAllowedError');
    };
    window.allow = () => { permission.state = 'granted'; permission.onchange?.(new Event('change')); };"""
"""A camera that is blocked until the test allows it."""

ROOM_BELOW_TASK = """(() => {
    const box = (id) => document.getElementById(id).getBoundingClientRect();
    return box('live-actions').top - box('prompt-text').bottom;
})()"""

CAMERA_TITLE = "#camera-trouble-title"


# ── the camera ──


async def test_who_allows_the_camera_later_need_not_press_anything(browser: Browser) -> None:
    tab = await ScriptedPage.visit(browser, lack=LATER)
    await tab.step("consent")
    await tab.page.click("#agree")
    await tab.page.click("#camera-open")
    assert await tab.text(CAMERA_TITLE) == CATALOGUE["camera.denied.title"]
    await tab.page.evaluate("window.allow()")
    await tab.step("live")


async def test_a_question_that_was_closed_is_not_called_a_block(browser: Browser) -> None:
    tab = await fails("NotAllowedError", said="Permission dismissed")(browser, PHONE)
    assert await tab.text(CAMERA_TITLE) == CATALOGUE["camera.dismissed.title"]
    assert await tab.text("#camera-trouble-help") == ""  # the settings have nothing to mend
    assert await tab.page.is_enabled("#camera-open")


async def test_no_question_is_looked_for_where_the_camera_is_allowed(browser: Browser) -> None:
    tab = await slow(browser, PHONE)
    assert await tab.text(CAMERA_TITLE) == CATALOGUE["camera.slow.title"]
    assert await tab.page.is_enabled("#camera-open")


# ── the text of the consent ──


@pytest.mark.parametrize(
    ("session", "name"),
    [(report("cancelled", can_retry=True), "cancelled"), (report("challenging"), "in_use")],
)
async def test_a_text_that_does_not_come_ends_in_a_button(
    browser: Browser, session: Answer, name: str
) -> None:
    server = ScriptedServer()
    server.answers |= {"session": session, "consent": Answer(0)}
    tab = await ScriptedPage.visit(browser, server, address=f"/apply/first#{LINK_TOKEN}")
    assert await title(tab) == words(name)
    await tab.page.click("#result-action")
    await tab.pass_time(80)
    assert await tab.text("#result-title") == CATALOGUE["result.offline.title"]
    server.answers["consent"] = Answer(200, consent_text())
    await tab.page.click("#result-action")
    await tab.step("consent")


# ── large text ──


@pytest.mark.parametrize("size", [(360, 560), (320, 568)])
async def test_the_task_can_be_read_to_its_end_with_text_of_twice_the_size(
    browser: Browser, size: tuple[int, int]
) -> None:
    """The side to turn to stands last, and there are seconds to read it."""
    view = ViewportSize(width=size[0], height=size[1])
    tab = await SITUATIONS["live_asks_turn_left"](browser, view)
    await tab.page.add_style_tag(content="html { font-size: 200% }")
    gap = await tab.page.evaluate(ROOM_BELOW_TASK)
    assert gap >= 0


# ── results ──


def test_no_result_speaks_of_who_somebody_is() -> None:
    """The check is whether a live person is there. It compares nobody with anybody."""
    shown = ("result.failed.title", "result.failed.body", "reason.not_verified")
    assert not [
        key for key in shown if "it is you" in CATALOGUE[key] or "identity" in CATALOGUE[key]
    ]


def test_nobody_is_sent_to_another_app_during_a_check() -> None:
    """A browser stops the camera of a page that is left."""
    hints = {key: text for key, text in CATALOGUE.items() if key.startswith(("hint.", "live."))}
    assert not [key for key, text in hints.items() if "other apps" in text]
