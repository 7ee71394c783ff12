"""What is held before the browser's camera, or fed into it, instead of a person.

The animated photograph is `Obedient` in `browser_people`; a filmed screen is
`Recaptured` in `browser_recapture`.
"""

from __future__ import annotations

import math
import random
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from kyc_rtc.clock import SystemClock
from kyc_rtc.frames import BgrImage
from media.file_source import read_frames
from tests.support import portrait_actions as actions
from tests.support.applicant import SIZE
from tests.support.browser_camera import Person, Prompt
from tests.support.browser_clips import find_clip
from tests.support.portrait import AnimatedPortrait


@dataclass(frozen=True, slots=True)
class Still:
    """One frame of a clip: somebody who smiles into the camera, with room around the head.

    `clip`: first 16 hex digits of the file's SHA-256.
    """

    clip: str
    at_ms: int

    def picture(self, folder: Path) -> BgrImage:
        """The frame, from the clip under `folder`: (height, width, 3) BGR, uint8."""
        for frame in read_frames(find_clip(folder, self.clip), SystemClock()):
            if frame.captured_at_ms >= self.at_ms:
                return frame.to_bgr()
        raise ValueError(f"the clip {self.clip}… ends before {self.at_ms} ms")


STILLS = (
    Still("1bcfd3a27cc01c58", 1367),
    Still("f03208ed5ba01999", 2167),
    Still("5d648462a2059111", 4967),
    Still("0ba41da244aa26ed", 4567),
    Still("58556d4fdea565fd", 1640),
    Still("76bf3526ed342149", 440),
    Still("e422ed43b1b09d29", 6920),
    Still("6e7aa54b519f395c", 2733),
)
"""Different people. Whoever takes such a picture from a profile on the web can animate it."""


class Freezing:
    """Answers the first challenge; then the picture stands still, as a stopped video does."""

    def __init__(self, person: Person) -> None:
        self._person = person
        self._frozen = False
        self._last: BgrImage | None = None

    def sees(self, prompt: Prompt) -> None:
        self._frozen = self._frozen or prompt.icon == "passed"
        self._person.sees(prompt)

    def draw(self, at_ms: float) -> BgrImage:
        if self._last is None or not self._frozen:
            self._last = self._person.draw(at_ms)
        return self._last


class Loop:
    """A recording of somebody who sits there alive, over and over, whatever is asked."""

    PERIOD_MS = 2_500
    STEP_MS = 50

    def __init__(self, person: Person) -> None:
        self._frames = [person.draw(t) for t in range(0, self.PERIOD_MS, self.STEP_MS)]

    def sees(self, prompt: Prompt) -> None:
        """A recording does not read."""

    def draw(self, at_ms: float) -> BgrImage:
        return self._frames[int(at_ms / self.STEP_MS) % len(self._frames)]


class StillPhoto:
    """One picture, for ever; of the portrait unless another `photo` is given."""

    def __init__(self, model: Path, photo: BgrImage | None = None) -> None:
        self._photo = AnimatedPortrait(model, SIZE, photo).render(actions.Expression())

    def sees(self, prompt: Prompt) -> None:
        """A photo does not read."""

    def draw(self, at_ms: float) -> BgrImage:
        return self._photo


class WavedPhoto(StillPhoto):
    """A photo that a hand moves, tilts and turns before the camera."""

    def draw(self, at_ms: float) -> BgrImage:
        return _waved(self._photo, at_ms)


class BentPhoto(StillPhoto):
    """A photo on paper that a hand moves, and buckles to and fro along an upright or slanted line.

    Bending gives a flat face some of the depth that a turning head has.
    """

    _DEPTH_PX = 85.0  # the buckle at its strongest, towards the camera or away
    _WIDTH_PX = 130.0  # of the buckle: about a face's
    _EYE_PX = 700.0  # from the camera to the paper

    def __init__(self, model: Path, photo: BgrImage | None = None, seed: int = 1) -> None:
        super().__init__(model, photo)
        chance = random.Random(seed)  # noqa: S311  # the same bends in every run
        slant = math.radians(chance.uniform(-35, 35))
        self._hertz = (chance.uniform(0.25, 0.45), chance.uniform(0.6, 0.9))
        width, height = SIZE
        x, y = np.meshgrid(np.arange(width) - width / 2, np.arange(height) - height / 2)
        self._cos, self._sin = math.cos(slant), math.sin(slant)
        self._across = x * self._cos + y * self._sin
        self._along = y * self._cos - x * self._sin

    def draw(self, at_ms: float) -> BgrImage:
        t_s = at_ms / 1000
        slow, quick = (math.sin(2 * math.pi * hertz * t_s) for hertz in self._hertz)
        return _waved(self._bent(self._DEPTH_PX * (0.75 * slow + 0.25 * quick)), at_ms)

    def _bent(self, depth_px: float) -> BgrImage:
        """The photo with a buckle of that depth, in perspective; paper bends, but does not stretch."""
        line = np.arange(-sum(SIZE) / 2, sum(SIZE) / 2)
        depth = depth_px * np.exp(-((line / self._WIDTH_PX) ** 2))
        on_paper = np.cumsum(np.hypot(1.0, np.gradient(depth)))
        on_paper -= np.interp(0.0, line, on_paper)
        nearer = 1 - np.interp(self._across, line, depth) / self._EYE_PX
        across = np.interp(self._across * nearer, line, on_paper)
        along = self._along * nearer
        map_x = across * self._cos - along * self._sin + SIZE[0] / 2
        map_y = across * self._sin + along * self._cos + SIZE[1] / 2
        maps = (map_x.astype(np.float32), map_y.astype(np.float32))
        edge = cv2.BORDER_REPLICATE
        return np.asarray(
            cv2.remap(self._photo, *maps, cv2.INTER_LINEAR, borderMode=edge), np.uint8
        )


def _waved(photo: BgrImage, at_ms: float) -> BgrImage:
    """The photo moved, tilted and turned by a hand."""
    t_s, (width, height) = at_ms / 1000, SIZE
    middle = (width / 2, height / 2)
    angle_deg, scale = 4 * math.sin(1.3 * t_s), 1.05 + 0.05 * math.sin(0.9 * t_s)
    matrix = cv2.getRotationMatrix2D(middle, angle_deg, scale)
    matrix[0, 2] += 14 * math.sin(1.7 * t_s)
    matrix[1, 2] += 9 * math.sin(2.3 * t_s)
    moved = cv2.warpAffine(photo, matrix, SIZE, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(moved, dtype=np.uint8)
