"""Views as bodies of answers."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from kyc_rtc.decision.verdict import VerdictStatus, weight_word
from kyc_rtc.scopes import is_sandbox
from kyc_rtc.sessions.alert_course import AlertCourseView
from kyc_rtc.sessions.interface import (
    AlertView,
    AttemptView,
    ConsentView,
    FrameView,
    HealthView,
    JournalView,
    SessionView,
    VerificationPage,
    VerificationRow,
)
from kyc_rtc.sessions.states import ACTIVE, applicants_state, applicants_status
from signaling import schemas


def health(view: HealthView, version: str) -> schemas.Health:
    return schemas.Health(
        status="degraded" if view.problems else "healthy",
        version=version,
        live_sessions=view.live_sessions,
        max_live_sessions=view.max_live_sessions,
        waiting_sessions=view.waiting_sessions,
        problems=list(view.problems),
    )


def journal(entries: tuple[JournalView, ...]) -> schemas.Journal:
    return schemas.Journal(
        events=[
            schemas.JournalEntry(
                seq=entry.seq,
                at=iso(entry.at_ms),
                actor=entry.actor,
                type=entry.type,
                payload=dict(entry.payload),
            )
            for entry in entries
        ]
    )


def started(
    view: SessionView, join_url: str, token: str, warnings: Sequence[str] = ()
) -> schemas.StartedSession:
    return schemas.StartedSession(
        session_id=view.session_id,
        verification_id=view.verification_id,
        state=view.state,
        join_url=join_url,
        client_token=token,
        expires_at=iso(view.expires_at_ms),
        warnings=list(warnings),
    )


def new_link(view: SessionView, join_url: str) -> schemas.NewLink:
    return schemas.NewLink(
        session_id=view.session_id,
        verification_id=view.verification_id,
        join_url=join_url,
        expires_at=iso(view.expires_at_ms),
    )


def consent(view: ConsentView) -> schemas.ConsentRecord:
    return schemas.ConsentRecord(
        version=view.version, locale=view.locale, agreed_at=iso(view.agreed_at_ms)
    )


def session_status(view: SessionView, warnings: Sequence[str] = ()) -> schemas.SessionStatus:
    return schemas.SessionStatus(
        session_id=view.session_id,
        user_id=view.user_id,
        status=view.outcome,
        state=view.state,
        verified=_verified(view.outcome),
        created_at=iso(view.created_at_ms),
        updated_at=iso(view.updated_at_ms),
        expires_at=iso(view.expires_at_ms),
        attempt=view.attempt,
        frames_processed=view.frames_processed,
        face_detected=view.face_detected,
        liveness_score=view.liveness_score,
        deepfake_score=view.deepfake_score,
        reasons=weighed_reasons(view),
        challenges=[dataclasses.asdict(challenge) for challenge in view.challenges],
        evidence=evidence(view),
        verification_id=view.verification_id,
        attempts=[_attempt(attempt) for attempt in view.attempts],
        transport=view.transport,
        connection=None if view.connection is None else dict(view.connection),
        consent=None if view.consent is None else consent(view.consent),
        withdrawn=view.withdrawn,
        needs_review=view.needs_review,
        is_test=is_sandbox(view.tenant_id),
        profile=view.profile,
        locale=view.locale,
        return_url=view.return_url,
        metadata=dict(view.metadata),
        exclude=list(view.exclude),
        warnings=list(warnings),
    )


def applicant_status(view: SessionView) -> schemas.ApplicantStatus:
    """What the applicant may know: no scores, and no weights. `status` is a verdict or null: after an end
    without one the page says which end it was."""
    return schemas.ApplicantStatus(
        session_id=view.session_id,
        state=view.state,
        status=view.status,
        verified=None if view.status is None else _verified(view.status),
        reasons=reasons(view),
        can_retry=view.can_retry,
        withdrawn=view.withdrawn,
        needs_review=view.needs_review,
        expires_at=iso(view.expires_at_ms),
        locale=view.locale,
        return_url=view.return_url,
        challenge=_current(view.challenge),
    )


def _current(challenge: Mapping[str, Any] | None) -> schemas.CurrentChallenge | None:
    if challenge is None:
        return None
    fields = {name: value for name, value in challenge.items() if name != "deadline_ms"}
    return schemas.CurrentChallenge(**fields, deadline=iso(challenge["deadline_ms"]))


def frame(
    view: FrameView, *, with_scores: bool, warnings: Sequence[str] = ()
) -> schemas.FrameAnswer:
    """What a picture gave. Scores would show an attacker what helps, and so would which verdict it was."""
    session = view.session
    if not with_scores:
        state, status = applicants_state(session.state), applicants_status(session.status)
        session = dataclasses.replace(session, state=state, status=status)
    return schemas.FrameAnswer(
        session_id=session.session_id,
        status=session.outcome,
        state=session.state,
        analysed=view.analysed,
        face_detected=view.face_detected,
        liveness_score=session.liveness_score if with_scores else None,
        deepfake_score=session.deepfake_score if with_scores else None,
        frames_processed=session.frames_processed,
        issues=list(view.issues),
        messages=[dict(message) for message in view.messages],
        warnings=list(warnings),
    )


def verification(
    view: SessionView, alerts: tuple[AlertView, ...], warnings: Sequence[str] = ()
) -> schemas.VerificationAnswer:
    return schemas.VerificationAnswer(
        session_id=view.session_id,
        verified=bool(_verified(view.outcome)),
        status="INCONCLUSIVE" if view.outcome == ACTIVE else view.outcome,
        state=view.state,
        liveness_score=view.liveness_score,
        deepfake_score=view.deepfake_score,
        reasons=weighed_reasons(view),
        recommendations=[f"recommendation.{code}" for code in view.reasons],
        alerts=[alert(item) for item in alerts],
        needs_review=view.needs_review,
        transport=view.transport,
        connection=None if view.connection is None else dict(view.connection),
        warnings=list(warnings),
    )


def evidence(view: SessionView) -> list[dict[str, Any]]:
    """The analysers' evidence, and what the connection was like: facts, which have no score."""
    items = [dict(item) for item in view.evidence]
    if view.connection is not None:
        facts: dict[str, Any] = {
            "analyser": "connection",
            "score": None,
            "confidence": 0.0,
            "reasons": [],
        }
        items.append(facts | dict(view.connection))
    return items


