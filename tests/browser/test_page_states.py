"""What the page shows and does in each turn that a session can take; the test plays the server."""

from __future__ import annotations

import pytest
from playwright.async_api import Browser

from tests.support.browser_camera import CATALOGUE
from tests.support.browser_script import (
    STORAGE_AWAY,
    Answer,
    ScriptedPage,
    ScriptedServer,
    problem,
    report,
)

pytestmark = pytest.mark.browser

SMILE = CATALOGUE["instruction.smile"]
NOD = CATALOGUE["instruction.nod.one"]
TONES = """['#prompt', '#hint'].map((part) => document.querySelector(part).dataset.tone)"""
FLASHES = "'flash' in document.querySelector('#stage').dataset"


async def checking(browser: Browser, server: ScriptedServer | None = None) -> ScriptedPage:
    """A page that is connected, and waits for its first challenge."""
    tab = await ScriptedPage.visit(browser, server)
    await tab.agree()
    await tab.connected()
    await tab.tell("state", state="challenging", previous="checking_quality")
    return tab


async def shown(tab: ScriptedPage) -> tuple[str, str]:
    return await tab.text("#prompt-text"), await tab.text("#hint")


async def seconds_left(tab: ScriptedPage) -> int:
    return int((await tab.text("#prompt-seconds")).split()[0])


# ── voided challenges ──


@pytest.mark.parametrize("reason", ["gap", "picture", "peer"])
async def test_a_voided_challenge_goes_at_once_and_calmly(browser: Browser, reason: str) -> None:
    tab = await checking(browser)
    await tab.ask("a")
    assert await tab.text("#prompt-text") == SMILE
    hint = f"hint.void_{reason}"
    void = {"challenge_type": "smile", "reason": reason, "will_redraw": True, "hint": hint}
    await tab.tell("challenge_voided", challenge_id="a", **void)
    assert await shown(tab) == (CATALOGUE["live.checking"], CATALOGUE[hint])
    assert await tab.text("#prompt-seconds") == ""
    assert await tab.page.evaluate(TONES) == ["neutral", "calm"]
    assert not await tab.page.evaluate(FLASHES)
    await tab.ask("b", "nod")
    await tab.pass_time(2)
    assert await shown(tab) == (NOD, "")


async def test_after_the_last_void_the_page_says_that_it_is_decided(browser: Browser) -> None:
    tab = await checking(browser)
    await tab.ask("a")
    void = {"challenge_type": "smile", "reason": "gap", "hint": "hint.void_gap"}
    await tab.tell("challenge_voided", challenge_id="a", will_redraw=False, **void)
    assert await shown(tab) == (CATALOGUE["live.deciding"], CATALOGUE["live.deciding_hint"])


# ── the journal after a reconnect ──


async def test_what_was_missed_is_shown_once(browser: Browser) -> None:
    tab = await checking(browser)
    asked = await tab.ask("a")
    await tab.greet_with(state="challenging", last_event=asked + 1)
    await tab.lose()
    await tab.connected(2)
    assert [ready["last_event"] for ready in await tab.ready_messages()] == [None, asked]
    assert (
        await tab.text("#prompt-text") == CATALOGUE["live.go_on"]
    )  # a new peer voids what was asked
    again = {"challenge_id": "a", "challenge_type": "smile", "hint": None, "will_retry": False}
    await tab.say("challenge", event=asked, challenge_id="a", instruction="instruction.smile")
    assert await tab.text("#prompt-text") == CATALOGUE["live.go_on"]  # seen before
    await tab.tell("challenge_result", passed=True, **again)
    assert await tab.text("#prompt-text") == CATALOGUE["live.passed"]


# ── the server waits for its database ──


