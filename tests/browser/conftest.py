"""A real Chromium, and the server as its own process."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import cv2
import pytest
import pytest_asyncio
from playwright.async_api import Browser, Playwright, async_playwright
from pytest_asyncio import is_async_test

from tests.support.browser import chromium_path, launch
from tests.support.browser_people import Obedient
from tests.support.browser_server import FEW, IMPATIENT, LiveServer, serving

HERE = Path(__file__).parent


def without_detectors(folder: Path) -> dict[str, str]:
    """Settings for the portrait: an animated photograph is what the detectors are there to find."""
    return {"DETECTION__WEIGHTS_DIR": str(folder)}


@pytest.fixture(scope="session")
def chromium() -> str:
    """Path of the browser; skips where there is none."""
    path = chromium_path()
    if path is None:
        pytest.skip("no Chromium here: install the system's package `chromium`")
    return path


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """One event loop for all of these tests, as they share a browser."""
    for item in items:
        if item.path.is_relative_to(HERE) and is_async_test(item):
            item.add_marker(pytest.mark.asyncio(loop_scope="session"), append=False)


class SharedBrowser:
    """One Chromium for all tests of the process, for it takes a second to start; another after a crash."""

    def __init__(self, playwright: Playwright, path: str) -> None:
        self._playwright, self._path = playwright, path
        self._browser: Browser | None = None

    async def get(self) -> Browser:
        if self._browser is None or not self._browser.is_connected():
            self._browser = await launch(self._playwright, self._path)
        return self._browser

    async def aclose(self) -> None:
        if self._browser is not None:
            await self._browser.close()


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def shared_browser(chromium: str) -> AsyncIterator[SharedBrowser]:
    async with async_playwright() as playwright:
        shared = SharedBrowser(playwright, chromium)
        yield shared
        await shared.aclose()


@pytest_asyncio.fixture(loop_scope="session")
async def browser(shared_browser: SharedBrowser) -> AsyncIterator[Browser]:
    """A browser without a tab; nothing that a test leaves open goes on filming."""
    browser = await shared_browser.get()
    yield browser
    for context in browser.contexts:
        await context.close()


@pytest.fixture(scope="session")
def server(
    chromium: str, face_model: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[LiveServer]:
    """A server with the settings that it comes with, but for the detectors."""
    folder = tmp_path_factory.mktemp("server")
    with serving(folder, without_detectors(folder)) as server:
        yield server


@pytest.fixture(scope="session")
def impatient_server(
    chromium: str, face_model: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[LiveServer]:
    folder = tmp_path_factory.mktemp("impatient")
    with serving(folder, IMPATIENT | without_detectors(folder)) as server:
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
