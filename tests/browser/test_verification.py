"""A whole verification in a browser: who does what the page asks passes, and nobody else does."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.async_api import Browser

from tests.support.browser import ApplicantPage
from tests.support.browser_camera import CATALOGUE, Person
from tests.support.browser_people import Contrary, Freezing, Loop, Obedient, StillPhoto, WavedPhoto
from tests.support.browser_server import LiveServer

pytestmark = pytest.mark.browser

NOT_PASSED = {
    "FAILED": CATALOGUE["result.failed.title"],
    "INCONCLUSIVE": CATALOGUE["result.inconclusive.title"],
}


async def test_a_person_who_does_what_the_page_asks_is_verified(
    browser: Browser, server: LiveServer, face_model: Path
) -> None:
    session = server.start_session()
    tab = await ApplicantPage.open(browser, Obedient(face_model))
    await tab.follow(session["join_url"])
    await tab.step("result", within_s=60)
    assert await tab.text("#result-title") == CATALOGUE["result.passed.title"], await tab.summary()
    assert await tab.texts("#result-reason-list li") == [CATALOGUE["reason.challenges_passed"]]
    status = server.status(session["session_id"])
    assert (status["status"], status["verified"]) == ("PASSED", True)
    results = await tab.messages("challenge_result")
    assert len([result for result in results if result["passed"]]) == 3
    assert (tab.problems, await tab.violations()) == ([], [])


@pytest.mark.parametrize("attack", [Contrary, Freezing, StillPhoto, WavedPhoto, Loop])
async def test_nothing_else_is_verified_and_the_page_says_so(
    attack: Callable[[Path], Person],
    browser: Browser,
    impatient_server: LiveServer,
    face_model: Path,
) -> None:
    session = impatient_server.start_session()
    tab = await ApplicantPage.open(browser, attack(face_model))
    await tab.follow(session["join_url"])
    await tab.step("result", within_s=60)
    status = impatient_server.status(session["session_id"])
    assert status["status"] in NOT_PASSED, await tab.summary()
    assert status["verified"] is False
    assert await tab.text("#result-title") == NOT_PASSED[status["status"]]
    told = await tab.texts("#result-reason-list li")
    assert set(told) == {CATALOGUE[reason["text"]] for reason in status["reasons"]}
    print(attack.__name__, status["status"], [r["code"] for r in status["reasons"]], await tab.summary())
    assert (tab.problems, await tab.violations()) == ([], [])
