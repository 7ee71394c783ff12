"""What the live step says: the problem as its heading, and nothing that is not so."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.async_api import Browser

from tests.support.browser import PHONE
from tests.support.browser_camera import CATALOGUE
from tests.support.browser_script import Answer, ScriptedPage, ScriptedServer, consent_text, problem
from tests.support.situations_live import checking

pytestmark = pytest.mark.browser

ISSUE = "document.querySelector('#stage').dataset.issue ?? null"
CANNOT = "#cannot"
FEW = "hint.few_pictures"
TOO_DARK = {"code": "too_dark", "hint": "hint.too_dark"}


async def challenging(browser: Browser) -> ScriptedPage:
    tab = await checking(browser, PHONE)
    await tab.tell("state", state="challenging", previous="checking_quality")
    return tab


async def shown(tab: ScriptedPage) -> tuple[str, str]:
    return await tab.text("#prompt-text"), await tab.text("#hint")


async def result(tab: ScriptedPage, challenge_id: str, **fields: Any) -> None:
    await tab.tell(
        "challenge_result", challenge_id=challenge_id, challenge_type="smile",
        **({"passed": False, "hint": None, "will_retry": False} | fields),
    )  # fmt: skip


async def test_the_problem_is_the_heading_and_the_oval_shows_it(browser: Browser) -> None:
    tab = await checking(browser, PHONE)
    await tab.say("quality", ok=False, issues=[TOO_DARK])
    assert await tab.text("#prompt-text") == CATALOGUE["problem.too_dark"]
    assert await tab.page.evaluate(ISSUE) == "light"
    await tab.say("quality", ok=True, issues=[])
    assert await tab.text("#prompt-text") == CATALOGUE["live.checking"]
    assert await tab.page.evaluate(ISSUE) is None


async def test_a_problem_without_a_short_sentence_has_its_hint_as_heading(browser: Browser) -> None:
    tab = await checking(browser, PHONE)
    await tab.say("quality", ok=False, issues=[{"code": "new", "hint": "hint.occluded"}])
    assert await tab.text("#prompt-text") == CATALOGUE["hint.occluded"]
    assert await tab.page.evaluate(ISSUE) == "other"


async def test_a_good_link_is_not_praised(browser: Browser) -> None:
    tab = await checking(browser, PHONE)
    assert not await tab.page.is_visible("#link")
    tab.server.answers["offer"] = Answer(0)
    await tab.lose()
    await tab.until("document.querySelector('#link').dataset.state === 'down'")
    assert await tab.page.is_visible("#link")


async def test_a_server_that_stands_still_is_not_the_applicants_link(browser: Browser) -> None:
    tab = await challenging(browser)
    await tab.ask("a", limit_ms=60_000)
    await tab.pass_time(4)
    assert await tab.text("#hint") == CATALOGUE["live.slow"]
    await tab.say("challenge_progress", challenge_id="a", progress=0.1, remaining_ms=50_000)
    await tab.pass_time(1)
    assert await tab.text("#hint") == ""
    await tab.page.evaluate("kycScript.fallSilent()")
    await tab.until("document.querySelector('#link').dataset.state === 'weak'")
    assert await tab.text("#hint") == CATALOGUE["live.silent"]


async def test_a_task_whose_time_is_over_does_not_stand_there_while_the_server_is_silent(
    browser: Browser,
) -> None:
    tab = await challenging(browser)
    await tab.ask("a", limit_ms=4_000)
    await tab.pass_time(5)
    assert await tab.text("#prompt-text") == CATALOGUE["live.slow"]
    assert [await tab.text(part) for part in ("#hint", "#prompt-seconds")] == ["", ""]
    await result(tab, "a", hint="hint.too_late", will_retry=True)
    assert await tab.text("#prompt-text") == CATALOGUE["live.retry"]
    assert await tab.text("#hint") == CATALOGUE["hint.too_late"]


async def test_the_hint_of_the_last_try_goes_with_the_next_task(browser: Browser) -> None:
    tab = await challenging(browser)
    await tab.ask("a")
    await result(tab, "a", hint="hint.wrong_direction", will_retry=True)
    assert await tab.text("#hint") == CATALOGUE["hint.wrong_direction"]
    await tab.ask("b", "nod")
    assert await tab.text("#hint") == ""


async def test_a_count_that_begins_anew_and_one_more_action_are_explained(browser: Browser) -> None:
    tab = await challenging(browser)
    await tab.ask("a", "nod")
    await tab.tell(
        "challenge", challenge_id="b", challenge_type="blink", direction=None, count=3, hold_ms=0,
        instruction="instruction.blink", index=4, total=4, attempt=1, attempts=2,
        time_limit_ms=9_000, deadline_t_ms=10_000,
    )  # fmt: skip
    assert await tab.text("#hint") == CATALOGUE["live.one_more"]
    for done in (2, 0):
        await tab.say(
            "challenge_progress",
            challenge_id="b",
            progress=0.3,
            remaining_ms=7_000,
            count_done=done,
        )
    assert await tab.text("#hint") == CATALOGUE["live.count_again.blink"]


async def test_a_movement_that_is_too_small_is_met_with_words(browser: Browser) -> None:
    tab = await challenging(browser)
    await tab.ask("a")
    for hint in ("hint.smile_wider", None):
        fields = {"progress": 0.3, "remaining_ms": 7_000, "hint": hint}
        await tab.say("challenge_progress", challenge_id="a", **fields)
        assert await tab.text("#hint") == (CATALOGUE[hint] if hint else "")
    await tab.say(
        "challenge_progress", challenge_id="a", progress=0.3, remaining_ms=6_000, hint=FEW
    )
    await result(tab, "a", passed=True)
    assert await tab.text("#hint") == ""


async def test_a_face_that_has_to_rest_first_is_not_a_camera_without_a_picture(
    browser: Browser,
) -> None:
    tab = await challenging(browser)
    await tab.ask("a")
    await result(tab, "a", passed=True)
    await tab.say("notice", code="rest_first", hint="hint.rest_first")
    assert await tab.text("#prompt-text") == CATALOGUE["hint.rest_first"]
    await tab.ask("b", "nod")
    assert await tab.text("#prompt-text") == CATALOGUE["instruction.nod.one"]
    await result(tab, "b", passed=True)
    assert await tab.text("#prompt-text") == CATALOGUE["live.passed"]


async def test_too_few_pictures_are_said_and_the_camera_stays_open(browser: Browser) -> None:
    tab = await challenging(browser)
    await tab.ask("a")
    stream = await tab.page.evaluate("document.querySelector('#preview').srcObject.id")
    await tab.say("notice", code="few_pictures", hint=FEW)
    assert await tab.text("#hint") == CATALOGUE[FEW]
    assert await tab.text("#prompt-text") == CATALOGUE["instruction.smile"]
    await tab.say("notice", code=None, hint=None)
    assert await tab.text("#hint") == ""
    await tab.say("notice", code="of_a_later_version", hint="hint.of_a_later_version")
    assert await tab.text("#hint") == ""
    assert await tab.page.evaluate("document.querySelector('#preview').srcObject.id") == stream


@pytest.mark.parametrize(
    ("passed", "said"), [(True, "live.deciding"), (False, "live.deciding_left")]
)
async def test_not_everything_is_called_done(browser: Browser, passed: bool, said: str) -> None:
    tab = await challenging(browser)
    await tab.ask("a")
    await result(tab, "a", passed=passed)
    await tab.tell("state", state="deciding", previous="challenging")
    assert await tab.text("#prompt-text") == CATALOGUE[said]


async def test_whoever_cannot_do_it_says_so_and_hears_what_happens(browser: Browser) -> None:
    tab = await challenging(browser)
    assert not await tab.page.is_visible(CANNOT)
    await tab.ask("a")
    await tab.pass_time(2)
    await tab.page.click(CANNOT)
    sent = await tab.page.evaluate("kycScript.sent.filter(({ type }) => type === 'cannot')")
    assert [message["challenge_id"] for message in sent] == ["a"]
    assert await shown(tab) == (CATALOGUE["live.checking"], CATALOGUE["live.cannot_said"])
    assert not await tab.page.is_visible(CANNOT)
    await tab.pass_time(1)  # what was asked does not come back
    assert await shown(tab) == (CATALOGUE["live.checking"], CATALOGUE["live.cannot_said"])
    await tab.ask("b", "nod")
    assert await tab.page.is_visible(CANNOT)


async def test_a_second_tap_excludes_no_second_action(browser: Browser) -> None:
    """An action that was excluded is not asked for in any later attempt either."""
    tab = await challenging(browser)
    await tab.ask("a")
    await tab.pass_time(2)
    box = await tab.page.locator(CANNOT).bounding_box()
    assert box is not None
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    await tab.page.mouse.click(x, y)
    await tab.ask("b", "nod")
    await tab.page.mouse.click(x, y)
    sent = "kycScript.sent.filter(({ type }) => type === 'cannot').map((one) => one.challenge_id)"
    assert await tab.page.evaluate(sent) == ["a"]
    await tab.pass_time(2)
    await tab.page.mouse.click(x, y)
    assert await tab.page.evaluate(sent) == ["a", "b"]


# ── consent ──


async def test_the_consent_that_is_given_is_to_what_was_shown(browser: Browser) -> None:
    tab = await ScriptedPage.visit(browser)
    await tab.step("consent")
    for point in consent_text()["points"]:
        assert point["text"] in await tab.text("section[data-step=consent]")
    assert "Rheinbank" in await tab.text("#consent-title")
    assert not await tab.page.is_visible("#consent-watched")
    await tab.page.click("#agree")
    await tab.step("live")
    given = [call.body for call in tab.server.asked if call.name == "consent" and call.body]
    assert given == [{"version": consent_text()["version"], "locale": "en"}]


async def test_a_text_that_has_changed_is_read_again(browser: Browser) -> None:
    server = ScriptedServer()
    tab = await ScriptedPage.visit(browser, server)
    await tab.step("consent")
    server.answers["consent"] = problem(409, "consent_changed")
    server.later["consent"] = Answer(200, consent_text(institution="Other Bank"))
    await tab.page.click("#agree")
    await tab.until("document.querySelector('#consent-title').textContent.includes('Other Bank')")
    await tab.step("consent")
    assert await tab.text("#consent-note") == CATALOGUE["consent.changed"]
    await tab.page.click("#agree")
    await tab.step("live")


@pytest.mark.parametrize(("can_exclude", "said"), [(True, "said"), (False, "ends")])
async def test_what_follows_is_said_to_whom_cannot_do_it(
    browser: Browser, said: str, *, can_exclude: bool
) -> None:
    tab = await challenging(browser)
    await tab.ask("a", can_exclude=can_exclude)
    assert await tab.text("#prompt-text") == CATALOGUE["instruction.smile"]
    await tab.pass_time(2)
    await tab.page.click(CANNOT)
    assert await tab.text("#hint") == CATALOGUE[f"live.cannot_{said}"]
