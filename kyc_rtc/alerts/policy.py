"""Which alerts a verdict raises. Pure: the same verdict always raises the same alerts.

Each reason belongs to one alert type with one severity, and reasons of one type share an alert.
Signs of an attack are called a deepfake or a replay only where the verdict is FAILED; elsewhere the
evidence did not suffice, and they are a suspicion. A FAILED verdict never goes without an alert of
at least medium severity, and none where a person has to look goes without one that says so.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Final, assert_never

from kyc_rtc.alerts.catalogue import AlertType, Severity
from kyc_rtc.decision.verdict import ReasonCode, Verdict, VerdictStatus

_ASK_FOR_A_PERSON: Final = frozenset(
    {
        AlertType.ATTACK_SUSPECTED,
        AlertType.FACE_CHANGED,
        AlertType.FOOTAGE_SEEN_BEFORE,
        AlertType.REVIEW_NEEDED,
    }
)

AlertDetails = Mapping[str, str | float | list[str] | None]


@dataclass(frozen=True, slots=True)
class AlertDraft:
    """An alert that has no id, session or time yet.

    `details` is JSON without personal data: `status`, `reasons` (the codes of this alert, in order of
    weight), `liveness_score` and `deepfake_score` of the verdict; where the footage came before and the
    session is known, `other_session_id`.
    """

    type: AlertType
    severity: Severity
    message_key: str
    details: AlertDetails


def alerts_for(verdict: Verdict, *, other_session_id: str | None = None) -> tuple[AlertDraft, ...]:
    """At most one alert of each type, the severest first, then in the order of the reasons.

    `other_session_id`: where the footage came before.
    """
    severities: dict[AlertType, Severity] = {}
    reasons: dict[AlertType, list[ReasonCode]] = {}
    for reason in dict.fromkeys(verdict.reasons):
        rule = _rule(reason)
        weighed = _weighed(*rule, verdict.status) if rule is not None else None
        if weighed is not None:
            kind, severity = weighed
            severities[kind] = max(severity, severities.get(kind, severity), key=_rank)
            reasons.setdefault(kind, []).append(reason)
    if _is_unseen(verdict, severities):
        severities[AlertType.REVIEW_NEEDED] = Severity.MEDIUM
        reasons[AlertType.REVIEW_NEEDED] = [ReasonCode.NEEDS_REVIEW]
    worst = max(map(_rank, severities.values()), default=-1)
    if verdict.status is VerdictStatus.FAILED and worst < Severity.MEDIUM.rank:
        severities[AlertType.VERIFICATION_FAILED] = Severity.MEDIUM
        reasons[AlertType.VERIFICATION_FAILED] = list(dict.fromkeys(verdict.reasons))
    drafts = [
        AlertDraft(kind, severities[kind], kind.message_key, _details(verdict, reasons[kind]))
        for kind in severities
    ]
    if other_session_id is not None:
        drafts = [_naming(draft, other_session_id) for draft in drafts]
    return tuple(sorted(drafts, key=lambda draft: -draft.severity.rank))


def _rule(  # noqa: C901, PLR0911, PLR0912 - one flat table
    reason: ReasonCode,
) -> tuple[AlertType, Severity] | None:
    """The alert that a reason of a FAILED verdict raises; None where it raises none."""
    match reason:
        case ReasonCode.CHALLENGES_PASSED:
            return None
        case ReasonCode.DEEPFAKE_SCORE_HIGH:
            return AlertType.DEEPFAKE_DETECTED, Severity.CRITICAL
        case ReasonCode.DEEPFAKE_SUSPECTED:
            return AlertType.DEEPFAKE_DETECTED, Severity.HIGH
        case ReasonCode.TEXTURE | ReasonCode.TEMPORAL | ReasonCode.GEOMETRY:
            return AlertType.DEEPFAKE_DETECTED, Severity.HIGH
        case ReasonCode.BLINK_PATTERN:
            return AlertType.DEEPFAKE_DETECTED, Severity.HIGH
        case ReasonCode.FACE_SWAP | ReasonCode.GENERATED_FACE | ReasonCode.ANIMATED_PHOTO:
            return AlertType.DEEPFAKE_DETECTED, Severity.CRITICAL
        case ReasonCode.RECAPTURE:
            return AlertType.REPLAY_DETECTED, Severity.HIGH
        case (
            ReasonCode.STREAM_TIMING
            | ReasonCode.REPEATED_FRAMES
            | ReasonCode.CLIENT_MISMATCH
            | ReasonCode.CAPTURE_MISMATCH
            | ReasonCode.NO_PULSE
        ):
            return None  # advisory: shown with the evidence, and never a reason of a verdict
        case ReasonCode.SEEN_BEFORE:
            return AlertType.FOOTAGE_SEEN_BEFORE, Severity.HIGH
        case (
            ReasonCode.UPLOADED_PICTURES
            | ReasonCode.CHALLENGES_EXCLUDED
            | ReasonCode.HEAD_LEFT_OUT
            | ReasonCode.FACE_DOUBTED
        ):
            return AlertType.REVIEW_NEEDED, Severity.MEDIUM
        case ReasonCode.NEEDS_REVIEW:
            return None  # mostly about another reason, which has its alert; see `_is_unseen`
        case ReasonCode.VIDEO_LOOP | ReasonCode.PLANAR_MOTION:
            return AlertType.REPLAY_DETECTED, Severity.CRITICAL
        case ReasonCode.FROZEN_FRAMES | ReasonCode.NO_MOTION:
            return AlertType.REPLAY_DETECTED, Severity.HIGH
        case ReasonCode.FACE_CHANGED:
            return AlertType.FACE_CHANGED, Severity.HIGH
        case ReasonCode.SEVERAL_FACES:
            return AlertType.SEVERAL_FACES, Severity.MEDIUM
        case (
            ReasonCode.CHALLENGE_FAILED | ReasonCode.LIVENESS_SCORE_LOW | ReasonCode.UNASKED_ACTIONS
        ):
            return AlertType.LIVENESS_FAILED, Severity.MEDIUM
        case (
            ReasonCode.CHALLENGE_TIMEOUT
            | ReasonCode.MOVEMENT_TOO_SMALL
            | ReasonCode.LIFE_NOT_SEEN
            | ReasonCode.MIRROR_UNSETTLED
        ):
            return AlertType.LIVENESS_FAILED, Severity.LOW
        case ReasonCode.NO_FACE | ReasonCode.POOR_QUALITY | ReasonCode.TOO_FEW_FRAMES:
            return AlertType.QUALITY_POOR, Severity.LOW
        case ReasonCode.LINK_LOST | ReasonCode.TIME_LIMIT:
            return AlertType.SESSION_INTERRUPTED, Severity.LOW
        case ReasonCode.COMPLETED_EARLY | ReasonCode.NOT_ASKED:
            return AlertType.SESSION_INTERRUPTED, Severity.LOW
        case ReasonCode.INTERNAL_ERROR:
            return AlertType.INTERNAL_ERROR, Severity.HIGH
        case _:
            assert_never(reason)


def _is_unseen(verdict: Verdict, raised: Iterable[AlertType]) -> bool:
    """Whether a person has to look, and no alert of these says so: the footage could not be compared."""
    undecided = verdict.status is not VerdictStatus.FAILED
    return undecided and verdict.needs_review and _ASK_FOR_A_PERSON.isdisjoint(raised)


def _weighed(
    kind: AlertType, severity: Severity, status: VerdictStatus
) -> tuple[AlertType, Severity] | None:
    """The alert as a verdict of this status raises it: an attack that did not decide is suspected, and what
    has FAILED needs no review."""
    if status is VerdictStatus.FAILED:
        return None if kind is AlertType.REVIEW_NEEDED else (kind, severity)
    if kind in (AlertType.DEEPFAKE_DETECTED, AlertType.REPLAY_DETECTED):
        suspicion = Severity.LOW if status is VerdictStatus.PASSED else Severity.MEDIUM
        return AlertType.ATTACK_SUSPECTED, suspicion
    return kind, severity


def _details(verdict: Verdict, reasons: list[ReasonCode]) -> AlertDetails:
    return {
        "status": verdict.status.value,
        "reasons": [reason.value for reason in reasons],
        "liveness_score": verdict.liveness_score,
        "deepfake_score": verdict.deepfake_score,
    }


def _naming(draft: AlertDraft, other_session_id: str) -> AlertDraft:
    if draft.type is not AlertType.FOOTAGE_SEEN_BEFORE:
        return draft
    return replace(draft, details={**draft.details, "other_session_id": other_session_id})


def _rank(severity: Severity) -> int:
    return severity.rank
