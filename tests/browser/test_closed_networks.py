"""A network that lets no media through: the page says so soon, names what is in the way, and has a button."""

from __future__ import annotations

import pytest
from playwright.async_api import Browser

from tests.support.browser import PHONE
from tests.support.browser_camera import CATALOGUE
from tests.support.browser_script import Answer, ScriptedPage, ScriptedServer, title, words
from tests.support.situations_live import prompted

pytestmark = pytest.mark.browser

TURN = [{"urls": ["turn:turn.example:3478"], "username": "1:first", "credential": "x"}]
STUN = [{"urls": "stun:turn.example:3478"}]
PATIENCE_S = 45


async def joined(browser: Browser, ice_servers: object, closed: str) -> ScriptedPage:
    """A page in such a network, until it has given up."""
    server = ScriptedServer()
    config = {"ice_servers": ice_servers, "expose_scores": False}
    server.answers["client-config"] = Answer(200, config)
    tab = await ScriptedPage.visit(browser, server, lack=f"kycScript.closed = {closed};")
    await tab.agree()
    await tab.pass_time(PATIENCE_S)
    return tab


@pytest.mark.parametrize(
    ("ice_servers", "closed", "name"),
    [
        ([], "{}", "unreachable"),
        (STUN, "{}", "unreachable"),
        (TURN, "{sdp: 'a=candidate:1 1 udp 1 192.0.2.1 9 typ relay'}", "unreachable"),
        (TURN, "{errorCode: 401}", "relay_refused"),
        (TURN, "{errorCode: 701}", "relay_unreachable"),
        (TURN, "{}", "relay_unreachable"),
    ],
)
async def test_what_stands_in_the_way_is_named(
    browser: Browser, ice_servers: object, closed: str, name: str
) -> None:
    tab = await joined(browser, ice_servers, closed)
    assert await title(tab) == words(name)
    assert await tab.text("#result-body") == CATALOGUE[f"result.{name}.body"]
    assert await tab.in_view("#result-action")


async def test_each_peer_asks_for_credentials_of_its_own_and_the_button_begins_anew(
    browser: Browser,
) -> None:
    tab = await joined(browser, TURN, "{errorCode: 401}")
    await tab.step("result")
    calls = tab.server.calls
    assert calls.count("client-config") == calls.count("offer") == 3
    await tab.page.evaluate("kycScript.closed = null")
    await tab.page.click("#result-action")
    await tab.step("live")
    await tab.connected(calls.count("offer"))


async def test_a_server_that_is_not_reached_at_all_is_a_lost_connection(browser: Browser) -> None:
    tab = await prompted(browser, PHONE, "smile")
    await tab.page.evaluate("kycScript.closed = {}")
    await tab.lose()
    await tab.pass_time(20)  # answered, and closed
    tab.server.answers |= {name: Answer(0) for name in ("client-config", "offer", "session")}
    await tab.pass_time(75)
    assert await title(tab) == words("link_lost")


async def test_a_server_that_is_reached_and_says_nothing_is_not_called_a_closed_network(
    browser: Browser,
) -> None:
    tab = await ScriptedPage.visit(browser, lack="kycScript.mute = true;")
    await tab.agree()
    await tab.pass_time(90)
    assert await title(tab) == words("link_lost")
