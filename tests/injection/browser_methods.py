"""Injection into Chromium: a file in the place of its camera, and a canvas in the place of the page's."""

from __future__ import annotations

import threading
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import cv2
from playwright.async_api import async_playwright

from kyc_rtc.frames import BgrImage
from tests.injection.heard import Heard
from tests.injection.place import Place, Session, meanwhile
from tests.support.browser import ApplicantPage, chromium_path, launch

FPS = 20
CANVAS_SCRIPT = Path(__file__).with_name("canvas_camera.js")
FILE_NAME = "HD Webcam (046d-0825).y4m"
"""Chromium takes the file's path for the camera's name."""


class LiveFile:
    """A Y4M of one picture that is overwritten `FPS` times a second.

    Chromium (`--use-file-for-fake-video-capture`) reads the file anew for each picture, so that whoever
    overwrites it feeds it live, as a virtual camera would be, and answers prompts.
    """

    def __init__(self, path: Path, draw: Callable[[float], BgrImage]) -> None:
        self.path = path
        self._draw = draw
        self._stop = threading.Event()
        path.write_bytes(y4m(draw(0)))

    def stop(self) -> None:
        """End the pictures; the last one stays."""
        self._stop.set()

    def run(self) -> None:
        """Until it is stopped. Blocks. Where the machine is too slow, pictures are left out."""
        began_s, next_s = time.monotonic(), 0.0
        with self.path.open("r+b", buffering=0) as file:
            while not self._stop.wait(max(0.0, began_s + next_s - time.monotonic())):
                at_s = time.monotonic() - began_s
                next_s = max(next_s + 1 / FPS, at_s)
                file.seek(0)
                file.write(y4m(self._draw(1_000 * at_s)))


def y4m(picture: BgrImage) -> bytes:
    """A file of this one picture, (height, width, 3) BGR uint8 of even sides, in YUV4MPEG2."""
    height, width = picture.shape[:2]
    header = f"YUV4MPEG2 W{width} H{height} F{FPS}:1 Ip A1:1 C420jpeg\nFRAME\n"
    return header.encode() + cv2.cvtColor(picture, cv2.COLOR_BGR2YUV_I420).tobytes()


@asynccontextmanager
async def file_camera(place: Place, session: Session, heard: Heard) -> AsyncIterator[None]:
    """Chromium's own file camera before the applicant's page."""
    async with _page(place, session, heard, None):
        yield


@asynccontextmanager
async def canvas_camera(place: Place, session: Session, heard: Heard) -> AsyncIterator[None]:
    """A script in the page replaces `getUserMedia`: a video is drawn on a canvas, which is captured."""
    async with _page(place, session, heard, CANVAS_SCRIPT):
        yield


@asynccontextmanager
async def _page(
    place: Place, session: Session, heard: Heard, script: Path | None
) -> AsyncIterator[None]:
    """The applicant's page in a Chromium of its own. Raises `RuntimeError` where none is installed."""
    path = chromium_path()
    if path is None:
        raise RuntimeError("no Chromium here: install the system's package `chromium`")
    film = LiveFile(place.folder / FILE_NAME, heard.person.draw)
    arguments = [
        "--use-fake-device-for-media-stream",
        f"--use-file-for-fake-video-capture={film.path}",
    ]
    async with meanwhile(film.run, film.stop), async_playwright() as playwright:
        browser = await launch(playwright, path, arguments)
        tab = await ApplicantPage.open(browser, None)
        await tab.page.expose_function("kycTestHear", heard.take)
        if script is not None:
            await tab.page.add_init_script(path=script)
        await tab.follow(session["join_url"])
        yield
        await browser.close()
