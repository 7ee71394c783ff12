"""Who sits before the browser's camera: the animated portrait, willing or not."""

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
    """Does what the page asks, as people do it: never twice alike, and never quite still between.

    As an attack it is an animated photograph: nobody is there.
    """

    def __init__(self, model: Path, seed: int = 1, photo: BgrImage | None = None) -> None:
        self._portrait = AnimatedPortrait(model, SIZE, photo)
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
        expression = self.rests(at_ms)
        if self._action is not None:
            expression = expression.plus(self._action.at(at_ms - self._began_ms))
        return held_in_a_hand(self._portrait.render(expression), at_ms)

    def rests(self, at_ms: float) -> actions.Expression:
        """What the face does by itself."""
        return actions.idle(at_ms).plus(actions.muttering(at_ms)).plus(self._blinks.at(at_ms))

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
                return self._varied(actions.smile(500 + challenge.hold_ms))
            case ChallengeType.MOUTH_OPEN:
                return self._varied(actions.mouth_open(300 + challenge.hold_ms))
            case ChallengeType.COME_CLOSER | ChallengeType.STEP_BACK:
                closer = challenge.type is ChallengeType.COME_CLOSER
                return self._varied(actions.change_distance(closer=closer))

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


def held_in_a_hand(picture: BgrImage, at_ms: float) -> BgrImage:
    """A phone is never still: the picture drifts by some pixels and tilts a little."""
    t_s, (height, width) = at_ms / 1000, picture.shape[:2]
    tilt_deg = 0.6 * math.sin(0.71 * t_s) + 0.3 * math.sin(1.93 * t_s + 1)
    matrix = cv2.getRotationMatrix2D((width / 2, height / 2), tilt_deg, 1.04)
    matrix[0, 2] += width * (0.008 * math.sin(0.53 * t_s) + 0.004 * math.sin(1.61 * t_s + 2))
    matrix[1, 2] += height * (0.008 * math.sin(0.67 * t_s + 1) + 0.005 * math.sin(1.37 * t_s))
    moved = cv2.warpAffine(picture, matrix, (width, height), borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(moved, dtype=np.uint8)


class Sparing(Obedient):
    """Does what the page asks and nothing else: eyes and mouth never move by themselves."""

    def rests(self, at_ms: float) -> actions.Expression:
        return actions.idle(at_ms)


class Contrary(Obedient):
    """Does something else than the page asks: alive, and not listening."""

    def chooses(self, challenge: Challenge) -> Challenge:
        match challenge.type, challenge.direction:
            case ChallengeType.HEAD_TURN, Direction.LEFT:
                return Challenge(ChallengeType.HEAD_TURN, Direction.RIGHT)
            case ChallengeType.HEAD_TURN, _:
                return Challenge(ChallengeType.HEAD_TURN, Direction.LEFT)
            case ((ChallengeType.SMILE | ChallengeType.MOUTH_OPEN), _):
                return Challenge(ChallengeType.NOD)  # the other one is half of what is asked
            case _:
                return Challenge(ChallengeType.SMILE)
