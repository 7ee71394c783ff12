"""A real Chromium, and the server as its own process."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import cv2
import pytest
from playwright.async_api import Browser, async_playwright

from tests.support.browser import chromium_path, launch
from tests.support.browser_people import Obedient
from tests.support.browser_server import LiveServer

IMPATIENT = {
    "LIVENESS__CHALLENGES": "2",
    "LIVENESS__ATTEMPTS": "1",
    "LIVENESS__TIME_LIMIT_MS": "3500",
}
"""Two challenges, one attempt of 3.5 s at each: whoever does not answer is done in 12 s."""


def without_experts(folder: Path) -> dict[str, str]:
    """Settings for the portrait: an animated photograph is what the experts are there to find."""
    return {"DETECTION__WEIGHTS_DIR": str(folder)}


FEW = {"LIVENESS__CHALLENGES": "1", "LIVENESS__MAX_NODS": "1"}
"""A head turn only, so that the institution chooses the rest: a recording cannot do everything."""


@pytest.fixture(scope="session")
def chromium() -> str:
    """Path of the browser; skips where there is none."""
    path = chromium_path()
    if path is None:
        pytest.skip("no Chromium here: install the system's package `chromium`")
    return path


@pytest.fixture
async def browser(chromium: str) -> AsyncIterator[Browser]:
    async with async_playwright() as playwright:
        browser = await launch(playwright, chromium)
        yield browser
        await browser.close()


def _serve(folder: Path, settings: dict[str, str]) -> Iterator[LiveServer]:
    server = LiveServer(folder, settings)
    server.start()
    try:
        yield server
    finally:
        status = server.stop()
    assert status == 0
    assert "Traceback" not in server.log(), server.log()


@pytest.fixture(scope="session")
def server(
    chromium: str, face_model: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[LiveServer]:
    """A server with the settings that it comes with, but for the experts."""
    folder = tmp_path_factory.mktemp("server")
    yield from _serve(folder, without_experts(folder))


@pytest.fixture(scope="session")
def impatient_server(
    chromium: str, face_model: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[LiveServer]:
    folder = tmp_path_factory.mktemp("impatient")
    yield from _serve(folder, IMPATIENT | without_experts(folder))


@pytest.fixture
def ordering_server(
    chromium: str, face_model: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[LiveServer]:
    yield from _serve(tmp_path_factory.mktemp("ordering"), FEW)


@pytest.fixture(scope="session")
def portrait_film(face_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The portrait sitting there for 8 s, as Motion JPEG for Chromium's own fake camera."""
    person = Obedient(face_model)
    film = tmp_path_factory.mktemp("film") / "portrait.mjpeg"
    pictures = (cv2.imencode(".jpg", person.draw(t))[1].tobytes() for t in range(0, 8_000, 66))
    film.write_bytes(b"".join(pictures))
    return film
