"""Fusion: many statements become two numbers. Pure functions, monotone by construction."""

from __future__ import annotations

from collections.abc import Sequence

from kyc_rtc.decision.findings import Findings, Mode
from kyc_rtc.detection.calibration import CLEAR
from kyc_rtc.detection.evidence import ADVISORY, DETECTORS, AnalyserName, Evidence

_MOST = 0.9999
"""A score of 1 would have odds without end."""

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

    A stream is one kind of attack or another, or none. Alternatives that exclude each other add their odds
    (Bayes' theorem; Jaynes, Probability Theory, 2003, 4.1), so the score is that of the sum. A calm analyser
    never outvotes an alarm, and raising a score, or the confidence of a statement, never lowers the result.
    """
    counted = [
        e
        for e in evidence
        if e.confidence > 0 and e.confidence >= confidence_threshold and e.analyser not in ADVISORY
    ]
    if not counted:
        return None
    return _probability(sum(_odds(e) for e in counted))


def suspicion(evidence: Evidence) -> float:
    """What one statement says by itself, 0..1."""
    return _probability(_odds(evidence))


def _odds(evidence: Evidence) -> float:
    """What one statement adds. Detectors were calibrated on the bona fide recordings of each other's folds
    (`training/release.py`), and their odds count as they are. The other analysers' limits were set one by
    one: below `CLEAR` each would add to many people without finding an attack (docs/detection.md), so that
    they are for whoever reads the evidence, and count from there on."""
    odds = _odds_of(evidence.score)
    if evidence.analyser not in DETECTORS:
        odds = max(0.0, odds - _odds_of(CLEAR))
    return odds * evidence.confidence


def _odds_of(probability: float) -> float:
    inside = min(probability, _MOST)
    return inside / (1.0 - inside)


def _probability(odds: float) -> float:
    return odds / (1.0 + odds)


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
