"""The page cannot load, or the browser cannot run it: words, and a button where there can be one."""

from __future__ import annotations

import pytest
from playwright.async_api import Browser

from tests.support.browser_script import ScriptedPage, ScriptedServer

pytestmark = pytest.mark.browser

WITHOUT_WEBRTC = "delete window.RTCPeerConnection;"
WITHOUT_MODULES = "delete HTMLScriptElement.prototype.noModule;"
WITHOUT_FREEZE = "delete Object.freeze;"
WITHOUT_ALL = (
    "delete Element.prototype.querySelectorAll; delete Document.prototype.querySelectorAll;"
)
"""Stand for whatever a browser lacks of what the page's modules need, and what they need later."""

WITHOUT_NEWER = "delete Object.hasOwn; delete Array.prototype.at; delete window.structuredClone;"
"""As in Safari 15.3 and Chrome 91: the page does without."""


@pytest.mark.parametrize(
    "file",
    ["i18n/en.json", "apply/apply.js", "apply/dom.js", "sdk/retry.js"],
)
async def test_a_file_that_does_not_arrive_is_reported_with_a_button(
    browser: Browser, file: str
) -> None:
    server = ScriptedServer()
    server.missing = {f"/static/{file}"}
    tab = await ScriptedPage.visit(browser, server)
    await tab.pass_time(4)
    await tab.page.locator("#load-failed").wait_for(state="visible")
    assert "could not be loaded" in await tab.text("#load-failed")
    assert not await tab.page.is_visible("#loading-title")
    server.missing = set()
    await tab.page.click("#load-again")
    await tab.step("consent")


async def test_a_file_that_takes_for_ever_is_reported_and_may_still_come(browser: Browser) -> None:
    server = ScriptedServer()
    server.held = {"/static/i18n/en.json"}
    tab = await ScriptedPage.visit(browser, server)
    assert await tab.text("#loading-title") == "Opening your check…"
    assert not await tab.page.is_visible("#load-failed")
    await tab.pass_time(21)
    assert await tab.page.is_visible("#load-failed")
    server.release()
    await tab.step("consent")
    assert not await tab.page.is_visible("#load-failed")


async def test_a_browser_of_2021_does_the_check(browser: Browser) -> None:
    tab = await ScriptedPage.visit(browser, ScriptedServer(), lack=WITHOUT_NEWER)
    await tab.step("consent")


@pytest.mark.parametrize(
    "lack",
    [WITHOUT_WEBRTC, WITHOUT_MODULES, WITHOUT_FREEZE, WITHOUT_ALL],
    ids=["webrtc", "modules", "at once", "later"],
)
async def test_an_old_browser_is_asked_to_use_another(browser: Browser, lack: str) -> None:
    server = ScriptedServer()
    if lack == WITHOUT_MODULES:
        server.missing = {"/static/apply/apply.js"}  # such a browser does not ask for it
    tab = await ScriptedPage.visit(browser, server, lack=lack)
    await tab.page.locator("#load-old").wait_for(state="visible")
    assert await tab.in_view("#load-copy")
    await tab.page.click("#load-copy")
    assert await tab.page.is_visible("#load-copied")
    async with tab.page.expect_event("load"):
        await tab.page.click("#load-old-again")


async def test_without_javascript_the_page_says_so(browser: Browser) -> None:
    context = await browser.new_context(java_script_enabled=False)
    page = await context.new_page()
    await page.route("**/*", ScriptedServer().handle)
    await page.goto("http://127.0.0.1:9/apply/first#a.b.c")
    assert "needs JavaScript" in await page.inner_text("main")
    await context.close()
