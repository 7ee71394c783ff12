"""The page behind nginx, where the relay is the only way: with credentials that hold, and expired ones."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from playwright.async_api import Browser, async_playwright

from kyc_rtc.turn import turn_credentials
from tests.support.browser import ApplicantPage, launch
from tests.support.browser_people import Obedient
from tests.support.deployed import SECRET, Deployed, deployment

RELAY_ONLY = """
const Peer = window.RTCPeerConnection;
window.RTCPeerConnection = class extends Peer {
    constructor(configuration) {
        const iceServers = configuration.iceServers.map((one) => ({ ...one, ...window.kycTestCredential }));
        super({ ...configuration, iceServers, iceTransportPolicy: 'relay' });
    }
};
"""
"""A network that lets nothing through but TURN; `kycTestCredential` replaces the one that the server gave."""


@pytest.fixture
async def deployed(face_model: Path, tmp_path: Path) -> AsyncIterator[Deployed]:
    del face_model  # fetched, or the test is skipped
    async with deployment(tmp_path) as made:
        yield made


@pytest.fixture
async def trusting(chromium: str) -> AsyncIterator[Browser]:
    """A browser that takes the test's own certificate."""
    async with async_playwright() as playwright:
        browser = await launch(playwright, chromium, ["--ignore-certificate-errors"])
        yield browser
        await browser.close()


async def join(deployed: Deployed, browser: Browser, model: Path, script: str) -> ApplicantPage:
    """The portrait opens its link in a network without another way."""
    url = f"{deployed.url}/api/v1/kyc/start-session"
    async with deployed.http.post(url, json={"user_id": "relayed"}) as response:
        path = (await response.json())["join_url"].partition("/apply/")[2]
    tab = await ApplicantPage.open(browser, Obedient(model))
    await tab.page.add_init_script(RELAY_ONLY + script)
    await tab.follow(f"{deployed.url}/apply/{path}")
    return tab


async def test_the_page_and_its_pictures_come_through_nginx_and_the_relay(
    deployed: Deployed, trusting: Browser, face_model: Path
) -> None:
    tab = await join(deployed, trusting, face_model, "")
    await tab.until("window.kycTest.messages.some((m) => m.type === 'challenge')", within_s=60)
    frames = await tab.messages("frame")
    assert any(frame["face_detected"] for frame in frames), await tab.summary()
    assert "ALLOCATE processed, success" in deployed.turn_log.read_text()


async def test_an_expired_credential_ends_in_words(
    deployed: Deployed, trusting: Browser, face_model: Path
) -> None:
    username, credential = turn_credentials(SECRET, 1_700_000_000, "late")
    expired = f"window.kycTestCredential = {{username: '{username}', credential: '{credential}'}};"
    tab = await join(deployed, trusting, face_model, expired)
    await tab.step("result", within_s=150)
    assert await tab.text("#result-title") == "The connection is lost", await tab.summary()
    assert await tab.text("#result-body")
