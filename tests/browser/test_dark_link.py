"""A link that goes dark for a while fails nobody. Longer outages, recorded people, and the detectors:
`python -m tests.outcomes`."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from playwright.async_api import Browser

from tests.support.browser import AT_A_CHALLENGE, ApplicantPage
from tests.support.browser_checks import assert_verified
from tests.support.browser_people import Obedient
from tests.support.browser_server import LiveServer
from tests.support.weak_link import WeakLink

pytestmark = [pytest.mark.browser, pytest.mark.realtime]


async def test_who_is_cut_off_while_answering_is_asked_something_else_and_passes(
    browser: Browser, server: LiveServer, face_model: Path
) -> None:
    started = server.start_session()
    tab, link = await ApplicantPage.open(browser, Obedient(face_model)), WeakLink()
    await link.attach(tab.page)
    await tab.follow(started["join_url"])
    await tab.until(AT_A_CHALLENGE)
    async with link.outage():
        await asyncio.sleep(2.5)  # the outage itself
    await assert_verified(tab, server, started["session_id"])
    link.close()
    connection = server.status(started["session_id"])["connection"]
    assert connection["voided"] == {"gap": 1}
    assert connection["longest_gap_ms"] > 2_000
