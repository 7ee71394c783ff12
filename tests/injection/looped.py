"""A looped file: pictures that were filmed before the attempt, sent with the stamps of a camera."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Iterator, Sequence

import av
import cv2
import numpy as np
from numpy.typing import NDArray

from kyc_rtc.frames import BgrImage
from kyc_rtc.liveness.catalogue import HELD, Challenge, ChallengeType, Direction
from kyc_rtc.liveness.issuer import counts, holds_ms
from kyc_rtc.settings import LivenessSettings
from media.publisher import CLOCK_RATE, PictureTrack
from tests.support.browser_camera import Person, Prompt

FPS = 15
STEP_MS = 1_000 / FPS
CALM_MS, ANSWER_MS = 8_000, 5_000
"""How much is filmed of somebody who waits, and of each answer: no answer of the films takes longer."""

JITTER_MS = 2.0
"""Standard deviation of the stamps' jitter: the interval of cameras is no more even than that."""

_JPEG = [cv2.IMWRITE_JPEG_QUALITY, 92]

Jpeg = NDArray[np.uint8]
Asked = tuple[ChallengeType, Direction | None, int]


class Looped:
    """A calm film over and over; after a prompt once the film that answers it, where there is one.

    All is filmed at construction, of `person`. `answers`: what is filmed besides the calm film; films of
    what is held are of the longest hold.
    """

    def __init__(self, person: Person, answers: Sequence[Challenge]) -> None:
        self.lacks = asyncio.Event()
        """Never set: a file may come again."""
        self._filmed_ms = self._now_ms = self._began_ms = 0.0
        self._calm = self._film(person, CALM_MS)
        self._answers: dict[Asked, list[Jpeg]] = {}
        for challenge in answers:
            person.sees(Prompt("challenge", "", challenge))
            self._answers[_key(challenge)] = self._film(person, ANSWER_MS)
        self._playing: list[Jpeg] = []

    def sees(self, prompt: Prompt) -> None:
        if prompt.challenge is not None:
            self._playing = self._answers.get(_key(prompt.challenge), [])
            self._began_ms = self._now_ms

    def draw(self, at_ms: float) -> BgrImage:
        self._now_ms = at_ms
        number = round((at_ms - self._began_ms) / STEP_MS)
        film = self._playing if number < len(self._playing) else self._calm
        return np.asarray(cv2.imdecode(film[number % len(film)], cv2.IMREAD_COLOR), np.uint8)

    def _film(self, person: Person, length_ms: float) -> list[Jpeg]:
        """The next pictures of the person."""
        film = []
        for _ in range(round(length_ms / STEP_MS)):
            _, jpeg = cv2.imencode(".jpg", person.draw(self._filmed_ms), _JPEG)
            film.append(np.asarray(jpeg, np.uint8))
            self._filmed_ms += STEP_MS
        return film


def _key(challenge: Challenge) -> Asked:
    return challenge.type, challenge.direction, challenge.count


def possible(settings: LivenessSettings) -> Iterator[Challenge]:
    """Every challenge that may be drawn; what is held, for the longest time."""
    longest_ms = holds_ms(settings)[-1]
    for kind in map(ChallengeType, settings.challenge_types):
        if kind is ChallengeType.HEAD_TURN:
            yield from (Challenge(kind, side) for side in Direction)
        elif kind in HELD:
            yield Challenge(kind, hold_ms=longest_ms)
        else:
            yield from (Challenge(kind, count=count) for count in counts(kind, settings))


class RetimedTrack(PictureTrack):
    """Sends pictures with stamps of its own, as even as a camera's, whenever they are really sent."""

    def __init__(self, draw: Callable[[float], BgrImage], seed: int) -> None:
        super().__init__(draw, FPS)
        self._chance = random.Random(seed)  # noqa: S311  # the same stamps in every run
        self._number = -1

    async def recv(self) -> av.VideoFrame:
        picture = await super().recv()
        assert picture.pts is not None
        self._number = max(self._number + 1, picture.pts * FPS // CLOCK_RATE)
        picture.pts = stamp(self._number, self._chance.gauss(0, JITTER_MS))
        return picture


def stamp(number: int, jitter_ms: float) -> int:
    """The RTP time of a picture; stamps keep their order whatever the jitter."""
    bounded_ms = min(max(jitter_ms, -STEP_MS / 3), STEP_MS / 3)
    return round((STEP_MS * (number + 0.5) + bounded_ms) * CLOCK_RATE / 1_000)
