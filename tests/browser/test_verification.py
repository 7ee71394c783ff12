"""A whole verification in a browser: who does what the page asks passes, and nobody else does."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.async_api import Browser

from tests.support.browser import AT_A_CHALLENGE, ApplicantPage
from tests.support.browser_attacks import Freezing, Loop, StillPhoto, WavedPhoto
from tests.support.browser_camera import Person
from tests.support.browser_checks import assert_refused, assert_verified
from tests.support.browser_clips import PEOPLE, WEBCAM, Recorded
from tests.support.browser_people import Contrary, Obedient
from tests.support.browser_server import LiveServer

pytestmark = [pytest.mark.browser, pytest.mark.realtime]


async def test_a_person_who_does_what_the_page_asks_is_verified(
    browser: Browser, server: LiveServer, face_model: Path
) -> None:
    session = server.start_session()
    tab = await ApplicantPage.open(browser, Obedient(face_model))
    await tab.follow(session["join_url"])
    await assert_verified(tab, server, session["session_id"])
    results = await tab.messages("challenge_result")
    assert len([result for result in results if result["passed"]]) == 3


@pytest.mark.shared_data
async def test_a_recorded_person_who_does_what_the_page_asks_is_verified(
    browser: Browser, ordering_server: LiveServer, shared_data: Path
) -> None:
    """Somebody whom no detector suspects: what detectors make of all people is for
    `python -m tests.honest_people`."""
    session = ordering_server.start_session()
    tab = await ApplicantPage.open(browser, Recorded(shared_data, PEOPLE[1]))
    await tab.follow(session["join_url"])
    await tab.until(AT_A_CHALLENGE)
    ordering_server.send_challenge(session["session_id"], "smile")
    await assert_verified(tab, ordering_server, session["session_id"])
    passed = [m["challenge_type"] for m in await tab.messages("challenge_result") if m["passed"]]
    assert passed == ["head_turn", "smile"]


@pytest.mark.shared_data
async def test_a_recorded_person_who_does_other_things_is_not(
    browser: Browser, impatient_server: LiveServer, shared_data: Path
) -> None:
    session = impatient_server.start_session()
    tab = await ApplicantPage.open(browser, Recorded(shared_data, WEBCAM, willing=False))
    await tab.follow(session["join_url"])
    await assert_refused(tab, impatient_server, session["session_id"], {"challenge_failed"})


@pytest.mark.parametrize(
    ("attack", "telling"),
    [
        (Contrary, {"challenge_failed", "challenge_timeout", "movement_too_small"}),
        (lambda model: Freezing(Obedient(model)), {"frozen_frames"}),
        (StillPhoto, {"frozen_frames"}),
        (WavedPhoto, {"no_motion", "challenge_timeout"}),
        (lambda model: Loop(Obedient(model)), {"video_loop"}),
    ],
    ids=["contrary", "freezing", "still photo", "waved photo", "loop"],
)
async def test_nothing_else_is_verified_and_the_page_says_so(
    attack: Callable[[Path], Person],
    telling: set[str],
    browser: Browser,
    impatient_server: LiveServer,
    face_model: Path,
) -> None:
    session = impatient_server.start_session()
    tab = await ApplicantPage.open(browser, attack(face_model))
    await tab.follow(session["join_url"])
    await assert_refused(tab, impatient_server, session["session_id"], telling)