def _attempt(view: AttemptView) -> schemas.Attempt:
    return schemas.Attempt(
        session_id=view.session_id,
        attempt=view.attempt,
        state=view.state,
        status=view.outcome,
        created_at=iso(view.created_at_ms),
        updated_at=iso(view.updated_at_ms),
    )


def alert(view: AlertView | AlertCourseView) -> schemas.AlertBody:
    return schemas.AlertBody(
        alert_id=view.alert_id,
        session_id=view.session_id,
        type=view.type,
        severity=view.severity,
        message=view.message_key,
        details=dict(view.details),
        created_at=iso(view.created_at_ms),
        acknowledged=view.acknowledged_at_ms is not None,
        acknowledged_at=iso_or_none(view.acknowledged_at_ms),
        acknowledged_by=view.acknowledged_by,
        acknowledged_note=view.acknowledged_note,
    )


def reasons(view: SessionView) -> list[schemas.Reason]:
    return [schemas.Reason(code=code, text=f"reason.{code}") for code in view.reasons]


def weighed_reasons(view: SessionView) -> list[schemas.WeighedReason]:
    """For the institution: the reasons with their weights, where these are known."""
    weights = view.reason_weights or (None,) * len(view.reasons)
    return [
        schemas.WeighedReason(
            code=reason.code,
            text=reason.text,
            weight=weight,
            weight_text=None if weight is None else weight_word(weight).text,
        )
        for reason, weight in zip(reasons(view), weights, strict=True)
    ]


def verification_list(page: VerificationPage) -> schemas.VerificationList:
    rows = [_listed(row) for row in page.verifications]
    return schemas.VerificationList(sessions=rows, count=len(rows), next=page.next)


def _listed(row: VerificationRow) -> schemas.ListedVerification:
    return schemas.ListedVerification(
        session_id=row.session_id,
        user_id=row.user_id,
        status=row.outcome,
        state=row.state,
        verified=_verified(row.outcome),
        attempt=row.attempt,
        attempts=row.attempts,
        needs_review=row.needs_review,
        profile=row.profile,
        created_at=iso(row.created_at_ms),
        updated_at=iso(row.updated_at_ms),
        expires_at=iso(row.expires_at_ms),
    )


def _verified(outcome: str) -> bool | None:
    """None until it is over."""
    return None if outcome == ACTIVE else outcome == VerdictStatus.PASSED


def iso(unix_ms: int) -> str:
    """RFC 3339 in UTC, with milliseconds."""
    return datetime.fromtimestamp(unix_ms / 1000, UTC).isoformat(timespec="milliseconds")


def iso_or_none(unix_ms: int | None) -> str | None:
    """The same of a time that may be missing."""
    return None if unix_ms is None else iso(unix_ms)
