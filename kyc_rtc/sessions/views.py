"""Stored records as the plain values that pass through the interface."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from ipaddress import ip_network

from kyc_rtc.addresses import parsed
from kyc_rtc.decision.verdict import VerdictStatus
from kyc_rtc.pipeline.analysis import FrameResult
from kyc_rtc.sessions.attempts import may_retry, needs_review
from kyc_rtc.sessions.catch_up import OpenChallenge
from kyc_rtc.sessions.exclusions import excluded
from kyc_rtc.sessions.interface import (
    AlertView,
    AttemptView,
    ChallengeView,
    ConsentView,
    JournalView,
    SessionView,
)
from kyc_rtc.sessions.messages import FEW_PICTURES
from kyc_rtc.sessions.reason_classes import classes_of, is_left_open
from kyc_rtc.sessions.states import WITHOUT_VERDICT, applicants_state, applicants_status
from kyc_rtc.storage.consents import Consent
from kyc_rtc.storage.records import AlertRecord, EventRecord, SessionRecord

_PREFIX_BITS = {4: 24, 6: 48}


def session_view(
    record: SessionRecord,
    attempts: Sequence[SessionRecord],
    max_attempts: int,
    now_ms: int,
    session_id: str | None = None,
) -> SessionView:
    """A session as others may know it. `attempts`: all of its verification, in order.

    `session_id`: the id that was asked for, where it is another than the record's.
    """
    challenges = tuple(
        ChallengeView(
            challenge_id=str(c["challenge_id"]),
            challenge_type=str(c["challenge_type"]),
            direction=None if c["direction"] is None else str(c["direction"]),
            count=int(str(c["count"])),
            passed=None if c["passed"] is None else bool(c["passed"]),
            voided=None if c.get("voided") is None else str(c["voided"]),
        )
        for c in record.challenges or ()
    )
    ended = record.verdict_status is None and record.state in WITHOUT_VERDICT
    return SessionView(
        session_id=session_id or record.session_id,
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
        reasons=(record.state,) if ended else record.reasons,
        can_retry=may_retry(attempts, max_attempts, now_ms),
        challenges=challenges,
        evidence=record.evidence or (),
        reason_weights=(1.0,) if ended else record.reason_weights,
        verification_id=record.verification_id,
        attempt_id=record.session_id,
        attempts=tuple(map(_attempt_view, attempts)),
        transport=record.transport,
        connection=record.connection,
        needs_review=needs_review(attempts),
        profile=record.terms.profile,
        locale=record.terms.locale,
        return_url=record.terms.return_url,
        metadata=record.terms.metadata,
        exclude=tuple(kind.value for kind in excluded(_until(record, attempts))),
        tenant_id=record.tenant_id,
        link_number=record.link_number,
        withdrawn=record.withdrawn,
        consent=None if record.consent is None else consent_view(record.consent),
    )


def applicants_view(view: SessionView) -> SessionView:
    """A session as its applicant may know it where scores are not exposed: no scores, weights, evidence
    or detectors, classes in the place of reason codes, and one outcome for all that did not pass."""
    judged = view.status is not None
    classes = classes_of(view.reasons, passed=view.status == VerdictStatus.PASSED) if judged else ()
    status = applicants_status(view.status)
    return dataclasses.replace(
        view,
        state=applicants_state(view.state),
        status=status,
        reasons=tuple(c.value for c in classes),
        reason_weights=None,
        liveness_score=None,
        deepfake_score=None,
        evidence=(),
        connection=None,
        needs_review=is_left_open(status, classes),
    )


def _until(record: SessionRecord, attempts: Sequence[SessionRecord]) -> list[SessionRecord]:
    """The attempts before this one, and it."""
    return [*(one for one in attempts if one.attempt < record.attempt), record]


def consent_view(consent: Consent) -> ConsentView:
    """A consent as others may know it."""
    return ConsentView(consent.version, consent.locale, consent.agreed_at_ms)


def with_challenge(view: SessionView, challenge: OpenChallenge | None) -> SessionView:
    """A session with its open challenge, where there is one."""
    if challenge is None:
        return view
    shown = {**challenge.fields, "deadline_ms": challenge.deadline_ms}
    return dataclasses.replace(view, challenge=shown)


def issues_of(result: FrameResult | None, *, few: bool) -> tuple[str, ...]:
    """What is wrong with an uploaded picture, the worst first; `few`: too few of them come a second."""
    found = tuple(issue.value for issue in result.issues) if result else ()
    return (*found, FEW_PICTURES) if few else found


def _attempt_view(record: SessionRecord) -> AttemptView:
    return AttemptView(
        session_id=record.session_id,
        attempt=record.attempt,
        state=record.state,
        status=record.verdict_status,
        created_at_ms=record.created_at_ms,
        updated_at_ms=record.updated_at_ms,
    )


def journal_view(entry: EventRecord) -> JournalView:
    """A journal entry as the institution may read it."""
    return JournalView(entry.seq, entry.at_ms, entry.actor, entry.type, entry.payload)


def address_prefix(address: str) -> str:
    """The network of an address: 24 bits of IPv4, 48 of IPv6; empty where it is not an address."""
    known = parsed(address.partition("%")[0])
    if known is None:
        return ""
    return str(ip_network((known, _PREFIX_BITS[known.version]), strict=False))


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
        acknowledged_note=record.acknowledged_note,
    )
