"""Who sits before the browser's camera: the animated portrait, willing or not, and what imitates it."""

from __future__ import annotations

import math
from pathlib import Path

import cv2
import numpy as np

from kyc_rtc.frames import BgrImage
from kyc_rtc.liveness.catalogue import Challenge, ChallengeType, Direction
from tests.support import portrait_actions as actions
from tests.support.applicant import SIZE, PortraitApplicant, obey
from tests.support.browser_camera import Prompt
from tests.support.portrait import AnimatedPortrait


def action_for(challenge: Challenge) -> actions.Action | None:
    """What somebody does who was asked for this."""
    direction = challenge.direction.value if challenge.direction else None
    message = {"challenge_type": challenge.type.value, "direction": direction}
    return obey({**message, "count": challenge.count})


class Obedient:
    """Does what the page asks."""

    def __init__(self, model: Path) -> None:
        self._portrait = PortraitApplicant(model)

    def sees(self, prompt: Prompt) -> None:
        if prompt.challenge is not None:
            self._portrait.act(action_for(self.chooses(prompt.challenge)))

    def chooses(self, challenge: Challenge) -> Challenge:
        return challenge

    def draw(self, at_ms: float) -> BgrImage:
        return self._portrait.draw(at_ms)


class Contrary(Obedient):
    """Does something else than the page asks: alive, and not listening."""

    def chooses(self, challenge: Challenge) -> Challenge:
        match challenge.type, challenge.direction:
            case ChallengeType.HEAD_TURN, Direction.LEFT:
                return Challenge(ChallengeType.HEAD_TURN, Direction.RIGHT)
            case ChallengeType.HEAD_TURN, _:
                return Challenge(ChallengeType.HEAD_TURN, Direction.LEFT)
            case ChallengeType.SMILE, _:
                return Challenge(ChallengeType.MOUTH_OPEN)
            case _:
                return Challenge(ChallengeType.SMILE)


class Freezing(Obedient):
    """Answers the first challenge; then the picture stands still, as a stopped video does."""

    def __init__(self, model: Path) -> None:
        super().__init__(model)
        self._frozen = False
        self._last: BgrImage | None = None

    def sees(self, prompt: Prompt) -> None:
        self._frozen = self._frozen or prompt.icon == "passed"
        super().sees(prompt)

    def draw(self, at_ms: float) -> BgrImage:
        if self._last is None or not self._frozen:
            self._last = super().draw(at_ms)
        return self._last


class StillPhoto:
    """One picture, for ever."""

    def __init__(self, model: Path) -> None:
        self._photo = AnimatedPortrait(model, SIZE).render(actions.Expression())

    def sees(self, prompt: Prompt) -> None:
        """A photo does not read."""

    def draw(self, at_ms: float) -> BgrImage:
        return self._photo


class WavedPhoto(StillPhoto):
    """A photo that a hand moves, tilts and turns before the camera."""

    def draw(self, at_ms: float) -> BgrImage:
        t_s, (width, height) = at_ms / 1000, SIZE
        middle = (width / 2, height / 2)
        angle_deg, scale = 4 * math.sin(1.3 * t_s), 1.05 + 0.05 * math.sin(0.9 * t_s)
        matrix = cv2.getRotationMatrix2D(middle, angle_deg, scale)
        matrix[:, 2] += (14 * math.sin(1.7 * t_s), 9 * math.sin(2.3 * t_s))
        moved = cv2.warpAffine(self._photo, matrix, SIZE, borderMode=cv2.BORDER_REPLICATE)
        return np.asarray(moved, dtype=np.uint8)


class Loop:
    """A recording that does every action, over and over, whatever is asked."""

    PERIOD_MS = 6_000.0
    STEP_MS = 50.0

    def __init__(self, model: Path) -> None:
        portrait = AnimatedPortrait(model, SIZE)
        shown = actions.sequence(actions.blink(2), actions.smile(), actions.head_turn("left"))
        moments = np.arange(0, self.PERIOD_MS, self.STEP_MS)
        self._frames = [portrait.render(actions.idle(t).plus(shown.at(t))) for t in moments]

    def sees(self, prompt: Prompt) -> None:
        """A recording does not read."""

    def draw(self, at_ms: float) -> BgrImage:
        return self._frames[int(at_ms / self.STEP_MS) % len(self._frames)]
