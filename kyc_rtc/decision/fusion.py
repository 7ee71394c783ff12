"""Fusion: many statements become two numbers. Pure functions, monotone by construction."""

from __future__ import annotations

import math
from collections.abc import Sequence

from kyc_rtc.decision.findings import Findings, Mode
from kyc_rtc.detection.evidence import ADVISORY, DETECTORS, AnalyserName, Evidence

_NEUTRAL = 0.5
"""What evidence says that speaks neither for nor against an attack."""

_PROMPT_MS, _SLOW_MS = 2_000.0, 10_000.0
"""Answers up to the first are prompt; from the second on they add nothing."""

_PROMPTNESS_WEIGHT = 0.15
_PRESENCE_WEIGHT = 0.15
_UNASKED_PENALTY, _MAX_UNASKED_PENALTY = 0.05, 0.2
"""People scratch and smile without being asked, so that this alone never decides."""

_UNPROMPTED_CEILING = 0.5
"""Without a challenge nobody has answered: the score cannot say more than this."""


def deepfake_score(evidence: Sequence[Evidence], confidence_threshold: float) -> float | None:
    """How surely the stream is an attack, 0..1; None where no evidence is confident enough.

    Suspicions add up as independent causes do, a noisy-or (Pearl, Probabilistic Reasoning in
    Intelligent Systems, 1988, 4.3.2). So a calm analyser never outvotes an alarm, and raising a
    score, or the confidence of a statement, never lowers the result.
    """
    counted = [
        e
        for e in evidence
        if e.confidence > 0 and e.confidence >= confidence_threshold and e.analyser not in ADVISORY
    ]
    if not counted:
        return None
    return min(1.0, max(0.0, 1.0 - math.prod(1.0 - suspicion(e) for e in counted)))


def suspicion(evidence: Evidence) -> float:
    """What one statement adds, 0..1: a probability is taken as it is, a score from neutral on."""
    if evidence.analyser in DETECTORS:
        return evidence.score * evidence.confidence
    excess = max(0.0, evidence.score - _NEUTRAL) / (1.0 - _NEUTRAL)
    return min(1.0, excess * evidence.confidence)


def liveness_score(findings: Findings) -> float | None:
    """How surely a live person answered, 0..1; None where nothing could be observed.

    With challenges: the share passed carries the score; promptness of the answers and presence of the
    face carry the rest of it, and actions that nobody asked for take away. Without challenges: the
    presence of a face that moves as a living one does, never above 0.5.
    """
    if findings.frames_analysed <= 0:
        return None
    match findings.mode:
        case Mode.LIVE:
            return _answered(findings)
        case Mode.PASSIVE:
            return _alive(findings)


def _answered(findings: Findings) -> float | None:
    if findings.challenges_asked <= 0:
        return None
    unmet = findings.challenges_unmet
    asked = max(findings.challenges_asked, findings.challenges_passed + unmet)
    share = findings.challenges_passed / asked
    rest = _PROMPTNESS_WEIGHT * _promptness(findings.response_ms)
    rest += _PRESENCE_WEIGHT * _presence(findings)
    kept = 1.0 - _PROMPTNESS_WEIGHT - _PRESENCE_WEIGHT + rest
    penalty = min(_UNASKED_PENALTY * max(0, findings.unasked_actions), _MAX_UNASKED_PENALTY)
    return _unit(share * kept - penalty)


def _alive(findings: Findings) -> float | None:
    motion = [
        e for e in findings.evidence if e.analyser is AnalyserName.TEMPORAL and e.confidence > 0
    ]
    if not motion:
        return None
    calm = 1.0 - max(e.score for e in motion)
    return _UNPROMPTED_CEILING * _unit(2.0 * calm) * _presence(findings)


def _promptness(response_ms: Sequence[int]) -> float:
    if not response_ms:
        return 0.0
    slowest = max(response_ms)
    return _unit((_SLOW_MS - slowest) / (_SLOW_MS - _PROMPT_MS))


def _presence(findings: Findings) -> float:
    return _unit(findings.face_frames / findings.frames_analysed)


def _unit(value: float) -> float:
    return min(1.0, max(0.0, value))
