"""What a check that was cancelled leaves to a person: signs of an attack that would have failed it."""

from __future__ import annotations

from kyc_rtc.decision.findings import Findings, Thresholds
from kyc_rtc.decision.policy import decide
from kyc_rtc.decision.verdict import SUSPICIONS, Verdict, VerdictStatus


def suspicion_left(findings: Findings, thresholds: Thresholds) -> Verdict | None:
    """An INCONCLUSIVE verdict on the signs alone, which is not the verification's; None where nothing would
    have failed the check but what was not answered. Who cancels as soon as a detector may have noticed
    something must not try again unseen."""
    verdict = decide(findings, thresholds)
    weighed = zip(verdict.reasons, verdict.weights, strict=True)
    signs = [(reason, weight) for reason, weight in weighed if weight and reason in SUSPICIONS]
    if verdict.status is not VerdictStatus.FAILED or not signs:
        return None
    reasons, weights = zip(*signs, strict=True)
    score = verdict.deepfake_score
    return Verdict(VerdictStatus.INCONCLUSIVE, reasons, verdict.liveness_score, score, weights)
