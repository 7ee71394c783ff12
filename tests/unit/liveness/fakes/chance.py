"""Chance that repeats itself."""

from __future__ import annotations

import random

from kyc_rtc.liveness.issuer import Issuer
from kyc_rtc.settings import LivenessSettings


def seeded_issuer(settings: LivenessSettings | None = None, seed: int = 1) -> Issuer:
    return Issuer(settings or LivenessSettings(), random.Random(seed))  # noqa: S311 - a test's