async def test_the_waiting_sentence_goes_before_hints_and_not_before_the_link(
    browser: Browser,
) -> None:
    tab = await checking(browser)
    waiting = CATALOGUE["hint.storage_waiting"]
    await tab.say("quality", ok=False, issues=[{"code": "too_dark", "hint": "hint.too_dark"}])
    await tab.ask("a", limit_ms=4_000)
    await tab.say("notice", code="storage_waiting", hint="hint.storage_waiting")
    assert await shown(tab) == (SMILE, waiting)  # what was asked can still be answered
    await tab.pass_time(4.5)
    assert await shown(tab) == (CATALOGUE["live.storage_waiting"], waiting)
    await tab.say("notice", code=None, hint=None)
    assert await tab.text("#hint") == CATALOGUE["hint.too_dark"]
    await tab.say("notice", code="storage_waiting", hint="hint.storage_waiting")
    result = {"challenge_type": "smile", "passed": True, "hint": None, "will_retry": False}
    await tab.tell("challenge_result", challenge_id="a", **result)
    assert await shown(tab) == (CATALOGUE["live.passed"], CATALOGUE["hint.too_dark"])
    await tab.say("notice", code="storage_waiting", hint="hint.storage_waiting")
    tab.server.answers["offer"] = problem(500, "internal")
    await tab.lose()
    await tab.until("document.querySelector('#link').dataset.state === 'down'")
    assert await tab.text("#prompt-text") == CATALOGUE["live.reconnecting"]


# ── real time ──


async def test_time_goes_on_without_messages_and_is_not_shown_without_a_link(
    browser: Browser,
) -> None:
    tab = await checking(browser)
    await tab.ask("a", limit_ms=20_000)
    before = await seconds_left(tab)
    await tab.pass_time(4)
    assert before - await seconds_left(tab) >= 4
    await tab.say("challenge_progress", challenge_id="a", progress=0.4, remaining_ms=9_000)
    assert await seconds_left(tab) == 9
    tab.server.answers["offer"] = Answer(0)
    await tab.lose()
    await tab.until("document.querySelector('#link').dataset.state === 'down'")
    await tab.pass_time(3.5)
    assert await tab.text("#prompt-seconds") == ""  # nobody can answer now
    await tab.pass_time(7)
    assert await shown(tab) == (CATALOGUE["live.reconnecting"], CATALOGUE["live.reconnecting_hint"])
    assert await tab.text("#prompt-seconds") == ""


# ── a server that cannot take the page in yet ──


async def test_a_session_that_lives_elsewhere_is_asked_for_again(browser: Browser) -> None:
    server = ScriptedServer()
    server.answers["offer"] = problem(421, "misdirected", 2)
    good = Answer(200, {"type": "answer", "sdp": "v=0"})
    tab = await ScriptedPage.visit(browser, server)
    await tab.agree()
    await tab.pass_time(20)
    expected = (CATALOGUE["live.connecting"], CATALOGUE["live.connecting_hint"])
    assert await shown(tab) == expected
    assert (
        5 <= server.calls.count("offer") <= 12
    )  # each answer takes real time, which the page does not feel
    server.answers["offer"] = good
    await tab.pass_time(3)
    await tab.connected()


async def test_a_session_that_stays_elsewhere_is_given_up_with_a_button(browser: Browser) -> None:
    server = ScriptedServer()
    server.answers["offer"] = problem(421, "misdirected")
    tab = await ScriptedPage.visit(browser, server)
    await tab.agree()
    await tab.pass_time(34)
    await tab.step("result")
    assert await tab.text("#result-title") == CATALOGUE["result.refused.title"]
    assert await tab.in_view("#result-action")


async def test_an_offer_waits_for_the_database(browser: Browser) -> None:
    server = ScriptedServer()
    server.answers |= {"offer": STORAGE_AWAY, "session": report("created")}
    tab = await ScriptedPage.visit(browser, server)
    await tab.agree()
    server.answers["session"] = STORAGE_AWAY
    expected = (CATALOGUE["live.storage_waiting"], CATALOGUE["live.connecting_hint"])
    await tab.until("document.querySelector('#prompt').dataset.icon === 'busy'")
    for _ in range(4):
        assert await shown(tab) == expected
        await tab.pass_time(46)
    assert await shown(tab) == expected
    server.answers = ScriptedServer().answers
    await tab.pass_time(9)
    await tab.connected()


async def test_the_first_look_waits_for_the_database(browser: Browser) -> None:
    server = ScriptedServer()
    server.answers["session"] = problem(500, "internal_error")
    tab = await ScriptedPage.visit(browser, server)
    await tab.pass_time(90)
    assert await tab.text("#loading-hint") == CATALOGUE["page.waiting"]
    server.answers["session"] = STORAGE_AWAY
    await tab.pass_time(90)
    assert await tab.text("#loading-hint") == CATALOGUE["page.waiting"]
    server.answers["session"] = report("created")
    await tab.pass_time(9)
    await tab.step("consent")


