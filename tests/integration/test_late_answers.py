"""Who answers late, and hides meanwhile that nobody is there, does not pass. All of it, with other covers
and as long as it takes to render an answer: `python -m tests.outcomes`."""

from __future__ import annotations

from pathlib import Path

import pytest
from aiohttp import ClientSession

from kyc_rtc.liveness.catalogue import ChallengeType
from kyc_rtc.settings import DetectionSettings, LivenessSettings, Settings
from tests.integration.conftest import Serve
from tests.support.late_client import Cover, Habit, LateClient

SHORT = LivenessSettings(
    challenges=2, voids=1, challenge_types=(ChallengeType.HEAD_TURN, ChallengeType.MOUTH_OPEN)
)
"""Without a nod: a portrait that only turns and nods shows no life."""


@pytest.mark.parametrize(
    ("habit", "verdict"),
    [
        (Habit(Cover.NOTHING_SENT, 0.4), "PASSED"),
        (Habit(Cover.NOTHING_SENT, 3.0), "INCONCLUSIVE"),
        (Habit(Cover.ANOTHER_CLIENT, 0.5), "INCONCLUSIVE"),
    ],
    ids=["a short stall", "no picture", "another client"],
)
async def test_only_who_answers_at_once_passes(
    habit: Habit,
    verdict: str,
    serve: Serve,
    http: ClientSession,
    face_model: Path,
    tmp_path: Path,
) -> None:
    detection = DetectionSettings(weights_dir=tmp_path)
    base_url = await serve(Settings(data_dir=tmp_path, liveness=SHORT, detection=detection))
    client = LateClient(http, base_url, face_model, habit)
    assert await client.run(within_s=60) == verdict, client.call.account()
