"""Which alerts a verdict raises."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kyc_rtc.alerts import AlertDraft, AlertType, Severity, policy, shipped_rules
from kyc_rtc.decision.verdict import ReasonCode, Verdict, VerdictStatus

R, S, A = ReasonCode, Severity, AlertType
FAILED, INCONCLUSIVE, PASSED = (
    VerdictStatus.FAILED,
    VerdictStatus.INCONCLUSIVE,
    VerdictStatus.PASSED,
)
Raised = tuple[AlertType, Severity]

ADVISORY = {
    R.STREAM_TIMING,
    R.REPEATED_FRAMES,
    R.CLIENT_MISMATCH,
    R.CAPTURE_MISMATCH,
    R.NO_PULSE,
}

# Each reason alone: what it raises in a FAILED and in an INCONCLUSIVE verdict.
OF_ONE_REASON: dict[ReasonCode, tuple[list[Raised], list[Raised]]] = {
    R.CHALLENGES_PASSED: ([(A.VERIFICATION_FAILED, S.MEDIUM)], []),
    R.CHALLENGE_FAILED: ([(A.LIVENESS_FAILED, S.MEDIUM)], [(A.LIVENESS_FAILED, S.MEDIUM)]),
    R.CHALLENGE_TIMEOUT: (
        [(A.VERIFICATION_FAILED, S.MEDIUM), (A.LIVENESS_FAILED, S.LOW)],
        [(A.LIVENESS_FAILED, S.LOW)],
    ),
    R.NOT_ASKED: (
        [(A.VERIFICATION_FAILED, S.MEDIUM), (A.SESSION_INTERRUPTED, S.LOW)],
        [(A.SESSION_INTERRUPTED, S.LOW)],
    ),
    R.NO_FACE: (
        [(A.VERIFICATION_FAILED, S.MEDIUM), (A.QUALITY_POOR, S.LOW)],
        [(A.QUALITY_POOR, S.LOW)],
    ),
    R.POOR_QUALITY: (
        [(A.VERIFICATION_FAILED, S.MEDIUM), (A.QUALITY_POOR, S.LOW)],
        [(A.QUALITY_POOR, S.LOW)],
    ),
    R.SEVERAL_FACES: ([(A.SEVERAL_FACES, S.MEDIUM)], [(A.SEVERAL_FACES, S.MEDIUM)]),
    R.FACE_DOUBTED: ([(A.VERIFICATION_FAILED, S.MEDIUM)], [(A.REVIEW_NEEDED, S.MEDIUM)]),
    R.FACE_CHANGED: ([(A.FACE_CHANGED, S.HIGH)], [(A.FACE_CHANGED, S.HIGH)]),
    R.LINK_LOST: (
        [(A.VERIFICATION_FAILED, S.MEDIUM), (A.SESSION_INTERRUPTED, S.LOW)],
        [(A.SESSION_INTERRUPTED, S.LOW)],
    ),
    R.TOO_FEW_FRAMES: (
        [(A.VERIFICATION_FAILED, S.MEDIUM), (A.QUALITY_POOR, S.LOW)],
        [(A.QUALITY_POOR, S.LOW)],
    ),
    R.LIFE_NOT_SEEN: (
        [(A.VERIFICATION_FAILED, S.MEDIUM), (A.LIVENESS_FAILED, S.LOW)],
        [(A.LIVENESS_FAILED, S.LOW)],
    ),
    R.TEXTURE: ([(A.DEEPFAKE_DETECTED, S.HIGH)], [(A.ATTACK_SUSPECTED, S.MEDIUM)]),
    R.BLINK_PATTERN: ([(A.DEEPFAKE_DETECTED, S.HIGH)], [(A.ATTACK_SUSPECTED, S.MEDIUM)]),
    R.TEMPORAL: ([(A.DEEPFAKE_DETECTED, S.HIGH)], [(A.ATTACK_SUSPECTED, S.MEDIUM)]),
    R.GEOMETRY: ([(A.DEEPFAKE_DETECTED, S.HIGH)], [(A.ATTACK_SUSPECTED, S.MEDIUM)]),
    R.FROZEN_FRAMES: ([(A.REPLAY_DETECTED, S.HIGH)], [(A.ATTACK_SUSPECTED, S.MEDIUM)]),
    R.VIDEO_LOOP: ([(A.REPLAY_DETECTED, S.HIGH)], [(A.ATTACK_SUSPECTED, S.MEDIUM)]),
    R.NO_MOTION: ([(A.REPLAY_DETECTED, S.HIGH)], [(A.ATTACK_SUSPECTED, S.MEDIUM)]),
    R.PLANAR_MOTION: ([(A.REPLAY_DETECTED, S.HIGH)], [(A.ATTACK_SUSPECTED, S.MEDIUM)]),
    R.DEEPFAKE_SCORE_HIGH: (
        [(A.DEEPFAKE_DETECTED, S.HIGH)],
        [(A.ATTACK_SUSPECTED, S.MEDIUM)],
    ),
    R.DEEPFAKE_SUSPECTED: (
        [(A.DEEPFAKE_DETECTED, S.HIGH)],
        [(A.ATTACK_SUSPECTED, S.MEDIUM)],
    ),
    R.FACE_SWAP: ([(A.DEEPFAKE_DETECTED, S.CRITICAL)], [(A.ATTACK_SUSPECTED, S.MEDIUM)]),
    R.GENERATED_FACE: ([(A.DEEPFAKE_DETECTED, S.CRITICAL)], [(A.ATTACK_SUSPECTED, S.MEDIUM)]),
    R.ANIMATED_PHOTO: ([(A.DEEPFAKE_DETECTED, S.CRITICAL)], [(A.ATTACK_SUSPECTED, S.MEDIUM)]),
    R.RECAPTURE: ([(A.REPLAY_DETECTED, S.HIGH)], [(A.ATTACK_SUSPECTED, S.MEDIUM)]),
    R.STREAM_TIMING: ([(A.VERIFICATION_FAILED, S.MEDIUM)], []),
    R.REPEATED_FRAMES: ([(A.VERIFICATION_FAILED, S.MEDIUM)], []),
    R.SEEN_BEFORE: ([(A.FOOTAGE_SEEN_BEFORE, S.HIGH)], [(A.FOOTAGE_SEEN_BEFORE, S.HIGH)]),
    R.HEAD_LEFT_OUT: ([(A.VERIFICATION_FAILED, S.MEDIUM)], [(A.REVIEW_NEEDED, S.MEDIUM)]),
    R.CHALLENGES_EXCLUDED: ([(A.VERIFICATION_FAILED, S.MEDIUM)], [(A.REVIEW_NEEDED, S.MEDIUM)]),
    R.MOVEMENT_TOO_SMALL: (
        [(A.VERIFICATION_FAILED, S.MEDIUM), (A.LIVENESS_FAILED, S.LOW)],
        [(A.LIVENESS_FAILED, S.LOW)],
    ),
    R.MIRROR_UNSETTLED: (
        [(A.VERIFICATION_FAILED, S.MEDIUM), (A.LIVENESS_FAILED, S.LOW)],
        [(A.LIVENESS_FAILED, S.LOW)],
    ),
    R.UPLOADED_PICTURES: ([(A.VERIFICATION_FAILED, S.MEDIUM)], [(A.REVIEW_NEEDED, S.MEDIUM)]),
    R.NEEDS_REVIEW: ([(A.VERIFICATION_FAILED, S.MEDIUM)], [(A.REVIEW_NEEDED, S.MEDIUM)]),
    R.CLIENT_MISMATCH: ([(A.VERIFICATION_FAILED, S.MEDIUM)], []),
    R.CAPTURE_MISMATCH: ([(A.VERIFICATION_FAILED, S.MEDIUM)], []),
    R.NO_PULSE: ([(A.VERIFICATION_FAILED, S.MEDIUM)], []),
    R.LIVENESS_SCORE_LOW: ([(A.LIVENESS_FAILED, S.MEDIUM)], [(A.LIVENESS_FAILED, S.MEDIUM)]),
    R.UNASKED_ACTIONS: ([(A.LIVENESS_FAILED, S.MEDIUM)], [(A.LIVENESS_FAILED, S.MEDIUM)]),
    R.COMPLETED_EARLY: (
        [(A.VERIFICATION_FAILED, S.MEDIUM), (A.SESSION_INTERRUPTED, S.LOW)],
        [(A.SESSION_INTERRUPTED, S.LOW)],
    ),
    R.TIME_LIMIT: (
        [(A.VERIFICATION_FAILED, S.MEDIUM), (A.SESSION_INTERRUPTED, S.LOW)],
        [(A.SESSION_INTERRUPTED, S.LOW)],
    ),
    R.INTERNAL_ERROR: ([(A.INTERNAL_ERROR, S.HIGH)], [(A.INTERNAL_ERROR, S.HIGH)]),
}


ASK_FOR_A_PERSON = {A.ATTACK_SUSPECTED, A.FOOTAGE_SEEN_BEFORE, A.REVIEW_NEEDED}


def verdict_of(status: VerdictStatus, *reasons: ReasonCode) -> Verdict:
    return Verdict(status, reasons, 0.4, None, weights=(1.0,) * len(reasons))


def alerts_for(verdict: Verdict, *, other_session_id: str | None = None) -> tuple[AlertDraft, ...]:
    return policy.alerts_for(verdict, shipped_rules(), other_session_id=other_session_id)


def raised(verdict: Verdict) -> list[Raised]:
    return [(draft.type, draft.severity) for draft in alerts_for(verdict)]


def test_the_table_names_every_reason() -> None:
    assert set(OF_ONE_REASON) == set(ReasonCode)


@pytest.mark.parametrize(("reason", "expected"), OF_ONE_REASON.items())
def test_one_reason(reason: ReasonCode, expected: tuple[list[Raised], list[Raised]]) -> None:
    assert raised(verdict_of(FAILED, reason)) == expected[0]
    assert raised(verdict_of(INCONCLUSIVE, reason)) == expected[1]


@pytest.mark.parametrize(
    ("verdict", "expected"),
    [
        (verdict_of(PASSED, R.CHALLENGES_PASSED), []),
        (verdict_of(PASSED, R.CHALLENGES_PASSED, R.TEXTURE), [(A.ATTACK_SUSPECTED, S.LOW)]),
        (
            verdict_of(FAILED, R.TEXTURE, R.VIDEO_LOOP, R.GEOMETRY, R.PLANAR_MOTION),
            [(A.REPLAY_DETECTED, S.CRITICAL), (A.DEEPFAKE_DETECTED, S.HIGH)],
        ),
        (
            verdict_of(FAILED, R.POOR_QUALITY, R.TEXTURE, R.FACE_SWAP),
            [(A.DEEPFAKE_DETECTED, S.CRITICAL), (A.QUALITY_POOR, S.LOW)],
        ),
        (
            verdict_of(FAILED, R.FACE_CHANGED, R.NO_MOTION),
            [(A.FACE_CHANGED, S.HIGH), (A.REPLAY_DETECTED, S.HIGH)],
        ),
        (
            verdict_of(INCONCLUSIVE, R.LINK_LOST, R.TEXTURE, R.VIDEO_LOOP),
            [(A.ATTACK_SUSPECTED, S.MEDIUM), (A.SESSION_INTERRUPTED, S.LOW)],
        ),
        (
            verdict_of(FAILED, R.NO_MOTION, R.CHALLENGES_EXCLUDED),
            [(A.REPLAY_DETECTED, S.HIGH)],
        ),
        (
            verdict_of(FAILED, R.CHALLENGE_TIMEOUT, R.LIVENESS_SCORE_LOW),
            [(A.LIVENESS_FAILED, S.MEDIUM)],
        ),
    ],
)
def test_reasons_of_one_type_share_an_alert(verdict: Verdict, expected: list[Raised]) -> None:
    assert raised(verdict) == expected


@pytest.mark.parametrize(
    ("reasons", "weights", "score", "severity"),
    [
        ([R.DEEPFAKE_SCORE_HIGH], [1.0], 0.86, S.CRITICAL),
        ([R.DEEPFAKE_SCORE_HIGH], [1.0], 0.85, S.HIGH),
        ([R.DEEPFAKE_SCORE_HIGH], [1.0], None, S.HIGH),
        ([R.TEXTURE], [1.0], 0.99, S.HIGH),  # the score failed nobody
        ([R.VIDEO_LOOP], [1.0], None, S.HIGH),
        ([R.VIDEO_LOOP, R.VIDEO_LOOP], [1.0, 1.0], None, S.HIGH),
        ([R.VIDEO_LOOP, R.PLANAR_MOTION], [1.0, 0.2], None, S.CRITICAL),
        ([R.VIDEO_LOOP, R.PLANAR_MOTION], [1.0, 0.0], None, S.HIGH),
        ([R.FROZEN_FRAMES, R.NO_MOTION], [1.0, 1.0], None, S.CRITICAL),
        ([R.RECAPTURE], [1.0], None, S.HIGH),
        ([R.TEXTURE, R.FACE_SWAP], [1.0, 0.5], None, S.CRITICAL),
        ([R.TEXTURE, R.FACE_SWAP], [1.0, 0.0], None, S.HIGH),
        ([R.GENERATED_FACE], [1.0], None, S.CRITICAL),
        ([R.ANIMATED_PHOTO], [1.0], None, S.CRITICAL),
    ],
)
def test_what_makes_an_attack_critical(
    reasons: list[ReasonCode], weights: list[float], score: float | None, severity: Severity
) -> None:
    failed = Verdict(FAILED, tuple(reasons), 0.4, score, tuple(weights))
    assert alerts_for(failed)[0].severity is severity
    undecided = Verdict(INCONCLUSIVE, tuple(reasons), 0.4, score, tuple(weights))
    assert [d.severity for d in alerts_for(undecided)] == [S.MEDIUM]


def test_an_alert_names_its_own_reasons_in_order_of_weight() -> None:
    reasons = (R.GEOMETRY, R.NO_MOTION, R.TEXTURE, R.GEOMETRY)
    verdict = Verdict(FAILED, reasons, 0.2, 0.8, weights=(0.9, 0.7, 0.7, 0.1))
    first, second = alerts_for(verdict)
    assert first.message_key == "alert.deepfake_detected"
    assert first.details == {
        "status": "FAILED",
        "reasons": ["geometry", "texture"],
        "liveness_score": 0.2,
        "deepfake_score": 0.8,
    }
    assert second.details["reasons"] == ["no_motion"]


def test_a_failure_without_a_weighty_reason_names_all_of_them() -> None:
    first, second = alerts_for(verdict_of(FAILED, R.CHALLENGE_TIMEOUT, R.CHALLENGES_PASSED))
    assert first.type is A.VERIFICATION_FAILED
    assert first.details["reasons"] == ["challenge_timeout", "challenges_passed"]
    assert second.details["reasons"] == ["challenge_timeout"]


def test_the_alert_on_footage_names_the_other_session_and_no_other_alert_does() -> None:
    verdict = verdict_of(INCONCLUSIVE, R.UPLOADED_PICTURES, R.SEEN_BEFORE, R.NEEDS_REVIEW)
    first, second = alerts_for(verdict, other_session_id="other")
    assert (first.type, first.details["other_session_id"]) == (A.FOOTAGE_SEEN_BEFORE, "other")
    assert (second.type, "other_session_id" in second.details) == (A.REVIEW_NEEDED, False)
    assert all("other_session_id" not in draft.details for draft in alerts_for(verdict))


def test_severities_have_an_order() -> None:
    assert [severity.rank for severity in (S.LOW, S.MEDIUM, S.HIGH, S.CRITICAL)] == [0, 1, 2, 3]


def _judged(
    status: VerdictStatus, reasons: list[ReasonCode], liveness: float | None, deepfake: float | None
) -> Verdict:
    return Verdict(status, tuple(reasons), liveness, deepfake, weights=(1.0,) * len(reasons))


verdicts = st.builds(
    _judged,
    status=st.sampled_from(VerdictStatus),
    reasons=st.lists(st.sampled_from(ReasonCode), min_size=1, max_size=12),
    liveness=st.none() | st.floats(0, 1),
    deepfake=st.none() | st.floats(0, 1),
)


@given(verdicts)
def test_what_holds_for_every_verdict(verdict: Verdict) -> None:
    drafts = alerts_for(verdict)
    assert alerts_for(verdict) == drafts
    ranks = [draft.severity.rank for draft in drafts]
    assert ranks == sorted(ranks, reverse=True)
    assert len({draft.type for draft in drafts}) == len(drafts)
    named = {code for draft in drafts for code in json.loads(json.dumps(draft.details))["reasons"]}
    silent = {R.CHALLENGES_PASSED, R.NEEDS_REVIEW} | ADVISORY
    if verdict.status is FAILED:
        silent |= {R.CHALLENGES_EXCLUDED, R.HEAD_LEFT_OUT, R.UPLOADED_PICTURES, R.FACE_DOUBTED}
    assert named >= set(verdict.reasons) - silent
    if verdict.status is FAILED:
        assert A.REVIEW_NEEDED not in {draft.type for draft in drafts}
        assert ranks[0] >= S.MEDIUM.rank
    else:
        detected = {A.DEEPFAKE_DETECTED, A.REPLAY_DETECTED, A.VERIFICATION_FAILED}
        assert detected.isdisjoint(draft.type for draft in drafts)
