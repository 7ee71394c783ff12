"""The applicant's page, and uploaded pictures, in another maker's browser. All of the recorded people:
`python -m tests.honest_people`."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import pytest_asyncio

from tests.browser.conftest import without_detectors
from tests.support.browser_camera import CATALOGUE
from tests.support.browser_firefox import Firefox, FirefoxTab, firefox_path, launched
from tests.support.browser_people import Obedient
from tests.support.browser_server import FEW, LiveServer, serving
from tests.support.browser_ways import by_pictures

pytestmark = [pytest.mark.browser, pytest.mark.realtime]

RESULT_LIMIT_S = 90.0


@pytest_asyncio.fixture(loop_scope="session")
async def firefox() -> AsyncIterator[Firefox]:
    path = firefox_path()
    if path is None:
        pytest.skip("no Firefox here: install the system's package `firefox-esr`")
    async with launched(path) as browser:
        yield browser


@pytest.fixture(scope="module")
def few_server(face_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    """Asks for a head turn: what else is asked, and how it is met, is Chromium's tests' matter."""
    folder = tmp_path_factory.mktemp("few")
    with serving(folder, FEW | without_detectors(folder)) as server:
        yield server


async def test_a_person_in_firefox_is_verified(
    firefox: Firefox, few_server: LiveServer, face_model: Path
) -> None:
    session = few_server.start_session()
    tab = await FirefoxTab.open(firefox, Obedient(face_model))
    await tab.follow(session["join_url"])
    await tab.step("result", RESULT_LIMIT_S)
    status = few_server.status(session["session_id"])
    assert (status["status"], status["transport"]) == ("PASSED", "webrtc"), await tab.summary()
    title = "document.querySelector('#result-title').innerText"
    assert await tab.evaluate(title) == CATALOGUE["result.passed.title"]
    assert (tab.problems, await tab.violations()) == ([], [])
    await tab.close()


async def test_a_person_whose_pictures_firefox_uploads_is_verified(
    firefox: Firefox, few_server: LiveServer, face_model: Path
) -> None:
    session = few_server.start_session()
    tab = await FirefoxTab.open(firefox, Obedient(face_model))
    await by_pictures(tab, few_server, session)
    await tab.step("result", RESULT_LIMIT_S)
    status = few_server.status(session["session_id"])
    assert (status["status"], status["transport"]) == ("PASSED", "upload"), await tab.summary()
    await tab.close()
