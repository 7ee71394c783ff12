"""A real Chromium, and the server as its own process."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import cv2
import pytest
from playwright.async_api import Browser, async_playwright

from tests.support.browser import chromium_path, launch
from tests.support.browser_people import Obedient
from tests.support.browser_server import FEW, IMPATIENT, LiveServer, serving


def without_experts(folder: Path) -> dict[str, str]:
    """Settings for the portrait: an animated photograph is what the experts are there to find."""
    return {"DETECTION__WEIGHTS_DIR": str(folder)}


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


@pytest.fixture(scope="session")
def server(
    chromium: str, face_model: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[LiveServer]:
    """A server with the settings that it comes with, but for the experts."""
    folder = tmp_path_factory.mktemp("server")
    with serving(folder, without_experts(folder)) as server:
        yield server


@pytest.fixture(scope="session")
def impatient_server(
    chromium: str, face_model: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[LiveServer]:
    folder = tmp_path_factory.mktemp("impatient")
    with serving(folder, IMPATIENT | without_experts(folder)) as server:
        yield server


@pytest.fixture
def ordering_server(
    chromium: str, face_model: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[LiveServer]:
    with serving(tmp_path_factory.mktemp("ordering"), FEW) as server:
        yield server


@pytest.fixture(scope="session")
def portrait_film(face_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The portrait sitting there for 8 s, as Motion JPEG for Chromium's own fake camera."""
    person = Obedient(face_model)
    film = tmp_path_factory.mktemp("film") / "portrait.mjpeg"
    pictures = (cv2.imencode(".jpg", person.draw(t))[1].tobytes() for t in range(0, 8_000, 66))
    film.write_bytes(b"".join(pictures))
    return film
