"""The operator's pages, behind the local login of development: every view, on a desk and on a phone."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Literal

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page, ViewportSize

from kyc_rtc.clock import SystemClock
from kyc_rtc.ids import SessionId, new_alert_id
from kyc_rtc.storage import AlertRecord, Database
from kyc_rtc.storage.alert_course import SqlAlertCourse
from tests.support.axe import violations
from tests.support.browser_server import LiveServer, serving

pytestmark = pytest.mark.browser

DESK: ViewportSize = {"width": 1280, "height": 800}
PHONE: ViewportSize = {"width": 390, "height": 844}
NEWS_LIMIT_MS = 20_000


@pytest.fixture(scope="module")
def data_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("ops")


@pytest.fixture(scope="module")
def ops_server(data_dir: Path, face_model: Path) -> Iterator[LiveServer]:
    assert face_model.exists()
    with serving(data_dir, {}) as server:
        yield server


@pytest.fixture(scope="module")
def session_id(ops_server: LiveServer) -> str:
    """Of a verification that was ended early."""
    session = ops_server.start_session("Ann's reference")
    ops_server.complete(session["session_id"])
    return str(session["session_id"])


class Ops:
    """A tab of somebody who is logged in; `problems`: what its console says."""

    def __init__(self, page: Page, server: LiveServer) -> None:
        self.page = page
        self._url = f"{server.url}/ops/"
        self.problems: list[str] = []
        page.on("pageerror", lambda error: self.problems.append(f"uncaught: {error}"))

    async def log_in(self, server: LiveServer) -> None:
        password = re.search(r"Log in at /login as admin with (\S+)", server.log())
        assert password is not None
        await self.page.goto(self._url)
        await self.page.fill("#password", password[1])
        await self.page.click("#submit")
        await self.page.wait_for_selector("nav a")

    async def show(self, place: str) -> None:
        """A view, once it is drawn."""
        await self.page.goto(f"{self._url}#/{place}")
        await self.page.wait_for_selector(f"main[data-view='{place}'] .card h1")

    async def text(self) -> str:
        return await self.page.inner_text("main")


@pytest_asyncio.fixture(loop_scope="session")
async def ops(browser: Browser, ops_server: LiveServer) -> AsyncIterator[Ops]:
    context = await browser.new_context(viewport=DESK)
    made = Ops(await context.new_page(), ops_server)
    await made.log_in(ops_server)
    yield made
    assert made.problems == []


async def raise_alert(data_dir: Path, session_id: str) -> AlertRecord:
    """An alert as another process would raise it."""
    alert = AlertRecord(
        alert_id=new_alert_id(),
        session_id=SessionId(session_id),
        type="face_changed",
        severity="high",
        message_key="alert.face_changed",
        details={"reasons": ["face_changed"]},
        created_at_ms=SystemClock().now_ms(),
    )
    database = Database(f"sqlite:///{data_dir}/kyc.sqlite3")
    await database.open()
    try:
        assert await SqlAlertCourse(database).raise_once(alert)
    finally:
        await database.aclose()
    return alert


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("viewport", [DESK, PHONE], ids=["desk", "phone"])
async def test_every_view_is_drawn_for_everybody(
    browser: Browser,
    ops_server: LiveServer,
    session_id: str,
    viewport: ViewportSize,
    scheme: Literal["light", "dark"],
) -> None:
    context = await browser.new_context(viewport=viewport, color_scheme=scheme)
    ops = Ops(await context.new_page(), ops_server)
    await ops.log_in(ops_server)
    for place in ("verifications", f"verifications/{session_id}", "alerts", "deliveries", "keys"):
        await ops.show(place)
        assert await violations(ops.page) == [], place
        width = await ops.page.evaluate("document.documentElement.scrollWidth")
        assert width <= viewport["width"], place
        assert not await ops.page.is_visible("#problem")
    assert ops.problems == []


async def test_a_verification_is_found_by_its_reference(ops: Ops, session_id: str) -> None:
    await ops.show("verifications")
    await ops.page.fill("input[name=user_id]", "Ann's reference")
    await ops.page.click("form button")
    await ops.page.click("text=Ann's reference")
    await ops.page.wait_for_selector("text=Journal")
    text = await ops.text()
    assert session_id in text
    assert "INCONCLUSIVE" in text


async def test_a_key_is_shown_once_and_revoked(ops: Ops, ops_server: LiveServer) -> None:
    ops.page.on("dialog", lambda dialog: asyncio.ensure_future(dialog.accept()))
    await ops.show("keys")
    await ops.page.fill("input[name=name]", "the backend")
    await ops.page.click("form button")
    shown = await ops.page.wait_for_selector(".notice .code")
    assert shown is not None
    secret = await shown.inner_text()
    assert secret.startswith("kyc_live_")
    await ops.show("verifications")
    await ops.show("keys")
    assert secret not in await ops.text()
    await ops.page.click("button[aria-label='Revoke: the backend']")
    await ops.page.wait_for_selector("text=revoked")
    assert secret not in ops_server.log()


async def test_an_alert_appears_by_itself_and_is_worked_on(
    ops: Ops, data_dir: Path, session_id: str
) -> None:
    await ops.show("alerts")
    alert = await raise_alert(data_dir, session_id)
    link = f"a[href='#/alerts/{alert.alert_id}']"
    await ops.page.wait_for_selector(link, timeout=NEWS_LIMIT_MS)
    await ops.page.click(link)
    await ops.page.click("button:text-is('Assign to me')")
    await ops.page.wait_for_selector("dd:has-text('admin')")
    await ops.page.fill("input[name=note]", "twins")
    await ops.page.press("input[name=note]", "Enter")  # closes nothing by itself
    assert await ops.page.locator("select[name=resolution]:invalid").count() == 1
    assert not await ops.page.is_visible("dd:has-text('twins')")
    await ops.page.select_option("select[name=resolution]", "false_positive")
    await ops.page.click("button:text-is('Resolve')")
    await ops.page.wait_for_selector("dd:has-text('twins')")
    await ops.show("alerts")
    assert not await ops.page.is_visible(link)


async def test_without_a_login_there_is_nothing(browser: Browser, ops_server: LiveServer) -> None:
    context = await browser.new_context(viewport=PHONE)
    page = await context.new_page()
    await page.goto(f"{ops_server.url}/ops/")
    await page.wait_for_url("**/login?next=*")
    assert await violations(page) == []
