"""A check that breaks off goes on, or starts over, without the applicant doing anything."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Browser

from tests.browser.conftest import without_detectors
from tests.support.browser import AT_A_CHALLENGE, ApplicantPage
from tests.support.browser_camera import CATALOGUE, SENTENCES
from tests.support.browser_checks import NOT_PASSED, assert_refused
from tests.support.browser_people import Contrary, Obedient
from tests.support.browser_server import LiveServer

pytestmark = [pytest.mark.browser, pytest.mark.realtime]

RECONNECTING = "document.querySelector('#link').dataset.state === 'down'"


@pytest.fixture
def mortal_server(face_model: Path, tmp_path: Path) -> Iterator[LiveServer]:
    """A server of its own, for a test that kills it."""
    server = LiveServer(tmp_path, without_detectors(tmp_path))
    server.start()
    yield server
    assert server.stop() == 0


async def at_a_challenge(
    browser: Browser, server: LiveServer, face_model: Path
) -> tuple[dict[str, Any], ApplicantPage]:
    """A session that has come to its first challenge, and its page."""
    session = server.start_session()
    tab = await ApplicantPage.open(browser, Obedient(face_model))
    await tab.follow(session["join_url"])
    await tab.until(AT_A_CHALLENGE)
    return session, tab


async def interrupted(server: LiveServer, session: dict[str, Any]) -> dict[str, Any]:
    """The session's report, once the dead process's lease has run out and its sessions were swept."""
    async with asyncio.timeout(15):
        while True:
            view = server.session(session["session_id"], session["client_token"])
            if view["state"] == "interrupted":
                return view
            await asyncio.sleep(0.25)  # polling a process, bounded by the time-out


async def test_after_a_power_cut_the_page_starts_over_by_itself(
    browser: Browser, mortal_server: LiveServer, face_model: Path
) -> None:
    first, tab = await at_a_challenge(browser, mortal_server, face_model)
    mortal_server.kill()
    mortal_server.start()
    view = await interrupted(mortal_server, first)
    assert view["can_retry"]
    await tab.until(f"!location.pathname.endsWith('{first['session_id']}')", within_s=40)
    assert await tab.text("#live-notice") == CATALOGUE["live.starting_over"]
    await tab.step("result", within_s=60)
    assert await tab.text("#result-title") == CATALOGUE["result.passed.title"], await tab.summary()
    assert mortal_server.status(await tab.session_id())["status"] == "PASSED"
    verification = mortal_server.status(first["session_id"])
    assert [attempt["state"] for attempt in verification["attempts"]] == ["interrupted", "passed"]
    assert verification["status"] == "PASSED"  # the institution hears it under the id that it has
    assert await tab.violations() == []


async def test_a_dropped_peer_is_replaced_and_the_same_session_goes_on(
    browser: Browser, server: LiveServer, face_model: Path
) -> None:
    session, tab = await at_a_challenge(browser, server, face_model)
    await tab.drop_peer()
    await tab.step("result", within_s=60)
    assert await tab.text("#result-title") == CATALOGUE["result.passed.title"], await tab.summary()
    assert await tab.session_id() == session["session_id"]
    greetings = await tab.messages("hello")
    assert len(greetings) == 2
    assert greetings[1]["state"] == "challenging"
    assert (tab.problems, await tab.violations()) == ([], [])


async def test_an_outage_is_reported_and_mended(
    browser: Browser, server: LiveServer, face_model: Path
) -> None:
    session, tab = await at_a_challenge(browser, server, face_model)
    server.pause()
    try:
        await tab.until(RECONNECTING)
        assert await tab.text("#prompt-text") == CATALOGUE["live.reconnecting"]
        assert await tab.text("#hint") == CATALOGUE["live.reconnecting_hint"]
    finally:
        server.resume()
    await tab.until("document.querySelector('#link').dataset.state === 'up'", within_s=30)
    await tab.until(AT_A_CHALLENGE)
    assert await tab.text("#prompt-text") in SENTENCES
    assert await tab.session_id() == session["session_id"]


async def test_try_again_leads_to_a_new_check(
    browser: Browser, impatient_server: LiveServer, face_model: Path
) -> None:
    first = impatient_server.start_session()
    tab = await ApplicantPage.open(browser, Contrary(face_model))
    await tab.follow(first["join_url"])
    await tab.step("result", within_s=60)
    await assert_refused(tab, impatient_server, first["session_id"])
    assert await tab.text("#result-action") == CATALOGUE["result.try_again"]
    await tab.page.click("#result-action")
    await tab.step("live")
    await tab.until(AT_A_CHALLENGE)
    second = await tab.session_id()
    assert second != first["session_id"]
    assert impatient_server.status(second)["state"] == "challenging"
    verification = impatient_server.status(first["session_id"])
    assert (verification["status"], verification["state"]) == ("active", "challenging")
    before, now = (one["status"] for one in verification["attempts"])
    assert before in NOT_PASSED
    assert now == "active"
    assert (tab.problems, await tab.violations()) == ([], [])
