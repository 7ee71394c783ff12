"""Stored records as the plain values that pass through the door."""

from __future__ import annotations

from kyc_rtc.sessions.door import AlertView, ChallengeView, SessionView
from kyc_rtc.sessions.states import RETRYABLE
from kyc_rtc.storage.records import AlertRecord, SessionRecord


def session_view(record: SessionRecord, max_attempts: int) -> SessionView:
    """A session as others may know it."""
    challenges = tuple(
        ChallengeView(
            challenge_id=str(c["challenge_id"]),
            challenge_type=str(c["challenge_type"]),
            direction=None if c["direction"] is None else str(c["direction"]),
            count=int(str(c["count"])),
            passed=None if c["passed"] is None else bool(c["passed"]),
        )
        for c in record.challenges or ()
    )
    return SessionView(
        session_id=record.session_id,
        user_id=record.user_id,
        state=record.state,
        attempt=record.attempt,
        created_at_ms=record.created_at_ms,
        updated_at_ms=record.updated_at_ms,
        expires_at_ms=record.expires_at_ms,
        frames_processed=record.frames_processed,
        face_detected=bool(record.face_detected),
        liveness_score=record.liveness_score,
        deepfake_score=record.deepfake_score,
        status=record.verdict_status,
        reasons=record.reasons,
        can_retry=record.state in RETRYABLE and record.attempt < max_attempts,
        challenges=challenges,
        evidence=record.evidence or (),
        reason_weights=record.reason_weights,
    )


def alert_view(record: AlertRecord) -> AlertView:
    """An alert as others may know it."""
    return AlertView(
        alert_id=record.alert_id,
        session_id=record.session_id,
        type=record.type,
        severity=record.severity,
        message_key=record.message_key,
        details=record.details,
        created_at_ms=record.created_at_ms,
        acknowledged_at_ms=record.acknowledged_at_ms,
        acknowledged_by=record.acknowledged_by,
    )
