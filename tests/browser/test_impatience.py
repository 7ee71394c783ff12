"""Double taps, damaged links, other places, no network: what an impatient person on a bad phone does."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.async_api import Browser, ViewportSize

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

BANK = "https://bank.example/done"
ADDRESS = "location.pathname + location.hash"
LINK_STATE = "document.querySelector('#link').dataset.state"
CAMERA_IS_ON = "document.querySelector('#preview').srcObject !== null"
OVERLAPS = """(selectors) => {
    const [a, b] = selectors.map((one) => document.querySelector(one).getBoundingClientRect());
    return a.left < b.right && b.left < a.right && a.top < b.bottom && b.top < a.bottom;
}"""
PASSED = report("passed", status="PASSED", verified=True)
SMALL = ViewportSize(width=360, height=640)


def opened(session_id: str, token: str) -> Answer:
    return Answer(200, {"session_id": session_id, "client_token": token, "expires_in_s": 3_600})


async def live(browser: Browser, server: ScriptedServer | None = None) -> ScriptedPage:
    tab = await ScriptedPage.visit(browser, server)
    await tab.agree()
    await tab.connected()
    return tab


async def centre(tab: ScriptedPage, selector: str) -> tuple[float, float]:
    box = await tab.page.locator(selector).bounding_box()
    assert box is not None
    return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2


# ── no further attempt ──


@pytest.mark.parametrize(
    ("code", "session", "name"),
    [
        ("conflict", PASSED, "passed"),
        ("attempts_spent", PASSED, "passed"),
        ("attempts_spent", report("cancelled"), "spent"),
        ("verification_expired", report("cancelled"), "expired"),
        ("withdrawn", report("cancelled", withdrawn=True), "withdrawn"),
        ("conflict", report("challenging"), "in_use"),
        ("conflict", report("interrupted", can_retry=True), "interrupted"),
        ("continued_elsewhere", PASSED, "passed"),
    ],
)
async def test_what_stands_in_the_way_of_a_retry_is_looked_up(
    browser: Browser, code: str, session: Answer, name: str
) -> None:
    server = ScriptedServer()
    server.answers["session"] = report("cancelled", can_retry=True)
    tab = await ScriptedPage.visit(browser, server)
    assert await title(tab) == words("cancelled")
    server.answers |= {"retry": problem(409, code), "session": session}
    server.answers["open"] = opened("third", "c3")
    await tab.page.click("#result-action")
    await tab.until(f"document.querySelector('#result').dataset.name === '{name}'")
    assert await title(tab) == words(name)
    assert server.paths[-1].endswith("/sessions/third")


# ── taps ──


async def double_tap(tab: ScriptedPage, selector: str) -> None:
    """Tap, and once more in the same place when the check is on the screen."""
    x, y = await centre(tab, selector)
    await tab.page.mouse.click(x, y)
    await tab.step("live")
    await tab.page.mouse.click(x, y)
    await tab.page.mouse.click(*await centre(tab, "#stop"))  # and one that strays
    await tab.pass_time(1)
    assert await tab.page.evaluate("document.body.dataset.step") == "live"
    assert not await tab.page.is_visible("#stop-question")


async def test_a_second_tap_stops_nothing(browser: Browser) -> None:
    server = ScriptedServer()
    tab = await ScriptedPage.visit(browser, server)
    await tab.step("consent")
    await double_tap(tab, "#agree")
    await tab.connected()
    await tab.stop()
    server.answers["session"] = report("cancelled", can_retry=True)
    await tab.until("!document.querySelector('#result-action').hidden")
    server.answers["session"] = report("created")
    await double_tap(tab, "#result-action")
    await tab.connected(2)
    await tab.say("replaced", can_take_over=True)
    assert await title(tab) == words("replaced")
    await double_tap(tab, "#result-action")


async def test_stop_asks_once_and_the_time_stays_in_view(browser: Browser) -> None:
    tab = await live(browser)
    await tab.tell("state", state="challenging", previous="checking_quality")
    await tab.ask("a", limit_ms=20_000)
    await tab.pass_time(2.5)
    await tab.page.focus("#stop")
    await tab.page.keyboard.press("Enter")
    assert await tab.text("#stop-title") == CATALOGUE["stop.title"]
    assert await tab.page.evaluate("document.activeElement.id") == "stop-keep"
    before = await tab.text("#stop-seconds")
    await tab.pass_time(2)
    assert await tab.text("#stop-seconds") not in ("", before)
    await tab.page.keyboard.press("Escape")
    assert not await tab.page.is_visible("#stop-question")
    assert await tab.page.evaluate("document.activeElement.id") == "stop"
    await tab.page.keyboard.press("Enter")
    await tab.page.click("#stop-keep")
    assert await tab.page.evaluate("document.body.dataset.step") == "live"
    sent = await tab.page.evaluate("kycScript.sent.map((message) => message.type)")
    assert "cancel" not in sent
    await tab.page.click("#stop")
    await tab.say("verdict", status="PASSED", verified=True, reasons=[], can_retry=False)
    assert await title(tab) == words("passed")
    assert not await tab.page.is_visible("#stop-question")


@pytest.mark.parametrize(("width", "height"), [(360, 560), (390, 844), (640, 360), (1280, 800)])
async def test_the_question_leaves_the_task_in_view(
    browser: Browser, width: int, height: int
) -> None:
    tab = await ScriptedPage.visit(browser, viewport=ViewportSize(width=width, height=height))
    await tab.agree()
    await tab.connected()
    await tab.tell("state", state="challenging", previous="checking_quality")
    await tab.ask("a", limit_ms=20_000)
    await tab.pass_time(2.5)
    await tab.page.click("#stop")
    for part in ("#prompt-text", "#prompt-seconds"):
        assert await tab.in_view(part), part
        assert not await tab.page.evaluate(OVERLAPS, ["#stop-question", part]), part
    assert await tab.in_view("#stop-keep")
    assert await tab.in_view("#stop-confirm")


@pytest.mark.parametrize("can_retry", [True, False])
async def test_after_stop_only_what_is_left_is_offered(browser: Browser, can_retry: bool) -> None:
    tab = await live(browser)
    tab.server.answers["session"] = report("cancelled", can_retry=can_retry)
    await tab.stop()
    assert await title(tab) == words("cancelled")
    part = "#result-action" if can_retry else "#result-note"
    await tab.until(f"!document.querySelector('{part}').hidden")
    assert await tab.page.is_visible("#result-action") is can_retry
    if not can_retry:
        assert await tab.text("#result-note") == CATALOGUE["result.no_attempts"]


async def test_after_stop_without_an_answer_there_is_a_button(browser: Browser) -> None:
    tab = await live(browser)
    tab.server.answers["session"] = report("challenging")
    await tab.stop()
    assert await title(tab) == words("cancelled")
    await tab.pass_time(4)
    assert await tab.text("#result-action") == CATALOGUE["result.try_again"]


@pytest.mark.parametrize("state", ["cancelled", "failed"])
async def test_no_camera_starts_before_somebody_agreed(browser: Browser, state: str) -> None:
    server = ScriptedServer()
    status = "FAILED" if state == "failed" else None
    server.answers["session"] = report(state, status=status, can_retry=True)
    tab = await ScriptedPage.visit(browser, server)
    await tab.step("result")
    server.answers["session"] = report("created")
    await tab.page.click("#result-action")
    await tab.step("consent")
    assert not await tab.page.evaluate(CAMERA_IS_ON)
    assert "offer" not in server.calls


# ── damaged links ──


@pytest.mark.parametrize(
    "address",
    [
        f"/apply/first#{LINK_TOKEN}{tail}"
        for tail in (".", ")", "%20", "&fbclid=x1", "?utm_source=mail", ">", "%0A", "/")
    ]
    + [
        f"/apply/first/#{LINK_TOKEN}",
        f"/apply/first%23{LINK_TOKEN}",
        f"/apply/first%23{LINK_TOKEN}&fbclid=x1",
        f"/apply/first/%23{LINK_TOKEN}",
        f"/apply/first?utm_source=mail#{LINK_TOKEN}",
        f"/apply/first#%20{LINK_TOKEN}",
    ],
)
async def test_what_a_chat_adds_to_a_link_does_no_harm(browser: Browser, address: str) -> None:
    tab = await ScriptedPage.visit(browser, address=address)
    await tab.step("consent")
    assert await tab.page.evaluate(ADDRESS) == f"/apply/first#{LINK_TOKEN}"
    assert tab.server.asked[0].token == LINK_TOKEN


@pytest.mark.parametrize("address", ["/apply", "/apply/", "/apply/first", "/apply/first#a.b"])
async def test_half_a_link_is_said_to_be_one(browser: Browser, address: str) -> None:
    tab = await ScriptedPage.visit(browser, address=address)
    assert await title(tab) == words("invalid")
    assert tab.server.calls == []


# ── another place ──


@pytest.mark.parametrize("state", ["connecting", "checking_quality", "challenging", "deciding"])
async def test_that_the_check_is_open_elsewhere_is_said_before_consent(
    browser: Browser, state: str
) -> None:
    server = ScriptedServer()
    server.answers["session"] = report(state)
    tab = await ScriptedPage.visit(browser, server)
    assert await title(tab) == words("in_use")
    assert server.calls == ["open", "session"]
    await tab.page.click("#result-action")
    await tab.step("consent")
    await tab.agree()
    await tab.connected()
    assert [one.body["take_over"] for one in server.asked if one.name == "offer"] == [True]


async def test_a_reloaded_tab_is_not_another_place(browser: Browser) -> None:
    tab = await live(browser)
    tab.server.answers["session"] = report("challenging")
    await tab.page.reload()
    await tab.step("consent")


async def test_who_reads_for_long_learns_what_happened_before_the_camera(browser: Browser) -> None:
    tab = await ScriptedPage.visit(browser)
    await tab.step("consent")
    tab.server.answers["session"] = PASSED
    await tab.page.clock.fast_forward(15_000)
    await tab.page.click("#agree")
    assert await title(tab) == words("passed")
    assert "offer" not in tab.server.calls


async def test_look_again_finds_how_the_other_place_ended(browser: Browser) -> None:
    server = ScriptedServer()
    server.answers["session"] = report("created", return_url=BANK)
    tab = await live(browser, server)
    await tab.say("replaced", can_take_over=False)
    assert await title(tab) == words("elsewhere")
    assert await tab.page.get_attribute("#result-return", "href") == BANK
    server.answers["session"] = report("challenging", return_url=BANK)
    await tab.page.click("#result-action")
    await tab.until("!document.querySelector('#result-action').disabled")
    assert await title(tab) == words("elsewhere")
    server.answers["session"] = PASSED
    await tab.page.click("#result-action")
    await tab.until("document.querySelector('#result').dataset.name === 'passed'")


@pytest.mark.parametrize(
    ("session", "name"), [(PASSED, "passed"), (report("challenging"), "in_use")]
)
async def test_a_page_that_slept_learns_of_the_attempt_that_followed(
    browser: Browser, session: Answer, name: str
) -> None:
    tab = await live(browser)
    refused = problem(401, "unauthorised")
    tab.server.answers |= {"open": opened("second", "c2"), "offer": refused, "session": session}
    tab.server.refuse = {"c1"}
    await tab.lose()
    await tab.pass_time(2)
    assert await title(tab) == words(name)
    assert tab.server.paths[-1].endswith("/sessions/second")


# ── the network ──


async def test_online_again_the_page_asks_at_once(browser: Browser) -> None:
    server = ScriptedServer()
    server.answers["session"] = Answer(0)
    tab = await ScriptedPage.visit(browser, server)
    await tab.pass_time(12)  # the next pause is one of 8 s
    assert await tab.text("#loading-hint") == CATALOGUE["page.waiting_link"]
    before = len(server.calls)
    server.answers["session"] = report("created")
    await tab.page.evaluate("window.dispatchEvent(new Event('online'))")
    await tab.step("consent")
    assert server.calls[before : before + 1] == ["session"]


async def test_offline_shows_at_once(browser: Browser) -> None:
    tab = await live(browser)
    await tab.page.context.set_offline(True)
    await tab.until(f"{LINK_STATE} === 'down'")
    assert await tab.text("#prompt-text") == CATALOGUE["live.reconnecting"]
    await tab.pass_time(3)  # nor does a measurement say otherwise
    assert await tab.page.evaluate(LINK_STATE) == "down"
    await tab.page.context.set_offline(False)
    await tab.pass_time(3)
    assert await tab.page.evaluate(LINK_STATE) == "up"


async def test_a_silent_link_is_not_called_good(browser: Browser) -> None:
    tab = await live(browser)
    await tab.pass_time(4.5)
    assert await tab.page.evaluate(LINK_STATE) == "up"
    await tab.page.evaluate("kycScript.fallSilent()")
    await tab.pass_time(2.5)
    assert await tab.page.evaluate(LINK_STATE) == "weak"


# ── results ──


async def test_that_no_tries_are_left_stands_below_the_title(browser: Browser) -> None:
    server = ScriptedServer()
    reasons = [{"code": code, "text": f"reason.{code}"} for code in ("light", "framing", "action")]
    server.answers["session"] = report(
        "inconclusive", status="INCONCLUSIVE", reasons=reasons, return_url=BANK
    )
    tab = await ScriptedPage.visit(browser, server, SMALL)
    await tab.step("result")
    assert await tab.text("#result-note") == CATALOGUE["result.no_attempts"]
    assert await tab.in_view("#result-note")
    order = "document.querySelector('#result-title').nextElementSibling.id"
    assert await tab.page.evaluate(order) == "result-note"


@pytest.mark.parametrize(
    ("code", "tips"),
    [
        ("light", ["light"]),
        ("framing", ["hold", "alone"]),
        ("action", ["action"]),
        ("connection", []),
        ("not_verified", []),
        ("poor_quality", ["light"]),
        ("link_lost", []),
    ],
)
async def test_tips_fit_the_reason(browser: Browser, code: str, tips: list[str]) -> None:
    server = ScriptedServer()
    reason = {"code": code, "text": f"reason.{code}"}
    verdict: dict[str, Any] = {"status": "INCONCLUSIVE", "reasons": [reason], "can_retry": True}
    server.answers["session"] = report("inconclusive", **verdict)
    tab = await ScriptedPage.visit(browser, server)
    await tab.step("result")
    assert await tab.page.is_visible("#result-tips") is bool(tips)
    shown = await tab.page.locator("#result-tip-list li").all_text_contents()
    assert shown == [CATALOGUE[f"result.tip.{tip}"] for tip in tips]


async def test_a_new_attempt_keeps_its_own_link(browser: Browser) -> None:
    tab = await live(browser)
    tab.server.answers["session"] = report("interrupted", can_retry=True)
    await tab.tell("state", state="interrupted")
    await tab.lose()
    await tab.connected(2)
    assert await tab.text("#live-notice") == CATALOGUE["live.starting_over"]
    assert await tab.page.evaluate(ADDRESS) == f"/apply/second#{NEXT_LINK_TOKEN}"