async def test_an_interrupted_check_starts_over_when_the_database_is_back(browser: Browser) -> None:
    tab = await checking(browser)
    away = problem(503, "storage_unavailable", 2)
    tab.server.answers |= {"offer": problem(409, "session_over"), "session": away, "retry": away}
    await tab.lose()
    await tab.pass_time(30)
    assert await tab.page.evaluate("document.body.dataset.step") == "live"
    assert await tab.text("#hint") == CATALOGUE["live.connecting_hint"]
    tab.server.answers["session"] = report("interrupted", can_retry=True)
    await tab.pass_time(9)
    await tab.step("loading")
    assert await tab.text("#loading-title") == CATALOGUE["live.starting_over"]
    assert await tab.text("#loading-hint") == CATALOGUE["page.waiting"]
    tab.server.answers = ScriptedServer().answers
    await tab.greet_with(state="connecting")
    await tab.pass_time(9)
    await tab.step("live")
    await tab.connected(2)
    assert await tab.session_id() == "second"
    assert await tab.text("#live-notice") == CATALOGUE["live.starting_over"]


# ── review ──


@pytest.mark.parametrize("can_retry", [True, False])
async def test_a_review_names_no_guilt(browser: Browser, can_retry: bool) -> None:
    tab = await checking(browser)
    reasons = [{"code": "seen_before", "text": "reason.seen_before"}]
    verdict = {"status": "INCONCLUSIVE", "verified": False, "reasons": reasons}
    tab.server.answers["session"] = report(
        "inconclusive", **verdict, can_retry=can_retry, needs_review=True
    )
    await tab.tell("verdict", **verdict, can_retry=can_retry)
    await tab.step("result")
    assert await tab.text("#result-title") == CATALOGUE["result.review.title"]
    assert await tab.text("#result-body") == CATALOGUE["result.review.body"]
    assert await tab.page.locator("#result-reasons, #result-tips, #result-note").evaluate_all(
        "(all) => all.every((one) => one.hidden)"
    )
    assert await tab.page.is_visible("#result-action") == can_retry
    await tab.page.reload()
    await tab.step("result")
    assert await tab.text("#result-title") == CATALOGUE["result.review.title"]
    assert tab.problems == []


# ── ways out ──

BANK = "https://bank.example/done?case=7"


@pytest.mark.parametrize(
    ("state", "status", "can_retry"),
    [("passed", "PASSED", False), ("failed", "FAILED", True), ("cancelled", None, True)],
)
async def test_an_ending_leads_back_to_the_institution(
    browser: Browser, state: str, status: str | None, can_retry: bool
) -> None:
    server = ScriptedServer()
    server.answers["session"] = report(
        state, status=status, verified=status == "PASSED", can_retry=can_retry, return_url=BANK
    )
    tab = await ScriptedPage.visit(browser, server)
    await tab.step("result")
    link = tab.page.locator("#result-return")
    assert await link.get_attribute("href") == BANK
    assert await tab.text("#result-return") == CATALOGUE["result.return"]
    assert await tab.page.is_visible("#result-action") == can_retry
    assert tab.problems == []


async def test_what_the_institution_ended_is_not_called_stopped(browser: Browser) -> None:
    tab = await checking(browser)
    tab.server.answers["session"] = report("cancelled", withdrawn=True)
    await tab.tell("state", state="cancelled")
    await tab.step("result")
    assert await tab.text("#result-title") == CATALOGUE["result.withdrawn.title"]
    assert await tab.page.locator("#result-note, #result-action").evaluate_all(
        "(all) => all.every((one) => one.hidden)"
    )
    await tab.page.reload()
    await tab.step("result")
    assert await tab.text("#result-title") == CATALOGUE["result.withdrawn.title"]


async def test_without_a_way_back_there_is_no_button(browser: Browser) -> None:
    server = ScriptedServer()
    server.answers["session"] = report("passed", status="PASSED", verified=True)
    tab = await ScriptedPage.visit(browser, server)
    await tab.step("result")
    assert not await tab.page.is_visible("#result-return")


async def test_a_device_in_a_closed_network_is_asked_to_use_another(browser: Browser) -> None:
    server = ScriptedServer()
    server.answers["offer"] = problem(400, "candidates_refused")
    tab = await ScriptedPage.visit(browser, server)
    await tab.agree()
    await tab.step("result")
    assert await tab.text("#result-title") == CATALOGUE["result.unreachable.title"]
