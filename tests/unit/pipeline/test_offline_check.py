"""Whole checks without a server: what is asked can be obeyed, and two verdicts come of it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest

from kyc_rtc.decision.verdict import ReasonCode
from kyc_rtc.detection.evidence import AnalyserName, Evidence, Sign
from kyc_rtc.liveness.catalogue import Challenge
from kyc_rtc.pipeline.analysis import FrameResult
from tests.support.offline_check import Checked, checked
from tests.unit.liveness.fakes.actor import Actor, pulses_for
from tests.unit.liveness.fakes.chance import seeded_issuer
from tests.unit.pipeline.staged import CALM, FRAME_MS, SETTINGS, result

LEARNT = tuple(
    replace(one, score=0.95, signs=(Sign.ANIMATED_PHOTO,))
    if one.analyser is AnalyserName.ANIMATED
    else one
    for one in CALM
)
"""Only what was learnt from examples speaks against it."""


class Applicant:
    """Somebody whose results are written, `limit_ms` of them, and who obeys or does nothing."""

    def __init__(self, evidence: tuple[Evidence, ...], *, obeys: bool) -> None:
        self._evidence, self._obeys = evidence, obeys
        self._actor, self._now_ms = Actor(), 0

    def results(self, limit_ms: int) -> Iterator[FrameResult]:
        for now_ms in range(0, limit_ms, FRAME_MS):
            self._now_ms = now_ms
            yield result(now_ms, self._actor, evidence=self._evidence)

    def prompted(self, challenge: Challenge) -> None:
        if self._obeys:
            self._actor.pulses += pulses_for(challenge, self._now_ms + 500)


def check(
    evidence: tuple[Evidence, ...] = CALM, *, obeys: bool = True, limit_ms: int = 90_000
) -> Checked:
    somebody = Applicant(evidence, obeys=obeys)
    issuer = seeded_issuer(SETTINGS.liveness)
    return checked(somebody.results(limit_ms), issuer, SETTINGS, somebody.prompted)


@pytest.mark.parametrize(
    ("evidence", "status"), [(CALM, "PASSED"), (LEARNT, "FAILED")], ids=["calm", "learnt"]
)
def test_who_obeys_meets_the_plan_and_passes_without_what_was_learnt(
    evidence: tuple[Evidence, ...], status: str
) -> None:
    found = check(evidence)
    assert found.met
    assert (found.verdict.status, found.without_detectors.status) == (status, "PASSED")


def test_who_does_nothing_meets_nothing() -> None:
    found = check(obeys=False)
    assert not found.met
    assert found.outcome.passed == 0
    assert found.verdict.status == "FAILED"


def test_time_is_up_where_the_frames_end() -> None:
    found = check(limit_ms=2_000)
    assert found.verdict.status == "INCONCLUSIVE"
    assert ReasonCode.TIME_LIMIT in found.verdict.reasons
