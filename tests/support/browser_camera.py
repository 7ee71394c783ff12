"""A camera for the browser that shows what a test draws, and a person who reads the page's prompts."""

from __future__ import annotations

import base64
import json
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import cv2

from kyc_rtc.frames import BgrImage
from kyc_rtc.liveness.catalogue import HELD, Challenge, ChallengeType, Direction
from tests.support.browser_server import REPOSITORY

CATALOGUE: dict[str, str] = json.loads((REPOSITORY / "static/i18n/en.json").read_text("utf-8"))
SCRIPT = Path(__file__).parent.parent / "browser" / "scripted_camera.js"
PERIOD_MS = 50
LONG_HOLD_MS = 1_500
"""How long somebody holds who is asked to hold it, and not for how long."""

_JPEG = [cv2.IMWRITE_JPEG_QUALITY, 92]


@dataclass(frozen=True, slots=True)
class Prompt:
    """What the page shows: the name of its icon, its sentence, and the challenge which that asks for."""

    icon: str
    text: str
    challenge: Challenge | None


class Person(Protocol):
    """Somebody, or something, in front of the camera."""

    def sees(self, prompt: Prompt) -> None:
        """The page shows another prompt."""

    def draw(self, at_ms: float) -> BgrImage:
        """The picture at this moment of the camera: (height, width, 3) BGR, uint8."""


class ScriptedCamera:
    """Answers a page's requests for pictures (see `scripted_camera.js`) with those of a person."""

    def __init__(self, person: Person) -> None:
        self._person = person
        self._prompt = Prompt("", "", None)
        self._began_s: float | None = None
        self.frames = 0

    def frame(self, _source: Any, shown: dict[str, str]) -> str:
        """The picture for now: a JPEG in base64. `shown`: what the page shows."""
        now_s = time.monotonic()
        self._began_s = self._began_s or now_s
        icon, text = (shown["icon"], shown["text"]) if shown["step"] == "live" else ("", "")
        if (icon, text) != (self._prompt.icon, self._prompt.text):
            self._prompt = Prompt(icon, text, SENTENCES.get(text))
            self._person.sees(self._prompt)
        self.frames += 1
        _, jpeg = cv2.imencode(".jpg", self._person.draw((now_s - self._began_s) * 1000), _JPEG)
        return base64.b64encode(jpeg.tobytes()).decode()


def _sentences() -> dict[str, Challenge]:
    """Every sentence that asks for something, as the page fills it in."""
    asked = [Challenge(ChallengeType.HEAD_TURN, side) for side in Direction]
    asked += [Challenge(kind, hold_ms=hold_ms) for kind in HELD for hold_ms in (0, LONG_HOLD_MS)]
    for kind in (ChallengeType.NOD, ChallengeType.BLINK):
        asked += [Challenge(kind, count=count) for count in range(1, 6)]
    return {sentence(challenge): challenge for challenge in asked}


def sentence(challenge: Challenge) -> str:
    """How the page asks for a challenge."""
    key = challenge.instruction
    if challenge.count == 1 and f"{key}.one" in CATALOGUE:
        key = f"{key}.one"
    return CATALOGUE[key].replace("{count}", str(challenge.count))


SENTENCES = _sentences()
