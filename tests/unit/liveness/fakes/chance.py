"""Chance that repeats itself."""

from __future__ import annotations

import random

from kyc_rtc.liveness.catalogue import ChallengeType
from kyc_rtc.liveness.issuer import Issuer
from kyc_rtc.settings import LivenessSettings

DRAWN = frozenset(map(ChallengeType, LivenessSettings().challenge_types))
"""The types that are drawn unless settings name others."""


def seeded_issuer(settings: LivenessSettings | None = None, seed: int = 1) -> Issuer:
    return Issuer(settings or LivenessSettings(), random.Random(seed))  # noqa: S311 - a test's
