"""The page and its link: opened, renewed, replaced, expired; and another device on the same link."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.async_api import Browser

from tests.support.browser_camera import CATALOGUE
from tests.support.browser_script import (
    LINK_TOKEN,
    NEXT_LINK_TOKEN,
    Answer,
    ScriptedPage,
    ScriptedServer,
    problem,
    report,
    title,
    words,
)

pytestmark = pytest.mark.browser

ADDRESS = "location.pathname + location.hash"
HALF_AN_HOUR_MS = 1_800_000
LATER_ANSWER = "fetch('/static/i18n/en.json').then((answer) => answer.json()).then(() => undefined)"
"""Once it is there, the page has taken the answers before it."""


def tokens(server: ScriptedServer, name: str) -> list[str]:
    """What the calls of this name were made under."""
    return [call.token for call in server.asked if call.name == name]


def offers(server: ScriptedServer) -> list[dict[str, Any]]:
    return [dict(call.body) for call in server.asked if call.name == "offer"]


async def test_a_link_is_exchanged_and_its_token_is_used_for_nothing_else(browser: Browser) -> None:
    tab = await ScriptedPage.visit(browser)
    await tab.agree()
    await tab.connected()
    assert tab.server.calls[:2] == ["open", "session"]
    under = {call.name: call.token for call in tab.server.asked}
    assert under.pop("open") == LINK_TOKEN
    assert set(under.values()) == {"c1"}


async def test_the_token_is_renewed_while_the_page_is_open(browser: Browser) -> None:
    tab = await ScriptedPage.visit(browser)
    await tab.step("consent")
    renewed = {"session_id": "first", "client_token": "c1-again", "expires_in_s": 3_600}
    tab.server.answers["renew"] = Answer(200, renewed)
    for times in (1, 2):
        await tab.page.clock.fast_forward(HALF_AN_HOUR_MS)
        await tab.until_called("renew", times)
        await tab.page.evaluate(LATER_ANSWER)
    await tab.agree()
    await tab.connected()
    assert tokens(tab.server, "renew") == ["c1", "c1-again"]
    assert tokens(tab.server, "offer") == ["c1-again"]
    assert tokens(tab.server, "open") == [LINK_TOKEN]


async def test_a_page_that_slept_opens_its_link_again(browser: Browser) -> None:
    server = ScriptedServer()
    tab = await ScriptedPage.visit(browser, server)
    await tab.step("consent")
    server.answers["client-config"] = problem(401, "unauthorised")
    server.answers["open"] = Answer(
        200, {"session_id": "first", "client_token": "c9", "expires_in_s": 3_600}
    )
    await tab.agree()
    await tab.until_called("open", 2)
    assert await title(tab) == words("invalid")  # refused twice is refused
    assert tokens(server, "client-config") == ["c1", "c9"]


async def test_a_link_opens_the_latest_attempt(browser: Browser) -> None:
    server = ScriptedServer()
    server.answers["open"] = Answer(
        200, {"session_id": "third", "client_token": "c3", "expires_in_s": 3_600}
    )
    tab = await ScriptedPage.visit(browser, server)
    await tab.step("consent")
    assert server.paths[-1].endswith("/sessions/third/consent")


@pytest.mark.parametrize(
    ("code", "name"),
    [
        ("link_expired", "expired"),
        ("link_replaced", "link_replaced"),
        ("unauthorised", "invalid"),
    ],
)
async def test_a_link_that_is_not_taken_says_why(browser: Browser, code: str, name: str) -> None:
    server = ScriptedServer()
    server.answers["open"] = problem(401, code)
    tab = await ScriptedPage.visit(browser, server)
    assert await title(tab) == words(name)


async def test_try_again_keeps_the_link_of_the_next_attempt(browser: Browser) -> None:
    server = ScriptedServer()
    server.answers["session"] = report("failed", status="FAILED", verified=False, can_retry=True)
    tab = await ScriptedPage.visit(browser, server)
    await tab.step("result")
    server.answers["session"] = report("created")
    second = {"session_id": "second", "client_token": "c2", "expires_in_s": 3_600}
    server.answers["renew"] = Answer(200, second)
    await tab.page.click("#result-action")
    await tab.agree()
    await tab.connected()
    assert await tab.page.evaluate(ADDRESS) == f"/apply/second#{NEXT_LINK_TOKEN}"
    assert tokens(server, "offer") == ["c2"]


# ── another device ──


async def test_where_another_device_is_connected_the_button_takes_over(browser: Browser) -> None:
    server = ScriptedServer()
    server.answers["offer"] = problem(409, "in_use")
    tab = await ScriptedPage.visit(browser, server)
    await tab.agree()
    assert await title(tab) == words("in_use")
    assert await tab.text("#result-body") == CATALOGUE["result.in_use.body"]
    await tab.pass_time(20)
    assert len(offers(server)) == 1  # it stays quiet
    server.answers["offer"] = Answer(200, {"type": "answer", "sdp": "v=0"})
    await tab.page.click("#result-action")
    await tab.connected()
    await tab.lose()
    await tab.connected(2)
    assert [one["take_over"] for one in offers(server)] == [False, True, False]
    assert len({one["instance"] for one in offers(server)}) == 1


@pytest.mark.parametrize(("can_take_over", "name"), [(True, "replaced"), (False, "elsewhere")])
async def test_a_page_that_was_replaced_says_so_and_stays_quiet(
    browser: Browser, name: str, *, can_take_over: bool
) -> None:
    tab = await ScriptedPage.visit(browser)
    await tab.agree()
    await tab.connected()
    await tab.say(
        "replaced",
        code="continued_elsewhere",
        hint="hint.continued_elsewhere",
        can_take_over=can_take_over,
    )
    assert await title(tab) == words(name)
    assert await tab.text("#result-body") == CATALOGUE[f"result.{name}.body"]
    button = "continue_here" if can_take_over else "look_again"
    assert await tab.text("#result-action") == CATALOGUE[f"result.{button}"]
    before = len(tab.server.calls)
    await tab.pass_time(30)
    assert tab.server.calls[before:] == []


async def test_without_its_takeover_a_device_learns_where_the_check_goes_on(
    browser: Browser,
) -> None:
    server = ScriptedServer()
    server.answers["offer"] = problem(409, "continued_elsewhere")
    tab = await ScriptedPage.visit(browser, server)
    await tab.agree()
    assert await title(tab) == words("elsewhere")
    assert await tab.text("#result-action") == CATALOGUE["result.look_again"]


async def test_a_reload_is_the_same_device(browser: Browser) -> None:
    tab = await ScriptedPage.visit(browser)
    await tab.agree()
    await tab.connected()
    await tab.page.reload()
    await tab.agree()
    await tab.connected()
    first, second = (one["instance"] for one in offers(tab.server))
    assert first == second
