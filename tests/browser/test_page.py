"""The applicant's page in Chromium, with its own fake camera: every step, on a phone and on a desk."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from playwright.async_api import Browser, ViewportSize, async_playwright

from tests.support.browser import AT_A_CHALLENGE, DESKTOP, PHONE, ApplicantPage, launch
from tests.support.browser_camera import CATALOGUE, SENTENCES
from tests.support.browser_server import LiveServer

pytestmark = [pytest.mark.browser, pytest.mark.realtime]

FITS_SIDEWAYS = "document.documentElement.scrollWidth <= window.innerWidth"


@pytest_asyncio.fixture(loop_scope="session")
async def filming_browser(chromium: str, portrait_film: Path) -> AsyncIterator[Browser]:
    """Chromium with its fake camera, which plays the film over and over."""
    arguments = [
        "--use-fake-device-for-media-stream",
        f"--use-file-for-fake-video-capture={portrait_film}",
    ]
    async with async_playwright() as playwright:
        browser = await launch(playwright, chromium, arguments)
        yield browser
        await browser.close()


@pytest.mark.parametrize("viewport", [PHONE, DESKTOP], ids=["phone", "desktop"])
async def test_from_the_link_to_a_challenge(
    filming_browser: Browser, server: LiveServer, viewport: ViewportSize
) -> None:
    tab = await ApplicantPage.open(filming_browser, None, viewport)
    await tab.page.goto(server.start_session()["join_url"])
    await tab.step("consent")
    assert await tab.text("section:not([hidden]) h1") == CATALOGUE["consent.title"]
    assert await tab.in_view("#agree")
    await tab.page.click("#agree")
    await tab.step("live")
    await tab.until(AT_A_CHALLENGE)
    assert await tab.text("#prompt-text") in SENTENCES
    for needed in ("#stage", "#prompt-text", "#prompt-seconds", "#stop"):
        assert await tab.in_view(needed), needed
    assert await tab.page.evaluate(FITS_SIDEWAYS)
    assert await tab.page.evaluate("document.querySelector('#preview').videoWidth > 0")
    await tab.until("kycTest.messages.filter(m => m.type === 'frame').length > 10")
    await tab.until("kycTest.messages.some(m => m.type === 'challenge_progress')")
    assert_protocol(await tab.messages())
    answer = await tab.page.evaluate("kycTest.peers.at(-1).remoteDescription.sdp")
    assert "x-google-start-bitrate=1000" in answer
    await tab.page.click("#stop")
    assert await tab.in_view("#stop-seconds")  # what was asked goes on
    await tab.page.click("#stop-confirm")
    await tab.step("result")
    assert await tab.text("#result-title") == CATALOGUE["result.cancelled.title"]
    assert (tab.problems, await tab.violations()) == ([], [])


def assert_protocol(heard: list[dict[str, Any]]) -> None:
    """What must arrive comes on the reliable channel, without a gap; the rest on the other, in bounds."""
    assert heard[0]["type"] == "hello"
    reliable = [m["seq"] for m in heard if m["channel"] == "kyc"]
    assert reliable == list(range(reliable[0], reliable[0] + len(reliable)))
    assert {m["channel"] for m in heard if m["type"] in ("state", "challenge")} == {"kyc"}
    telemetry = [m for m in heard if m["channel"] == "kyc-telemetry"]
    assert {m["type"] for m in telemetry} == {"frame", "challenge_progress"}
    span_s = (telemetry[-1]["at_ms"] - telemetry[0]["at_ms"]) / 1000
    assert len(telemetry) <= 10 * span_s + 3  # ten a second; the network may bunch a few


async def test_a_blocked_camera_is_explained_and_can_be_allowed(
    filming_browser: Browser, server: LiveServer
) -> None:
    tab = await ApplicantPage.open(filming_browser, None)
    await tab.page.context.clear_permissions()
    await tab.follow(server.start_session()["join_url"])
    await tab.step("camera")
    await tab.page.click("#camera-open")
    await tab.until("!document.querySelector('#camera-trouble').hidden")
    assert await tab.text("#camera-trouble-title") == CATALOGUE["camera.denied.title"]
    assert len(await tab.texts("#camera-trouble-help li")) >= 2
    await tab.page.context.grant_permissions(["camera"])
    await tab.step("live")  # by itself
    assert (tab.problems, await tab.violations()) == ([], [])


async def test_the_start_page_opens_a_session(filming_browser: Browser, server: LiveServer) -> None:
    tab = await ApplicantPage.open(filming_browser, None, DESKTOP)
    await tab.page.goto(server.url)
    await tab.page.click("#start")
    await tab.page.locator("#session").wait_for(state="visible")
    await tab.page.click("#open")
    await tab.step("consent")
    assert server.status(await tab.session_id())["state"] == "created"
    assert (tab.problems, await tab.violations()) == ([], [])


@pytest.mark.parametrize(
    "address",
    [
        "/apply/11111111-1111-4111-8111-111111111111",
        "{path}#no-token",
        "/apply",
        "/apply/cut#a.b.c",
    ],
)
async def test_a_link_that_is_not_one_is_reported_in_words(
    browser: Browser, server: LiveServer, address: str
) -> None:
    session = server.start_session()
    tab = await ApplicantPage.open(browser, None)
    await tab.page.goto(server.url + address.replace("{path}", f"/apply/{session['session_id']}"))
    await tab.step("result")
    assert await tab.text("#result-title") == CATALOGUE["result.invalid.title"]
    assert await tab.violations() == []
