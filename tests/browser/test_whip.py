"""WHIP from Chromium: the documentation's example, as it is written there, in a page of its own."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.async_api import Browser

from tests.support.browser_people import Obedient
from tests.support.browser_server import LiveServer
from tests.support.browser_whip import WhipPage
from tests.support.documented import example

pytestmark = [pytest.mark.browser, pytest.mark.realtime]

EXAMPLE = example("whip.md", "A browser", "javascript")


async def test_the_documented_page_sees_its_challenges_and_is_verified(
    browser: Browser, server: LiveServer, face_model: Path
) -> None:
    session = server.start_session()
    page = await WhipPage.open(browser, server, Obedient(face_model))
    script = f"async (url, token, camera) => {{ {EXAMPLE} await whip(url, token, camera, heard); }}"
    await page.run(script, session, within_s=90)

    asked = {message["challenge_id"] for message in page.of_type("challenge")}
    passed = [message for message in page.of_type("challenge_result") if message["passed"]]
    assert (len(asked), len(passed)) == (3, 3), page.messages
    assert page.of_type("verdict")[-1]["status"] == "PASSED"
    status = server.status(session["session_id"])
    assert (status["status"], status["transport"]) == ("PASSED", "whip")
    assert status["frames_processed"] > 50
    assert [(method, code) for method, code, _ in page.answers] == [("POST", 201), ("DELETE", 200)]
    # Chromium offers `actpass`, and becomes the DTLS client (RFC 8842, 5.3).
    assert "a=setup:passive" in page.answers[0][2]
    assert page.tab.problems == []
