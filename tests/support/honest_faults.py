"""What devices and links do to honest people: each fault happens to a recorded person during a check."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

import cv2
import numpy as np

from kyc_rtc.frames import BgrImage
from tests.support.browser import ApplicantPage
from tests.support.browser_camera import Person, Prompt
from tests.support.weak_link import WeakLink

_UNSEEN_MS = 300.0
"""A camera that shows nothing for longer has stalled."""


class FaultyCamera:
    """A person before a camera with a fault; `alter` changes each picture."""

    def __init__(self, alter: Callable[[BgrImage], BgrImage]) -> None:
        self._alter = alter
        self._person: Person | None = None
        self.is_black = False
        self.link = WeakLink()
        self._last_ms: float | None = None
        self._has_stalled = False

    def show(self, person: Person) -> None:
        """This person sits before it from now on."""
        self._person = person

    def sees_anything(self) -> bool:
        return not (self.is_black or self._has_stalled or self.link.down)

    def sees(self, prompt: Prompt) -> None:
        assert self._person is not None
        self._person.sees(prompt)

    def draw(self, at_ms: float) -> BgrImage:
        assert self._person is not None
        last_ms, self._last_ms = self._last_ms, at_ms
        self._has_stalled = last_ms is not None and at_ms - last_ms > _UNSEEN_MS
        picture = self._alter(self._person.draw(at_ms))
        return np.zeros_like(picture) if self.is_black else picture


Happens = Callable[[ApplicantPage, FaultyCamera], Awaitable[None]]


def _as_it_is(picture: BgrImage) -> BgrImage:
    return picture


async def _nothing(_tab: ApplicantPage, _camera: FaultyCamera) -> None:
    """All of the fault is in the pictures."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault. `alter`: of every picture. `script`: put into the page. `happens`: while the first
    challenge is answered. `asks`: the page asks for the camera. `again`: a take may be shown again,
    since the same is asked for a second time by right. `by_the_link`: media go through the camera's link."""

    alter: Callable[[BgrImage], BgrImage] = field(default=_as_it_is)
    script: str = ""
    happens: Happens = field(default=_nothing)
    asks: bool = False
    again: bool = False
    by_the_link: bool = False

    async def begin(self, tab: ApplicantPage, camera: FaultyCamera, join_url: str) -> None:
        """Follow the link, agree, and allow the camera."""
        if self.script:
            await tab.page.add_init_script(self.script)
        if self.asks:
            await tab.page.context.clear_permissions()
        if self.by_the_link:
            await camera.link.attach(tab.page)
        await tab.follow(join_url)
        if self.asks:
            await tab.step("camera")
            await tab.click("#camera-open")


def _mirrored(picture: BgrImage) -> BgrImage:
    return np.asarray(cv2.flip(picture, 1), np.uint8)


def _on_its_side(picture: BgrImage) -> BgrImage:
    return np.asarray(cv2.rotate(picture, cv2.ROTATE_90_CLOCKWISE), np.uint8)


def _upside_down(picture: BgrImage) -> BgrImage:
    return np.asarray(cv2.rotate(picture, cv2.ROTATE_180), np.uint8)


def _small(picture: BgrImage) -> BgrImage:
    """Far from the camera: two fifths of the size, before an even wall."""
    height, width = picture.shape[:2]
    part = cv2.resize(picture, (width * 2 // 5, height * 2 // 5), interpolation=cv2.INTER_AREA)
    wall = np.full_like(picture, 150)
    top, left = (height - part.shape[0]) // 2, (width - part.shape[1]) // 2
    wall[top : top + part.shape[0], left : left + part.shape[1]] = part
    return wall


def _dark(picture: BgrImage) -> BgrImage:
    return np.asarray(cv2.convertScaleAbs(picture, alpha=0.25), np.uint8)


def _over_bright(picture: BgrImage) -> BgrImage:
    return np.asarray(cv2.convertScaleAbs(picture, alpha=2.2, beta=60), np.uint8)


async def _stalls(tab: ApplicantPage, _camera: FaultyCamera) -> None:
    await tab.evaluate("void (kycTest.isStalled = true)")
    await asyncio.sleep(4)  # the fault itself
    await tab.evaluate("void (kycTest.isStalled = false)")


async def _goes_black(_tab: ApplicantPage, camera: FaultyCamera) -> None:
    camera.is_black = True
    await asyncio.sleep(4)  # the fault itself
    camera.is_black = False


async def _ends(tab: ApplicantPage, _camera: FaultyCamera) -> None:
    """`stop` tells nobody, so that the event is made."""
    await tab.evaluate(
        "void (kycTest.tracks.at(-1).stop(),"
        " kycTest.tracks.at(-1).dispatchEvent(new Event('ended')))"
    )


async def _reloads(tab: ApplicantPage, _camera: FaultyCamera) -> None:
    await tab.page.reload()
    await tab.until("['consent', 'live', 'result'].includes(document.body.dataset.step)")
    if await tab.evaluate("document.body.dataset.step === 'consent'"):
        await tab.click("#agree")


async def _link_goes_dark(_tab: ApplicantPage, camera: FaultyCamera) -> None:
    async with camera.link.outage():
        await asyncio.sleep(5)  # the fault itself


_ENCODER_STALLS = """setInterval(() => {
    kycTest.isStalled = true;
    setTimeout(() => (kycTest.isStalled = false), 400);
}, 3000);"""

FAULTS: dict[str, Fault] = {
    "none": Fault(),
    "mirrored": Fault(_mirrored, again=True),
    "on its side": Fault(_on_its_side),
    "upside down": Fault(_upside_down),
    "small face": Fault(_small),
    "light at 25%": Fault(_dark),
    "over-bright": Fault(_over_bright),
    "8 pictures a second": Fault(script="window.kycTestPeriodMs = 125;"),
    "encoder stalls for 0.4 s every 3 s": Fault(script=_ENCODER_STALLS),
    "camera stalls for 4 s": Fault(happens=_stalls, again=True),
    "black for 4 s": Fault(happens=_goes_black, again=True),
    "track ends": Fault(happens=_ends, again=True),
    "first picture after 4 s": Fault(script="window.kycTestFirstMs = 4000;"),
    "permission after 5 s": Fault(script="window.kycTestAnswerMs = 5000;", asks=True),
    "page reloaded": Fault(happens=_reloads, again=True),
    "link dark for 5 s": Fault(happens=_link_goes_dark, by_the_link=True, again=True),
}
"""By the name that the table gives them."""
