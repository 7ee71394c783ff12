"""The page by keyboard alone: the way through, and where the focus is; and the page with less motion."""

from __future__ import annotations

import pytest
from playwright.async_api import Browser

from tests.support.browser import PHONE
from tests.support.browser_script import ScriptedPage, report
from tests.support.browser_situations import SITUATIONS
from tests.support.situations_live import PROMPTS
from tests.support.situations_start import NOT_ASKED

pytestmark = pytest.mark.browser

FOCUSED = "document.activeElement.id || document.activeElement.textContent"
RING = """(() => {
    const { outlineStyle, outlineWidth } = getComputedStyle(document.activeElement);
    return outlineStyle === 'none' ? 0 : parseFloat(outlineWidth);
})()"""
MOVES = """document.getAnimations().filter((animation) => animation.effect.getKeyframes()
    .some((frame) => Object.keys(frame).some((name) =>
        !['opacity', 'offset', 'computedOffset', 'easing', 'composite', 'visibility'].includes(name))))
    .map((animation) => animation.animationName ?? animation.transitionProperty)"""
"""Animations that change more than how opaque something is."""

MOST_STOPS = 8


async def focused(tab: ScriptedPage) -> str:
    found: str = await tab.page.evaluate(FOCUSED)
    return found


async def tab_to(tab: ScriptedPage, control: str) -> None:
    """Press Tab until this control has the focus; every stop on the way can be seen."""
    stops: list[str] = []
    while await focused(tab) != control:
        assert len(stops) < MOST_STOPS, f"{control} is not among {stops}"
        await tab.page.keyboard.press("Tab")
        stops.append(await focused(tab))
        if await tab.page.evaluate("document.activeElement !== document.body"):
            assert await tab.page.evaluate(RING) >= 2, stops[-1]


async def press(tab: ScriptedPage, control: str, key: str = "Enter") -> None:
    await tab_to(tab, control)
    await tab.page.keyboard.press(key)


async def by_keyboard(browser: Browser) -> ScriptedPage:
    """In the middle of an action, without a mouse."""
    tab = await ScriptedPage.visit(browser, lack=NOT_ASKED)
    await tab.step("consent")
    assert await focused(tab) == "consent-title"
    await press(tab, "agree")
    await tab.step("camera")
    assert await tab.page.evaluate("document.activeElement.tagName") == "H1"
    await press(tab, "camera-open", "Space")
    await tab.step("live")
    assert await focused(tab) == "prompt-text"
    await tab.connected()
    await tab.tell("state", state="challenging", previous="checking_quality")
    kind, fields = PROMPTS["smile_hold"]
    await tab.ask("a", kind, 60_000, **fields)
    await tab.pass_time(2.5)
    return tab


async def test_the_check_is_stopped_and_begun_again_by_keyboard(browser: Browser) -> None:
    tab = await by_keyboard(browser)
    tab.server.answers["session"] = report("cancelled", can_retry=True)
    await press(tab, "stop")
    await press(tab, "stop-confirm", "Space")
    await tab.pass_time(1.5)
    await tab.step("result")
    assert await focused(tab) == "result-title"
    await tab.until("!document.querySelector('#result-action').hidden")
    tab.server.answers["session"] = report("created")
    await press(tab, "result-action")
    await tab.step("camera")


async def test_the_question_keeps_the_focus_and_gives_it_back(browser: Browser) -> None:
    tab = await by_keyboard(browser)
    await press(tab, "stop")
    inside = "document.querySelector('#stop-question').contains(document.activeElement)"
    outside = "document.activeElement === document.body"  # the browser's own controls
    assert await tab.page.evaluate(inside)
    for _ in range(6):
        await tab.page.keyboard.press("Tab")
        assert await tab.page.evaluate(f"{inside} || {outside}"), await focused(tab)
    await tab.page.keyboard.press("Escape")
    assert not await tab.page.is_visible("#stop-question")
    assert await focused(tab) == "stop"


async def test_whoever_cannot_do_it_says_so_by_keyboard(browser: Browser) -> None:
    tab = await by_keyboard(browser)
    await press(tab, "cannot", "Space")
    sent = await tab.page.evaluate("kycScript.sent.map(({ type }) => type)")
    assert sent.count("cannot") == 1
    assert await focused(tab) == "prompt-text"
    await tab.ask("b", "nod")
    await tab_to(tab, "cannot")


@pytest.mark.parametrize(
    ("name", "control"),
    [
        ("consent_declined", "result-action"),
        ("camera_denied", "camera-open"),
        ("camera_denied", "camera-copy"),
        ("live_blind_given_up", "live-camera-retry"),
        ("elsewhere_take_over", "result-action"),
        ("link_used", "result-return"),
        ("load_failed", "load-again"),
        ("load_old_browser", "load-copy"),
    ],
)
async def test_the_way_on_is_found_by_keyboard(browser: Browser, name: str, control: str) -> None:
    tab = await SITUATIONS[name](browser, PHONE)
    await tab_to(tab, control)


@pytest.mark.parametrize(
    "name",
    ["loading", "consent", "live_connecting", "live_asks_turn_left", "live_asks_blink", "passed"],
)
async def test_nothing_moves_where_less_motion_is_wanted(browser: Browser, name: str) -> None:
    tab = await SITUATIONS[name](browser, PHONE)
    await tab.page.emulate_media(reduced_motion="reduce")
    assert await tab.page.evaluate(MOVES) == []
    if name == "live_asks_turn_left":
        await tab.page.emulate_media(reduced_motion="no-preference")
        assert await tab.page.evaluate(MOVES) != []
