"""A bank's own page, on its own origin: the one of docs/sdk.md works where it is listed, and nowhere else."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Browser

from tests.browser.conftest import without_detectors
from tests.support.bank_page import Bank, bank_site
from tests.support.browser import ApplicantPage
from tests.support.browser_firefox import FirefoxTab, firefox_path, launched
from tests.support.browser_people import Obedient
from tests.support.browser_server import FEW, LiveServer, free_port, serving
from tests.support.browser_tab import Tab

pytestmark = [pytest.mark.browser, pytest.mark.realtime]

LIMIT_S = 90.0
ENDED = ("done", "failed")


@pytest.fixture(scope="module")
def ports() -> tuple[int, int]:
    """Of the site that is listed, and of one that is not."""
    return free_port(), free_port()


@pytest.fixture(scope="module")
def listing_server(
    ports: tuple[int, int], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[LiveServer]:
    folder = tmp_path_factory.mktemp("listing")
    origin = json.dumps(f"http://localhost:{ports[0]}")
    tenants = {"TENANTS": f"{{default = {{allowed_origins = [{origin}]}}}}"}
    with serving(folder, FEW | without_detectors(folder) | tenants) as server:
        yield server


@pytest_asyncio.fixture(loop_scope="session")
async def listed(listing_server: LiveServer, ports: tuple[int, int]) -> AsyncIterator[Bank]:
    async with bank_site(listing_server, ports[0]) as bank:
        yield bank


@pytest_asyncio.fixture(loop_scope="session")
async def unlisted(listing_server: LiveServer, ports: tuple[int, int]) -> AsyncIterator[Bank]:
    async with bank_site(listing_server, ports[1]) as bank:
        yield bank


async def ending_of(tab: Tab, bank: Bank) -> str:
    """Where the page is after the check."""
    await tab.goto(bank.url)
    await tab.click("#start")
    step = f"{json.dumps(ENDED)}.includes(document.body.dataset.step)"
    await tab.until(step, LIMIT_S)
    return str(await tab.evaluate("document.body.dataset.step"))


async def test_a_person_is_verified_on_the_banks_own_page(
    browser: Browser, face_model: Path, listed: Bank, listing_server: LiveServer
) -> None:
    tab = await ApplicantPage.open(browser, Obedient(face_model))
    assert await ending_of(tab, listed) == "done", await tab.summary()
    status = listing_server.status(listed.sessions[-1]["session_id"])
    assert (status["status"], status["transport"]) == ("PASSED", "webrtc")
    await tab.close()


async def test_the_same_in_firefox(
    face_model: Path, listed: Bank, listing_server: LiveServer
) -> None:
    path = firefox_path()
    if path is None:
        pytest.skip("no Firefox here: install the system's package `firefox-esr`")
    async with launched(path) as firefox:
        tab = await FirefoxTab.open(firefox, Obedient(face_model))
        assert await ending_of(tab, listed) == "done", await tab.summary()
        status = listing_server.status(listed.sessions[-1]["session_id"])
        assert (status["status"], status["transport"]) == ("PASSED", "webrtc")
        await tab.close()


async def test_a_page_that_is_not_listed_gets_nothing(
    browser: Browser, face_model: Path, unlisted: Bank, listing_server: LiveServer
) -> None:
    tab = await ApplicantPage.open(browser, Obedient(face_model))
    assert await ending_of(tab, unlisted) == "failed"
    status = listing_server.status(unlisted.sessions[-1]["session_id"])
    assert (status["state"], status["frames_processed"]) == ("created", 0)
    await tab.close()


async def test_only_a_listed_page_shows_the_applicants_page_in_a_frame(
    browser: Browser, listed: Bank, unlisted: Bank
) -> None:
    tab = await ApplicantPage.open(browser, None)
    await tab.goto(f"{listed.url}/framed")
    frame = tab.page.frames[-1]
    await frame.wait_for_selector("[data-step]", timeout=1_000 * LIMIT_S)
    assert listed.sessions[-1]["session_id"] in frame.url
    await tab.goto(f"{unlisted.url}/framed")
    assert tab.page.frames[-1].url.startswith("chrome-error:")
    await tab.close()
