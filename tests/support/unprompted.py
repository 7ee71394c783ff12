"""A recording that answers nothing: what somebody did who was never asked."""

from __future__ import annotations

import random

from kyc_rtc.frames import BgrImage
from kyc_rtc.liveness.catalogue import Challenge
from tests.support.browser_camera import Prompt
from tests.support.browser_clips import Recorded, Takes


class Unprompted:
    """A film of somebody who does all that their clip shows, in random order; no prompt is heard."""

    def __init__(self, recorded: Recorded, takes: Takes, chance: random.Random) -> None:
        self._recorded, self._chance = recorded, chance
        self._actions = [Challenge(kind, side) for kind, side in takes.answers]
        self._next_ms = 1_000.0

    def sees(self, prompt: Prompt) -> None:
        """No prompt is heard."""

    def draw(self, at_ms: float) -> BgrImage:
        if at_ms >= self._next_ms:
            self._next_ms = at_ms + self._chance.uniform(4_000, 6_000)
            self._recorded.sees(Prompt("", "", self._chance.choice(self._actions)))
        return self._recorded.draw(at_ms)
