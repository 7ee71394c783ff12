"""The SDK's HTTP calls, in Chromium and without a server: their bodies, their end, their renewal."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page, Route

pytestmark = pytest.mark.browser

STATIC = Path(__file__).parent.parent.parent / "static"
ORIGIN = "http://kyc.localhost"

CALLS = """async () => {
    const { KycApi } = await import('/static/sdk/api.js');
    const calls = [];
    window.fetch = async (url, { method, body, headers, signal }) => {
        signal.throwIfAborted();
        calls.push([method, url.split('/').at(-1), body ?? null, headers['Content-Type'] ?? null]);
        const fields = { session_id: 's', client_token: 't', expires_in_s: 3600 };
        return new Response(JSON.stringify(fields));
    };
    const api = new KycApi('', 's', '', 'link');
    const closing = new AbortController();
    await api.retry();
    api.keepFresh(closing.signal);
    closing.abort();
    const outcome = await api.session(closing.signal).catch((error) => error.name);
    return { calls, outcome };
}"""

RENEWALS = """async ([livesS, answers]) => {
    const { keepRenewing } = await import('/static/sdk/renewal.js');
    const planned = [];
    const closing = new AbortController();
    window.setTimeout = (run, ms) => { planned.push(ms); queueMicrotask(run); return 0; };
    await new Promise((resolve) => {
        const renew = async () => {
            if (answers.length > 0) return answers.shift() ?? undefined;
            closing.abort();
            resolve();
        };
        keepRenewing(renew, livesS, closing.signal);
    });
    return planned;
}"""


@pytest_asyncio.fixture(loop_scope="session")
async def page(browser: Browser) -> AsyncIterator[Page]:
    """A page that has nothing but the SDK's files."""

    async def answer(route: Route) -> None:
        path = route.request.url.removeprefix(f"{ORIGIN}/static/")
        if path == ORIGIN + "/":
            await route.fulfill(body="<!doctype html>", content_type="text/html")
        else:
            await route.fulfill(path=STATIC / path, content_type="text/javascript")

    page = await browser.new_page()
    await page.route("**/*", answer)
    await page.goto(f"{ORIGIN}/")
    yield page
    await page.close()


async def test_calls_without_content_have_no_body_and_an_aborted_signal_stops_them(
    page: Page,
) -> None:
    found = await page.evaluate(CALLS)
    assert found["calls"] == [["POST", "open", None, None], ["POST", "retry", None, None]]
    assert found["outcome"] == "AbortError"


@pytest.mark.parametrize(
    ("lives_s", "answers", "planned_ms"),
    [
        (0, [3600, 60], [0, 1_800_000, 30_000]),
        (0, [None, None], [0, 30_000, 30_000]),
        (3600, [0, 1, -5], [1_800_000, 5_000, 5_000, 5_000]),
        (10**9, [10**9], [86_400_000, 86_400_000]),
    ],
    ids=["as given", "no lifetime", "short", "longer than a timer"],
)
async def test_renewals_keep_a_distance(
    page: Page, lives_s: int, answers: list[int | None], planned_ms: list[int]
) -> None:
    assert await page.evaluate(RENEWALS, [lives_s, answers]) == planned_ms
