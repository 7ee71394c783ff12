"""Attacks that do what the page asks, against the server as it is shipped: none of them is verified.

Those that ask for nothing but patience (photos, loops, a frozen picture) are in
`test_verification.py`. `python -m tests.attacks` runs all of them, and counts.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from playwright.async_api import Browser

from tests.support.browser import AT_A_CHALLENGE, ApplicantPage
from tests.support.browser_attacks import STILLS, BentPhoto
from tests.support.browser_camera import Person
from tests.support.browser_checks import assert_refused
from tests.support.browser_clips import WEBCAM, Recorded
from tests.support.browser_people import Obedient
from tests.support.browser_recapture import Recaptured, Setup, laptop, monitor, phone
from tests.support.browser_server import IMPATIENT, LiveServer, serving

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def shipped_server(
    chromium: str, face_model: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[LiveServer]:
    """A server with the settings and weights that it comes with."""
    with serving(tmp_path_factory.mktemp("shipped"), {}) as server:
        yield server


@pytest.fixture
def impatient_shipped_server(
    chromium: str, face_model: Path, tmp_path: Path
) -> Iterator[LiveServer]:
    """The same for a photo, which answers nothing however long one waits."""
    with serving(tmp_path, IMPATIENT) as server:
        yield server


async def test_a_photo_that_is_bent_is_not_verified(
    browser: Browser, impatient_shipped_server: LiveServer, face_model: Path
) -> None:
    server = impatient_shipped_server
    tab, session_id = await _before(browser, server, BentPhoto(face_model))
    await assert_refused(tab, server, session_id)


async def test_a_puppet_is_not_verified(
    browser: Browser, shipped_server: LiveServer, face_model: Path
) -> None:
    tab, session_id = await _before(browser, shipped_server, Obedient(face_model))
    await assert_refused(tab, shipped_server, session_id)


@pytest.mark.shared_data
@pytest.mark.parametrize("number", [0, 3])
async def test_a_puppet_of_another_person_is_not_verified(
    number: int,
    browser: Browser,
    shipped_server: LiveServer,
    face_model: Path,
    shared_data: Path,
) -> None:
    puppet = Obedient(face_model, seed=2 + number, photo=STILLS[number].picture(shared_data))
    tab, session_id = await _before(browser, shipped_server, puppet)
    await assert_refused(tab, shipped_server, session_id)


async def test_a_puppet_on_a_filmed_screen_is_not_verified(
    browser: Browser, shipped_server: LiveServer, face_model: Path
) -> None:
    filmed = Recaptured(Obedient(face_model), monitor(np.random.default_rng(1)))
    tab, session_id = await _before(browser, shipped_server, filmed)
    await assert_refused(tab, shipped_server, session_id)


@pytest.mark.shared_data
@pytest.mark.parametrize("screen", [monitor, phone, laptop])
async def test_a_recorded_person_on_a_filmed_screen_is_not_verified(
    screen: Callable[[np.random.Generator], Setup],
    browser: Browser,
    ordering_server: LiveServer,
    shared_data: Path,
) -> None:
    filmed = Recaptured(Recorded(shared_data, WEBCAM), screen(np.random.default_rng(2)))
    tab, session_id = await _before(browser, ordering_server, filmed)
    await tab.until(AT_A_CHALLENGE)
    for kind in WEBCAM.kinds():
        ordering_server.send_challenge(session_id, kind)
    await assert_refused(tab, ordering_server, session_id)


async def _before(
    browser: Browser, server: LiveServer, person: Person
) -> tuple[ApplicantPage, str]:
    """The page with the attack before its camera, and the session's id."""
    session = server.start_session()
    tab = await ApplicantPage.open(browser, person)
    await tab.follow(session["join_url"])
    return tab, session["session_id"]
