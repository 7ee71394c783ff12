"""Who sits before the browser's camera: the animated portrait, willing or not, and what imitates it."""

from __future__ import annotations

import math
import random
from pathlib import Path

import cv2
import numpy as np

from kyc_rtc.frames import BgrImage
from kyc_rtc.liveness.catalogue import Challenge, ChallengeType, Direction
from tests.support import portrait_actions as actions
from tests.support.applicant import SIZE
from tests.support.browser_camera import Prompt
from tests.support.portrait import AnimatedPortrait


class Obedient:
    """Does what the page asks, as people do it: never twice alike, and never quite still between."""

    def __init__(self, model: Path, seed: int = 1) -> None:
        self._portrait = AnimatedPortrait(model, SIZE)
        self._chance = random.Random(seed)  # noqa: S311  # the same person in every run
        self._blinks = self._natural_blinks()
        self._action: actions.Action | None = None
        self._began_ms = self._now_ms = 0.0

    def sees(self, prompt: Prompt) -> None:
        if prompt.challenge is not None:
            self._action = self._perform(self.chooses(prompt.challenge))
            self._began_ms = self._now_ms + self._chance.uniform(400, 600)

    def chooses(self, challenge: Challenge) -> Challenge:
        return challenge

    def draw(self, at_ms: float) -> BgrImage:
        self._now_ms = at_ms
        expression = actions.idle(at_ms).plus(_muttering(at_ms)).plus(self._blinks.at(at_ms))
        if self._action is not None:
            expression = expression.plus(self._action.at(at_ms - self._began_ms))
        return held_in_a_hand(self._portrait.render(expression), at_ms)

    def _perform(self, challenge: Challenge) -> actions.Action:
        """The action with this person's variations: how far, how fast, and each time anew."""
        match challenge.type:
            case ChallengeType.HEAD_TURN:
                left = challenge.direction is Direction.LEFT
                return self._varied(actions.head_turn("left" if left else "right"))
            case ChallengeType.NOD:
                nods = [self._varied(actions.nod()) for _ in range(challenge.count)]
                return actions.sequence(*nods, pause_ms=self._chance.uniform(200, 300))
            case ChallengeType.BLINK:
                blinks = [self._varied(actions.blink()) for _ in range(challenge.count)]
                return actions.sequence(*blinks, pause_ms=self._chance.uniform(300, 400))
            case ChallengeType.SMILE:
                return self._varied(actions.smile())
            case ChallengeType.MOUTH_OPEN:
                return self._varied(actions.mouth_open())

    def _varied(self, action: actions.Action) -> actions.Action:
        size, pace = self._chance.uniform(0.9, 1.1), self._chance.uniform(0.85, 1.2)
        pulses = tuple(
            actions.Pulse(
                pulse.peak.scaled(size if pulse.peak.blink == 0 else 1.0),
                pulse.duration_ms * pace,
                pulse.hold_ms * pace,
                pulse.start_ms * pace,
            )
            for pulse in action.pulses
        )
        return actions.Action(action.duration_ms * pace, pulses)

    def _natural_blinks(self) -> actions.Action:
        """People blink some fifteen times a minute, asked or not."""
        time_ms, pulses = 0.0, list[actions.Pulse]()
        while time_ms < 120_000:
            time_ms += self._chance.uniform(2_000, 6_000)
            pulses += actions.blink().delayed(time_ms).pulses
        return actions.Action(time_ms, tuple(pulses))


def _muttering(at_ms: float) -> actions.Expression:
    """Lips that part and corners that stir, as they do in somebody who reads what to do."""
    t_s = at_ms / 1000
    parting = math.sin(4.1 * t_s) + 0.7 * math.sin(6.7 * t_s + 1) + 0.5 * math.sin(1.3 * t_s + 2)
    stirring = math.sin(2.3 * t_s + 0.5) + 0.6 * math.sin(3.7 * t_s)
    return actions.Expression(mouth_open=0.18 * max(0.0, parting), smile=0.08 * (1.6 + stirring))


def held_in_a_hand(picture: BgrImage, at_ms: float) -> BgrImage:
    """A phone is never still: the picture drifts by some pixels and tilts a little."""
    t_s, (height, width) = at_ms / 1000, picture.shape[:2]
    tilt_deg = 0.6 * math.sin(0.71 * t_s) + 0.3 * math.sin(1.93 * t_s + 1)
    matrix = cv2.getRotationMatrix2D((width / 2, height / 2), tilt_deg, 1.04)
    matrix[0, 2] += width * (0.008 * math.sin(0.53 * t_s) + 0.004 * math.sin(1.61 * t_s + 2))
    matrix[1, 2] += height * (0.008 * math.sin(0.67 * t_s + 1) + 0.005 * math.sin(1.37 * t_s))
    moved = cv2.warpAffine(picture, matrix, (width, height), borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(moved, dtype=np.uint8)


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
        matrix[0, 2] += 14 * math.sin(1.7 * t_s)
        matrix[1, 2] += 9 * math.sin(2.3 * t_s)
        moved = cv2.warpAffine(self._photo, matrix, SIZE, borderMode=cv2.BORDER_REPLICATE)
        return np.asarray(moved, dtype=np.uint8)


class Loop:
    """A recording of somebody who sits there alive, over and over, whatever is asked."""

    PERIOD_MS = 2_500
    STEP_MS = 50

    def __init__(self, model: Path) -> None:
        person = Obedient(model)
        self._frames = [person.draw(t) for t in range(0, self.PERIOD_MS, self.STEP_MS)]

    def sees(self, prompt: Prompt) -> None:
        """A recording does not read."""

    def draw(self, at_ms: float) -> BgrImage:
        return self._frames[int(at_ms / self.STEP_MS) % len(self._frames)]
