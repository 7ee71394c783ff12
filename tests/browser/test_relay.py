"""The page behind nginx, where the relay is the only way: with credentials that hold, and expired ones."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest_asyncio
from playwright.async_api import Browser, async_playwright

from kyc_rtc.turn import turn_credentials
from tests.support.browser import ApplicantPage, launch
from tests.support.browser_camera import CATALOGUE
from tests.support.browser_people import Obedient
from tests.support.deployed import SECRET, Deployed, deployment
from tests.support.proxied import host_address

RELAY_ONLY = """
const Peer = window.RTCPeerConnection;
window.RTCPeerConnection = class extends Peer {
    constructor(configuration) {
        const instead = (window.kycTestPeers ??= 0) < (window.kycTestTimes ?? 0) ? window.kycTestInstead : {};
        window.kycTestPeers += 1;
        const iceServers = configuration.iceServers.map((one) => ({ ...one, ...instead }));
        super({ ...configuration, iceServers, iceTransportPolicy: 'relay' });
    }
};
"""
"""A network that lets nothing through but TURN; for the first `kycTestTimes` peers `kycTestInstead` replaces
what the server gave."""


@pytest_asyncio.fixture(loop_scope="session")
async def deployed(face_model: Path, tmp_path: Path) -> AsyncIterator[Deployed]:
    del face_model  # fetched, or the test is skipped
    async with deployment(tmp_path) as made:
        yield made


@pytest_asyncio.fixture(loop_scope="session")
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


def expired(times: str) -> str:
    """A script: the first peers have a credential that ended long ago."""
    username, credential = turn_credentials(SECRET, 1_700_000_000, "late")
    fields = json.dumps({"username": username, "credential": credential})
    return f"window.kycTestTimes = {times}; window.kycTestInstead = {fields};"


async def ending(tab: ApplicantPage) -> tuple[str, str]:
    """Title and sentence of the result, which has a button."""
    await tab.step("result", within_s=120)
    assert await tab.in_view("#result-action")
    return await tab.text("#result-title"), await tab.text("#result-body")


async def test_credentials_that_stay_expired_end_in_a_sentence_that_says_so(
    deployed: Deployed, trusting: Browser, face_model: Path
) -> None:
    tab = await join(deployed, trusting, face_model, expired("Infinity"))
    assert await ending(tab) == (
        CATALOGUE["result.relay_refused.title"],
        CATALOGUE["result.relay_refused.body"],
    ), await tab.summary()
    assert "401" in deployed.turn_log.read_text()


async def test_a_credential_that_has_expired_is_replaced_by_itself(
    deployed: Deployed, trusting: Browser, face_model: Path
) -> None:
    tab = await join(deployed, trusting, face_model, expired("1"))
    await tab.until("window.kycTest.messages.some((m) => m.type === 'hello')", within_s=90)
    assert await tab.page.evaluate("window.kycTestPeers") == 2
    assert "ALLOCATE processed, success" in deployed.turn_log.read_text()


async def test_a_relay_that_cannot_be_reached_ends_in_words(
    deployed: Deployed, trusting: Browser, face_model: Path
) -> None:
    dead = json.dumps({"urls": [f"turn:{host_address()}:9"]})
    script = f"window.kycTestTimes = Infinity; window.kycTestInstead = {dead};"
    tab = await join(deployed, trusting, face_model, script)
    assert await ending(tab) == (
        CATALOGUE["result.relay_unreachable.title"],
        CATALOGUE["result.relay_unreachable.body"],
    ), await tab.summary()
