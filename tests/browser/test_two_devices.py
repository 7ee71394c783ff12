"""One link on two devices, with the server and two pages in Chromium: both are notified, one goes on."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from playwright.async_api import Browser

from tests.support.browser import AT_A_CHALLENGE, ApplicantPage
from tests.support.browser_camera import CATALOGUE
from tests.support.browser_people import Obedient
from tests.support.browser_server import LiveServer

pytestmark = [pytest.mark.browser, pytest.mark.realtime]

INSTANCE = "sessionStorage.getItem('kyc-rtc.instance')"
PEERS = "kycTest.peers.length"
VERDICTS = {
    CATALOGUE[f"result.{name}.title"]: status
    for name, status in {
        "passed": "PASSED",
        "failed": "FAILED",
        "inconclusive": "INCONCLUSIVE",
        "review": "INCONCLUSIVE",
    }.items()
}
"""The status behind each title."""
QUIET_S = 6.0
"""Longer than it takes a page to reconnect by itself."""


async def is_notified(tab: ApplicantPage, name: str) -> None:
    """Wait until the page says that the check is on another device."""
    await tab.step("result")
    assert await tab.text("#result-title") == CATALOGUE[f"result.{name}.title"]
    assert await tab.text("#result-body") == CATALOGUE[f"result.{name}.body"]


async def decided(tab: ApplicantPage, server: LiveServer, session_id: str) -> None:
    """Wait for the verdict on the device that goes on. Which one it is says how fast this machine is: here
    it counts that the answers given on this device led to it."""
    await tab.step("result", within_s=60)
    assert server.status(session_id)["status"] == VERDICTS[await tab.text("#result-title")]
    assert await tab.messages("challenge_result")


async def test_one_link_on_two_devices(
    browser: Browser, server: LiveServer, face_model: Path
) -> None:
    session = server.start_session()
    phone, laptop = [await ApplicantPage.open(browser, Obedient(face_model)) for _ in range(2)]
    await phone.follow(session["join_url"])
    await phone.until(AT_A_CHALLENGE)
    await laptop.page.goto(session["join_url"])
    await is_notified(laptop, "in_use")
    assert await laptop.text("#result-action") == CATALOGUE["result.continue_here"]
    assert await phone.page.evaluate("document.body.dataset.step") == "live"
    await laptop.page.click("#result-action")
    await laptop.step("consent")
    await laptop.page.click("#agree")
    await is_notified(phone, "replaced")
    peers = await phone.page.evaluate(PEERS)
    await laptop.until(AT_A_CHALLENGE)
    await asyncio.sleep(QUIET_S)
    assert await phone.page.evaluate(PEERS) == peers  # it does not come back by itself
    await decided(laptop, server, session["session_id"])
    joins = [
        one["took_over"] for one in server.status(session["session_id"])["connection"]["clients"]
    ]
    assert joins == [False, True]
    for tab in (phone, laptop):
        assert await tab.violations() == []


async def test_the_first_device_takes_it_back_once_and_then_it_stays(
    browser: Browser, server: LiveServer, face_model: Path
) -> None:
    session = server.start_session()
    phone, laptop = [await ApplicantPage.open(browser, Obedient(face_model)) for _ in range(2)]
    await phone.follow(session["join_url"])
    await phone.step("live")
    await phone.until("document.querySelector('#link').dataset.state === 'up'")
    await laptop.page.goto(session["join_url"])
    await is_notified(laptop, "in_use")
    await laptop.page.click("#result-action")
    await laptop.step("consent")
    await laptop.page.click("#agree")
    await is_notified(phone, "replaced")
    await phone.page.click("#result-action")
    await is_notified(laptop, "elsewhere")
    assert await laptop.text("#result-action") == CATALOGUE["result.look_again"]
    await decided(phone, server, session["session_id"])


async def test_a_duplicated_tab_is_another_device(browser: Browser, server: LiveServer) -> None:
    tab = await ApplicantPage.open(browser, None)
    await tab.page.goto(server.url + "/static/sdk/api.js")
    find = "import('/static/sdk/instance.js').then((module) => module.instanceId())"
    first = await tab.page.evaluate(find)
    async with tab.page.context.expect_page() as opening:
        await tab.page.evaluate("void window.open(location.href)")
    copy = await opening.value
    await copy.wait_for_load_state()
    assert await copy.evaluate(INSTANCE) == first  # the browser copies what the tab keeps
    assert await copy.evaluate(find) != first
    await tab.page.reload()
    assert await tab.page.evaluate(find) == first
