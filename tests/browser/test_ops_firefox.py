"""The operator's pages in Firefox, on a desk and on a phone."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from tests.support.axe import SOURCE_RUN, source
from tests.support.browser_firefox import FirefoxTab, firefox_path, launched
from tests.support.browser_server import LiveServer, serving

pytestmark = pytest.mark.browser

SIZES = ((1280, 800), (390, 844))
VIEWS = ("verifications", "alerts", "deliveries", "keys")


@pytest.mark.usefixtures("face_model")
async def test_every_view_fits_and_axe_finds_nothing(tmp_path: Path) -> None:
    path = firefox_path()
    if path is None:
        pytest.skip("no Firefox here: install the system's package `firefox-esr`")
    with serving(tmp_path, {}) as server:
        session = server.start_session("Ann's reference")
        server.complete(session["session_id"])
        async with launched(path) as firefox:
            tab = await FirefoxTab.plain(firefox)
            await log_in(tab, server)
            for width, height in SIZES:
                await tab.resize(width, height)
                for view in (*VIEWS, f"verifications/{session['session_id']}"):
                    await show(tab, view)
                    assert await tab.evaluate("document.documentElement.scrollWidth") <= width, view
                    assert await axe(tab) == [], view
            assert not tab.problems


async def log_in(tab: FirefoxTab, server: LiveServer) -> None:
    password = re.search(r"Log in at /login as admin with (\S+)", server.log())
    assert password is not None
    await tab.goto(f"{server.url}/ops/")
    await tab.until("document.querySelector('#submit')?.offsetParent != null")
    await tab.evaluate(f"document.getElementById('password').value = {json.dumps(password[1])}")
    await tab.click("#submit")
    await tab.until("document.querySelector('nav a') !== null")


async def show(tab: FirefoxTab, view: str) -> None:
    await tab.evaluate(f"location.hash = '#/{view}'")
    await tab.until(f"document.querySelector(\"main[data-view='{view}'] .card h1\") !== null")


async def axe(tab: FirefoxTab) -> list[str]:
    if not await tab.evaluate("'axe' in window"):
        await tab.evaluate(f"(() => {{ {source()} }})()")
    await tab.evaluate("void (window.axeFound = null)")
    await tab.evaluate(f"void ({SOURCE_RUN})().then((found) => {{ window.axeFound = found; }})")
    await tab.until("window.axeFound !== null")
    found: list[str] = await tab.evaluate("window.axeFound")
    return found
