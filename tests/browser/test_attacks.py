"""An attack against the server as it is shipped, with its weights.

Other photos, loops and a frozen picture are in `test_verification.py`. `python -m tests.attacks` runs all
attacks and counts, those among them that are let in: see docs/detection.md.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.async_api import Browser

from tests.support.browser import ApplicantPage
from tests.support.browser_attacks import BentPhoto
from tests.support.browser_checks import assert_refused
from tests.support.browser_server import IMPATIENT, LiveServer, serving

pytestmark = [pytest.mark.browser, pytest.mark.realtime]


@pytest.fixture
def shipped_server(chromium: str, face_model: Path, tmp_path: Path) -> Iterator[LiveServer]:
    """A server with its own weights, that does not wait long: a photo answers nothing anyway."""
    with serving(tmp_path, IMPATIENT) as server:
        yield server


async def test_a_photo_that_is_bent_is_not_verified(
    browser: Browser, shipped_server: LiveServer, face_model: Path
) -> None:
    session = shipped_server.start_session()
    tab = await ApplicantPage.open(browser, BentPhoto(face_model))
    await tab.follow(session["join_url"])
    await assert_refused(tab, shipped_server, session["session_id"])
