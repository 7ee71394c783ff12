"""Judging one attempt at one challenge."""

from __future__ import annotations

from dataclasses import dataclass

from kyc_rtc.liveness.blink import BlinkTracker
from kyc_rtc.liveness.catalogue import Challenge, ChallengeType
from kyc_rtc.liveness.gesture import Gesture, GestureTracker, Sighting
from kyc_rtc.liveness.head_turn import HeadTurnTracker
from kyc_rtc.liveness.hints import Hint
from kyc_rtc.liveness.mouth_open import MouthOpenTracker
from kyc_rtc.liveness.neutral import NeutralFace
from kyc_rtc.liveness.nod import NodTracker
from kyc_rtc.liveness.signals import Signals
from kyc_rtc.liveness.smile import SmileTracker

MIN_REACTION_MS = 150
"""Nobody answers a prompt sooner: simple visual reactions take 180 to 250 ms, without the network."""
REPEAT_LIMIT_MS = 3_000
"""Blinks and nods of one answer follow each other within this; else natural ones would add up."""
UNASKED_SCALE = 1.5
"""An action that was not asked for is held against somebody only when it is this much clearer."""


def new_tracker(kind: ChallengeType, neutral: NeutralFace, scale: float = 1.0) -> GestureTracker:
    """The tracker for one type of action. A blink has no scale: an eye is shut or it is not."""
    match kind:
        case ChallengeType.HEAD_TURN:
            return HeadTurnTracker(neutral, scale)
        case ChallengeType.NOD:
            return NodTracker(neutral, scale)
        case ChallengeType.BLINK:
            return BlinkTracker(neutral)
        case ChallengeType.SMILE:
            return SmileTracker(neutral, scale)
        case ChallengeType.MOUTH_OPEN:
            return MouthOpenTracker(neutral, scale)
